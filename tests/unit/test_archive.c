// SPDX-License-Identifier: GPL-2.0-or-later
/* Archives made in a directory of their own: order, finding, and the log of panics. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <ftw.h>

#include "archive/alike.h"
#include "archive/archive.h"
#include "base/fd.h"

#define MINUTE ((time_t)60)
#define WHEN   ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

struct fixture {
	char top[64];
	char path[128];
	char log_path[128];
	int warnings, debugs; /* that were logged */
	char last[512];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-archive-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->path, sizeof(f->path), "%s/crash", f->top);
	snprintf(f->log_path, sizeof(f->log_path), "%s/panic.log", f->top);
	setenv("TZ", "XYZ-3", 1); // UTC+3
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

	if (level == LOG_LEVEL_WARNING)
		f->warnings++;
	else if (level == LOG_LEVEL_DEBUG)
		f->debugs++;
	snprintf(f->last, sizeof(f->last), "%s", message);
}

/* A record of that time, with a crash time if it is not 0. */
static void add(struct fixture *f, time_t when, int64_t crash_time, const char *cause)
{
	_cleanup_record struct record *record = NULL;

	assert_int_equal(record_create(f->path, when, &record, NULL), 0);
	record->crash.crash_time = crash_time;
	snprintf(record->crash.cause, sizeof(record->crash.cause), "%s", cause);
	snprintf(record->crash.host, sizeof(record->crash.host), "box");
	snprintf(record->crash.kernel_release, sizeof(record->crash.kernel_release),
		 "6.12");
	assert_int_equal(record_save_meta(record, NULL), 0);
	assert_int_equal(record_part_write(record, RECORD_DMESG, "x", 1, 0, NULL), 0);
}

static void add_directory(struct fixture *f, const char *name, const char *file)
{
	char path[PATH_MAX];
	int fd;

	mkdir(f->path, 0700);
	snprintf(path, sizeof(path), "%s/%s", f->path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!file)
		return;
	snprintf(path, sizeof(path), "%s/%s/%s", f->path, name, file);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static struct archive open_archive(struct fixture *f)
{
	const struct log log = { .write = count_log, .context = f };
	struct archive archive = { 0 };
	struct err err = { 0 };

	if (archive_open(f->path, &log, &archive, &err) < 0)
		fail_msg("%s", err_text(&err));
	return archive;
}

static void check_names(const struct archive *archive, const char *const *names)
{
	size_t i;

	for (i = 0; names[i]; i++) {
		assert_true(i < archive->count);
		assert_string_equal(archive_record_name(archive->records[i]), names[i]);
	}
	assert_int_equal(archive->count, i);
}

static void test_missing_and_empty(void **state)
{
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = open_archive(f);
	struct record *record = NULL;
	struct err err = { 0 };
	int fd;

	assert_int_equal(archive.count, 0);
	assert_int_equal(archive_find(&archive, "last", &record, &err), ERR_NOTFOUND);
	archive_done(&archive);
	assert_int_equal(mkdir(f->path, 0700), 0);
	archive = open_archive(f);
	assert_int_equal(archive.count, 0);
	assert_string_equal(archive.path, f->path);
	archive_done(&archive);
	assert_int_equal(rmdir(f->path), 0);
	fd = open(f->path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(archive_open(f->path, NULL, &archive, &err), ERR_OS);
	assert_non_null(strstr(err_text(&err), f->path));
}

static void test_order(void **state)
{
	static const char *const names[] = {
		"202601210724", // another tool's, by its name
		"202611230340", // by its crash time an hour before its capture
		"202611230342",	   "202611230342-1", "202611230342-2",
		"202611230342-10", "202611230343",   NULL,
	};
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };

	for (int i = 0; i < 11; i++)
		add(f, WHEN, 0, "x");
	for (int i = 3; i < 10; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/202611230342-%d", f->path, i);
		assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	}
	add(f, WHEN + MINUTE, WHEN + 1, "x");
	add(f, WHEN - 2 * MINUTE, WHEN - 62 * MINUTE, "x");
	add_directory(f, "202601210724", "dmesg.202601210724");
	add_directory(f, "lost+found", "log");
	add_directory(f, "202611230344", NULL);
	archive = open_archive(f);
	check_names(&archive, names);
	assert_int_equal(f->warnings, 0);
	assert_int_equal(f->debugs, 2);
	assert_int_equal(archive_record_time(archive.records[0]),
			 1768969440); // 04:24 UTC
}

static void test_links_and_files_are_none(void **state)
{
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };
	char path[PATH_MAX];

	add(f, WHEN, 0, "x");
	snprintf(path, sizeof(path), "%s/latest", f->path);
	assert_int_equal(symlink("202611230342", path), 0);
	snprintf(path, sizeof(path), "%s/202611230350", f->path);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	archive = open_archive(f);
	assert_int_equal(archive.count, 1);
}

