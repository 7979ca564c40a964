// SPDX-License-Identifier: GPL-2.0-or-later
/* The orders for the crash kernel: JSON both ways, damaged, and out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "record/orders.h"

static void fill(struct orders *orders)
{
	orders_init(orders);
	orders->mode = ORDERS_DMESG;
	orders->end = ORDERS_POWEROFF;
	orders->layout = RECORD_REDHAT;
	orders->target_count = 2;
	strcpy(orders->targets[0].fstype, "ext4");
	strcpy(orders->targets[0].uuid, "0a1b2c3d-0000-1111-2222-333344445555");
	strcpy(orders->targets[0].device, "/dev/sda2");
	strcpy(orders->targets[0].path, "/var/cr\xc3\xa4sh/..a");
	orders->targets[1].kind = ORDERS_RAW;
	strcpy(orders->targets[1].uuid, "11111111-0000-1111-2222-333344445555");
	strcpy(orders->targets[1].device, "/dev/sdb1");
	orders->device_count = 2;
	orders->devices[0].kind = ORDERS_MD;
	strcpy(orders->devices[0].name, "md7");
	strcpy(orders->devices[0].uuid, "0a1b2c3d-0000-1111-2222-333344445555");
	orders->devices[0].disks = 2;
	orders->devices[0].metadata_major = 1;
	orders->devices[0].metadata_minor = 2;
	strcpy(orders->devices[1].name, "vg-lv");
	orders->devices[1].segment_count = 2;
	orders->devices[1].segments[0].length = (uint64_t)1 << 40;
	strcpy(orders->devices[1].segments[0].uuid, "8Fb0xQ-a");
	orders->devices[1].segments[1].start = (uint64_t)1 << 40;
	orders->devices[1].segments[1].length = 8;
	orders->devices[1].segments[1].offset = 2048;
	strcpy(orders->devices[1].segments[1].uuid, "8Fb0xQ-b");
	orders->size_limit_bytes = (uint64_t)5 << 40;
	orders->makes_room = false;
	orders->stall_timeout_s = 77;
	orders->loop_crashes = 3;
	orders->loop_s = 600;
	orders->console_pages_s = 4;
	orders->watchdog_timeout_s = 30;
	orders->watchdog_module_count = 1;
	orders->last_resort_module_count = 1;
	strcpy(orders->ramoops, "mem_address=0x1000 ecc=1");
	orders->efi_variable = true;
	orders->dump_level = 17;
	strcpy(orders->codec, "zlib");
	orders->codec_level = -3;
	for (uint32_t i = 0; i < ORDERS_STEP_COUNT; i++)
		orders->step_timeout_s[i] = 10 + i;
	orders->total_timeout_s = ORDERS_TIMEOUT_MAX_S;
	orders->log_tail_lines = 100;
	strcpy(orders->host, "box");
	strcpy(orders->time_zone, "<+0545>-5:45");
	assert_int_equal(orders_add_module(orders, "/lib/a.ko", NULL), 0);
	assert_int_equal(orders_add_module(orders, "/lib/b.ko.xz", NULL), 0);
}

static void test_round_trip(void **state)
{
	_cleanup_(orders_done) struct orders orders, again;
	_cleanup_text struct text text = { 0 }, text_again = { 0 };
	struct err err = { 0 };

	fill(&orders);
	assert_int_equal(orders_format(&orders, &text, &err), 0);
	assert_int_equal(orders_parse(text.data, text.size, &again, &err), 0);
	assert_int_equal(again.mode, ORDERS_DMESG);
	assert_int_equal(again.end, ORDERS_POWEROFF);
	assert_int_equal(again.layout, RECORD_REDHAT);
	assert_int_equal(again.target_count, 2);
	assert_memory_equal(again.targets, orders.targets, sizeof(orders.targets));
	assert_int_equal(again.device_count, 2);
	assert_memory_equal(again.devices, orders.devices, sizeof(orders.devices));
	assert_true(again.size_limit_bytes == (uint64_t)5 << 40);
	assert_false(again.makes_room);
	assert_int_equal(again.stall_timeout_s, 77);
	assert_int_equal(again.loop_crashes, 3);
	assert_int_equal(again.loop_s, 600);
	assert_int_equal(again.console_pages_s, 4);
	assert_int_equal(again.watchdog_timeout_s, 30);
	assert_int_equal(again.watchdog_module_count, 1);
	assert_int_equal(again.last_resort_module_count, 1);
	assert_string_equal(again.ramoops, "mem_address=0x1000 ecc=1");
	assert_true(again.efi_variable);
	assert_int_equal(again.dump_level, 17);
	assert_string_equal(again.codec, "zlib");
	assert_int_equal(again.codec_level, -3);
	assert_memory_equal(again.step_timeout_s, orders.step_timeout_s,
			    sizeof(orders.step_timeout_s));
	assert_int_equal(again.step_timeout_s[ORDERS_STEP_DUMP], 14);
	assert_int_equal(again.total_timeout_s, ORDERS_TIMEOUT_MAX_S);
	assert_int_equal(again.log_tail_lines, 100);
	assert_string_equal(again.host, "box");
	assert_string_equal(again.time_zone, "<+0545>-5:45");
	assert_int_equal(again.module_count, 2);
	assert_string_equal(again.modules[0], "/lib/a.ko");
	assert_string_equal(again.modules[1], "/lib/b.ko.xz");
	assert_int_equal(orders_format(&again, &text_again, &err), 0);
	assert_string_equal(text_again.data, text.data);
}

static void test_defaults(void **state)
{
	static const char json[] = "{\"schema_version\":2,\"later\":[{}]}";
	_cleanup_(orders_done) struct orders orders;

	assert_int_equal(orders_parse(json, strlen(json), &orders, NULL), 0);
	assert_int_equal(orders.mode, ORDERS_FULL);
	assert_int_equal(orders.end, ORDERS_REBOOT);
	assert_int_equal(orders.layout, RECORD_DEBIAN);
	assert_int_equal(orders.dump_level, 31);
	assert_string_equal(orders.codec, "zstd");
	assert_int_equal(orders.codec_level, 0);
	assert_int_equal(orders.step_timeout_s[ORDERS_STEP_TARGET], 60);
	assert_int_equal(orders.step_timeout_s[ORDERS_STEP_DMESG], 60);
	assert_int_equal(orders.step_timeout_s[ORDERS_STEP_REPORT], 60);
	assert_int_equal(orders.step_timeout_s[ORDERS_STEP_DUMP], 1800);
	assert_int_equal(orders.total_timeout_s, 3600);
	assert_int_equal(orders.log_tail_lines, 40);
	assert_int_equal(orders.target_count, 0);
	assert_true(orders.makes_room);
	assert_int_equal(orders.loop_crashes, 5);
	assert_int_equal(orders.watchdog_timeout_s, 0);
	assert_int_equal(orders.module_count, 0);
	assert_null(orders.modules);
}

static void test_refused(void **state)
{
#define ORDERS(rest) "{\"schema_version\":2," rest "}"
	static const struct {
		const char *json;
		int code;
		const char *text;
	} cases[] = {
		{ "", ERR_CORRUPT, "line 1" },
		{ "[]", ERR_CORRUPT, "not a JSON object" },
		{ "{}", ERR_CORRUPT, "schema_version" },
		{ "{\"schema_version\":3}", ERR_UNSUPPORTED, "schema 3" },
		{ "{\"schema_version\":true}", ERR_CORRUPT, "'schema_version' is not" },
		{ ORDERS("\"mode\":\"all\""), ERR_INVALID, "one of full, mini, dmesg" },
		{ ORDERS("\"mode\":0"), ERR_CORRUPT, "'mode' is not a string" },
		{ ORDERS("\"mode\":\"a very long name of a mode\""), ERR_LIMIT,
		  "'mode'" },
		{ ORDERS("\"end\":\"explode\""), ERR_INVALID, "reboot, poweroff, halt" },
		{ ORDERS("\"targets\":\"/dev/sda\""), ERR_CORRUPT, "'targets' is not" },
		{ ORDERS("\"targets\":[1]"), ERR_CORRUPT, "more than objects" },
		{ ORDERS("\"devices\":[1]"), ERR_CORRUPT, "'devices' holds" },
		{ ORDERS("\"devices\":[{\"kind\":\"crypt\"}]"), ERR_INVALID, "'kind'" },
		{ ORDERS("\"devices\":[{\"kind\":\"md\",\"name\":\"../x\"}]"),
		  ERR_INVALID, "'name'" },
		{ ORDERS("\"devices\":[{\"kind\":\"linear\",\"segments\":[{\"start\":-1}]}]"),
		  ERR_INVALID, "'start'" },
		{ ORDERS("\"targets\":[{\"kind\":\"tape\"}]"), ERR_INVALID, "'kind'" },
		{ ORDERS("\"targets\":[{},{},{},{},{},{},{},{},{}]"), ERR_LIMIT,
		  "9 targets" },
		{ ORDERS("\"watchdog_module_count\":1"), ERR_INVALID, "more than all" },
		{ ORDERS("\"dump\":{\"makes_room\":1}"), ERR_CORRUPT, "neither true" },
		{ ORDERS("\"targets\":[{\"fstype\":\"0123456789abcdef\"}]"), ERR_LIMIT,
		  "'fstype' is longer than 15" },
		{ ORDERS("\"targets\":[{\"path\":\"var/crash\"}]"), ERR_INVALID,
		  "'path'" },
		{ ORDERS("\"targets\":[{\"path\":\"/..\"}]"), ERR_INVALID, "'path'" },
		{ ORDERS("\"targets\":[{\"path\":\"/var/../etc\"}]"), ERR_INVALID,
		  "'path'" },
		{ ORDERS("\"targets\":[{\"path\":\"/var\\n\"}]"), ERR_INVALID,
		  "control" },
		{ ORDERS("\"targets\":[{\"path\":\"/var\\u0000\"}]"), ERR_CORRUPT,
		  "u0000" },
		{ ORDERS("\"dump\":{\"level\":32}"), ERR_INVALID, "between 0 and 31" },
		{ ORDERS("\"dump\":{\"level\":-1}"), ERR_INVALID, "'level' is -1" },
		{ ORDERS("\"dump\":{\"level\":31.0}"), ERR_CORRUPT, "whole number" },
		{ ORDERS("\"dump\":{\"codec\":\"rar\"}"), ERR_INVALID,
		  "not one of zstd" },
		{ ORDERS("\"dump\":{\"codec_level\":23}"), ERR_INVALID, "'codec_level'" },
		{ ORDERS("\"timeouts_s\":[60]"), ERR_CORRUPT, "'timeouts_s' is not" },
		{ ORDERS("\"timeouts_s\":{\"dump\":0}"), ERR_INVALID, "'dump' is 0" },
		{ ORDERS("\"timeouts_s\":{\"target\":4294967296}"), ERR_INVALID,
		  "'target'" },
		{ ORDERS("\"timeouts_s\":{\"total\":99999999999999999999}"), ERR_CORRUPT,
		  "big integer" },
		{ ORDERS("\"log_tail_lines\":10001"), ERR_INVALID, "'log_tail_lines'" },
		{ ORDERS("\"modules\":{}"), ERR_CORRUPT, "'modules' is not an array" },
		{ ORDERS("\"modules\":[1]"), ERR_CORRUPT, "more than strings" },
		{ ORDERS("\"modules\":[\"/a.ko\",\"b.ko\"]"), ERR_INVALID, "'b.ko'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct orders orders = { .total_timeout_s = 4711 };
		struct err err = { 0 };
		int r = orders_parse(cases[i].json, strlen(cases[i].json), &orders, &err);

		if (r != cases[i].code || !strstr(err_text(&err), cases[i].text))
			fail_msg("'%s': %d: %s", cases[i].json, r, err_text(&err));
		assert_int_equal(orders.total_timeout_s, 4711); // untouched
		assert_null(orders.modules);
	}
}

static void test_limits(void **state)
{
	_cleanup_(orders_done) struct orders orders, again = { 0 };
	_cleanup_text struct text text = { 0 }, many = { 0 };
	struct err err = { 0 };

	orders_init(&orders);
	for (int i = 0; i < ORDERS_MODULES_MAX; i++)
		assert_int_equal(orders_add_module(&orders, "/m.ko", &err), 0);
	assert_int_equal(orders_add_module(&orders, "/m.ko", &err), ERR_LIMIT);
	assert_int_equal(orders_format(&orders, &text, &err), 0);
	assert_int_equal(orders_parse(text.data, text.size, &again, &err), 0);
	assert_int_equal(again.module_count, ORDERS_MODULES_MAX);
	orders_done(&again);

	text_add(&many, "{\"schema_version\":2,\"modules\":[\"/m.ko\"");
	for (int i = 0; i < ORDERS_MODULES_MAX; i++)
		text_add(&many, ",\"/m.ko\"");
	text_add(&many, "]}");
	assert_int_equal(orders_parse(many.data, many.size, &again, &err), ERR_LIMIT);
	assert_int_equal(orders_parse(many.data, ORDERS_LIMIT_BYTES + 1, &again, &err),
			 ERR_CORRUPT);
	text_done(&many);
	for (int i = 0; i < 100000; i++)
		text_add(&many, "[");
	assert_int_equal(orders_parse(many.data, many.size, &again, &err), ERR_CORRUPT);
}

/* A path that JSON can't carry is refused before the crash and not after it. */
static void test_unclean_paths(void **state)
{
	_cleanup_(orders_done) struct orders orders;
	_cleanup_text struct text text = { 0 };

	orders_init(&orders);
	orders.target_count = 1;
	strcpy(orders.targets[0].path, "/var/\xe4");
	assert_int_equal(orders_format(&orders, &text, NULL), ERR_INVALID);
	strcpy(orders.targets[0].path, "/var");
	assert_int_equal(orders_add_module(&orders, "/a\n.ko", NULL), 0);
	assert_int_equal(orders_format(&orders, &text, NULL), ERR_INVALID);
	assert_int_equal(orders_add_module(&orders, "b.ko", NULL), ERR_INVALID);
	assert_int_equal(text.size, 0);
}

