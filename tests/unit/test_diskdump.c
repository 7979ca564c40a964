// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * image, kdump-compressed: dumps made as makedumpfile makes them, each page packed by the
 * library in question; then cut at every byte and damaged.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "made_dump.h"

/* Each page of the sample is what it should be, or fails as it should. */
static void assert_sample(struct image *image)
{
	for (size_t i = 0; i < ARRAY_SIZE(sample_pages); i++) {
		const struct page *p = &sample_pages[i];
		bool is_there = !p->is_left_out && !p->is_lost;
		uint64_t byte = 1;

		assert_int_equal(image_has_page(image, p->pfn * PAGE), is_there);
		if (p->is_left_out)
			assert_int_equal(read_code(image, p->pfn * PAGE, 1),
					 ERR_FILTERED);
		else if (p->is_lost)
			assert_int_equal(read_code(image, p->pfn * PAGE, 1),
					 ERR_TRUNCATED);
		else if (!p->is_zero)
			assert_page(image, p->pfn, PAGE);
		else
			image_read(image, p->pfn * PAGE, &byte, 8, NULL);
		assert_int_equal(byte, !p->is_zero);
	}
}

/* --- whole dumps ------------------------------------------------------------------ */

static void facts(void **state)
{
	static const uint64_t expected[][2] = {
		{ 1, 6 }, { 62, 66 }, { 4094, 4098 }, { 9999, 10000 }
	};
	struct made_dump m = sample();
	_cleanup_image struct image *image = open_made(&m);
	const struct image_info *info = image_info(image);
	const struct image_range *ranges;
	size_t count;

	assert_int_equal(info->format, IMAGE_FORMAT_DISKDUMP);
	assert_int_equal(info->machine, IMAGE_MACHINE_X86_64);
	assert_int_equal(info->page_size, PAGE);
	assert_int_equal(info->dump_level, 31);
	assert_int_equal(info->max_paddr, 10000 * PAGE);
	ranges = image_ranges(image, &count);
	assert_int_equal(count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ranges[i].paddr, expected[i][0] * PAGE);
		assert_int_equal(ranges[i].size_bytes,
				 (expected[i][1] - expected[i][0]) * PAGE);
	}
	text_done(&m.bytes);
}

static void notes(void **state)
{
	struct made_dump m = sample();
	_cleanup_image struct image *image = open_made(&m);
	const struct image_note *found;
	size_t count, size;
	const char *text;

	found = image_notes(image, &count);
	assert_int_equal(count, 2);
	assert_string_equal(found[0].name, "CORE");
	assert_memory_equal(found[0].desc, "\7\10\11", 3);
	text = image_vmcoreinfo(image, &size);
	assert_int_equal(size, strlen(VMCOREINFO_TEXT));
	assert_memory_equal(text, VMCOREINFO_TEXT, size);
	assert_memory_equal(image_notes_raw(image, &size), sample_notes,
			    sizeof(sample_notes));
	assert_int_equal(size, sizeof(sample_notes) + strlen(VMCOREINFO_TEXT));
	text_done(&m.bytes);
}

static void reads(void **state)
{
	struct made_dump m = sample();
	_cleanup_image struct image *image = open_made(&m);
	uint8_t bytes[32], expected[PAGE];

	assert_sample(image);
	assert_sample(image); // now some are in the cache
	assert_int_equal(image_read(image, 3 * PAGE - 16, bytes, 32, NULL), 0);
	fill_page(expected, 2, PAGE);
	assert_memory_equal(bytes, expected + PAGE - 16, 16);
	fill_page(expected, 3, PAGE);
	assert_memory_equal(bytes + 16, expected, 16);
	assert_int_equal(read_code(image, 5 * PAGE - 1, 2), ERR_FILTERED);
	assert_int_equal(read_code(image, 0, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 6 * PAGE, 1), ERR_FAULT);
	assert_int_equal(read_code(image, 10000 * PAGE, 1), ERR_FAULT);
	assert_int_equal(read_code(image, (uint64_t)1 << 60, 1), ERR_FAULT);
	assert_int_equal(image_next_data(image, 3 * PAGE), 3 * PAGE);
	text_done(&m.bytes);
}

