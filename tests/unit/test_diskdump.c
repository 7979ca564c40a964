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

#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "base/text.h"
#include "image/image.h"
#include "made_file.h"

#define PAGE	  4096
#define PAGE_MAX  65536
#define OFF_NOTES (104) /* behind the sub header */

enum {
	ZLIB = 1,
	LZO = 2,
	SNAPPY = 4,
	ZSTD = 0x20,
};

/* What the maker is told of a page. */
struct page {
	uint64_t pfn;
	uint32_t codec;
	bool is_left_out; /* in bitmap 1 only */
	bool is_lost;	  /* its descriptor was never written */
	bool is_zero;
};

struct made_dump {
	uint32_t version, page_size;
	uint64_t max_pfn;
	const struct page *pages; /* by pfn */
	size_t page_count;
	bool has_one_bitmap;
	uint32_t status;
	struct text bytes;
	uint64_t bitmap1, descs; /* offsets, set by the maker */
};

/* A page that can be packed, and says by each byte which one it is. */
static void fill_page(uint8_t *ret, uint64_t pfn, size_t page_size)
{
	for (size_t i = 0; i < page_size; i++)
		ret[i] = (uint8_t)(i / 16 * 7 + pfn * 13 + 1);
}

static size_t pack(uint32_t codec, const uint8_t *page, size_t size, uint8_t *ret)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uLongf zlib_size = PAGE_MAX * 2;
	lzo_uint lzo_size = 0;

	switch (codec) {
	case ZLIB:
		assert_int_equal(compress2(ret, &zlib_size, page, size, 1), Z_OK);
		return zlib_size;
	case LZO:
		assert_int_equal(lzo1x_1_compress(page, size, ret, &lzo_size, work),
				 LZO_E_OK);
		return lzo_size;
	case ZSTD:
		return ZSTD_compress(ret, PAGE_MAX * 2, page, size, 1);
	}
	memcpy(ret, page, size);
	return codec == SNAPPY ? 100 : size;
}

static void put(struct made_dump *m, uint64_t offset, const void *data, size_t size)
{
	static const char zeros[PAGE_MAX];

	while (m->bytes.size < offset + size)
		text_add_bytes(&m->bytes, zeros,
			       MIN(sizeof(zeros), offset + size - m->bytes.size));
	assert_false(m->bytes.failed);
	memcpy(m->bytes.data + offset, data, size);
}

static void put_u32(struct made_dump *m, uint64_t offset, uint32_t value)
{
	put(m, offset, &value, sizeof(value));
}

static void put_u64(struct made_dump *m, uint64_t offset, uint64_t value)
{
	put(m, offset, &value, sizeof(value));
}

#define VMCOREINFO_TEXT "OSRELEASE=6.1.0\nPAGESIZE=4096\n"

static const uint8_t sample_notes[] = {
	5,
	0,
	0,
	0,
	3,
	0,
	0,
	0,
	1,
	0,
	0,
	0,
	'C',
	'O',
	'R',
	'E',
	0,
	0,
	0,
	0,
	7,
	8,
	9,
	0,
	11,
	0,
	0,
	0,
	sizeof(VMCOREINFO_TEXT) - 1,
	0,
	0,
	0,
	0,
	0,
	0,
	0,
	'V',
	'M',
	'C',
	'O',
	'R',
	'E',
	'I',
	'N',
	'F',
	'O',
	0,
	0,
};

static void make_headers(struct made_dump *m, uint32_t bitmap_blocks)
{
	uint64_t bs = m->page_size, text = bs + OFF_NOTES + sizeof(sample_notes);
	bool is_64bit = m->version >= 6, has_notes = m->version >= 4;

	put(m, 0, "KDUMP   ", 8);
	put_u32(m, 8, m->version);
	put(m, 12, "Linux", 6);
	put(m, 12 + 4 * 65, "x86_64", 7);
	put_u32(m, 424, m->status);
	put_u32(m, 428, m->page_size);
	put_u32(m, 432, 1);
	put_u32(m, 436, bitmap_blocks);
	put_u32(m, 440, is_64bit ? 0xffffffff : (uint32_t)m->max_pfn);
	put_u32(m, 460, 2);
	put_u32(m, bs + 8, 31);
	put_u64(m, bs + 32, text);
	put_u64(m, bs + 40, strlen(VMCOREINFO_TEXT));
	put_u64(m, bs + 48, has_notes ? bs + OFF_NOTES : 0);
	put_u64(m, bs + 56,
		has_notes ? sizeof(sample_notes) + sizeof(VMCOREINFO_TEXT) - 1 : 0);
	put_u64(m, bs + 96, is_64bit ? m->max_pfn : 0);
	put(m, bs + OFF_NOTES, sample_notes, sizeof(sample_notes));
	put(m, text, VMCOREINFO_TEXT, strlen(VMCOREINFO_TEXT));
}

static void set_bit(struct made_dump *m, uint64_t bitmap, uint64_t pfn)
{
	m->bytes.data[bitmap + pfn / 8] =
		(char)(m->bytes.data[bitmap + pfn / 8] | 1 << pfn % 8);
}

