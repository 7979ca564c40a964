// SPDX-License-Identifier: GPL-2.0-or-later
/* A record as one file: written, read back with libarchive, each sum made again. */
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

#include <archive.h>
#include <archive_entry.h>
#include <nettle/sha2.h>
#include <nettle/version.h>

#include "archive/bundle.h"
#include "base/fd.h"
#include "fake_tree.h"

#define STAMP "202611230042"
#define WHEN  ((time_t)1795394520) /* 2026-11-23 00:42 UTC */

struct fixture {
	char top[64];
	char path[128]; /* of the file */
	struct record *record;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char path[PATH_MAX];

	snprintf(f->top, sizeof(f->top), "/tmp/epitaph-bundle-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->path, sizeof(f->path), "%s/out.tar.zst", f->top);
	setenv("TZ", "UTC", 1);
	tzset();
	snprintf(path, sizeof(path), "%s/crash", f->top);
	assert_int_equal(record_create(path, WHEN, &f->record, NULL), 0);
	for (int part = 0; part < RECORD_PART_COUNT; part++) {
		const char *data = record_part_key((enum record_part)part);

		if (part != RECORD_MINI)
			assert_int_equal(record_part_write(f->record,
							   (enum record_part)part, data,
							   strlen(data), 0, NULL),
					 0);
	}
	fake_text(f->record->path, "pstore/dmesg-ramoops-0", "raw");
	fake_text(f->record->path, "notes of somebody", "private");
	fake_text(f->record->path, "pstore/x\n0000  meta.json",
		  "a line of its own in the sums");
	fake_link(f->record->path, "pstore/dmesg-ramoops-1", "/etc/passwd");
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

	record_close(f->record);
	nftw(f->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* The names in it, in order; checks each but the last against the sums, which it is. */
static void check_file(const char *path, const char *expected)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	char names[1024] = "", sums[4096] = "", content[4096];

	archive_read_support_filter_zstd(archive);
	archive_read_support_format_tar(archive);
	assert_int_equal(archive_read_open_filename(archive, path, 10240), ARCHIVE_OK);
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		const char *prefix = "epitaph-" STAMP "/";
		const char *name = archive_entry_pathname(entry);
		la_ssize_t size =
			archive_read_data(archive, content, sizeof(content) - 1);
		uint8_t digest[SHA256_DIGEST_SIZE];
		struct sha256_ctx hash;
		size_t used = strlen(sums);

		assert_true(size >= 0);
		content[size] = '\0';
		assert_memory_equal(name, prefix, strlen(prefix));
		name += strlen(prefix);
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
			 name);
		assert_int_equal(archive_entry_perm(entry), 0600);
		sha256_init(&hash);
		sha256_update(&hash, (size_t)size, (const uint8_t *)content);
#if NETTLE_VERSION_MAJOR >= 4
		sha256_digest(&hash, digest);
#else
		sha256_digest(&hash, sizeof(digest), digest);
#endif
		if (strcmp(name, BUNDLE_SUMS) == 0)
			continue;
		for (size_t i = 0; i < sizeof(digest); i++, used += 2)
			snprintf(sums + used, sizeof(sums) - used, "%02x", digest[i]);
		snprintf(sums + used, sizeof(sums) - used, "  %s\n", name);
	}
	assert_string_equal(names, expected);
	assert_string_equal(content, sums);
	archive_read_free(archive);
}

static void test_without_dump(void **state)
{
	struct fixture *f = *state;
	struct bundle_result result = { 0 };
	struct stat st;

	assert_int_equal(bundle_write(f->record, f->path, false, &result, NULL), 0);
	assert_int_equal(result.file_count, 6);
	assert_true(result.left_dump);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, result.size_bytes);
	check_file(f->path, "meta.json dmesg." STAMP " report.txt report.json log "
			    "pstore/dmesg-ramoops-0 " BUNDLE_SUMS " ");
}

static void test_with_dump(void **state)
{
	struct fixture *f = *state;
	struct bundle_result result = { 0 };

	assert_int_equal(bundle_write(f->record, f->path, true, &result, NULL), 0);
	assert_int_equal(result.file_count, 7);
	assert_false(result.left_dump);
	check_file(f->path, "meta.json dmesg." STAMP " report.txt report.json dump." STAMP
			    " log pstore/dmesg-ramoops-0 " BUNDLE_SUMS " ");
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct bundle_result result = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX], old[8] = "";
	int fd;

	fake_text(f->top, "out.tar.zst", "mine");
	assert_int_equal(bundle_write(f->record, f->path, false, &result, &err),
			 ERR_REFUSED);
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, old, sizeof(old)), 4);
	assert_string_equal(old, "mine");
	close(fd);
	assert_int_equal(bundle_write(f->record, "/nonexistent/x.tar.zst", false, &result,
				      &err),
			 ERR_OS);
	// What can't be read is no bundle, and leaves none.
	snprintf(path, sizeof(path), "%s/log", f->record->path);
	assert_int_equal(unlink(path), 0);
	unlink(f->path);
	assert_true(bundle_write(f->record, f->path, false, &result, &err) < 0);
	assert_int_equal(access(f->path, F_OK), -1);
	snprintf(path, sizeof(path), "%s.partial", f->path);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_without_dump),
		TEST(test_with_dump),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
