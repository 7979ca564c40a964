// SPDX-License-Identifier: GPL-2.0-or-later
/* Last words without a disk: what goes into a few KiB, what is read of it again, where it
 * may go, and the record that the next boot makes of an EFI variable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/farewell_efi.h"
#include "base/fd.h"
#include "record/farewell.h"

#define PATH_SIZE 256

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	return remove(path);
}

static int set_up(void **state)
{
	char *dir = strdup("/tmp/test-farewell.XXXXXX");

	assert_non_null(dir);
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int tear_down(void **state)
{
	nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

/* "[    1.000000] line 0\n" and so on. */
static void fill_log(struct text *text, unsigned int lines)
{
	for (unsigned int i = 0; i < lines; i++)
		text_add(text, "[%5u.000000] line %u\n", i + 1, i);
}

static void test_all_fits(void **state)
{
	_cleanup_text struct text report = { 0 }, log = { 0 }, text = { 0 };

	text_add(&report, "cause\n\nstack\n");
	fill_log(&log, 2);
	assert_int_equal(farewell_format(&report, &log, 4096, &text, NULL), 0);
	assert_string_equal(text_get(&text), "epitaph| cause\n"
					     "epitaph| \n"
					     "epitaph| stack\n"
					     "epitaph> [    1.000000] line 0\n"
					     "epitaph> [    2.000000] line 1\n");
}

/* Whatever the room: the first lines of the one, the last of the other, and no more. */
static void test_limits(void **state)
{
	_cleanup_text struct text report = { 0 }, log = { 0 };

	for (int i = 0; i < 40; i++)
		text_add(&report, "said %d\n", i);
	fill_log(&log, 100);
	for (size_t limit = 0; limit < 5000; limit++) {
		_cleanup_text struct text text = { 0 }, found = { 0 };

		assert_int_equal(farewell_format(&report, &log, limit, &text, NULL), 0);
		assert_true(text.size <= limit);
		if (!farewell_find_log(text_get(&text), text.size, &found))
			continue;
		// The end of the log, to its last byte.
		assert_true(found.size <= log.size);
		assert_memory_equal(found.data, log.data + log.size - found.size,
				    found.size);
	}
}

static void test_long_lines(void **state)
{
	_cleanup_text struct text report = { 0 }, log = { 0 }, text = { 0 };

	for (int i = 0; i < 2000; i++)
		text_add(&log, "%d", i % 10);
	assert_int_equal(farewell_format(&report, &log, 4096, &text, NULL), 0);
	for (const char *at = text_get(&text); *at;) {
		size_t length = strcspn(at, "\n");

		assert_true(length <= FAREWELL_LINE_BYTES + sizeof(FAREWELL_LOGGED));
		at += length + (at[length] == '\n');
	}
}

/* As ramoops gives it back: among others, with levels and times, the first line cut. */
static void test_in_a_kernels_log(void **state)
{
	static const char kept[] =
		"taph> [    1.000000] cut off\n"
		"<13>[    9.000001] epitaph| time 1764040000\n"
		"<6>[    9.000002] some driver\n"
		"<13>[    9.000003] epitaph> [   45.600123] Kernel panic\n"
		"<13>[    9.000004] epitaph> \n"
		"<5>[    9.100000] reboot: Restarting system";
	_cleanup_text struct text found = { 0 };

	assert_true(farewell_is_in(kept, sizeof(kept) - 1));
	assert_true(farewell_find_log(kept, sizeof(kept) - 1, &found));
	assert_string_equal(text_get(&found), "[   45.600123] Kernel panic\n\n");
	assert_true(farewell_find_time(kept, sizeof(kept) - 1) == 1764040000);
}

/* No byte behind its end is looked at, and none makes it fail. */
static void test_cut_anywhere(void **state)
{
	static const char whole[] = "epitaph| time 1764040000\nepitaph> [ 1.000000] x\n";

	for (size_t size = 0; size < sizeof(whole); size++) {
		_cleanup_text struct text found = { 0 };
		char *copy = malloc(size + 1);

		assert_non_null(copy);
		memcpy(copy, whole, size);
		copy = realloc(copy, size ? size : 1);
		assert_int_equal(farewell_find_log(copy, size, &found), size >= 34);
		assert_true(farewell_find_time(copy, size) <= 1764040000);
		free(copy);
	}
}

