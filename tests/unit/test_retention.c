// SPDX-License-Identifier: GPL-2.0-or-later
/* What stays in an archive and what goes, and how it goes. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "archive/archive.h"
#include "archive/removal.h"
#include "archive/retention.h"
#include "record/history.h"
#include "base/fd.h"
#include "fake_tree.h"

#define WHEN ((time_t)1795394520) /* 2026-11-23 00:42 UTC */
#define DAY  ((time_t)86400)

struct fixture {
	char top[64];
	char path[128];
	int warnings;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-retention-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->path, sizeof(f->path), "%s/crash", f->top);
	setenv("TZ", "UTC", 1);
	tzset();
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void count_log(void *context, enum log_level level, const char *message)
{
	struct fixture *f = context;

	f->warnings += level <= LOG_LEVEL_WARNING;
}

static void add(struct fixture *f, time_t when, const char *title, size_t size)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *data = calloc(1, size);

	assert_int_equal(record_create(f->path, when, &record, NULL), 0);
	record->crash.crash_time = when;
	snprintf(record->crash.title, sizeof(record->crash.title), "%s", title);
	assert_int_equal(record_part_write(record, RECORD_DMESG, data, size, 0, NULL), 0);
}

/* By the day and the title: "0a 2b" of the records that are to go. */
static void check_plan(struct fixture *f, const struct retention *retention, time_t now,
		       const char *expected)
{
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_retention_plan struct retention_plan plan = { 0 };
	char result[256] = "";

	assert_int_equal(archive_open(f->path, NULL, &archive, NULL), 0);
	assert_int_equal(retention_choose(&archive, retention, now, &plan, NULL), 0);
	for (size_t i = 0; i < plan.count; i++) {
		const struct record_crash *crash = &plan.choices[i].record->crash;
		size_t used = strlen(result);

		snprintf(result + used, sizeof(result) - used, "%s%d%s", used ? " " : "",
			 (int)((crash->crash_time - WHEN) / DAY), crash->title);
		assert_true(plan.choices[i].size_bytes > 0);
	}
	assert_string_equal(result, expected);
}

static void test_choose(void **state)
{
	struct fixture *f = *state;
	const time_t now = WHEN + 10 * DAY;
	struct retention keep = { .keep = 4 }, days = { .keep_days = 7 }, none = { 0 };
	struct retention size = { .keep_size_bytes = 33000 }, tiny = { .keep = 1 };
	struct retention both = { .keep = 6, .keep_days = 7 };

	check_plan(f, &tiny, now, "");
	for (int i = 0; i < 7; i++)
		add(f, WHEN + i * DAY, i == 3 ? "b" : "a", 10000);
	// The first and the last "a", and the only "b", always stay.
	check_plan(f, &none, now, "");
	check_plan(f, &keep, now, "1a 2a 4a");
	check_plan(f, &tiny, now, "1a 2a 4a 5a");
	check_plan(f, &days, now, "1a 2a");
	check_plan(f, &both, now, "1a 2a");
	check_plan(f, &days, WHEN + 100 * DAY, "1a 2a 4a 5a");
	check_plan(f, &size, now, "1a 2a 4a 5a"); // meta.json counts too
	size.keep_size_bytes = 60000;
	check_plan(f, &size, now, "1a 2a");
	size.keep_size_bytes = 1 << 20;
	check_plan(f, &size, now, "");
}

static void test_only_one_stays(void **state)
{
	struct fixture *f = *state;
	const struct retention all = { 1, 1, 1 };

	add(f, WHEN, "", 10);
	check_plan(f, &all, WHEN + 1000 * DAY, "");
	add(f, WHEN + DAY, "", 10);
	check_plan(f, &all, WHEN + 1000 * DAY, "");
}

