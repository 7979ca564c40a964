// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare: a kernel's configuration, in a file and in an image, and the requirements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "fake_tree.h"
#include "prepare/embedded_config.h"
#include "prepare/kernel_config.h"
#include "prepare/requirement.h"

static const char config_text[] = "#\n"
				  "# Linux/x86 6.12.0 Kernel Configuration\n"
				  "#\n"
				  "CONFIG_X86_64=y\n"
				  "CONFIG_KEXEC=y\n"
				  "# CONFIG_KEXEC_FILE is not set\n"
				  "CONFIG_PSTORE_RAM=m\n"
				  "CONFIG_XKEXEC_SIG=y\n"
				  "CONFIG_LOCALVERSION=\"y\"\n"
				  "CONFIG_LOG_BUF_SHIFT=17\n"
				  "CONFIG_EMPTY=\n"
				  "CONFIG_LAST=y";

/* ---- the text ---- */

static void options_are_found(void **state)
{
	struct kernel_config config = { .text = (char *)config_text };
	char longest[200];

	assert_int_equal(kernel_config_get(&config, "KEXEC"), 'y');
	assert_int_equal(kernel_config_get(&config, "KEXEC_FILE"), 'n');
	assert_int_equal(kernel_config_get(&config, "KEXEC_SIG"), 'n');
	assert_int_equal(kernel_config_get(&config, "PSTORE_RAM"), 'm');
	assert_int_equal(kernel_config_get(&config, "PSTORE"), 'n');
	assert_int_equal(kernel_config_get(&config, "LOCALVERSION"), 's');
	assert_int_equal(kernel_config_get(&config, "LOG_BUF_SHIFT"), 's');
	assert_int_equal(kernel_config_get(&config, "EMPTY"), 'n');
	assert_int_equal(kernel_config_get(&config, "LAST"), 'y');
	memset(longest, 'A', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(kernel_config_get(&config, longest), 'n');
	assert_int_equal(kernel_config_arch(&config), ARCH_X86_64);
	config.text = (char *)"CONFIG_ARM64=y\nCONFIG_KEXEC=";
	assert_int_equal(kernel_config_arch(&config), ARCH_ARM64);
	assert_int_equal(kernel_config_get(&config, "KEXEC"), 'n');
	config.text = (char *)"";
	assert_int_equal(kernel_config_arch(&config), ARCH_OTHER);
}

static void architectures_have_names(void **state)
{
	assert_int_equal(kernel_arch_parse("x86_64"), ARCH_X86_64);
	assert_int_equal(kernel_arch_parse("aarch64"), ARCH_ARM64);
	assert_int_equal(kernel_arch_parse("arm64"), ARCH_ARM64);
	assert_int_equal(kernel_arch_parse("i686"), ARCH_X86_32);
	assert_int_equal(kernel_arch_parse("i"), ARCH_OTHER);
	assert_int_equal(kernel_arch_parse(""), ARCH_OTHER);
	assert_string_equal(kernel_arch_name(ARCH_ARM64), "arm64");
	assert_string_equal(kernel_arch_name(0), "other");
}

/* ---- packing ---- */

/* As the kernel's build does it; @filter is libarchive's name. */
static size_t pack(const char *filter, const void *data, size_t size, uint8_t *ret,
		   size_t room)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	assert_int_equal(archive_write_add_filter_by_name(archive, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	assert_int_equal(archive_write_open_memory(archive, ret, room, &used),
			 ARCHIVE_OK);
	archive_entry_set_pathname(entry, "x");
	archive_entry_set_filetype(entry, AE_IFREG);
	assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(archive, data, size), size);
	archive_entry_free(entry);
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	archive_write_free(archive);
	return used;
}

/* lz4 -l, as CONFIG_KERNEL_LZ4 has it: magic, then (size, block)...; our blocks have
 * nothing but literals. */
static size_t pack_lz4_legacy(const uint8_t *data, size_t size, uint8_t *ret)
{
	uint8_t *to = ret, *block;
	size_t rest = size - 15;

	memcpy(to, "\x02\x21\x4c\x18", 4);
	block = to + 8;
	to = block;
	*to++ = 0xf0;
	for (; rest >= 255; rest -= 255)
		*to++ = 255;
	*to++ = (uint8_t)rest;
	memcpy(to, data, size);
	to += size;
	rest = (size_t)(to - block);
	for (size_t i = 0; i < 4; i++)
		ret[4 + i] = (uint8_t)(rest >> 8 * i);
	return (size_t)(to - ret);
}

#define ROOM	  ((size_t)4 << 20)
#define SETUP_END (2 * 512)

/* A kernel of @before bytes, the marked configuration, and as much behind it. */
static size_t kernel_make(uint8_t *ret, size_t before)
{
	size_t size = before;

	for (size_t i = 0; i < before; i++)
		ret[i] = (uint8_t)(i * 7);
	memcpy(ret + size, "IKCFG_ST", 8);
	size += 8;
	size += pack("gzip", config_text, strlen(config_text), ret + size, ROOM - size);
	memcpy(ret + size, "IKCFG_ED", 8);
	size += 8;
	memset(ret + size, 0, 100);
	return size + 100;
}

/* Behind a boot header with one setup sector; the build adds the unpacked size. */
static size_t image_make(uint8_t *image, size_t payload_size)
{
	static const size_t offset = 16;

	memset(image, 0, SETUP_END + offset);
	image[0x1f1] = 1;
	image[0x1fe] = 0x55;
	image[0x1ff] = 0xaa;
	memcpy(image + 0x202, "HdrS", 4);
	image[0x206] = 0x0f;
	image[0x207] = 0x02;
	image[0x248] = (uint8_t)offset;
	for (size_t i = 0; i < 4; i++)
		image[0x24c + i] = (uint8_t)((payload_size + 4) >> 8 * i);
	memcpy(image + SETUP_END + offset + payload_size, "\x11\x22\x33\x00", 4);
	return SETUP_END + offset + payload_size + 4;
}

static void assert_found(const uint8_t *image, size_t size)
{
	_cleanup_free char *text = NULL;
	struct err err = { 0 };

	if (embedded_config_find(image, size, &text, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_string_equal(text, config_text);
}

static void configuration_in_every_packing(void **state)
{
	static const char *const filters[] = { "gzip", "bzip2", "lzma", "xz", "zstd" };
	_cleanup_free uint8_t *kernel = malloc(ROOM), *image = malloc(ROOM);
	size_t size = kernel_make(kernel, 5000), packed;

	assert_found(kernel, size); // not packed
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		packed = pack(filters[i], kernel, size, image, ROOM);
		assert_found(image, packed); // as a whole: Image.gz
		packed = pack(filters[i], kernel, size, image + SETUP_END + 16,
			      ROOM - 2048);
		assert_found(image, image_make(image, packed));
	}
	packed = pack_lz4_legacy(kernel, size, image + SETUP_END + 16);
	assert_found(image, image_make(image, packed));
}

/* The search reads 1 MiB at a time. */
static void marks_across_two_reads(void **state)
{
	_cleanup_free uint8_t *kernel = malloc(ROOM);

	for (size_t back = 0; back < 300; back++)
		assert_found(kernel, kernel_make(kernel, ((size_t)1 << 20) - back));
}

static void image_cut_anywhere_is_an_error(void **state)
{
	_cleanup_free uint8_t *kernel = malloc(ROOM), *image = malloc(ROOM);
	size_t size = kernel_make(kernel, 300);
	size_t whole = image_make(image, pack("gzip", kernel, size,
					      image + SETUP_END + 16, ROOM - 2048));
	size_t found = 0;

	for (size_t cut = 0; cut < whole; cut++) {
		uint8_t *part = malloc(cut + 1); // its own, for ASan
		char *text = NULL;
		struct err err = { 0 };
		int r;

		memcpy(part, image, cut);
		r = embedded_config_find(part, cut, &text, &err);
		if (r == 0) {
			assert_string_equal(text, config_text);
			found++;
		} else {
			assert_non_null(strstr(err_text(&err), " "));
		}
		free(text);
		free(part);
	}
	// what is behind the configuration may be missing
	assert_in_range(found, 1, 150);
}

static void image_without_one(void **state)
{
	_cleanup_free uint8_t *kernel = malloc(ROOM);
	size_t size = kernel_make(kernel, 300);
	struct err err = { 0 };
	char *text = NULL;

	kernel[300] = 'J';
	assert_int_equal(embedded_config_find(kernel, size, &text, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err_text(&err), "CONFIG_IKCONFIG"));
	kernel_make(kernel, 300);
	memset(kernel + 310, 0xff, 60); // no gzip any more
	assert_int_equal(embedded_config_find(kernel, size, &text, &err), ERR_CORRUPT);
	assert_null(text);
}

/* ---- places ---- */

static void first_place_wins(void **state)
{
	static const char *const places[] = {
		"lib/modules/6/config",
		"usr/lib/modules/6/config",
		"boot/config-6",
	};
	struct kernel_config config = { 0 };
	struct err err = { 0 };
	uint8_t packed[4096];
	size_t size;

	assert_int_equal(kernel_config_find(*state, "6", true, "", &config, &err),
			 ERR_NOTFOUND);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		fake_text(*state, places[i], config_text);
		assert_int_equal(kernel_config_find(*state, "6", true, "", &config, &err),
				 0);
		assert_string_equal(config.where + 1, places[i]);
		kernel_config_done(&config);
	}
	size = pack("gzip", "CONFIG_PACKED=y\n", 16, packed, sizeof(packed));
	fake_write(*state, "proc/config.gz", packed, size);
	assert_int_equal(kernel_config_find(*state, "6", true, "", &config, &err), 0);
	assert_string_equal(config.where, "/proc/config.gz");
	assert_int_equal(kernel_config_get(&config, "PACKED"), 'y');
	kernel_config_done(&config);
	// which is the running kernel's, and no other's
	assert_int_equal(kernel_config_find(*state, "6", false, "", &config, &err), 0);
	assert_string_equal(config.where, "/boot/config-6");
	kernel_config_done(&config);
	fake_text(*state, "boot/config-6", "nothing of the kind\n");
	assert_int_equal(kernel_config_find(*state, "6", false, "", &config, &err),
			 ERR_INVALID);
	assert_non_null(strstr(err_text(&err), "boot/config-6"));
}

/* ---- the table ---- */

static void rows_are_whole(void **state)
{
	for (size_t i = 0; i < kernel_requirement_count + machine_requirement_count;
	     i++) {
		const struct requirement *row =
			i < kernel_requirement_count
				? &kernel_requirements[i]
				: &machine_requirements[i - kernel_requirement_count];

		assert_non_null(row->probe);
		assert_true(row->name && row->why && row->todo);
		assert_true(row->missing != REQUIREMENT_OK);
		assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz-"),
				 strlen(row->name));
		if (i < kernel_requirement_count)
			assert_true(row->any_of[0] && row->arch);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(
				row->name,
				j < kernel_requirement_count
					? kernel_requirements[j].name
					: machine_requirements[j -
							       kernel_requirement_count]
						  .name);
	}
}