/* A page that was never written, none at all, and the writer's own word. */
static void incomplete(void **state)
{
	struct made_dump m = sample(), marked = sample(), whole = sample();
	_cleanup_image struct image *image = open_made(&m), *other = NULL, *third = NULL;

	assert_true(image_info(image)->is_incomplete); // page 65 was never written
	whole.pages = sample_pages;
	whole.page_count = 5;
	other = open_made(&whole);
	assert_false(image_info(other)->is_incomplete);
	marked.page_count = 5;
	marked.status = 0x8;
	third = open_made(&marked);
	assert_true(image_info(third)->is_incomplete);
	text_done(&m.bytes);
	text_done(&marked.bytes);
	text_done(&whole.bytes);
}

static void old_versions(void **state)
{
	for (uint32_t version = 0; version <= 6; version++) {
		struct made_dump m = sample();
		_cleanup_image struct image *image = NULL;
		const char *text;
		size_t size;

		m.version = version;
		image = open_made(&m);
		assert_sample(image);
		assert_int_equal(image_info(image)->dump_level, version ? 31 : 0);
		image_notes(image, &size);
		assert_int_equal(size, version < 3 ? 0 : version == 3 ? 1 : 2);
		text = image_vmcoreinfo(image, &size);
		if (version >= 3) {
			assert_int_equal(size, strlen(VMCOREINFO_TEXT));
			assert_memory_equal(text, VMCOREINFO_TEXT, size);
		} else {
			assert_null(text);
		}
		text_done(&m.bytes);
	}
}

static void one_bitmap(void **state)
{
	struct made_dump m = sample();
	_cleanup_image struct image *image = NULL;

	m.page_count = 4;
	m.has_one_bitmap = true;
	image = open_made(&m);
	for (uint64_t pfn = 1; pfn <= 4; pfn++)
		assert_page(image, pfn, PAGE);
	assert_int_equal(read_code(image, 5 * PAGE, 1), ERR_FAULT);
	text_done(&m.bytes);
}

static void big_pages(void **state)
{
	struct made_dump m = sample();
	_cleanup_image struct image *image = NULL;

	m.page_size = PAGE_MAX;
	image = open_made(&m);
	for (size_t i = 0; i < 4; i++)
		assert_page(image, sample_pages[i].pfn, PAGE_MAX);
	assert_page(image, 9999, PAGE_MAX);
	text_done(&m.bytes);
}

struct reader {
	struct image *image;
	uint64_t first, count;
	uint64_t wrong;
};

static void *read_pages(void *context)
{
	struct reader *reader = context;
	uint8_t bytes[PAGE], expected[PAGE];

	for (uint64_t i = 0; i < reader->count * 4; i++) {
		uint64_t pfn = (reader->first + i * 31) % reader->count;

		fill_page(expected, pfn, PAGE);
		if (image_read(reader->image, pfn * PAGE, bytes, PAGE, NULL) < 0 ||
		    memcmp(bytes, expected, PAGE) != 0)
			reader->wrong++;
	}
	return NULL;
}