static void test_others_records_stay(void **state)
{
	struct fixture *f = *state;
	const struct retention one = { .keep = 3 };

	for (int i = 0; i < 3; i++)
		add(f, WHEN + i * DAY, "a", 10);
	fake_text(f->path, "202001010000/dump.202001010000", "kdump-tools'");
	fake_text(f->path, "202001010001/dmesg.202001010001", "x");
	fake_text(f->path, "202001010001/meta.json", "{");
	check_plan(f, &one, WHEN + DAY, "");
}

/* ---- removing ---- */

static void test_remove(void **state)
{
	struct fixture *f = *state;
	_cleanup_record struct record *record = NULL;
	char path[PATH_MAX], outside[PATH_MAX];

	add(f, WHEN, "a", 10);
	fake_text(f->top, "outside/file", "stays");
	snprintf(path, sizeof(path), "%s/202611230042", f->path);
	fake_text(path, "pstore/dmesg-ramoops-0", "x");
	snprintf(outside, sizeof(outside), "%s/outside", f->top);
	fake_link(path, "pstore/link", outside);
	fake_link(path, "link", "/etc/passwd");
	assert_int_equal(record_open(path, &record, NULL), 0);
	assert_true(removal_size(record) > 10);
	assert_int_equal(removal_remove(record, NULL, NULL), 0);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(outside, sizeof(outside), "%s/outside/file", f->top);
	assert_int_equal(access(outside, F_OK), 0);
	assert_int_equal(rmdir(f->path), 0); // nothing hidden is left
}

static void test_remove_refused(void **state)
{
	struct fixture *f = *state;
	_cleanup_record struct record *record = NULL;
	char path[PATH_MAX], other[PATH_MAX];
	struct err err = { 0 };

	add(f, WHEN, "a", 10);
	add(f, WHEN + 60, "a", 10);
	snprintf(path, sizeof(path), "%s/202611230042", f->path);
	snprintf(other, sizeof(other), "%s/202611230043", f->path);
	assert_int_equal(record_open(path, &record, NULL), 0);
	// Another directory took its name meanwhile.
	assert_int_equal(renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE), 0);
	assert_int_equal(removal_remove(record, NULL, &err), ERR_REFUSED);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(other, F_OK), 0);
}

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	const struct log log = { .write = count_log, .context = f };
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_record struct record *hidden = NULL;
	char path[PATH_MAX];

	add(f, WHEN, "a", 10);
	assert_int_equal(
		record_create_hidden(f->path, RECORD_DEBIAN, WHEN, &hidden, NULL), 0);
	assert_string_equal(hidden->stamp, "202611230042-1"); // the name is taken
	fake_text(f->path, ".202611230041-0.removed/pstore/x", "x");
	fake_text(f->path, ".202611230041-0.removed/meta.json", "{\"schema_version\":1}");
	fake_text(f->path, ".mine/x", "x");
	fake_text(f->path, ".my.new/x", "x");
	assert_int_equal(archive_open(f->path, NULL, &archive, NULL), 0);
	assert_int_equal(archive.count, 1); // hidden ones are no crashes
	removal_sweep(f->path, &log);
	assert_int_equal(f->warnings, 0);
	assert_int_equal(access(hidden->path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/.202611230041-0.removed", f->path);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/.mine/x", f->path);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/.my.new/x", f->path);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/202611230042", f->path);
	assert_int_equal(access(path, F_OK), 0);
	removal_sweep("/nonexistent/archive", &log);
}

static void test_apply(void **state)
{
	struct fixture *f = *state;
	const struct retention retention = { .keep = 2 };
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_retention_plan struct retention_plan plan = { 0 };

	for (int i = 0; i < 5; i++)
		add(f, WHEN + i * DAY, "a", 10);
	assert_int_equal(archive_open(f->path, NULL, &archive, NULL), 0);
	assert_int_equal(retention_choose(&archive, &retention, WHEN, &plan, NULL), 0);
	assert_int_equal(retention_apply(&plan, NULL), 3);
	check_plan(f, &retention, WHEN, "");
	archive_done(&archive);
	assert_int_equal(archive_open(f->path, NULL, &archive, NULL), 0);
	assert_int_equal(archive.count, 2);
}

