// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records made, broken and read again in a directory of their own. The system calls that
 * publish are wrapped here (fsync, renameat, ...), so that a capture can be killed or
 * failed before each of them in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <ftw.h>
#include <xxhash.h>

#include "base/fd.h"
#include "record/field.h"
#include "record/meta.h"
#include "record/part.h"
#include "record/record.h"

#define STAMP "202611230042"
#define WHEN  ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

/* ---- failing and dying at the n-th call ---- */

static struct {
	int at; /* 1: the next call; 0: never */
	bool kills;
	int error;
	bool happened;
} trap;

/* 0 to go on, or what to return with errno set. */
static int trap_call(void)
{
	if (trap.at == 0 || --trap.at > 0)
		return 0;
	trap.happened = true;
	if (trap.kills)
		_exit(42);
	errno = trap.error;
	return -1;
}

int fsync(int fd)
{
	return trap_call() ? -1 : (int)syscall(SYS_fsync, fd);
}

int renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
	return trap_call() ? -1
			   : (int)syscall(SYS_renameat2, olddirfd, oldpath, newdirfd,
					  newpath, 0);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	return trap_call() ? -1 : (int)syscall(SYS_mkdirat, dirfd, path, mode);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	return trap_call() ? -1 : (int)syscall(SYS_unlinkat, dirfd, path, flags);
}

/* Half of the bytes arrive before the end. */
ssize_t write(int fd, const void *buf, size_t size)
{
	if (trap.at == 1)
		syscall(SYS_write, fd, buf, size / 2);
	return trap_call() ? -1 : syscall(SYS_write, fd, buf, size);
}

/* ---- helpers ---- */

struct fixture {
	char top[64];
	char archive[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&trap, 0, sizeof(trap));
	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-record-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->archive, sizeof(f->archive), "%s/crash", f->top);
	setenv("TZ", "UTC", 1);
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

	memset(&trap, 0, sizeof(trap));
	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void make_path(char *ret, size_t size, const char *directory, const char *name)
{
	assert_true(snprintf(ret, size, "%s/%s", directory, name) < (int)size);
}

