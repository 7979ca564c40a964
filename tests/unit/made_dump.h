/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kdump-compressed dump made of bytes by a test, as makedumpfile makes it; each page is
 * packed by the library in question, and says by each byte which one it is. Include it
 * behind cmocka.h.
 */
#ifndef MADE_DUMP_H
#define MADE_DUMP_H

#include <lzo/lzo1x.h>
#include <snappy-c.h>
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
	bool is_part; /* of a split dump: descriptors and bytes of [part_start, part_end)
		       */
	uint64_t part_start, part_end;
	struct text bytes;
	uint64_t bitmap1, descs; /* offsets, set by the maker */
};

/* A page that can be packed, and says by each byte which one it is. */
static inline void fill_page(uint8_t *ret, uint64_t pfn, size_t page_size)
{
	for (size_t i = 0; i < page_size; i++)
		ret[i] = (uint8_t)(i / 16 * 7 + pfn * 13 + 1);
}

static inline size_t pack(uint32_t codec, const uint8_t *page, size_t size, uint8_t *ret)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uLongf zlib_size = PAGE_MAX * 2;
	lzo_uint lzo_size = 0;
	size_t snappy_size = PAGE_MAX * 2;

	switch (codec) {
	case ZLIB:
		assert_int_equal(compress2(ret, &zlib_size, page, size, 1), Z_OK);
		return zlib_size;
	case LZO:
		assert_int_equal(lzo1x_1_compress(page, size, ret, &lzo_size, work),
				 LZO_E_OK);
		return lzo_size;
	case SNAPPY:
		assert_int_equal(snappy_compress((const char *)page, size, (char *)ret,
						 &snappy_size),
				 SNAPPY_OK);
		return snappy_size;
	case ZSTD:
		return ZSTD_compress(ret, PAGE_MAX * 2, page, size, 1);
	}
	memcpy(ret, page, size);
	return size;
}

static inline void put(struct made_dump *m, uint64_t offset, const void *data,
		       size_t size)
{
	static const char zeros[PAGE_MAX];

	while (m->bytes.size < offset + size)
		text_add_bytes(&m->bytes, zeros,
			       MIN(sizeof(zeros), offset + size - m->bytes.size));
	assert_false(m->bytes.failed);
	memcpy(m->bytes.data + offset, data, size);
}

static inline void put_u32(struct made_dump *m, uint64_t offset, uint32_t value)
{
	put(m, offset, &value, sizeof(value));
}

static inline void put_u64(struct made_dump *m, uint64_t offset, uint64_t value)
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

/* A version ends where the next one goes on; notes follow at once. */
static inline uint64_t made_sub_header_size(uint32_t version)
{
	static const uint64_t sizes[] = { 8, 16, 32, 48, 64, 80, OFF_NOTES };

	return sizes[version];
}

static inline void make_headers(struct made_dump *m, uint32_t bitmap_blocks)
{
	uint64_t bs = m->page_size, notes = bs + made_sub_header_size(m->version);
	uint64_t text = notes + sizeof(sample_notes);
	bool is_64bit = m->version >= 6;

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
	put(m, notes, sample_notes, sizeof(sample_notes));
	put(m, text, VMCOREINFO_TEXT, strlen(VMCOREINFO_TEXT));
	if (m->version >= 1)
		put_u32(m, bs + 8, 31);
	if (m->version >= 2) {
		put_u32(m, bs + 12, m->is_part);
		put_u64(m, bs + 16, m->part_start);
		put_u64(m, bs + 24, m->part_end);
	}
	if (m->version >= 3) {
		put_u64(m, bs + 32, text);
		put_u64(m, bs + 40, strlen(VMCOREINFO_TEXT));
	}
	if (m->version >= 4) {
		put_u64(m, bs + 48, notes);
		put_u64(m, bs + 56, sizeof(sample_notes) + strlen(VMCOREINFO_TEXT));
	}
	if (is_64bit) {
		put_u64(m, bs + 80, m->part_start);
		put_u64(m, bs + 88, m->part_end);
		put_u64(m, bs + 96, m->max_pfn);
	}
}

static inline void set_bit(struct made_dump *m, uint64_t bitmap, uint64_t pfn)
{
	m->bytes.data[bitmap + pfn / 8] =
		(char)(m->bytes.data[bitmap + pfn / 8] | 1 << pfn % 8);
}

/* Writes one page's descriptor and bytes. */
static inline void make_page(struct made_dump *m, uint64_t number, const struct page *p)
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

static inline void made_dump_bytes(struct made_dump *m)
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
		if (!m->is_part ||
		    (m->pages[i].pfn >= m->part_start && m->pages[i].pfn < m->part_end))
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
	{ .pfn = 4097, .codec = SNAPPY },
	{ .pfn = 9999, .codec = ZLIB },
};

static inline struct made_dump sample(void)
{
	return (struct made_dump){ .version = 6,
				   .page_size = PAGE,
				   .max_pfn = 10000,
				   .pages = sample_pages,
				   .page_count = ARRAY_SIZE(sample_pages) };
}

static inline struct image *open_made(struct made_dump *m)
{
	struct image *image = NULL;
	struct err err = { 0 };

	if (m->bytes.size == 0)
		made_dump_bytes(m);
	if (made_open(m->bytes.data, m->bytes.size, &image, &err) < 0)
		fail_msg("%s", err_text(&err));
	return image;
}

static inline int read_code(struct image *image, uint64_t paddr, size_t size)
{
	uint8_t bytes[2 * PAGE];

	return image_read(image, paddr, bytes, size, NULL);
}

static inline void assert_page(struct image *image, uint64_t pfn, size_t page_size)
{
	static uint8_t bytes[PAGE_MAX], expected[PAGE_MAX];
	struct err err = { 0 };

	fill_page(expected, pfn, page_size);
	if (image_read(image, pfn * page_size, bytes, page_size, &err) < 0)
		fail_msg("page %llu: %s", (unsigned long long)pfn, err_text(&err));
	assert_memory_equal(bytes, expected, page_size);
}

#endif