/* Writes one page's descriptor and bytes. */
static void make_page(struct made_dump *m, uint64_t number, const struct page *p)
{
	static uint8_t page[PAGE_MAX], packed[PAGE_MAX * 2];
	uint64_t offset = m->bytes.size, desc = m->descs + 24 * number;
	size_t size;

	if (p->is_lost)
		return;
	memset(page, 0, sizeof(page));
	if (!p->is_zero)
		fill_page(page, p->pfn, m->page_size);
	size = pack(p->codec, page, m->page_size, packed);
	assert_true(size <= m->page_size);
	put(m, offset, packed, size);
	put_u64(m, desc, offset);
	put_u32(m, desc + 8, (uint32_t)size);
	put_u32(m, desc + 12, p->codec);
}

static void made_dump_bytes(struct made_dump *m)
{
	uint64_t bs = m->page_size, half = (m->max_pfn + bs * 8 - 1) / (bs * 8);
	uint32_t bitmap_blocks = (uint32_t)(m->has_one_bitmap ? half : 2 * half);
	uint64_t number = 0, count = 0, bitmap2;

	make_headers(m, bitmap_blocks);
	m->bitmap1 = 2 * bs;
	bitmap2 = m->bitmap1 + (m->has_one_bitmap ? 0 : half * bs);
	m->descs = m->bitmap1 + bitmap_blocks * bs;
	for (size_t i = 0; i < m->page_count; i++)
		count += !m->pages[i].is_left_out;
	put(m, m->descs + 24 * count, "", 0);
	for (size_t i = 0; i < m->page_count; i++) {
		set_bit(m, m->bitmap1, m->pages[i].pfn);
		if (m->pages[i].is_left_out)
			continue;
		set_bit(m, bitmap2, m->pages[i].pfn);
		make_page(m, number++, &m->pages[i]);
	}
}

/* Around the edges of words of 64 bits and of the index, 4096. */
static const struct page sample_pages[] = {
	{ .pfn = 1 },
	{ .pfn = 2, .codec = ZLIB },
	{ .pfn = 3, .codec = LZO },
	{ .pfn = 4, .codec = ZSTD },
	{ .pfn = 5, .is_left_out = true },
	{ .pfn = 62, .codec = ZSTD },
	{ .pfn = 63, .is_zero = true, .codec = ZLIB },
	{ .pfn = 64, .codec = LZO },
	{ .pfn = 65, .codec = ZLIB, .is_lost = true },
	{ .pfn = 4094, .codec = ZLIB },
	{ .pfn = 4095, .codec = LZO },
	{ .pfn = 4096, .codec = ZSTD },
	{ .pfn = 9999, .codec = ZLIB },
};

static struct made_dump sample(void)
{
	return (struct made_dump){ .version = 6,
				   .page_size = PAGE,
				   .max_pfn = 10000,
				   .pages = sample_pages,
				   .page_count = ARRAY_SIZE(sample_pages) };
}

static struct image *open_made(struct made_dump *m)
{
	struct image *image = NULL;
	struct err err = { 0 };

	if (m->bytes.size == 0)
		made_dump_bytes(m);
	if (made_open(m->bytes.data, m->bytes.size, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

static int read_code(struct image *image, uint64_t paddr, size_t size)
{
	uint8_t bytes[2 * PAGE];

	return image_read(image, paddr, bytes, size, NULL);
}

static void assert_page(struct image *image, uint64_t pfn, size_t page_size)
{
	static uint8_t bytes[PAGE_MAX], expected[PAGE_MAX];
	struct err err = { 0 };

	fill_page(expected, pfn, page_size);
	if (image_read(image, pfn * page_size, bytes, page_size, &err) < 0)
		fail_msg("page %llu: %s", (unsigned long long)pfn, err_text(&err));
	assert_memory_equal(bytes, expected, page_size);
}

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
		{ 1, 6 }, { 62, 66 }, { 4094, 4097 }, { 9999, 10000 }
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
	for (uint32_t version = 3; version <= 6; version++) {
		struct made_dump m = sample();
		_cleanup_image struct image *image = NULL;
		const char *text;
		size_t size;

		m.version = version;
		image = open_made(&m);
		assert_sample(image);
		text = image_vmcoreinfo(image, &size);
		assert_int_equal(size, strlen(VMCOREINFO_TEXT));
		assert_memory_equal(text, VMCOREINFO_TEXT, size);
		image_notes(image, &size);
		assert_int_equal(size, version == 3 ? 1 : 2);
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
	static const uint32_t codecs[] = { 0, ZLIB, LZO, ZSTD };
	struct page pages[700];
	struct made_dump m = sample();
	_cleanup_image struct image *image = NULL;
	struct reader readers[4];
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = (struct page){ .pfn = i, .codec = codecs[i % 4] };
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
	{ .pfn = 1, .codec = ZSTD },
	{ .pfn = 2, .is_left_out = true },
	{ .pfn = 3, .codec = ZLIB },
	{ .pfn = 4, .codec = LZO },
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
	static const uint64_t kept[] = { 1, 3, 4 };

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
	assert_int_equal(read_code(image, 4 * PAGE, 1), ERR_TRUNCATED);
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
		{ 12, SNAPPY, ERR_UNSUPPORTED },
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
	assert_refused(&m, ERR_UNSUPPORTED, "split");
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