static void test_limit(void **state)
{
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };

	for (int i = 0; i < ARCHIVE_RECORDS_MAX + 2; i++) {
		char name[32], file[64];

		snprintf(name, sizeof(name), "2026%02d%02d%02d%02d", 1 + i / 300,
			 1 + i / 12 % 25, i % 12, i % 60);
		snprintf(file, sizeof(file), "dump.%s", name);
		add_directory(f, name, file);
	}
	archive = open_archive(f);
	assert_int_equal(archive.count, ARCHIVE_RECORDS_MAX);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->last, "the oldest are left out"));
	assert_string_equal(archive_record_name(archive.records[0]), "202601010202");
}

static void test_unreadable_is_a_warning(void **state)
{
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };
	char path[PATH_MAX];

	add(f, WHEN, 0, "x");
	// A directory of thousands of files is none of ours, and nothing to wait for.
	add_directory(f, "junk", NULL);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "%s/junk/%d", f->path, i);
		close(open(path, O_WRONLY | O_CREAT, 0600));
	}
	archive = open_archive(f);
	assert_int_equal(archive.count, 1);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->last, "left out"));
}

static void test_find(void **state)
{
	static const struct {
		const char *name, *found;
	} cases[] = {
		{ "last", "202611240342" },
		{ "-1", "202611240342" },
		{ "-2", "202611230342-1" },
		{ "-4", "202610010000" },
		{ "202611230342", "202611230342" }, // and not only the start of "-1"
		{ "202611230342-", "202611230342-1" },
		{ "202611230342-1", "202611230342-1" },
		{ "20261124", "202611240342" },
		{ "202610", "202610010000" },
	};
	static const struct {
		const char *name;
		int code;
		const char *text;
	} refused[] = {
		{ "2026", ERR_INVALID, "could be '202610010000' or '202611230342'" },
		{ "20261123", ERR_INVALID, "could be" },
		{ "-5", ERR_NOTFOUND, "it has 4" },
		{ "-99999999999999999999999", ERR_NOTFOUND, "it has 4" },
		{ "-0", ERR_NOTFOUND, "no crash '-0'" },
		{ "-", ERR_NOTFOUND, "no crash '-'" },
		{ "first", ERR_NOTFOUND, "no crash 'first'" },
		{ "", ERR_INVALID, "empty" },
		{ "/nowhere/at/all", ERR_OS, "/nowhere/at/all" },
	};
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };
	struct record *record = NULL;
	struct err err = { 0 };
	char path[PATH_MAX], cwd[PATH_MAX];

	add(f, WHEN, 0, "x");
	add(f, WHEN, 0, "x");
	add(f, WHEN + 24 * 60 * MINUTE, 0, "x");
	add_directory(f, "202610010000", "dump.202610010000");
	archive = open_archive(f);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (archive_find(&archive, cases[i].name, &record, &err) < 0)
			fail_msg("'%s': %s", cases[i].name, err_text(&err));
		assert_string_equal(archive_record_name(record), cases[i].found);
		record_close(take_ptr(record));
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int r = archive_find(&archive, refused[i].name, &record, &err);

		if (r != refused[i].code || !strstr(err_text(&err), refused[i].text))
			fail_msg("'%s': %d: %s", refused[i].name, r, err_text(&err));
		assert_null(record);
	}

	// Paths: of one elsewhere, and of one in the working directory.
	snprintf(path, sizeof(path), "%s/elsewhere", f->top);
	snprintf(cwd, sizeof(cwd), "%s/202611230342", f->path);
	assert_int_equal(rename(cwd, path), 0);
	assert_int_equal(archive_find(&archive, path, &record, &err), 0);
	record_close(take_ptr(record));
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(f->top), 0);
	assert_int_equal(archive_find(&archive, "elsewhere", &record, &err), 0);
	assert_int_equal(chdir(cwd), 0);
	assert_string_equal(archive_record_name(record), "elsewhere");
	record_close(take_ptr(record));
}

/* ---- the log of panics ---- */

static size_t note(struct fixture *f)
{
	_cleanup_archive struct archive archive = open_archive(f);
	struct err err = { 0 };
	size_t count = 4711;

	if (archive_note(&archive, f->log_path, &count, &err) < 0)
		fail_msg("%s", err_text(&err));
	return count;
}

static char *read_log(const struct fixture *f)
{
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, f->log_path, 1 << 20, &data, NULL, NULL), 0);
	return data;
}