/* What kconfig prints is what check asks for. */
static void fragment_meets_the_requirements(void **state)
{
	_cleanup_check_subject struct check_subject *subject = NULL;
	_cleanup_free struct finding *findings = NULL;
	_cleanup_text struct text text = { 0 };
	char path[PATH_MAX];
	size_t count;

	text_add(&text, "CONFIG_X86_64=y\nCONFIG_VMCORE_INFO=y\n");
	for (size_t i = 0; i < kernel_requirement_count; i++) {
		const struct requirement *row = &kernel_requirements[i];

		for (size_t j = 0; !row->is_unwanted && row->fragment[j]; j++)
			text_add(&text, "CONFIG_%s=y\n", row->fragment[j]);
	}
	fake_text(*state, "config", text_get(&text));
	snprintf(path, sizeof(path), "%s/config", (const char *)*state);
	assert_int_equal(check_subject_kernel_config(path, &subject, NULL), 0);
	assert_int_equal(requirement_check(subject, &findings, &count, NULL), 0);
	assert_true(count > 15);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].requirement->name, "kernel-image") != 0 &&
		    findings[i].state != REQUIREMENT_OK)
			fail_msg("%s: %s", findings[i].requirement->name,
				 findings[i].value);
	}
}

/* ---- probes that a recorded machine can't answer ---- */

