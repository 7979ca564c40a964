// SPDX-License-Identifier: GPL-2.0-or-later
/* config: every key is read, and nothing that stands in a file leaves a machine unarmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_tree.h"
#include "prepare/config.h"

struct said {
	unsigned int count;
	char text[4096]; /* each message, and a line feed */
};

static void said_write(void *context, enum log_level level, const char *message)
{
	struct said *said = context;
	size_t used = strlen(said->text);

	if (level > LOG_LEVEL_WARNING)
		return;
	said->count++;
	snprintf(said->text + used, sizeof(said->text) - used, "%s\n", message);
}

/* The configuration of @text; its path is @root/c. */
static void load(const char *root, const char *text, size_t size, struct config *config,
		 struct said *said)
{
	struct log log = { said_write, said };
	char path[PATH_MAX];
	struct err err = { 0 };

	*said = (struct said){ 0 };
	fake_write(root, "c", text, size);
	snprintf(path, sizeof(path), "%s/c", root);
	assert_int_equal(config_load(config, path, &log, &err), 0);
}

static void load_text(void **state, const char *text, struct config *config,
		      struct said *said)
{
	load(*state, text, strlen(text), config, said);
}

static void assert_defaults(const struct config *config)
{
	struct config defaults;

	config_init(&defaults);
	assert_memory_equal(config, &defaults, sizeof(defaults));
}

static void defaults_are_those_of_the_manual(void **state)
{
	struct config c;

	config_init(&c);
	assert_string_equal(c.archive, "/var/crash");
	assert_string_equal(c.panic_log, "");
	assert_int_equal(c.mode, ORDERS_FULL);
	assert_int_equal(c.end, ORDERS_REBOOT);
	assert_int_equal(c.dump_level, 31);
	assert_string_equal(c.codec, "zstd");
	assert_int_equal(c.codec_level, 0);
	assert_int_equal(c.step_timeout_s[ORDERS_STEP_TARGET], 60);
	assert_int_equal(c.step_timeout_s[ORDERS_STEP_DMESG], 60);
	assert_int_equal(c.step_timeout_s[ORDERS_STEP_REPORT], 60);
	assert_int_equal(c.step_timeout_s[ORDERS_STEP_DUMP], 1800);
	assert_int_equal(c.total_timeout_s, 3600);
	assert_int_equal(c.log_tail_lines, 40);
	assert_string_equal(c.kernel, "");
	assert_string_equal(c.modules, "");
	assert_string_equal(c.cmdline_append, "");
	assert_int_equal(c.panic_timeout_s, 10);
	assert_true(c.panic_on_oops);
	assert_true(c.collect_pstore);
	assert_int_equal(c.keep, 0);
	assert_int_equal(c.keep_days, 0);
	assert_int_equal(c.keep_size_bytes, 0);
	assert_int_equal(c.keep_free_bytes, 0);
	assert_true(c.syslog);
	assert_string_equal(c.motd, "/run/motd.d/epitaph");
	assert_string_equal(c.mail_to, "");
	assert_string_equal(c.notify, "");
}

static void no_file_is_fine(void **state)
{
	struct said said = { 0 };
	struct log log = { said_write, &said };
	struct config c;

	assert_int_equal(config_load(&c, "/nonexistent/epitaph.conf", &log, NULL), 0);
	assert_int_equal(said.count, 0);
	assert_defaults(&c);
}

static void unreadable_file_is_a_warning(void **state)
{
	struct said said = { 0 };
	struct log log = { said_write, &said };
	struct config c;

	assert_int_equal(config_load(&c, *state, &log, NULL), 0); // a directory
	assert_int_equal(said.count, 1);
	assert_defaults(&c);
}

