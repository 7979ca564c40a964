// SPDX-License-Identifier: GPL-2.0-or-later
/* A crash on a partition without a file system: both slots, cut writes, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/raw.h"

#define PARTITION_BYTES ((off_t)2 << 20)

struct fixture {
	char path[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fd;

	assert_non_null(f);
	snprintf(f->path, sizeof(f->path), "/tmp/test-raw.XXXXXX");
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PARTITION_BYTES), 0);
	close(fd);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	free(f);
	return 0;
}

static int part_fd(const char *text)
{
	char path[] = "/tmp/test-raw-part.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(fd_write_full(fd, text, strlen(text), NULL), 0);
	return fd;
}

static void put(struct raw *raw, uint32_t part, const char *text)
{
	_cleanup_fd int fd = part_fd(text);

	assert_int_equal(raw_copy_in(raw, part, RECORD_COMPLETE, fd, NULL), 0);
}

static void expect(const struct raw *raw, uint32_t part, const char *text)
{
	_cleanup_fd int fd = part_fd("");
	char found[64] = "";

	assert_non_null(raw_find(raw, part));
	assert_int_equal(raw_copy_out(raw, raw_find(raw, part), fd, NULL), 0);
	assert_true(pread(fd, found, sizeof(found) - 1, 0) >= 0);
	assert_string_equal(found, text);
}

static void make(const struct fixture *f, struct raw *raw)
{
	bool is_empty = false;

	assert_int_equal(raw_open(f->path, true, raw, NULL), ERR_NOTFOUND);
	assert_int_equal(raw_is_empty(raw, &is_empty, NULL), 0);
	assert_true(is_empty);
	assert_int_equal(raw_make(raw, NULL), 0);
}

static void test_round_trip(void **state)
{
	const struct fixture *f = *state;
	_cleanup_raw struct raw raw = { .fd = -1 }, again = { .fd = -1 };

	make(f, &raw);
	assert_int_equal(strlen(raw.header.uuid), 36);
	assert_int_equal(raw_set_stamp(&raw, "202611230042", NULL), 0);
	put(&raw, RECORD_DMESG, "hello");
	put(&raw, RAW_META, "{}");
	put(&raw, RAW_META, "{\"later\":1}");
	assert_int_equal(raw_open(f->path, false, &again, NULL), 0);
	assert_memory_equal(&again.header, &raw.header, sizeof(raw.header));
	assert_string_equal(again.header.stamp, "202611230042");
	assert_int_equal(again.header.part_count, 2);
	expect(&again, RECORD_DMESG, "hello");
	expect(&again, RAW_META, "{\"later\":1}");
	assert_null(raw_find(&again, RECORD_DUMP));
}

/* Whatever becomes of the newer slot, the header of before is there. */
static void test_power_cut(void **state)
{
	const struct fixture *f = *state;
	_cleanup_raw struct raw raw = { .fd = -1 };
	uint8_t slot[RAW_SLOT_SIZE], cut[RAW_SLOT_SIZE] = { 0 };
	uint64_t newer;

	make(f, &raw);
	assert_int_equal(raw_set_stamp(&raw, "202611230042", NULL), 0);
	put(&raw, RECORD_DMESG, "one");
	put(&raw, RECORD_REPORT_TEXT, "two");
	newer = raw.header.sequence % 2 * RAW_SLOT_SIZE;
	assert_int_equal(fd_pread_full(raw.fd, slot, sizeof(slot), newer, NULL), 0);
	for (size_t size = 0; size < sizeof(slot); size += 512) {
		_cleanup_raw struct raw again = { .fd = -1 };

		memset(cut, 0xaa, sizeof(cut));
		memcpy(cut, slot, size);
		assert_int_equal(fd_pwrite_full(raw.fd, cut, sizeof(cut), newer, NULL),
				 0);
		assert_int_equal(raw_open(f->path, false, &again, NULL), 0);
		assert_int_equal(again.header.part_count, 1);
		expect(&again, RECORD_DMESG, "one");
	}
}

static void test_what_is_not_ours(void **state)
{
	const struct fixture *f = *state;
	_cleanup_raw struct raw raw = { .fd = -1 };
	bool is_empty = true;

	assert_int_equal(raw_open(f->path, true, &raw, NULL), ERR_NOTFOUND);
	assert_int_equal(fd_pwrite_full(raw.fd, "x", 1, PARTITION_BYTES - 1, NULL), 0);
	assert_int_equal(raw_is_empty(&raw, &is_empty, NULL), 0);
	assert_false(is_empty);
}

static void test_full(void **state)
{
	const struct fixture *f = *state;
	_cleanup_raw struct raw raw = { .fd = -1 };
	uint64_t offset;
	struct err err = { 0 };

	make(f, &raw);
	assert_int_equal(raw_publish(&raw, RECORD_DUMP, RECORD_PARTIAL, RAW_PARTS_START,
				     (uint64_t)PARTITION_BYTES - RAW_PARTS_START, NULL),
			 0);
	assert_int_equal(raw_seek_end(&raw, &offset, &err), ERR_LIMIT);
}

static void test_changed_part(void **state)
{
	const struct fixture *f = *state;
	_cleanup_raw struct raw raw = { .fd = -1 };
	_cleanup_fd int out = part_fd("");

	make(f, &raw);
	put(&raw, RECORD_DMESG, "hello");
	assert_int_equal(fd_pwrite_full(raw.fd, "j", 1, raw.header.parts[0].offset, NULL),
			 0);
	assert_int_equal(raw_copy_out(&raw, &raw.header.parts[0], out, NULL),
			 ERR_CORRUPT);
}

/* A header as bytes: cut anywhere, and each byte changed. */
static void test_header_is_hostile(void **state)
{
	struct raw_header header = { .uuid = "01020304-0506-0708-090a-0b0c0d0e0f10",
				     .sequence = 7,
				     .stamp = "202611230042",
				     .part_count = 1,
				     .parts = { { RECORD_DUMP, RECORD_PARTIAL,
						  RAW_PARTS_START, 100, 5 } } },
			  again;
	uint8_t slot[RAW_SLOT_SIZE];

	raw_header_encode(&header, slot);
	assert_int_equal(raw_header_decode(slot, sizeof(slot), 1 << 20, &again, NULL), 0);
	assert_memory_equal(&again, &header, sizeof(header));
	for (size_t size = 0; size < sizeof(slot); size++)
		assert_true(raw_header_decode(slot, size, 1 << 20, &again, NULL) < 0);
	for (size_t i = 0; i < sizeof(slot); i++) {
		slot[i] ^= 0x40;
		assert_true(raw_header_decode(slot, sizeof(slot), 1 << 20, &again, NULL) <
			    0);
		slot[i] ^= 0x40;
	}
	// Whole, but it makes no sense.
	assert_int_equal(raw_header_decode(slot, sizeof(slot), 4096, &again, NULL),
			 ERR_CORRUPT);
	header.parts[0].offset = UINT64_MAX - 4095;
	raw_header_encode(&header, slot);
	assert_int_equal(raw_header_decode(slot, sizeof(slot), 1 << 20, &again, NULL),
			 ERR_CORRUPT);
	header.parts[0].offset = RAW_PARTS_START;
	strcpy(header.stamp, "../etc");
	raw_header_encode(&header, slot);
	assert_int_equal(raw_header_decode(slot, sizeof(slot), 1 << 20, &again, NULL),
			 ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),	     TEST(test_power_cut),
		TEST(test_what_is_not_ours), TEST(test_full),
		TEST(test_changed_part),     TEST(test_header_is_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