static const struct requirement *row_find(const char *name)
{
	for (size_t i = 0; i < kernel_requirement_count; i++) {
		if (strcmp(kernel_requirements[i].name, name) == 0)
			return &kernel_requirements[i];
	}
	for (size_t i = 0; i < machine_requirement_count; i++) {
		if (strcmp(machine_requirements[i].name, name) == 0)
			return &machine_requirements[i];
	}
	fail_msg("no row '%s'", name);
	return NULL;
}

struct made {
	struct check_subject subject;
	struct config config;
	struct finding finding;
};

static struct made *made_new(void)
{
	struct made *made = calloc(1, sizeof(*made));

	config_init(&made->config);
	made->subject.root = "";
	made->subject.config = &made->config;
	made->subject.is_machine = true;
	return made;
}

static enum requirement_state made_ask(struct made *made, const char *name)
{
	const struct requirement *row = row_find(name);

	memset(&made->finding, 0, sizeof(made->finding));
	row->probe(&made->subject, row, &made->finding);
	return made->finding.state;
}

/* Of "1160 MiB are free; a record of now would take about 39 MiB". */
static unsigned long long room_wanted(struct made *made)
{
	unsigned long long room = 0, wanted = 0;

	made_ask(made, "room");
	if (sscanf(made->finding.value,
		   "%llu MiB are free; a record of now would take about %llu MiB", &room,
		   &wanted) != 2)
		fail_msg("%s", made->finding.value);
	assert_int_equal(made->finding.state, room == 0	      ? REQUIREMENT_FAILS
					      : room < wanted ? REQUIREMENT_WARNING
							      : REQUIREMENT_OK);
	return wanted;
}