/* Equal ones are counted in the order of time; what is unknown is like nothing. */
static void test_alike(void **state)
{
	static const char *const signatures[] = { "v2-a", "", "v2-b", "v2-a", "" };
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };
	_cleanup_alike struct alike alike = { 0 };
	struct alike_place place;

	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		add(f, WHEN + (time_t)i * MINUTE, 0, "");
	archive = open_archive(f);
	for (size_t i = 0; i < ARRAY_SIZE(signatures); i++)
		snprintf(archive.records[i]->crash.signature,
			 sizeof(archive.records[i]->crash.signature), "%s",
			 signatures[i]);
	assert_int_equal(alike_open(&archive, &alike, NULL), 0);
	assert_int_equal(alike_count(&alike, 0), 2);
	assert_int_equal(alike_count(&alike, 1), 0);
	assert_int_equal(alike_count(&alike, 2), 1);
	alike_find(&alike, archive.records[3]->path, &place);
	assert_int_equal(place.count, 2);
	assert_int_equal(place.number, 2);
	assert_int_equal(place.first, WHEN);
	assert_int_equal(place.latest, WHEN + 3 * MINUTE);
	alike_find(&alike, archive.records[4]->path, &place);
	assert_int_equal(place.count, 0);
	alike_find(&alike, "/elsewhere", &place);
	assert_int_equal(place.count, 0);
}

static void test_note(void **state)
{
	struct fixture *f = *state;
	_cleanup_free char *data = NULL, *again = NULL;
	char expected[1024];
	struct stat st;

	assert_int_equal(note(f), 0);
	assert_int_equal(access(f->log_path, F_OK), -1); // nothing to tell
	add(f, WHEN + MINUTE, WHEN + 67, "NULL dereference\nin \033[31mred");
	add(f, WHEN, WHEN + 7, "sysrq");
	add_directory(f, "202601210724", "dmesg.202601210724");
	assert_int_equal(note(f), 3);
	data = read_log(f);
	snprintf(expected, sizeof(expected),
		 "2026-01-21T07:24:00+0300 - -: cause unknown (%s/202601210724)\n"
		 "2026-11-23T03:42:07+0300 box 6.12: sysrq (%s/202611230342)\n"
		 "2026-11-23T03:43:07+0300 box 6.12: NULL dereference?in ?[31mred "
		 "(%s/202611230343)\n",
		 f->path, f->path, f->path);
	assert_string_equal(data, expected);
	assert_int_equal(stat(f->log_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	assert_int_equal(note(f), 0);
	add(f, WHEN + 2 * MINUTE, 0, "third");
	assert_int_equal(note(f), 1);
	assert_int_equal(note(f), 0);
	again = read_log(f);
	assert_int_equal(strncmp(again, expected, strlen(expected)), 0);
	snprintf(expected, sizeof(expected),
		 "2026-11-23T03:44:00+0300 box 6.12: third (%s/202611230344)\n", f->path);
	assert_string_equal(again + strlen(data), expected);
}

static void test_note_refused(void **state)
{
	struct fixture *f = *state;
	_cleanup_archive struct archive archive = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX];
	size_t count = 0;

	add(f, WHEN, 0, "x");
	archive = open_archive(f);
	snprintf(path, sizeof(path), "%s/no/such/log", f->top);
	assert_int_equal(archive_note(&archive, path, &count, &err), ERR_OS);
	assert_non_null(strstr(err_text(&err), path));
	snprintf(path, sizeof(path), "%s/link", f->top);
	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(archive_note(&archive, path, &count, &err), ERR_OS);
	assert_int_equal(archive_note(&archive, "/dev/null", &count, &err), ERR_REFUSED);
	assert_int_equal(archive_note(&archive, "/dev/full", &count, &err), ERR_REFUSED);
	// And none of that has made it forget.
	assert_int_equal(archive_note(&archive, f->log_path, &count, &err), 0);
	assert_int_equal(count, 1);
}

static void test_note_at_the_same_time(void **state)
{
	struct fixture *f = *state;
	_cleanup_free char *data = NULL;
	pid_t children[4];
	size_t lines = 0;

	for (int i = 0; i < 8; i++)
		add(f, WHEN + i * MINUTE, 0, "x");
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			note(f);
			_exit(0);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	data = read_log(f);
	for (const char *p = data; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 8);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_missing_and_empty),
		TEST(test_order),
		TEST(test_links_and_files_are_none),
		TEST(test_limit),
		TEST(test_unreadable_is_a_warning),
		TEST(test_find),
		TEST(test_alike),
		TEST(test_note),
		TEST(test_note_refused),
		TEST(test_note_at_the_same_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