static void test_other_texts(void **state)
{
	static const char other[] = "<0>[   45.600123] Kernel panic - not syncing\n";
	_cleanup_text struct text found = { 0 };

	assert_false(farewell_is_in(other, sizeof(other) - 1));
	assert_false(farewell_find_log(other, sizeof(other) - 1, &found));
	assert_int_equal(found.size, 0);
	assert_true(farewell_find_time(other, sizeof(other) - 1) == 0);
	assert_true(farewell_find_time("epitaph| time 99999999999999999999999", 36) > 0);
}

/* ---- the variable ---- */

static void write_variable(const char *dir, const char *text)
{
	char path[PATH_SIZE], data[4096] = { 7 };
	int fd = open(dir, O_RDONLY | O_DIRECTORY);

	memcpy(data + 4, text, strlen(text));
	snprintf(path, sizeof(path), "%s/archive", dir);
	mkdir(path, 0700);
	assert_int_equal(file_replace(fd, FAREWELL_EFI_FILE, data, 4 + strlen(text), 0600,
				      NULL),
			 0);
	close(fd);
}

static void test_variable(void **state)
{
	const char *dir = *state;
	char archive[PATH_SIZE], path[2 * PATH_SIZE];
	const struct pstore_options options = { .archive = archive };
	struct pstore_result result;
	_cleanup_free char *meta = NULL, *dmesg = NULL;
	struct err err = { 0 };

	snprintf(archive, sizeof(archive), "%s/archive", dir);
	setenv("TZ", "UTC", 1);
	assert_int_equal(farewell_efi_collect(&options, dir, &result, &err), 0);
	assert_int_equal(result.made, 0);
	write_variable(dir, "epitaph| time 1764040000\nepitaph| a stack\n"
			    "epitaph> [   45.500000] sysrq: Trigger a crash\n"
			    "epitaph> [   45.600123] Kernel panic - not syncing: sysrq "
			    "triggered crash\n");
	assert_int_equal(farewell_efi_collect(&options, dir, &result, &err), 0);
	assert_int_equal(result.made, 1);
	// Gone, as the record is there: of the time of the crash, and no more than it is.
	snprintf(path, sizeof(path), "%s/" FAREWELL_EFI_FILE, dir);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/202511250306/meta.json", archive);
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &meta, NULL, &err), 0);
	assert_non_null(strstr(meta, "\"partial\""));
	assert_non_null(strstr(meta, "no target took the record"));
	snprintf(path, sizeof(path), "%s/202511250306/dmesg.202511250306.partial",
		 archive);
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &dmesg, NULL, &err), 0);
	assert_string_equal(dmesg, "[   45.500000] sysrq: Trigger a crash\n"
				   "[   45.600123] Kernel panic - not syncing: sysrq "
				   "triggered crash\n");
	// Killed before the variable was removed: it is known, and goes.
	write_variable(dir, "epitaph| time 1764040000\nepitaph| a stack\n"
			    "epitaph> [   45.500000] sysrq: Trigger a crash\n"
			    "epitaph> [   45.600123] Kernel panic - not syncing: sysrq "
			    "triggered crash\n");
	assert_int_equal(farewell_efi_collect(&options, dir, &result, &err), 0);
	assert_int_equal(result.made, 0);
	assert_int_equal(result.known, 1);
	snprintf(path, sizeof(path), "%s/" FAREWELL_EFI_FILE, dir);
	assert_int_equal(access(path, F_OK), -1);
}

/* No archive to put it in: then it stays. */
static void test_variable_stays(void **state)
{
	const char *dir = *state;
	char archive[PATH_SIZE], path[2 * PATH_SIZE];
	const struct pstore_options options = { .archive = archive };
	struct pstore_result result;
	struct err err = { 0 };

	snprintf(archive, sizeof(archive), "%s/none", dir);
	write_variable(dir, "epitaph> [   45.600123] Kernel panic\n");
	assert_true(farewell_efi_collect(&options, dir, &result, &err) < 0);
	snprintf(path, sizeof(path), "%s/" FAREWELL_EFI_FILE, dir);
	assert_int_equal(access(path, F_OK), 0);
	// And one that is cut.
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(farewell_efi_collect(&options, dir, &result, &err), ERR_CORRUPT);
	assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_fits),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_in_a_kernels_log),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_other_texts),
		cmocka_unit_test_setup_teardown(test_variable, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_variable_stays, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
