// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * image, flattened: a dump cut into records in any order, with holes and overlaps, is the
 * dump that it was made of; then cut at every byte and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "fake_image.h"
#include "image/image_file.h"
#include "image/image_flat.h"
#include "made_dump.h"

#define HEADER_SIZE 4096

static void flat_u64(struct text *t, uint64_t value)
{
	value = __builtin_bswap64(value);
	text_add_bytes(t, &value, sizeof(value));
}

static void flat_begin(struct text *t)
{
	static const char zeros[HEADER_SIZE];

	text_add_bytes(t, "makedumpfile\0\0\0\0", 16);
	flat_u64(t, 1);
	flat_u64(t, 1);
	text_add_bytes(t, zeros, HEADER_SIZE - t->size);
}

static void flat_record(struct text *t, uint64_t offset, const void *data, uint64_t size)
{
	flat_u64(t, offset);
	flat_u64(t, size);
	text_add_bytes(t, data, size);
}

static void flat_end(struct text *t)
{
	flat_u64(t, UINT64_MAX);
	flat_u64(t, UINT64_MAX);
	assert_false(t->failed);
}

/* --- the file inside --------------------------------------------------------------- */

static void open_flat(const struct text *t, struct image_file *file)
{
	char path[MADE_PATH_SIZE];
	struct err err = { 0 };
	int fd = made_file(t->data, t->size, path);

	assert_int_equal(image_file_open(file, path, &err), 0);
	close(fd);
	if (image_file_unflatten(file, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void assert_inside(struct image_file *file, const char *expected, size_t size)
{
	char bytes[256];

	assert_int_equal(file->size, size);
	for (size_t from = 0; from < size; from++)
		for (size_t to = from; to <= size; to++) {
			assert_int_equal(
				image_file_read(file, from, bytes, to - from, NULL), 0);
			assert_memory_equal(bytes, expected + from, to - from);
		}
	assert_int_equal(image_file_read(file, size, bytes, 1, NULL), ERR_TRUNCATED);
}

static void order_and_overlaps(void **state)
{
	_cleanup_text struct text t = { 0 };
	struct image_file file;

	flat_begin(&t);
	flat_record(&t, 10, "aaaaaaaaaa", 10); // 10..20
	flat_record(&t, 4, "bbbb", 4);	       // 4..8, before the first
	flat_record(&t, 12, "cccc", 4);	       // inside the first
	flat_record(&t, 13, "", 0);
	flat_record(&t, 14, "dddddddd", 8); // over its end, and over c
	flat_record(&t, 10, "ee", 2);	    // same start
	flat_record(&t, 21, "f", 1);	    // same end
	flat_end(&t);
	open_flat(&t, &file);
	assert_null(image_flat_broken_why(file.flat));
	assert_inside(&file, "\0\0\0\0bbbb\0\0eeccdddddddf", 22);
	assert_int_equal(image_file_next_data(&file, 0), 4);
	assert_int_equal(image_file_next_data(&file, 5), 5);
	assert_int_equal(image_file_next_data(&file, 9), 10);
	assert_int_equal(image_file_next_data(&file, 22), 22);
	image_file_close(&file);
}

/* One under all others, and the other way round. */
static void covered(void **state)
{
	_cleanup_text struct text t = { 0 }, u = { 0 };
	struct image_file file;

	flat_begin(&t);
	flat_record(&t, 0, "aaaaaaaa", 8);
	for (uint64_t i = 0; i < 8; i += 2)
		flat_record(&t, i, "b", 1);
	flat_end(&t);
	open_flat(&t, &file);
	assert_inside(&file, "babababa", 8);
	image_file_close(&file);

	flat_begin(&u);
	for (uint64_t i = 0; i < 8; i += 2)
		flat_record(&u, i, "b", 1);
	flat_record(&u, 0, "aaaaaaaa", 8);
	flat_end(&u);
	open_flat(&u, &file);
	assert_inside(&file, "aaaaaaaa", 8);
	image_file_close(&file);
}

/* Pieces of all sizes all over, against writing them one after the other. */
static void as_if_written(void **state)
{
	for (uint32_t seed = 1; seed < 200; seed++) {
		_cleanup_text struct text t = { 0 };
		char expected[200] = { 0 }, piece[64];
		struct image_file file;
		uint32_t random = seed;
		size_t end = 0;

		flat_begin(&t);
		for (int i = 0; i < 40; i++) {
			size_t offset, size;

			random = random * 1103515245 + 12345;
			size = 1 + (random >> 8) % (i % 4 ? 9 : 60);
			offset = (random >> 16) % (sizeof(expected) - size);
			memset(piece, 1 + i, size);
			memcpy(expected + offset, piece, size);
			flat_record(&t, offset, piece, size);
			end = MAX(end, offset + size);
		}
		flat_end(&t);
		open_flat(&t, &file);
		assert_inside(&file, expected, end);
		image_file_close(&file);
	}
}

/* --- a dump inside ----------------------------------------------------------------- */

static const struct page few_pages[] = {
	{ .pfn = 1, .codec = ZSTD },
	{ .pfn = 2, .is_left_out = true },
	{ .pfn = 3, .codec = ZLIB },
	{ .pfn = 4, .codec = LZO },
};
static const uint64_t kept_pages[] = { 1, 3, 4 };

/*
 * As makedumpfile: header, notes, sub header, bitmaps, then descriptors and pages in
 * turns. Zeros between them are left out.
 */
static void make_flat(struct text *ret)
{
	struct made_dump m = { .version = 6,
			       .page_size = PAGE,
			       .max_pfn = 10,
			       .pages = few_pages,
			       .page_count = ARRAY_SIZE(few_pages) };
	uint64_t data, notes = PAGE + 104;

	made_dump_bytes(&m);
	data = m.descs + 24 * ARRAY_SIZE(kept_pages);
	flat_begin(ret);
	flat_record(ret, 0, m.bytes.data, 464);
	flat_record(ret, notes, m.bytes.data + notes,
		    sizeof(sample_notes) + strlen(VMCOREINFO_TEXT));
	flat_record(ret, PAGE, m.bytes.data + PAGE, 104);
	flat_record(ret, m.bitmap1, m.bytes.data + m.bitmap1, 2);
	flat_record(ret, m.bitmap1 + PAGE, m.bytes.data + m.bitmap1 + PAGE, 2);
	for (size_t i = 0; i < ARRAY_SIZE(kept_pages); i++) {
		uint64_t offset = load_le64((uint8_t *)m.bytes.data + m.descs + 24 * i);
		uint64_t size = load_le32((uint8_t *)m.bytes.data + m.descs + 24 * i + 8);

		assert_true(offset >= data);
		flat_record(ret, m.descs + 24 * i, m.bytes.data + m.descs + 24 * i, 24);
		flat_record(ret, offset, m.bytes.data + offset, size);
	}
	flat_record(ret, PAGE, m.bytes.data + PAGE, 104); // again
	flat_end(ret);
	text_done(&m.bytes);
}

static struct image *open_bytes(const struct text *t)
{
	struct image *image = NULL;
	struct err err = { 0 };

	if (made_open(t->data, t->size, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

static void kdump_inside(void **state)
{
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;
	size_t size;

	make_flat(&t);
	image = open_bytes(&t);
	assert_true(image_info(image)->is_flattened);
	assert_int_equal(image_info(image)->format, IMAGE_FORMAT_DISKDUMP);
	assert_int_equal(image_info(image)->file_size, t.size);
	assert_false(image_info(image)->is_incomplete);
	for (size_t i = 0; i < ARRAY_SIZE(kept_pages); i++)
		assert_page(image, kept_pages[i], PAGE);
	assert_int_equal(read_code(image, 2 * PAGE, 1), ERR_FILTERED);
	assert_non_null(image_vmcoreinfo(image, &size));
	assert_int_equal(size, strlen(VMCOREINFO_TEXT));
}

/* Records of 100 bytes, the last ones first; and what was zero is a hole. */
static void elf_inside(void **state)
{
	struct fake_image f = { 0 };
	_cleanup_text struct text t = { 0 };
	_cleanup_image struct image *image = NULL;
	_cleanup_free uint8_t *inner = NULL;
	char path[64];
	uint64_t value = 0;
	long size;
	FILE *file;

	fake_ram(&f, 0x100000, 0x40000);
	fake_store(fake_phys(&f, 0x100ff8, 8), 0x1122334455667788, 8);
	fake_store(fake_phys(&f, 0x13fff8, 8), 42, 8);
	fake_write(&f, path);
	file = fopen(path, "r");
	assert_non_null(file);
	unlink(path);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	inner = malloc((size_t)size);
	assert_int_equal(fread(inner, 1, (size_t)size, file), size);
	fclose(file);
	flat_begin(&t);
	for (long i = size / 100 * 100; i >= 0; i -= 100) {
		size_t part = (size_t)MIN(size - i, 100);
		bool is_zero = true;

		for (size_t k = 0; k < part; k++)
			is_zero = is_zero && inner[(size_t)i + k] == 0;
		if (!is_zero)
			flat_record(&t, (uint64_t)i, inner + i, part);
	}
	flat_end(&t);
	image = open_bytes(&t);
	assert_int_equal(image_info(image)->format, IMAGE_FORMAT_ELF);
	assert_int_equal(image_read(image, 0x100ff8, &value, 8, NULL), 0);
	assert_true(value == 0x1122334455667788);
	assert_int_equal(image_read(image, 0x13fff8, &value, 8, NULL), 0);
	assert_int_equal(value, 42);
	assert_int_equal(image_read(image, 0x120000, &value, 8, NULL), 0);
	assert_int_equal(value, 0);
	assert_true(image_next_data(image, 0x120000) > 0x13ff00);
	assert_false(image_info(image)->is_incomplete);
	fake_done(&f);
}

/* --- cut and damaged --------------------------------------------------------------- */

static void assert_right_or_lost(struct image *image, uint64_t pfn)
{
	uint8_t bytes[PAGE], expected[PAGE];
	int r = image_read(image, pfn * PAGE, bytes, PAGE, NULL);

	if (r == 0) {
		fill_page(expected, pfn, PAGE);
		assert_memory_equal(bytes, expected, PAGE);
	} else {
		assert_int_equal(r, ERR_TRUNCATED);
	}
}

static void cut_at_every_byte(void **state)
{
	_cleanup_text struct text t = { 0 };
	size_t opened = 0;

	make_flat(&t);
	for (size_t size = 16; size < t.size; size++) {
		struct image *image = NULL;
		int r = made_open(t.data, size, &image, NULL);

		if (r < 0) {
			assert_true(r == ERR_TRUNCATED ||
				    (r == ERR_UNSUPPORTED && size < HEADER_SIZE + 24));
			assert_int_equal(opened, 0);
			continue;
		}
		opened++;
		assert_true(image_info(image)->is_incomplete);
		assert_non_null(strstr(image_info(image)->incomplete_why, "end mark"));
		for (size_t i = 0; i < ARRAY_SIZE(kept_pages); i++)
			assert_right_or_lost(image, kept_pages[i]);
		if (size > t.size - 16 - 120) // all but what is there twice
			for (size_t i = 0; i < ARRAY_SIZE(kept_pages); i++)
				assert_page(image, kept_pages[i], PAGE);
		image_close(image);
	}
	assert_true(opened > 1000);
}

static void every_byte_damaged(void **state)
{
	_cleanup_text struct text t = { 0 };

	make_flat(&t);
	for (size_t i = 0; i < t.size; i = i == 32 ? HEADER_SIZE : i + 1) {
		struct image *image;

		t.data[i] = (char)(t.data[i] ^ 1 << i % 8);
		if (made_open(t.data, t.size, &image, NULL) == 0) {
			for (uint64_t pfn = 0; pfn < 12; pfn++)
				read_code(image, pfn * PAGE + 1, 8);
			image_close(image);
		}
		t.data[i] = (char)(t.data[i] ^ 1 << i % 8);
	}
}

static void assert_refused(const struct text *t, int code, const char *word)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(made_open(t->data, t->size, &image, &err), code);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

static void refused(void **state)
{
	_cleanup_text struct text empty = { 0 }, stranger = { 0 }, nested = { 0 };

	flat_begin(&empty);
	assert_refused(&empty, ERR_TRUNCATED, "nothing inside");
	flat_end(&empty);
	assert_refused(&empty, ERR_TRUNCATED, "nothing inside");
	empty.data[23] = 2;
	assert_refused(&empty, ERR_UNSUPPORTED, "type 2");
	flat_begin(&stranger);
	flat_record(&stranger, 0, "root:x:0:0", 10);
	flat_end(&stranger);
	assert_refused(&stranger, ERR_UNSUPPORTED, "no dump");
	empty.data[23] = 1;
	flat_begin(&nested);
	flat_record(&nested, 0, empty.data, empty.size);
	flat_end(&nested);
	assert_refused(&nested, ERR_UNSUPPORTED, "no dump");
}

/* A record that says that it lies beyond all files: what came before it is kept. */
static void wild_records(void **state)
{
	static const uint64_t wild[][2] = { { (uint64_t)1 << 63, 4 },
					    { INT64_MAX, 1 },
					    { UINT64_MAX, 4 },
					    { 4, UINT64_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		_cleanup_text struct text t = { 0 };
		struct image_file file;

		flat_begin(&t);
		flat_record(&t, 0, "abc", 3);
		flat_u64(&t, wild[i][0]);
		flat_u64(&t, wild[i][1]);
		flat_record(&t, 3, "def", 3);
		flat_end(&t);
		open_flat(&t, &file);
		assert_non_null(image_flat_broken_why(file.flat));
		assert_inside(&file, "abc", 3);
		image_file_close(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_and_overlaps), cmocka_unit_test(covered),
		cmocka_unit_test(as_if_written),      cmocka_unit_test(kdump_inside),
		cmocka_unit_test(elf_inside),	      cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(every_byte_damaged), cmocka_unit_test(refused),
		cmocka_unit_test(wild_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