static void every_key_is_read(void **state)
{
	static const char text[] = "# a comment\n"
				   "[archive]\n"
				   "collect_pstore = no\nkeep = 3\n"
				   "keep_days = 90\nkeep_size = 20G\n"
				   "keep_free = 1M\nsyslog = no\nmotd =\n"
				   "mail_to = root a@b\nnotify = /bin/x\n"
				   "path = /srv/crash\nlayout = redhat\n"
				   "panic_log=/var/log/panic.log\n"
				   "[capture]\n"
				   "mode = dmesg\n"
				   "end = poweroff ; of the machine\n"
				   "level = 0\n"
				   "codec = zlib:9\n"
				   "target_timeout = 1\n"
				   "dmesg_timeout = 2\n"
				   "report_timeout = 3\n"
				   "mini_timeout = 4\ndump_timeout = 5\n"
				   "hook_timeout = 6\nstall_timeout = 9\n"
				   "target = /mnt/crash\ntarget = raw:/dev/sdb1\n"
				   "size_limit = 2G\nmake_room = no\n"
				   "loop_crashes = 0\nloop_minutes = 10\n"
				   "console_pages = 3\nwatchdog = 0\nlast_resort = no\n"
				   "timeout = 604800\n"
				   "log_lines = 5\n"
				   "[kernel]\n"
				   "image = /boot/k\n"
				   "modules = /m\n"
				   "cmdline_append = a=1 b=\"x y\"\n"
				   "  c\n"
				   "cmdline_append = d\n"
				   "panic = 86400\n"
				   "[panic]\n"
				   "panic_on_oops = No\n";
	struct config c;
	struct said said;

	load_text(state, text, &c, &said);
	assert_string_equal(said.text, "");
	assert_string_equal(c.archive, "/srv/crash");
	assert_int_equal(c.layout, RECORD_REDHAT);
	assert_false(c.collect_pstore);
	assert_int_equal(c.keep, 3);
	assert_int_equal(c.keep_days, 90);
	assert_int_equal(c.keep_size_bytes, (uint64_t)20 << 30);
	assert_int_equal(c.keep_free_bytes, (uint64_t)1 << 20);
	assert_false(c.syslog);
	assert_string_equal(c.motd, "");
	assert_string_equal(c.mail_to, "root a@b");
	assert_string_equal(c.notify, "/bin/x");
	assert_string_equal(c.panic_log, "/var/log/panic.log");
	assert_int_equal(c.mode, ORDERS_DMESG);
	assert_int_equal(c.end, ORDERS_POWEROFF);
	assert_int_equal(c.dump_level, 0);
	assert_string_equal(c.codec, "zlib");
	assert_int_equal(c.codec_level, 9);
	for (uint32_t i = 0; i < ORDERS_STEP_COUNT; i++)
		assert_int_equal(c.step_timeout_s[i], i + 1);
	assert_int_equal(c.total_timeout_s, 604800);
	assert_int_equal(c.target_count, 2);
	assert_string_equal(c.targets[0], "/mnt/crash");
	assert_string_equal(c.targets[1], "raw:/dev/sdb1");
	assert_int_equal(c.size_limit_bytes, (uint64_t)2 << 30);
	assert_false(c.makes_room);
	assert_int_equal(c.stall_timeout_s, 9);
	assert_int_equal(c.loop_crashes, 0);
	assert_int_equal(c.loop_minutes, 10);
	assert_int_equal(c.console_pages_s, 3);
	assert_false(c.last_resort);
	assert_int_equal(c.watchdog_timeout_s, 0);
	assert_int_equal(c.log_tail_lines, 5);
	assert_string_equal(c.kernel, "/boot/k");
	assert_string_equal(c.modules, "/m");
	assert_string_equal(c.cmdline_append, "a=1 b=\"x y\" c d");
	assert_int_equal(c.panic_timeout_s, 86400);
	assert_false(c.panic_on_oops);
}

static void unknown_words_are_warned_of_by_line(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "[capture]\n\nfoo = 1\n",
		  ":3: unknown key 'foo' in [capture], ignored\n" },
		{ "[kernel]\nlevel = 1\n",
		  ":2: unknown key 'level' in [kernel], ignored\n" },
		{ "level = 1\n",
		  ":1: 'level' stands before the first [section], ignored\n" },
		{ "[what]\nlevel = 1",
		  ":2: unknown section [what], 'level' in it ignored\n" },
		{ "[capture]\nnothing\n",
		  ":2: neither [section] nor key = value; lines like "
		  "this one are ignored\n" },
	};
	char expected[PATH_MAX + 256];
	struct config c;
	struct said said;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		load_text(state, cases[i].text, &c, &said);
		snprintf(expected, sizeof(expected), "'%s/c'%s", (char *)*state,
			 cases[i].said);
		assert_string_equal(said.text, expected);
		assert_defaults(&c);
	}
}