static void by_threads(void **state)
{
	static const uint32_t codecs[] = { 0, ZLIB, LZO, ZSTD, SNAPPY };
	struct page pages[700];
	struct made_dump m = sample();
	_cleanup_image struct image *image = NULL;
	struct reader readers[4];
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = (struct page){ .pfn = i,
					  .codec = codecs[i % ARRAY_SIZE(codecs)] };
	m.pages = pages;
	m.page_count = ARRAY_SIZE(pages);
	image = open_made(&m);
	for (size_t i = 0; i < 4; i++) {
		readers[i] = (struct reader){ image, i * 5, ARRAY_SIZE(pages), 0 };
		assert_int_equal(
			pthread_create(&threads[i], NULL, read_pages, &readers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(readers[i].wrong, 0);
	}
	text_done(&m.bytes);
}

/* --- cut and damaged -------------------------------------------------------------- */

static const struct page few_pages[] = {
	{ .pfn = 1, .codec = ZSTD },   { .pfn = 2, .is_left_out = true },
	{ .pfn = 3, .codec = ZLIB },   { .pfn = 4, .codec = LZO },
	{ .pfn = 5, .codec = SNAPPY },
};

static struct made_dump few(void)
{
	struct made_dump m = { .version = 6,
			       .page_size = PAGE,
			       .max_pfn = 10,
			       .pages = few_pages,
			       .page_count = ARRAY_SIZE(few_pages) };

	made_dump_bytes(&m);
	return m;
}

static void assert_cut(struct image *image, size_t size, const struct made_dump *m)
{
	static const uint64_t kept[] = { 1, 3, 4, 5 };

	assert_true(image_info(image)->is_incomplete);
	assert_string_not_equal(image_info(image)->incomplete_why, "");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		uint8_t bytes[PAGE], expected[PAGE];
		int r = image_read(image, kept[i] * PAGE, bytes, PAGE, NULL);

		if (r < 0) {
			assert_int_equal(r, ERR_TRUNCATED);
			continue;
		}
		fill_page(expected, kept[i], PAGE);
		assert_memory_equal(bytes, expected, PAGE);
	}
	if (size >= m->descs)
		assert_int_equal(read_code(image, 2 * PAGE, 1), ERR_FILTERED);
	assert_int_equal(read_code(image, 5 * PAGE, 1), ERR_TRUNCATED);
}

static void cut_at_every_byte(void **state)
{
	struct made_dump m = few();
	size_t headers =
		PAGE + OFF_NOTES + sizeof(sample_notes) + strlen(VMCOREINFO_TEXT);

	for (size_t size = 8; size < m.bytes.size; size++) {
		struct image *image = NULL;
		int r = made_open(m.bytes.data, size, &image, NULL);

		if (size < headers) {
			assert_int_equal(r, ERR_TRUNCATED);
			continue;
		}
		assert_int_equal(r, 0);
		assert_cut(image, size, &m);
		image_close(image);
	}
	text_done(&m.bytes);
}

static void poke_and_read(struct made_dump *m, size_t offset)
{
	for (int bit = 0; bit < 8; bit++) {
		struct image *image;

		m->bytes.data[offset] = (char)(m->bytes.data[offset] ^ 1 << bit);
		if (made_open(m->bytes.data, m->bytes.size, &image, NULL) == 0) {
			for (uint64_t pfn = 0; pfn < 12; pfn++)
				read_code(image, pfn * PAGE + 1, 8);
			image_close(image);
		}
		m->bytes.data[offset] = (char)(m->bytes.data[offset] ^ 1 << bit);
	}
}

static void every_byte_damaged(void **state)
{
	struct made_dump m = few();

	for (size_t i = 0; i < 464; i++)
		poke_and_read(&m, i);
	for (size_t i = PAGE; i < PAGE + 104 + sizeof(sample_notes); i++)
		poke_and_read(&m, i);
	for (size_t i = m.descs; i < m.bytes.size; i++)
		poke_and_read(&m, i);
	text_done(&m.bytes);
}

/* Bytes that unpack to less or more than a page, or to nothing; a wrong size or flag. */
static void pages_that_make_no_sense(void **state)
{
	static const struct {
		uint32_t desc_offset, value;
		int code;
	} damages[] = {
		{ 8, 5, ERR_CORRUPT },	      // too few bytes
		{ 8, PAGE + 1, ERR_CORRUPT }, // more than a page
		{ 12, 0, ERR_CORRUPT },	      // plain, but no whole page
		{ 12, 0x40, ERR_CORRUPT },    // no such codec
		{ 12, ZLIB | LZO, ERR_CORRUPT },
		{ 12, SNAPPY, ERR_CORRUPT },
		{ 8, UINT32_MAX, ERR_TRUNCATED },
		{ 4, 0x7fffffff, ERR_TRUNCATED },
	};
	uint8_t half[PAGE / 2] = { 1 }, packed[PAGE];
	struct made_dump m = few();
	struct image *image;
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		struct made_dump damaged = few();

		put(&damaged, damaged.bytes.size, m.bytes.data, PAGE); // room to read
		put_u32(&damaged, damaged.descs + damages[i].desc_offset,
			damages[i].value);
		image = open_made(&damaged);
		assert_int_equal(read_code(image, PAGE, 1), damages[i].code);
		assert_page(image, 3, PAGE);
		image_close(image);
		text_done(&damaged.bytes);
	}
	size = ZSTD_compress(packed, sizeof(packed), half, sizeof(half), 1);
	put_u64(&m, m.descs, m.bytes.size);
	put_u32(&m, m.descs + 8, (uint32_t)size);
	put(&m, m.bytes.size, packed, size);
	image = open_made(&m);
	assert_int_equal(read_code(image, PAGE, 1), ERR_CORRUPT);
	assert_int_equal(read_code(image, PAGE, 1), ERR_CORRUPT); // nothing was kept
	image_close(image);
	text_done(&m.bytes);
}

