// SPDX-License-Identifier: GPL-2.0-or-later
/* Records made and read again: names, modes, parts, checksums. */
#include "record_fixture.h"

#include <xxhash.h>

#include "record/field.h"
#include "record/meta.h"
#include "record/part.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_contents),
		TEST(test_round_trip),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