static void bad_values_leave_the_default(void **state)
{
	static const char *const lines[] = {
		"[capture]\nlevel = 32",
		"[capture]\nlevel = -1",
		"[capture]\nlevel = 3x",
		"[capture]\nlevel =",
		"[capture]\nlevel = 99999999999",
		"[capture]\ntimeout = 0",
		"[capture]\ntimeout = 604801",
		"[capture]\nlog_lines = 0",
		"[capture]\ncodec = zst",
		"[capture]\ncodec = zstd2",
		"[capture]\ncodec = zstd:20",
		"[capture]\ncodec = zstd:",
		"[capture]\ncodec = lzo:1",
		"[capture]\ncodec =",
		"[capture]\nmode = FULL",
		"[capture]\nend = sleep",
		"[archive]\npath = var/crash",
		"[archive]\npath =",
		"[archive]\nlayout = suse",
		"[archive]\npanic_log = x",
		"[archive]\nkeep = -1",
		"[archive]\nkeep = 100001",
		"[archive]\nkeep_days = 1d",
		"[archive]\nkeep_size = G",
		"[archive]\nkeep_size = 1GB",
		"[archive]\nkeep_size = 1b",
		"[archive]\nkeep_size = 99999999T",
		"[archive]\nkeep_size = 99999999999999999999",
		"[panic]\npanic_on_oops = maybe",
		"[kernel]\npanic = 0",
		"[kernel]\nimage = vmlinuz",
	};
	struct config c;
	struct said said;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		load_text(state, lines[i], &c, &said);
		assert_int_equal(said.count, 1);
		assert_non_null(strstr(said.text, "':2: the value '"));
		assert_defaults(&c);
	}
}

static void long_lines_are_ignored_whole(void **state)
{
	char text[1000] = "[kernel]\ncmdline_append = ";
	size_t start = strlen(text);
	struct config c;
	struct said said;

	memset(text + start, 'x', 400);
	strcpy(text + start + 400, "\npanic = 7\n");
	memcpy(text + start + 250, "level=1", 7);
	load_text(state, text, &c, &said);
	assert_int_equal(said.count, 1);
	assert_non_null(strstr(said.text, ":2: the line is longer than"));
	assert_string_equal(c.cmdline_append, "");
	assert_int_equal(c.panic_timeout_s, 7);
}

/* A value of the whole size, in as many lines as it takes; then one byte more. */
static void append_is_bounded(void **state)
{
	struct text text = { 0 };
	struct config c;
	struct said said;

	text_add(&text, "[kernel]\n");
	for (int i = 0; i < 1023; i++)
		text_add(&text, "cmdline_append = x\n");
	load_text(state, text.data, &c, &said);
	assert_int_equal(said.count, 0);
	assert_int_equal(strlen(c.cmdline_append), 2045);
	text_add(&text, "cmdline_append = xyz\n");
	load_text(state, text.data, &c, &said);
	assert_int_equal(said.count, 1);
	assert_int_equal(strlen(c.cmdline_append), 2045);
	text_done(&text);
}

static void cut_anywhere_is_no_crash(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf[archive]\npath = /a\n[capture]\n"
		"codec = zstd:3\nlevel = 31\0level\n\n\x80\xff = [\n]=:\n";
	struct config c;
	struct said said;

	for (size_t size = 0; size <= sizeof(text); size++)
		load(*state, text, size, &c, &said);
	assert_string_equal(c.archive, "/a");
	assert_int_equal(c.codec_level, 3);
}

#define TREE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_tree_setup, fake_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(no_file_is_fine),
		TREE_TEST(unreadable_file_is_a_warning),
		TREE_TEST(every_key_is_read),
		TREE_TEST(unknown_words_are_warned_of_by_line),
		TREE_TEST(bad_values_leave_the_default),
		TREE_TEST(long_lines_are_ignored_whole),
		TREE_TEST(append_is_bounded),
		TREE_TEST(cut_anywhere_is_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