static void put_file(const char *directory, const char *name, const char *data)
{
	char path[PATH_MAX];
	FILE *file;

	make_path(path, sizeof(path), directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(data, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_directory(const struct fixture *f, const char *name, char *ret,
			   size_t size)
{
	mkdir(f->archive, 0700);
	make_path(ret, size, f->archive, name);
	assert_int_equal(mkdir(ret, 0700), 0);
}

static struct record *create(const struct fixture *f)
{
	struct record *record = NULL;
	struct err err = { 0 };

	if (record_create(f->archive, WHEN, &record, &err) < 0)
		fail_msg("%s", err_text(&err));
	return record;
}

static struct record *open_record(const char *path)
{
	struct record *record = NULL;
	struct err err = { 0 };

	if (record_open(path, &record, &err) < 0)
		fail_msg("%s", err_text(&err));
	return record;
}

static void write_part(struct record *record, enum record_part part, const char *data)
{
	struct err err = { 0 };

	if (record_part_write(record, part, data, strlen(data), 7, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static mode_t mode_of(const char *directory, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	make_path(path, sizeof(path), directory, name);
	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

/* ---- making and reading ---- */

static void check_contents(const struct record_contents *contents,
			   const struct record_contents *expected)
{
	_cleanup_json json_t *a = contents_to_json(contents);
	_cleanup_json json_t *b = contents_to_json(expected);

	assert_int_equal(contents->is_known, expected->is_known);
	assert_true(json_equal(a, b));
	assert_int_equal(contents->pages.unreadable, expected->pages.unreadable);
	assert_string_equal(contents->proof_reason, expected->proof_reason);
}

/* What there is of a dump that lies on a partition of its own is told as well. */
static void test_contents(void **state)
{
	const struct record_contents some = {
		.is_known = true,
		.selection = "memmap",
		.core_missing = "the disks",
		.proof = "none",
		.proof_reason = "a stream can't be read again",
		.pages = { .total = 9,
			   .written = 8,
			   .zero = 7,
			   .beyond = 6,
			   .core = 5,
			   .rescued = 4,
			   .proved = 3,
			   .repaired = 2,
			   .unreadable = 1 },
	};
	struct record *record = create(*state), *again;
	struct record_part_meta *parts = record->parts;
	int fd;

	record_part_contents(record, RECORD_MINI, &some); // of an absent part
	record_part_note(record, RECORD_MINI, "elsewhere");
	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	record_part_contents(record, RECORD_DUMP, &some);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_COMPLETE, "", 1,
					     NULL),
			 0);
	again = open_record(record->path);
	check_contents(&again->parts[RECORD_MINI].contents, &some);
	assert_string_equal(again->parts[RECORD_MINI].note, "elsewhere");
	check_contents(&again->parts[RECORD_DUMP].contents, &some);
	assert_false(again->parts[RECORD_DMESG].contents.is_known);
	record_close(again);

	// With the dump goes what is told of it.
	assert_int_equal(record_part_remove(record, RECORD_DUMP, "no room", NULL), 0);
	assert_int_equal(record_part_abandon(record, RECORD_MINI, "no", 1, NULL), 0);
	assert_false(parts[RECORD_DUMP].contents.is_known);
	assert_false(parts[RECORD_MINI].contents.is_known);
	record_close(record);
}

static void test_round_trip(void **state)
{
	struct record *record = create(*state);
	struct record *again;
	char name[NAME_MAX + 1];
	int fd;

	assert_string_equal(record->stamp, STAMP);
	snprintf(record->crash.cause, sizeof(record->crash.cause),
		 "sysrq triggered crash");
	snprintf(record->crash.source, sizeof(record->crash.source), "kdump");
	record->crash.crash_time = WHEN - 3;
	record->crash.uptime_ms = 71234;
	write_part(record, RECORD_DMESG, "last words\n");
	write_part(record, RECORD_REPORT_TEXT, "it was sysrq\n");
	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	record_part_name(record, RECORD_DUMP, name);
	assert_string_equal(name, "dump." STAMP ".partial");
	assert_int_equal(write(fd, "half", 4), 4);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL,
					     "no space", 1800, NULL),
			 0);
	assert_int_equal(record_part_abandon(record, RECORD_MINI, "not built", 1, NULL),
			 0);

	again = open_record(record->path);
	assert_string_equal(again->path, record->path);
	assert_string_equal(again->stamp, STAMP);
	assert_string_equal(again->meta_reason, "");
	assert_memory_equal(&again->crash, &record->crash, sizeof(record->crash));
	assert_memory_equal(again->parts, record->parts, sizeof(record->parts));
	assert_int_equal(again->crash.capture_time, WHEN);
	assert_int_equal(again->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_int_equal(again->parts[RECORD_DMESG].size_bytes, 11);
	assert_int_equal(again->parts[RECORD_DMESG].duration_ms, 7);
	assert_int_equal(again->parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_string_equal(again->parts[RECORD_DUMP].reason, "no space");
	assert_int_equal(again->parts[RECORD_MINI].state, RECORD_ABSENT);
	assert_string_equal(again->parts[RECORD_MINI].reason, "not built");
	assert_int_equal(again->parts[RECORD_LOG].state, RECORD_ABSENT);
	record_part_name(again, RECORD_DUMP, name);
	assert_string_equal(name, "dump." STAMP ".partial");
	record_part_name(again, RECORD_REPORT_TEXT, name);
	assert_string_equal(name, "report.txt");
	assert_int_equal(record_part_verify(again, RECORD_DUMP, NULL), 0);
	record_close(again);
	record_close(record);
}

static void test_names_and_modes(void **state)
{
	struct fixture *f = *state;
	struct record *record;
	mode_t old = umask(0);

	strcat(f->archive, "/deep/er");
	record = create(f);
	umask(old);
	for (int i = 0; i < RECORD_PART_COUNT; i++)
		write_part(record, (enum record_part)i, "x");
	assert_int_equal(mode_of(f->archive, ".."), 0700);
	assert_int_equal(mode_of(f->archive, "."), 0700);
	assert_int_equal(mode_of(record->path, "."), 0700);
	assert_int_equal(mode_of(record->path, "meta.json"), 0600);
	assert_int_equal(mode_of(record->path, "dmesg." STAMP), 0600);
	assert_int_equal(mode_of(record->path, "mini." STAMP), 0600);
	assert_int_equal(mode_of(record->path, "dump." STAMP), 0600);
	assert_int_equal(mode_of(record->path, "report.txt"), 0600);
	assert_int_equal(mode_of(record->path, "report.json"), 0600);
	assert_int_equal(mode_of(record->path, "log"), 0600);
	record_close(record);
}

static void test_same_minute(void **state)
{
	struct fixture *f = *state;
	struct record *record = create(f), *extra = NULL;
	struct err err = { 0 };

	record_close(record);
	for (int i = 1; i < RECORD_SAME_MINUTE_MAX; i++) {
		char stamp[32];

		snprintf(stamp, sizeof(stamp), STAMP "-%d", i);
		record = create(f);
		assert_string_equal(record->stamp, stamp);
		if (i == 1)
			write_part(record, RECORD_DUMP, "second");
		record_close(record);
	}
	assert_int_equal(record_create(f->archive, WHEN, &extra, &err), ERR_LIMIT);
	assert_null(extra);
	assert_int_equal(mode_of(f->archive, STAMP "-1/dump." STAMP "-1"), 0600);
}

static void test_odd_clocks(void **state)
{
	static const struct {
		time_t when;
		const char *timezone, *stamp;
	} cases[] = {
		{ 0, "UTC", "197001010000" },
		{ INT64_MAX, "UTC", "197001010000-1" },
		{ INT64_MIN, "UTC", "197001010000-2" },
		{ 400000000000, "UTC", "197001010000-3" }, // the year 14645
		{ WHEN, "XYZ-3", "202611230342" },
		{ WHEN, "Nowhere/At_All", STAMP },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record *record = NULL;

		setenv("TZ", cases[i].timezone, 1);
		assert_int_equal(record_create(f->archive, cases[i].when, &record, NULL),
				 0);
		assert_string_equal(record->stamp, cases[i].stamp);
		record_close(record);
	}
}

static void test_hostile_text(void **state)
{
	struct record *record = create(*state);
	struct record *again;

	strcpy(record->crash.title, "a\033[31mb\nc\x7f\xc2\x9b\xff\xe2\x82 \xe2\x82\xac");
	memset(record->crash.cause, 0xc3, sizeof(record->crash.cause) - 1);
	memset(record->crash.host, 'h', sizeof(record->crash.host) - 1);
	assert_int_equal(record_save_meta(record, NULL), 0);
	again = open_record(record->path);
	assert_string_equal(again->crash.title, "a?[31mb?c????? \xe2\x82\xac");
	assert_int_equal(strspn(again->crash.cause, "?"), sizeof(again->crash.cause) - 1);
	assert_string_equal(again->crash.host, record->crash.host);
	record_close(again);
	record_close(record);
}

static void test_clean_cuts_at_characters(void **state)
{
	char out[5];

	field_clean("abc\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "abc");
	field_clean("ab\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "ab\xc3\xa9");
	field_clean("\xf0\x9f\x92\xa5", out, sizeof(out));
	assert_string_equal(out, "\xf0\x9f\x92\xa5");
	field_clean("\xed\xa0\x80", out, sizeof(out)); // half of a surrogate pair
	assert_string_equal(out, "???");
	field_clean("\xc0\x80x", out, sizeof(out)); // an overlong NUL
	assert_string_equal(out, "??x");
	field_clean("x\xf0\x9f", out, sizeof(out)); // cut by the end
	assert_string_equal(out, "x??");
	assert_true(field_is_clean("/var/cr\xc3\xa4sh"));
	assert_true(field_is_clean(""));
	assert_false(field_is_clean("/var/cr\xe4sh"));
	assert_false(field_is_clean("/var\n"));
}

/* ---- misuse, and second thoughts ---- */

static void test_part_order(void **state)
{
	struct record *record = create(*state);
	char partial[PATH_MAX];
	struct err err = { 0 };
	int fd;

	assert_int_equal(record_part_publish(record, RECORD_DMESG, RECORD_COMPLETE, "", 0,
					     &err),
			 ERR_INVALID);
	assert_int_equal(record_part_begin(record, RECORD_DMESG, &fd, &err), 0);
	assert_int_equal(record_part_begin(record, RECORD_DMESG, &fd, &err), ERR_INVALID);
	assert_int_equal(write(fd, "half", 4), 4);
	assert_int_equal(
		record_part_abandon(record, RECORD_DMESG, "gone\twrong", 5, &err), 0);
	make_path(partial, sizeof(partial), record->path, "dmesg." STAMP ".partial");
	assert_int_equal(access(partial, F_OK), -1);
	assert_string_equal(record->parts[RECORD_DMESG].reason, "gone?wrong");

	// Again, and this time it works; a link in its way is not followed.
	assert_int_equal(symlink("/etc/passwd", partial), 0);
	write_part(record, RECORD_DMESG, "whole");
	assert_int_equal(record->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_string_equal(record->parts[RECORD_DMESG].reason, "");
	assert_int_equal(record_part_begin(record, RECORD_DMESG, &fd, &err), ERR_INVALID);
	assert_non_null(strstr(err_text(&err), "complete already"));
	assert_int_equal(record_part_abandon(record, RECORD_DMESG, "", 5, &err),
			 ERR_INVALID);
	record_close(record);
}

static void test_partial_then_complete(void **state)
{
	struct record *record = create(*state), *again;
	int fd;

	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	assert_int_equal(write(fd, "a long first attempt", 20), 20);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL, "slow",
					     0, NULL),
			 0);
	// Begun again and killed: shorter than meta.json says.
	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	again = open_record(record->path);
	assert_int_equal(again->parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_string_equal(again->parts[RECORD_DUMP].reason, "0 of 20 bytes are left");
	record_close(again);

	assert_int_equal(write(fd, "second", 6), 6);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_COMPLETE, NULL,
					     0, NULL),
			 0);
	again = open_record(record->path);
	assert_memory_equal(again->parts, record->parts, sizeof(record->parts));
	assert_int_equal(again->parts[RECORD_DUMP].state, RECORD_COMPLETE);
	record_close(again);
	record_close(record);
}

static void test_part_open(void **state)
{
	struct record *record = create(*state);
	struct err err = { 0 };
	char data[8] = "";
	int fd = -1;

	assert_int_equal(record_part_open(record, RECORD_LOG, &fd, &err), ERR_NOTFOUND);
	write_part(record, RECORD_LOG, "hello");
	assert_int_equal(record_part_open(record, RECORD_LOG, &fd, &err), 0);
	assert_int_equal(read(fd, data, sizeof(data)), 5);
	assert_string_equal(data, "hello");
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	// Swapped for a link behind our back.
	assert_int_equal(unlinkat(record->dirfd, "log", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", record->dirfd, "log"), 0);
	assert_int_equal(record_part_open(record, RECORD_LOG, &fd, &err), ERR_OS);
	record_close(record);
}

/* ---- checksums ---- */

static void test_checksum(void **state)
{
	struct record *record = create(*state), *again;
	struct err err = { 0 };
	char *big = malloc(300000);
	char expected[64];
	XXH128_hash_t hash;
	int fd;

	// The published test vector of XXH3's 128 bits: nothing, seed 0.
	write_part(record, RECORD_LOG, "");
	assert_string_equal(record->parts[RECORD_LOG].checksum,
			    "xxh3-128:99aa06d3014798d86001c324468d497f");
	for (int i = 0; i < 300000; i++) // more than a chunk
		big[i] = (char)(i * 7 + i / 251);
	assert_int_equal(record_part_write(record, RECORD_DUMP, big, 300000, 0, NULL), 0);
	again = open_record(record->path);
	hash = XXH3_128bits(big, 300000); // the same in one piece
	snprintf(expected, sizeof(expected), "xxh3-128:%016llx%016llx",
		 (unsigned long long)hash.high64, (unsigned long long)hash.low64);
	assert_string_equal(again->parts[RECORD_DUMP].checksum, expected);
	assert_int_equal(record_part_verify(again, RECORD_DUMP, &err), 0);
	assert_int_equal(record_part_verify(again, RECORD_LOG, &err), 0);
	assert_int_equal(record_part_verify(again, RECORD_DMESG, &err), ERR_NOTFOUND);

	fd = openat(again->dirfd, "dump." STAMP, O_WRONLY);
	big[299999] ^= 0x10;
	assert_int_equal(pwrite(fd, big + 299999, 1, 299999), 1);
	close(fd);
	assert_int_equal(record_part_verify(again, RECORD_DUMP, &err), ERR_CORRUPT);
	assert_non_null(strstr(err_text(&err), "has changed"));
	record_close(again);
	record_close(record);
	free(big);
}

static void test_checksum_of_large(void **state)
{
	struct record *record = create(*state), *again;
	struct err err = { 0 };
	int fd;

	assert_int_equal(record_part_begin(record, RECORD_DUMP, &fd, NULL), 0);
	assert_int_equal(ftruncate(fd, (off_t)RECORD_CHECKSUM_MAX_BYTES + 1), 0);
	assert_int_equal(record_part_publish(record, RECORD_DUMP, RECORD_COMPLETE, "", 0,
					     NULL),
			 0);
	again = open_record(record->path);
	assert_int_equal(again->parts[RECORD_DUMP].state, RECORD_COMPLETE);
	assert_string_equal(again->parts[RECORD_DUMP].checksum, "");
	assert_int_equal(record_part_verify(again, RECORD_DUMP, &err), ERR_NOTFOUND);
	record_close(again);
	record_close(record);
}

/* ---- what lies there against what meta.json says ---- */

static void test_disk_decides(void **state)
{
	struct record *record = create(*state), *again;
	const struct record_part_meta *parts;
	char a[PATH_MAX], b[PATH_MAX];

	for (int i = 0; i < RECORD_PART_COUNT; i++)
		write_part(record, (enum record_part)i, "0123456789");
	make_path(a, sizeof(a), record->path, "dmesg." STAMP);
	assert_int_equal(truncate(a, 4), 0);
	make_path(a, sizeof(a), record->path, "mini." STAMP);
	assert_int_equal(unlink(a), 0);
	make_path(a, sizeof(a), record->path, "dump." STAMP);
	make_path(b, sizeof(b), record->path, "dump." STAMP ".partial");
	assert_int_equal(rename(a, b), 0);
	make_path(a, sizeof(a), record->path, "report.txt");
	assert_int_equal(unlink(a), 0);
	assert_int_equal(symlink("report.json", a), 0);
	make_path(a, sizeof(a), record->path, "log");
	assert_int_equal(unlink(a), 0);
	assert_int_equal(mkfifo(a, 0600), 0);

	again = open_record(record->path);
	parts = again->parts;
	assert_int_equal(parts[RECORD_DMESG].state, RECORD_PARTIAL);
	assert_string_equal(parts[RECORD_DMESG].reason, "4 of 10 bytes are left");
	assert_string_equal(parts[RECORD_DMESG].file, "dmesg." STAMP);
	assert_int_equal(parts[RECORD_DMESG].size_bytes, 4);
	assert_int_equal(record_part_verify(again, RECORD_DMESG, NULL), ERR_CORRUPT);
	assert_int_equal(parts[RECORD_MINI].state, RECORD_ABSENT);
	assert_string_equal(parts[RECORD_MINI].reason, "the file is gone");
	assert_string_equal(parts[RECORD_MINI].checksum, "");
	assert_int_equal(parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_string_equal(parts[RECORD_DUMP].reason, "its writing was never finished");
	assert_int_equal(parts[RECORD_REPORT_TEXT].state, RECORD_ABSENT);
	assert_non_null(strstr(parts[RECORD_REPORT_TEXT].reason, "no regular file"));
	assert_int_equal(parts[RECORD_REPORT_JSON].state, RECORD_COMPLETE);
	assert_int_equal(parts[RECORD_LOG].state, RECORD_ABSENT);
	record_close(again);
	record_close(record);
}

static void test_without_meta(void **state)
{
	struct record *record = create(*state), *again;

	write_part(record, RECORD_DMESG, "dmesg");
	write_part(record, RECORD_REPORT_TEXT, "report");
	assert_int_equal(unlinkat(record->dirfd, "meta.json", 0), 0);
	put_file(record->path, "dump." STAMP ".partial", "du");
	put_file(record->path, "mini." STAMP, "");
	again = open_record(record->path);
	assert_string_equal(again->meta_reason, "there is no meta.json");
	assert_int_equal(again->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_int_equal(again->parts[RECORD_DMESG].size_bytes, 5);
	assert_string_equal(again->parts[RECORD_DMESG].checksum, "");
	assert_int_equal(again->parts[RECORD_REPORT_TEXT].state, RECORD_COMPLETE);
	assert_int_equal(again->parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_int_equal(again->parts[RECORD_MINI].state, RECORD_PARTIAL);
	assert_string_equal(again->parts[RECORD_MINI].reason, "the file is empty");
	assert_int_equal(again->crash.crash_time, 0);
	record_close(again);
	record_close(record);
}

static void test_foreign(void **state)
{
	static const struct {
		const char *directory, *file;
		enum record_part part;
		enum record_state state;
	} cases[] = {
		{ "202601210724", "dmesg.202601210724", RECORD_DMESG, RECORD_COMPLETE },
		{ "202601210725", "dump.202601210725", RECORD_DUMP, RECORD_COMPLETE },
		{ "202601210726", "vmcore.202601210726", RECORD_DUMP, RECORD_COMPLETE },
		{ "202601210727", "dump-incomplete", RECORD_DUMP, RECORD_PARTIAL },
		{ "host-202601210728", "dmesg.202601210728", RECORD_DMESG,
		  RECORD_COMPLETE },
		{ "bug 17", "dump.202601210729-12.partial", RECORD_DUMP, RECORD_PARTIAL },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[PATH_MAX], name[NAME_MAX + 1];
		struct record *record;

		make_directory(f, cases[i].directory, path, sizeof(path));
		put_file(path, cases[i].file, "x");
		record = open_record(path);
		assert_int_equal(record->parts[cases[i].part].state, cases[i].state);
		record_part_name(record, cases[i].part, name);
		assert_string_equal(name, cases[i].file);
		assert_non_null(strstr(record->meta_reason, "no meta.json"));
		record_close(record);
	}

	// Of many in one directory the first, whatever their order on disk.
	{
		char path[PATH_MAX], name[32];
		struct record *record;

		make_directory(f, "many", path, sizeof(path));
		for (int i = 30; i > 10; i--) {
			snprintf(name, sizeof(name), "dump.2026012107%d", i);
			put_file(path, name, "x");
		}
		record = open_record(path);
		assert_string_equal(record->stamp, "202601210711");
		record_close(record);
	}
}

static void test_not_ours(void **state)
{
	static const struct {
		const char *directory, *file, *data;
	} cases[] = {
		{ STAMP, NULL, NULL },
		{ STAMP "-1", "notes.txt", "x" },
		{ "lost+found", "log", "x" },
		{ "other", "report.txt", "x" },
		{ "project", "meta.json", "{\"name\":\"x\"}" },
		{ "almost", "dump.20261123004", "x" },
		{ "nearly", "dump." STAMP ".gz", "x" },
		{ "some", "dmesg.0", "x" },
	};
	struct fixture *f = *state;
	struct record *record = NULL;
	struct err err = { 0 };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_directory(f, cases[i].directory, path, sizeof(path));
		if (cases[i].file)
			put_file(path, cases[i].file, cases[i].data);
		assert_int_equal(record_open(path, &record, &err), ERR_NOTFOUND);
	}
	make_path(path, sizeof(path), f->archive, "missing");
	assert_int_equal(record_open(path, &record, &err), ERR_OS);
	make_path(path, sizeof(path), f->archive, "other/report.txt");
	assert_int_equal(record_open(path, &record, &err), ERR_OS);
	assert_null(record);
}

static void test_open_by_other_paths(void **state)
{
	struct fixture *f = *state;
	struct record *record = create(f), *again;
	char path[PATH_MAX], cwd[PATH_MAX];

	write_part(record, RECORD_DMESG, "x");
	make_path(path, sizeof(path), f->archive, "latest");
	assert_int_equal(symlink(STAMP, path), 0);
	again = open_record(path);
	assert_string_equal(again->path, record->path);
	record_close(again);
	strcat(path, "///");
	again = open_record(path);
	assert_string_equal(again->stamp, STAMP);
	record_close(again);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(record->path), 0);
	again = open_record(".");
	assert_int_equal(chdir(cwd), 0);
	assert_string_equal(again->path, record->path);
	assert_int_equal(again->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	record_close(again);

	// Carried to another machine and renamed: its stamp is in its files.
	make_path(path, sizeof(path), f->top, "case-4711");
	assert_int_equal(rename(record->path, path), 0);
	again = open_record(path);
	assert_string_equal(again->stamp, STAMP);
	assert_int_equal(again->parts[RECORD_DMESG].state, RECORD_COMPLETE);
	assert_string_equal(again->meta_reason, "");
	assert_int_equal(record_part_verify(again, RECORD_DMESG, NULL), 0);
	record_close(again);
	record_close(record);
}

/* ---- meta.json, damaged ---- */

static struct record *create_full(const struct fixture *f, char **ret_json,
				  size_t *ret_size)
{
	struct record *record = create(f);

	snprintf(record->crash.title, sizeof(record->crash.title), "title");
	snprintf(record->crash.signature, sizeof(record->crash.signature), "v2-0123");
	snprintf(record->crash.build_id, sizeof(record->crash.build_id), "abcdef");
	record->crash.crash_time = WHEN - 1;
	write_part(record, RECORD_DMESG, "0123456789");
	assert_int_equal(record_part_abandon(record, RECORD_MINI, "why", 0, NULL), 0);
	put_file(record->path, "dump." STAMP ".partial", "du");
	assert_int_equal(file_read(record->dirfd, "meta.json", 1 << 20, ret_json,
				   ret_size, NULL),
			 0);
	return record;
}

static void put_bytes(struct record *record, const void *data, size_t size)
{
	int fd = openat(record->dirfd, "meta.json", O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

/* However wrong meta.json is: the files are there, and no more of them. */
static void check_files(const struct record *record)
{
	const struct record_part_meta *parts = record->parts;

	assert_int_not_equal(parts[RECORD_DMESG].state, RECORD_ABSENT);
	assert_int_equal(parts[RECORD_DMESG].size_bytes, 10);
	assert_string_equal(parts[RECORD_DMESG].file, "dmesg." STAMP);
	assert_int_equal(parts[RECORD_DUMP].state, RECORD_PARTIAL);
	assert_int_equal(parts[RECORD_DUMP].size_bytes, 2);
	assert_string_not_equal(parts[RECORD_DUMP].reason, "");
	assert_int_equal(parts[RECORD_MINI].state, RECORD_ABSENT);
	assert_int_equal(parts[RECORD_REPORT_TEXT].state, RECORD_ABSENT);
	assert_string_equal(parts[RECORD_REPORT_TEXT].file, "");
}

static void test_meta_cut(void **state)
{
	_cleanup_free char *json = NULL;
	size_t size;
	struct record *record = create_full(*state, &json, &size);

	for (size_t cut = 0; cut <= size; cut++) {
		struct record *again;

		put_bytes(record, json, cut);
		again = open_record(record->path);
		check_files(again);
		assert_int_equal(again->parts[RECORD_DMESG].state, RECORD_COMPLETE);
		// Only the newline behind the last brace may be missing.
		if (cut < size - 1) {
			assert_non_null(strstr(again->meta_reason, "meta.json"));
			assert_string_equal(again->crash.title, "");
			assert_string_equal(again->parts[RECORD_DMESG].checksum, "");
		} else {
			assert_string_equal(again->meta_reason, "");
			assert_string_equal(again->crash.title, "title");
			assert_string_equal(again->crash.signature, "v2-0123");
		}
		record_close(again);
	}
	record_close(record);
}

static void test_meta_flipped(void **state)
{
	_cleanup_free char *json = NULL;
	size_t size, good = 0, bad = 0;
	struct record *record = create_full(*state, &json, &size);

	for (size_t i = 0; i < size; i++) {
		struct record *again;

		for (int bit = 0; bit < 8; bit++) {
			struct meta meta = { 0 };

			json[i] = (char)(json[i] ^ 1 << bit);
			if (meta_parse(json, size, &meta, NULL) == 0)
				good++;
			else
				bad++;
			json[i] = (char)(json[i] ^ 1 << bit);
		}
		json[i] ^= 0x20;
		put_bytes(record, json, size);
		json[i] ^= 0x20;
		again = open_record(record->path);
		check_files(again);
		record_close(again);
	}
	assert_true(good > 100); // in texts and numbers
	assert_true(bad > 100);	 // in structure
	record_close(record);
}

static void test_meta_hostile(void **state)
{
#define META(parts) \
	"{\"schema_version\":1,\"crash\":{\"title\":\"t\"},\"parts\":" parts "}"
	static const struct {
		const char *json, *reason; /* NULL: it is taken */
	} cases[] = {
		{ META("{}"), NULL },
		{ META("{\"dmesg\":{\"state\":\"complete\",\"file\":\"../x\","
		       "\"size_bytes\":10}}"),
		  NULL },
		{ META("{\"report\":{\"state\":\"complete\",\"file\":\"../x\","
		       "\"size_bytes\":1}}"),
		  NULL },
		{ META("{\"../x\":{\"state\":\"complete\"},\"later\":[1]}"), NULL },
		{ META("{\"dmesg\":{}}"), "state" },
		{ META("{\"dmesg\":{\"state\":\"whole\"}}"), "'whole'" },
		{ META("{\"dmesg\":{\"state\":1}}"), "not a string" },
		{ META("{\"dmesg\":[]}"), "not an object" },
		{ META("{\"dmesg\":{\"state\":\"complete\",\"size_bytes\":-1}}"),
		  "between" },
		{ META("{\"dmesg\":{\"state\":\"complete\",\"size_bytes\":1.5}}"),
		  "whole" },
		{ META("{\"dmesg\":{\"state\":\"complete\",\"size_bytes\":"
		       "99999999999999999999}}"),
		  "big integer" },
		{ META("{\"dump\":{\"state\":\"absent\",\"contents\":{\"later\":1}}}"),
		  NULL },
		{ META("{\"dump\":{\"state\":\"absent\",\"contents\":[]}}"),
		  "'contents' is not an object" },
		{ META("{\"dump\":{\"state\":\"absent\",\"contents\":{\"proof\":1}}}"),
		  "'proof' is not a string" },
		{ META("{\"dump\":{\"state\":\"absent\",\"contents\":{\"pages\":"
		       "{\"core\":-1}}}}"),
		  "between" },
		{ META("[]"), "'parts' is not an object" },
		{ "{\"schema_version\":1,\"crash\":7}", "'crash' is not" },
		{ "{\"schema_version\":1,\"crash\":{\"host\":[]}}", "'host' is not" },
		{ "{\"schema_version\":1,\"crash\":{\"host\":null}}", "'host' is not" },
		{ "{\"schema_version\":2}", "later version" },
		{ "{\"schema_version\":\"1\"}", "whole number" },
		{ "{}", "schema_version" },
		{ "[]", "not a JSON object" },
		{ "", "line 1" },
		{ "\xff\xfe", "line 1" },
	};
	_cleanup_free char *json = NULL;
	size_t size;
	struct fixture *f = *state;
	struct record *record = create_full(f, &json, &size);

	put_file(f->archive, "x", "secret");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record *again;

		put_bytes(record, cases[i].json, strlen(cases[i].json));
		again = open_record(record->path);
		check_files(again);
		if (!cases[i].reason)
			assert_string_equal(again->meta_reason, "");
		else if (!strstr(again->meta_reason, cases[i].reason))
			fail_msg("'%s': %s", cases[i].json, again->meta_reason);
		assert_string_equal(again->crash.title, cases[i].reason ? "" : "t");
		record_close(again);
	}
	record_close(record);
}

static void test_meta_odd_files(void **state)
{
	struct fixture *f = *state;
	_cleanup_free char *json = NULL;
	size_t size;
	struct record *record = create_full(f, &json, &size), *again;
	int fd;

	assert_int_equal(unlinkat(record->dirfd, "meta.json", 0), 0);
	put_file(f->archive, "meta", json);
	assert_int_equal(symlinkat("../meta", record->dirfd, "meta.json"), 0);
	again = open_record(record->path);
	assert_string_not_equal(again->meta_reason, "");
	check_files(again);
	record_close(again);

	assert_int_equal(unlinkat(record->dirfd, "meta.json", 0), 0);
	assert_int_equal(mkfifoat(record->dirfd, "meta.json", 0600), 0);
	again = open_record(record->path); // and does not hang
	assert_non_null(strstr(again->meta_reason, "regular"));
	record_close(again);

	assert_int_equal(unlinkat(record->dirfd, "meta.json", 0), 0);
	fd = openat(record->dirfd, "meta.json", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	again = open_record(record->path);
	assert_non_null(strstr(again->meta_reason, "larger"));
	record_close(again);
	record_close(record);
}

/* ---- killed or failed at each step ---- */

static const char *const contents[RECORD_PART_COUNT] = {
	[RECORD_DMESG] = "the last words of a kernel\n",
	[RECORD_REPORT_TEXT] = "it was the butler\n",
	[RECORD_REPORT_JSON] = "{}\n",
	[RECORD_MINI] = "mini",
	[RECORD_DUMP] = "all of its memory",
	[RECORD_LOG] = "what we did\n",
};

/* A whole capture that goes on as far as it can. @ret may be NULL. */
static void capture(const char *archive, struct record **ret)
{
	struct record *record = NULL;
	int fd;

	if (record_create(archive, WHEN, &record, NULL) < 0)
		return;
	if (record_part_begin(record, RECORD_DMESG, &fd, NULL) == 0) {
		const char *data = contents[RECORD_DMESG];

		if (fd_write_full(fd, data, strlen(data), NULL) == 0)
			record_part_publish(record, RECORD_DMESG, RECORD_COMPLETE, "", 1,
					    NULL);
		else
			record_part_abandon(record, RECORD_DMESG, "disk", 1, NULL);
	}
	snprintf(record->crash.title, sizeof(record->crash.title), "title");
	record_save_meta(record, NULL);
	record_part_write(record, RECORD_REPORT_TEXT, contents[RECORD_REPORT_TEXT],
			  strlen(contents[RECORD_REPORT_TEXT]), 2, NULL);
	if (record_part_begin(record, RECORD_MINI, &fd, NULL) == 0)
		record_part_abandon(record, RECORD_MINI, "not today", 3, NULL);
	if (record_part_begin(record, RECORD_DUMP, &fd, NULL) == 0) {
		fd_write_full(fd, contents[RECORD_DUMP], 6, NULL);
		record_part_publish(record, RECORD_DUMP, RECORD_PARTIAL, "too slow", 4,
				    NULL);
	}
	record_part_write(record, RECORD_LOG, contents[RECORD_LOG],
			  strlen(contents[RECORD_LOG]), 5, NULL);
	if (ret)
		*ret = record;
	else
		record_close(record);
}

/* What @record says of @part is so. */
static void check_part(const struct record *record, enum record_part part)
{
	const struct record_part_meta *meta = &record->parts[part];
	const char *expected = contents[part];
	_cleanup_free char *data = NULL;
	size_t size = 0;

	if (meta->state == RECORD_ABSENT) {
		struct part_found found;

		part_look(record->dirfd, part, STAMP, &found);
		assert_string_equal(found.file, "");
		assert_int_equal(meta->size_bytes, 0);
		return;
	}
	assert_int_equal(file_read(record->dirfd, meta->file, 1000, &data, &size, NULL),
			 0);
	assert_int_equal(size, meta->size_bytes);
	assert_memory_equal(data, expected, size);
	if (meta->state == RECORD_COMPLETE) {
		assert_int_equal(size, strlen(expected));
		assert_string_equal(meta->reason, "");
	} else {
		assert_string_not_equal(meta->reason, "");
	}
}

/* meta.json itself never claims more than what lies there. */
static void check_claims(const struct record *record)
{
	struct meta meta;

	if (meta_read(record->dirfd, &meta, NULL) < 0)
		return;
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		assert_true(meta.parts[i].state <= record->parts[i].state);
		assert_true(meta.parts[i].size_bytes <= record->parts[i].size_bytes);
	}
}

/* The number of whole parts, or -1 if there is nothing yet. */
static int check_truth(const char *archive)
{
	struct record *record = NULL;
	char path[PATH_MAX];
	int complete = 0;

	make_path(path, sizeof(path), archive, STAMP);
	if (record_open(path, &record, NULL) < 0) {
		make_path(path, sizeof(path), archive, STAMP "/dmesg." STAMP ".partial");
		assert_int_equal(access(path, F_OK), -1);
		return -1;
	}
	check_claims(record);
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		int r;

		check_part(record, (enum record_part)i);
		if (record->parts[i].state != RECORD_COMPLETE)
			continue;
		complete++;
		r = record_part_verify(record, (enum record_part)i, NULL);
		assert_true(r == 0 || r == ERR_NOTFOUND);
	}
	record_close(record);
	return complete;
}

static void test_killed_at_each_step(void **state)
{
	struct fixture *f = *state;
	int steps, before = -1;

	for (steps = 1; steps < 1000; steps++) {
		int status = -1, complete;
		pid_t child;

		snprintf(f->archive, sizeof(f->archive), "%s/kill%d", f->top, steps);
		child = fork();
		if (child == 0) {
			trap.at = steps;
			trap.kills = true;
			capture(f->archive, NULL);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		complete = check_truth(f->archive);
		assert_true(complete >= before); // what is whole stays whole
		before = complete;
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 42);
	}
	assert_int_equal(before, 3);
	assert_in_range(steps, 40, 200);
}

static void test_failed_at_each_step(void **state)
{
	struct fixture *f = *state;
	int steps, errors[] = { ENOSPC, EIO };

	for (steps = 1; steps < 400; steps++) {
		struct record *record = NULL;

		snprintf(f->archive, sizeof(f->archive), "%s/fail%d", f->top, steps);
		memset(&trap, 0, sizeof(trap));
		trap.at = steps;
		trap.error = errors[steps % 2];
		capture(f->archive, &record);
		trap.at = 0;
		if (record) {
			// One failed call costs one part, at most, and both tell the
			// truth.
			for (int i = 0; i < RECORD_PART_COUNT; i++)
				check_part(record, (enum record_part)i);
			assert_true(check_truth(f->archive) >= 2);
		}
		record_close(record);
		if (!trap.happened)
			break;
	}
	assert_in_range(steps, 40, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_contents),
		TEST(test_names_and_modes),
		TEST(test_same_minute),
		TEST(test_odd_clocks),
		TEST(test_hostile_text),
		TEST(test_clean_cuts_at_characters),
		TEST(test_part_order),
		TEST(test_partial_then_complete),
		TEST(test_part_open),
		TEST(test_checksum),
		TEST(test_checksum_of_large),
		TEST(test_disk_decides),
		TEST(test_without_meta),
		TEST(test_foreign),
		TEST(test_not_ours),
		TEST(test_open_by_other_paths),
		TEST(test_meta_cut),
		TEST(test_meta_flipped),
		TEST(test_meta_hostile),
		TEST(test_meta_odd_files),
		TEST(test_killed_at_each_step),
		TEST(test_failed_at_each_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