static void test_cut_and_flipped(void **state)
{
	_cleanup_(orders_done) struct orders orders;
	_cleanup_text struct text text = { 0 };
	size_t good = 0, bad = 0;

	fill(&orders);
	assert_int_equal(orders_format(&orders, &text, NULL), 0);
	for (size_t cut = 0; cut < text.size - 1; cut++) {
		// Its own allocation, so that a step behind the end is seen.
		char *copy = malloc(cut ? cut : 1);
		struct orders again;

		memcpy(copy, text.data, cut);
		assert_int_equal(orders_parse(copy, cut, &again, NULL), ERR_CORRUPT);
		free(copy);
	}
	for (size_t i = 0; i < text.size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			_cleanup_(orders_done) struct orders again = { 0 };

			text.data[i] = (char)(text.data[i] ^ 1 << bit);
			if (orders_parse(text.data, text.size, &again, NULL) == 0)
				good++;
			else
				bad++;
			text.data[i] = (char)(text.data[i] ^ 1 << bit);
			// Whatever was taken stays within its bounds.
			assert_in_range(again.dump_level, 0, 31);
			assert_true(again.total_timeout_s <= ORDERS_TIMEOUT_MAX_S);
			assert_true(again.targets[0].path[0] == '\0' ||
				    again.targets[0].path[0] == '/');
		}
	}
	assert_true(good > 100);
	assert_true(bad > 100);
}

static void test_names(void **state)
{
	enum orders_mode mode;
	enum orders_end end;
	struct err err = { 0 };

	for (int i = ORDERS_FULL; i <= ORDERS_DMESG; i++) {
		assert_int_equal(orders_mode_parse(orders_mode_name((enum orders_mode)i),
						   &mode, NULL),
				 0);
		assert_int_equal(mode, i);
	}
	for (int i = ORDERS_REBOOT; i <= ORDERS_HALT; i++) {
		assert_int_equal(orders_end_parse(orders_end_name((enum orders_end)i),
						  &end, NULL),
				 0);
		assert_int_equal(end, i);
	}
	assert_int_equal(orders_end_parse("Reboot", &end, &err), ERR_INVALID);
	assert_non_null(strstr(err_text(&err), "'Reboot'"));
	assert_int_equal(end, ORDERS_HALT);
	assert_string_equal(orders_mode_name((enum orders_mode)7), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unclean_paths),
		cmocka_unit_test(test_cut_and_flipped),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