static void room_goes_by_what_is_kept(void **state)
{
	_cleanup_free struct made *made = made_new();
	unsigned long long level_31, level_0, unpacked;

	strcpy(made->subject.target.mount_point, "/tmp");
	level_31 = room_wanted(made);
	assert_true(level_31 >= 16 + 32);
	made->config.dump_level = 0;
	level_0 = room_wanted(made);
	assert_true(level_0 > level_31);
	strcpy(made->config.codec, "none");
	unpacked = room_wanted(made);
	assert_in_range(unpacked, (level_0 - 16) * 2 - 2, (level_0 - 16) * 2 + 32);
	made->config.mode = ORDERS_DMESG;
	assert_int_equal(room_wanted(made), 16);
	strcpy(made->subject.target.mount_point, "/nonexistent");
	assert_int_equal(made_ask(made, "room"), REQUIREMENT_UNKNOWN);
	made->subject.target_result = ERR_UNSUPPORTED;
	assert_int_equal(made_ask(made, "room"), REQUIREMENT_UNKNOWN);
	// a full file system, where there is one
	made->subject.target_result = 0;
	strcpy(made->subject.target.mount_point, "/proc");
	room_wanted(made);
	assert_int_equal(made->finding.state, REQUIREMENT_FAILS);
}

static void one_cpu_or_told_so(void **state)
{
	_cleanup_free struct made *made = made_new();

	made->subject.dump.text = (char *)"CONFIG_SMP=y\n";
	assert_int_equal(made_ask(made, "smp"), REQUIREMENT_OK);
	made->subject.armed.is_armed = true;
	strcpy(made->subject.armed.state.cmdline, "console=ttyS0 panic=1");
	assert_int_equal(made_ask(made, "smp"), REQUIREMENT_WARNING);
	strcpy(made->subject.armed.state.cmdline, "console=ttyS0 nr_cpus=1");
	assert_int_equal(made_ask(made, "smp"), REQUIREMENT_OK);
	strcpy(made->subject.armed.state.cmdline, "");
	made->subject.dump.text = (char *)"# CONFIG_SMP is not set\n";
	assert_int_equal(made_ask(made, "smp"), REQUIREMENT_OK);
}

/* What is only needed to load is no failure once that is done; what is needed to capture
 * is one, unless another tool is to do it. */
static void what_is_loaded_stays(void **state)
{
	static const struct {
		bool is_loaded, is_armed;
		enum requirement_state image, target;
	} cases[] = {
		{ false, false, REQUIREMENT_FAILS, REQUIREMENT_FAILS },
		{ true, false, REQUIREMENT_WARNING, REQUIREMENT_WARNING },
		{ true, true, REQUIREMENT_WARNING, REQUIREMENT_FAILS },
	};
	_cleanup_free struct made *made = made_new();

	strcpy(made->subject.release, "6");
	made->subject.has_image = true;
	made->subject.image_result = ERR_NOTFOUND;
	made->subject.target_result = ERR_UNSUPPORTED;
	made->subject.system_result = made->subject.dump_result = ERR_NOTFOUND;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free struct finding *findings = NULL;
		size_t count, seen = 0;

		made->subject.armed.kexec.is_loaded = cases[i].is_loaded;
		made->subject.armed.is_armed = cases[i].is_armed;
		assert_int_equal(
			requirement_check(&made->subject, &findings, &count, NULL), 0);
		for (size_t j = 0; j < count; j++) {
			const char *name = findings[j].requirement->name;

			if (strcmp(name, "kernel-image") == 0) {
				assert_int_equal(findings[j].state, cases[i].image);
				seen++;
			} else if (strcmp(name, "target") == 0) {
				assert_int_equal(findings[j].state, cases[i].target);
				seen++;
			}
		}
		assert_int_equal(seen, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_found),
		cmocka_unit_test(architectures_have_names),
		cmocka_unit_test(configuration_in_every_packing),
		cmocka_unit_test(marks_across_two_reads),
		cmocka_unit_test(image_cut_anywhere_is_an_error),
		cmocka_unit_test(image_without_one),
		cmocka_unit_test_setup_teardown(first_place_wins, fake_tree_setup,
						fake_tree_teardown),
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(room_goes_by_what_is_kept),
		cmocka_unit_test(one_cpu_or_told_so),
		cmocka_unit_test(what_is_loaded_stays),
		cmocka_unit_test_setup_teardown(fragment_meets_the_requirements,
						fake_tree_setup, fake_tree_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
