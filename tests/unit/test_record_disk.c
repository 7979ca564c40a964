// SPDX-License-Identifier: GPL-2.0-or-later
/* Records as they lie on a disk: what files say against meta.json, other tools' ones, and
 * meta.json cut, turned and made up. */
#include "record_fixture.h"

#include "record/meta.h"
#include "record/part.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_disk_decides),
		TEST(test_without_meta),
		TEST(test_foreign),
		TEST(test_not_ours),
		TEST(test_open_by_other_paths),
		TEST(test_meta_cut),
		TEST(test_meta_flipped),
		TEST(test_meta_hostile),
		TEST(test_meta_odd_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