/* Pages of one stripe of the cache: what is unpacked in vain must not spoil another. */
static void a_bad_page_spoils_no_other(void **state)
{
	enum {
		BAD = 31
	};
	struct page pages[BAD + 1];
	struct made_dump m = sample();
	_cleanup_image struct image *image = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = (struct page){ .pfn = i * 64, .codec = ZLIB };
	m.pages = pages;
	m.page_count = ARRAY_SIZE(pages);
	made_dump_bytes(&m);
	// The sum at the end of zlib's bytes: all is unpacked before it is seen.
	m.bytes.data[m.bytes.size - 1] ^= 1;
	image = open_made(&m);
	for (size_t i = 0; i < BAD; i++) {
		assert_page(image, i * 64, PAGE);
		assert_int_equal(read_code(image, BAD * 64 * PAGE, 1), ERR_CORRUPT);
		for (size_t k = i < 8 ? 0 : i - 8; k <= i; k++)
			assert_page(image, k * 64, PAGE);
	}
	text_done(&m.bytes);
}

static void assert_refused(const struct made_dump *m, int code, const char *word)
{
	struct image *image = NULL;
	struct err err = { 0 };

	assert_int_equal(made_open(m->bytes.data, m->bytes.size, &image, &err), code);
	if (!strstr(err_text(&err), word))
		fail_msg("'%s' does not say '%s'", err_text(&err), word);
}

static void refused(void **state)
{
	struct made_dump m = few();

	put_u32(&m, PAGE + 12, 1);
	put_u64(&m, PAGE + 80, 1);
	assert_refused(&m, ERR_CORRUPT, "split");
	put_u32(&m, PAGE + 12, 0);
	put_u64(&m, PAGE + 96, UINT64_MAX);
	assert_refused(&m, ERR_CORRUPT, "pages");
	put_u64(&m, PAGE + 96, 10);
	put_u64(&m, PAGE + 56, UINT64_MAX);
	assert_refused(&m, ERR_LIMIT, "notes");
	put_u64(&m, PAGE + 56, 0);
	put_u32(&m, 432, UINT32_MAX);
	assert_refused(&m, ERR_CORRUPT, "sub header");
	put_u32(&m, 432, 1);
	put_u32(&m, 428, 4095);
	assert_refused(&m, ERR_CORRUPT, "size of a page");
	put_u32(&m, 416, PAGE);
	assert_refused(&m, ERR_UNSUPPORTED, "32-bit");
	put_u32(&m, 8, 0x06000000);
	assert_refused(&m, ERR_UNSUPPORTED, "big-endian");
	text_done(&m.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts),
		cmocka_unit_test(notes),
		cmocka_unit_test(reads),
		cmocka_unit_test(incomplete),
		cmocka_unit_test(old_versions),
		cmocka_unit_test(one_bitmap),
		cmocka_unit_test(big_pages),
		cmocka_unit_test(by_threads),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(every_byte_damaged),
		cmocka_unit_test(pages_that_make_no_sense),
		cmocka_unit_test(a_bad_page_spoils_no_other),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
