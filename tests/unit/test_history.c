// SPDX-License-Identifier: GPL-2.0-or-later
/* The other crashes of an archive: order, loops, whose dump may go; and its going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "record/history.h"

#define START 1800000000

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *walk)
{
	return remove(path);
}

static int set_up(void **state)
{
	char *dir = strdup("/tmp/test-history.XXXXXX");

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

static void add(const char *dir, int minute, const char *title, bool has_dump)
{
	struct record *record;

	assert_int_equal(record_create(dir, START + 60 * minute, &record, NULL), 0);
	strcpy(record->crash.source, "kdump");
	strcpy(record->crash.title, title);
	assert_int_equal(record_save_meta(record, NULL), 0);
	if (has_dump)
		assert_int_equal(record_part_write(record, RECORD_DUMP, "d", 1, 1, NULL),
				 0);
	record_close(record);
}

static void test_spare(void **state)
{
	_cleanup_history struct history history = { 0 };
	const char *dir = *state;

	add(dir, 0, "a", true);	 // the first of its title
	add(dir, 1, "a", false); // without a dump
	add(dir, 2, "b", true);	 // the only one
	add(dir, 3, "a", true);
	add(dir, 4, "a", true);
	add(dir, 5, "a", true); // the last
	assert_int_equal(history_read(dir, "", &history, NULL), 0);
	assert_int_equal(history.count, 6);
	assert_int_equal(history_spare(&history, 0), 3);
	assert_int_equal(history_spare(&history, 4), 4);
	assert_int_equal(history_spare(&history, 5), 6);
	assert_int_equal(history_count(&history, START + 60, START + 240), 4);
}

/* One title, two signatures: each has its first and its last. */
static void test_signatures(void **state)
{
	_cleanup_history struct history history = { 0 };
	const char *dir = *state;

	for (int i = 0; i < 6; i++) {
		_cleanup_record struct record *record = NULL;

		assert_int_equal(record_create(dir, START + 60 * i, &record, NULL), 0);
		strcpy(record->crash.title, "a");
		strcpy(record->crash.signature, i % 2 ? "v2-b" : "v2-a");
		assert_int_equal(record_part_write(record, RECORD_DUMP, "d", 1, 1, NULL),
				 0);
	}
	assert_int_equal(history_read(dir, "", &history, NULL), 0);
	assert_int_equal(history_spare(&history, 0), 2);
	assert_int_equal(history_spare(&history, 3), 3);
	assert_int_equal(history_spare(&history, 4), 6);
}

static void test_left_out(void **state)
{
	_cleanup_history struct history history = { 0 }, none = { 0 };
	const char *dir = *state;
	char path[128], name[32];

	add(dir, 0, "a", true);
	add(dir, 1, "a", true);
	snprintf(path, sizeof(path), "%s/202601010000", dir);
	assert_int_equal(mkdir(path, 0700), 0); // is none
	assert_int_equal(history_read(dir, "", &history, NULL), 0);
	assert_int_equal(history.count, 2);
	strcpy(name, history.crashes[1].name);
	history_done(&history);
	assert_int_equal(history_read(dir, name, &history, NULL), 0);
	assert_int_equal(history.count, 1);
	snprintf(path, sizeof(path), "%s/nowhere", dir);
	assert_int_equal(history_read(path, "", &none, NULL), 0);
	assert_int_equal(none.count, 0);
}

static void test_removed_dump(void **state)
{
	_cleanup_history struct history history = { 0 };
	const char *dir = *state;
	struct record *record;
	char path[128];

	add(dir, 0, "a", true);
	assert_int_equal(history_read(dir, "", &history, NULL), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, history.crashes[0].name);
	assert_int_equal(record_open(path, &record, NULL), 0);
	assert_int_equal(record_part_remove(record, RECORD_DUMP, "to make room", NULL),
			 0);
	assert_int_equal(record_part_remove(record, RECORD_DUMP, "again", NULL),
			 ERR_INVALID);
	record_close(record);
	assert_int_equal(record_open(path, &record, NULL), 0);
	assert_int_equal(record->parts[RECORD_DUMP].state, RECORD_ABSENT);
	assert_string_equal(record->parts[RECORD_DUMP].reason, "to make room");
	record_close(record);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spare),
		TEST(test_signatures),
		TEST(test_left_out),
		TEST(test_removed_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