/* As kdump-utils names a crash: written, read, counted, swept, removed as ours. */
static void test_redhat(void **state)
{
	struct fixture *f = *state;
	const char *names[] = { "127.0.0.1-2026-11-23-00:42:00",
				"127.0.0.1-2026-11-23-00:42:01" };
	const struct retention one = { .keep = 1 };
	struct record *record = NULL;
	char path[PATH_MAX];
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) { // of one second
		assert_int_equal(
			record_create_as(f->path, RECORD_REDHAT, WHEN, &record, NULL), 0);
		assert_string_equal(strrchr(record->path, '/') + 1, names[i]);
		snprintf(record->crash.title, sizeof(record->crash.title), "a");
		for (int part = 0; part < RECORD_PART_COUNT; part++)
			assert_int_equal(record_part_write(record, (enum record_part)part,
							   "data", 4, 0, NULL),
					 0);
		assert_string_equal(record->parts[RECORD_DMESG].file, "vmcore-dmesg.txt");
		assert_string_equal(record->parts[RECORD_DUMP].file, "vmcore");
		assert_string_equal(record->parts[RECORD_MINI].file, "mini");
		assert_string_equal(record->parts[RECORD_LOG].file, "kexec-dmesg.log");
		record_close(record);
	}
	// One that dies while it writes.
	assert_int_equal(
		record_create_hidden(f->path, RECORD_REDHAT, WHEN, &record, NULL), 0);
	snprintf(path, sizeof(path), "%s/.127.0.0.1-2026-11-23-00:42:02.new", f->path);
	assert_string_equal(record->path, path);
	record_close(record);
	removal_sweep(f->path, NULL);
	assert_int_equal(access(path, F_OK), -1);
	// One of which a part is cut.
	assert_int_equal(record_create_hidden(f->path, RECORD_REDHAT, WHEN + 60, &record,
					      NULL),
			 0);
	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	assert_int_equal(write(fd, "da", 2), 2);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL, "slow",
					     0, NULL),
			 0);
	assert_string_equal(record->parts[RECORD_DUMP].file, "vmcore-incomplete");
	snprintf(record->crash.title, sizeof(record->crash.title), "a");
	assert_int_equal(record_save_meta(record, NULL), 0);
	assert_int_equal(record_reveal(record, NULL), 0);
	record_close(record);
	{
		_cleanup_archive struct archive archive = { 0 };
		_cleanup_retention_plan struct retention_plan plan = { 0 };
		_cleanup_history struct history history = { 0 };

		assert_int_equal(archive_open(f->path, NULL, &archive, NULL), 0);
		assert_int_equal(archive.count, 3);
		for (size_t i = 0; i < 2; i++) {
			const struct record *one_of = archive.records[i];

			assert_string_equal(archive_record_name(one_of), names[i]);
			for (int part = 0; part < RECORD_PART_COUNT; part++)
				assert_int_equal(one_of->parts[part].state,
						 RECORD_COMPLETE);
		}
		assert_int_equal(archive.records[2]->parts[RECORD_DUMP].state,
				 RECORD_PARTIAL);
		assert_string_equal(archive.records[2]->parts[RECORD_DUMP].reason,
				    "slow");
		assert_int_equal(history_read(f->path, "", &history, NULL), 0);
		assert_int_equal(history.count, 3);
		assert_int_equal(history_spare(&history, 0), 1);
		assert_int_equal(retention_choose(&archive, &one, WHEN, &plan, NULL), 0);
		assert_int_equal(plan.count, 1);
		assert_int_equal(retention_apply(&plan, NULL), 1);
		snprintf(path, sizeof(path), "%s/%s", f->path, names[1]);
		assert_int_equal(access(path, F_OK), -1);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_choose),	   TEST(test_redhat),
		TEST(test_only_one_stays), TEST(test_others_records_stay),
		TEST(test_remove),	   TEST(test_remove_refused),
		TEST(test_sweep),	   TEST(test_apply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
