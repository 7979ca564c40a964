// SPDX-License-Identifier: GPL-2.0-or-later
/* Each codec against its own library's decompressor, which shares no code with ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/size.h"
#include "dump/codec.h"

#define PAGE_MAX CODEC_PAGE_MAX
#define CANARY	 0xa5

/* --- pages ---------------------------------------------------------------------------
 */

enum pattern {
	PATTERN_ZERO,
	PATTERN_TEXT,
	PATTERN_POINTERS,
	PATTERN_NOISE, /* can't be made smaller */
	PATTERN_COUNT,
};

static void page_fill(uint8_t *page, size_t size, enum pattern pattern, uint64_t seed)
{
	memset(page, 0, size);
	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t value = 0;

		/* Knuth's MMIX generator. */
		seed = seed * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
		if (pattern == PATTERN_TEXT)
			memcpy(&value, (seed >> 40) % 3 ? "kernel: " : "BUG at: ", 8);
		else if (pattern == PATTERN_POINTERS)
			value = UINT64_C(0xffff888000000000) + (seed >> 44) * 64;
		else if (pattern == PATTERN_NOISE)
			value = seed ^ seed >> 29;
		memcpy(page + i, &value, sizeof(value));
	}
}

static void unpack(enum codec codec, const uint8_t *data, size_t size, uint8_t *ret,
		   size_t page_size)
{
	uLongf zlib_size = page_size;
	lzo_uint lzo_size = page_size;

	if (codec == CODEC_ZLIB) {
		assert_int_equal(uncompress(ret, &zlib_size, data, size), Z_OK);
		assert_int_equal(zlib_size, page_size);
	} else if (codec == CODEC_LZO) {
		assert_int_equal(lzo1x_decompress_safe(data, size, ret, &lzo_size, NULL),
				 LZO_E_OK);
		assert_int_equal(lzo_size, page_size);
	} else if (codec == CODEC_SNAPPY) {
		size_t snappy_size = page_size;

		assert_int_equal(snappy_uncompress((const char *)data, size, (char *)ret,
						   &snappy_size),
				 SNAPPY_OK);
		assert_int_equal(snappy_size, page_size);
	} else {
		assert_int_equal(codec, CODEC_ZSTD);
		assert_int_equal(ZSTD_decompress(ret, page_size, data, size), page_size);
	}
}

/* One page there and back; nothing is written behind the room that was promised. */
static size_t check_page(struct codec_context *context, enum codec codec,
			 const uint8_t *page, size_t page_size)
{
	static uint8_t out[PAGE_MAX + 1], back[PAGE_MAX];
	size_t size;

	memset(out, CANARY, sizeof(out));
	size = codec_compress(context, page, out);
	assert_int_equal(out[page_size], CANARY);
	assert_true(size < page_size);
	if (size) {
		memset(back, CANARY, sizeof(back));
		unpack(codec, out, size, back, page_size);
		assert_memory_equal(back, page, page_size);
	}
	return size;
}

static void check_level(enum codec codec, int level, size_t page_size)
{
	static uint8_t page[PAGE_MAX];
	struct codec_context *context = NULL;
	struct err err = { 0 };

	assert_int_equal(codec_open(codec, level, page_size, &context, &err), 0);
	/* Again and again with one context: what one page left must not show in the next.
	 */
	for (uint64_t i = 0; i < 8 * PATTERN_COUNT; i++) {
		enum pattern pattern = (enum pattern)(i % PATTERN_COUNT);
		size_t size;

		page_fill(page, page_size, pattern, i);
		size = check_page(context, codec, page, page_size);
		if (pattern == PATTERN_NOISE)
			assert_int_equal(size, 0);
		else if (pattern != PATTERN_POINTERS || level >= 0)
			assert_in_range(size, 1, page_size * 3 / 4);
	}
	codec_close(context);
}

static void test_every_level(void **state)
{
	static const int zstd_levels[] = { -7, -1, 0, 1, 2, 3, 9, 19 };

	for (size_t page_size = 4096; page_size <= PAGE_MAX; page_size *= 4) {
		for (size_t i = 0; i < ARRAY_SIZE(zstd_levels); i++)
			check_level(CODEC_ZSTD, zstd_levels[i], page_size);
		for (int level = 0; level <= 9; level++)
			check_level(CODEC_ZLIB, level, page_size);
		check_level(CODEC_LZO, 0, page_size);
		check_level(CODEC_LZO, 1, page_size);
		check_level(CODEC_SNAPPY, 0, page_size);
	}
}

/* Without a level: where only packed literals help they are packed, else not; and what is
 * not is as small as libzstd makes it, but for a tenth. */
static void test_zstd_chooses(void **state)
{
	struct codec_context *contexts[3] = { 0 };
	static const int levels[] = { 0, -1, 1 };
	uint8_t page[4096], out[4096];
	size_t sizes[3];
	uint64_t seed = 1;

	for (int i = 0; i < 3; i++)
		assert_int_equal(codec_open(CODEC_ZSTD, levels[i], sizeof(page),
					    &contexts[i], NULL),
				 0);
	for (int round = 0; round < 20; round++) {
		bool is_text = round / 5 % 2;

		for (size_t i = 0; i < sizeof(page); i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			page[i] = 0;
			if (is_text || i % 128 < 16)
				page[i] = (uint8_t)('a' + (seed >> 60));
		}
		for (int i = 0; i < 3; i++)
			sizes[i] = codec_compress(contexts[i], page, out);
		if (is_text)
			assert_true(sizes[0] == sizes[2] && sizes[2] && !sizes[1]);
		else if (round % 5)
			assert_true(sizes[0] != sizes[2] &&
				    sizes[0] < sizes[1] * 11 / 10);
	}
	for (int i = 0; i < 3; i++)
		codec_close(contexts[i]);
}

/* --- mixed pages ---------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Noise and copies of any length from any distance, in a ratio that @noise decides. */
static void page_mix(uint8_t *page, size_t size, uint64_t *seed, size_t noise)
{
	size_t at = 0;

	while (at < size) {
		size_t length = 1 + next_random(seed) % (1 + next_random(seed) % noise);
		size_t distance = at ? 1 + next_random(seed) % at : 0;

		for (; length && at < size; length--, at++)
			page[at] = (uint8_t)next_random(seed);
		length = next_random(seed) % (1 + next_random(seed) % 1200);
		if (next_random(seed) % 4 == 0)
			distance = MIN(distance, (size_t)8);
		for (; length && distance && at < size; length--, at++)
			page[at] = page[at - distance];
	}
}

/* From pages of matches alone to such that just fit, or just do not. */
static void test_mixed_pages(void **state)
{
	static const enum codec codecs[] = { CODEC_ZLIB, CODEC_LZO, CODEC_SNAPPY,
					     CODEC_ZSTD };
	static uint8_t page[PAGE_MAX];

	for (size_t c = 0; c < 2 * ARRAY_SIZE(codecs); c++) {
		enum codec codec = codecs[c / 2];
		struct codec_context *context = NULL;
		size_t stored = 0, packed = 0, page_size = c % 2 ? PAGE_MAX : 4096;
		uint64_t seed = 1;

		assert_int_equal(codec_open(codec, 0, page_size, &context, NULL), 0);
		for (size_t i = 0; i < (c % 2 ? 250 : 2000); i++) {
			page_mix(page, page_size, &seed, (size_t)1 << i % 14);
			if (check_page(context, codec, page, page_size))
				packed++;
			else
				stored++;
		}
		assert_in_range(packed, 100, SIZE_MAX);
		assert_true(stored > 0 || c % 2);
		codec_close(context);
	}
}

static void test_none_stores(void **state)
{
	struct codec_context *context = NULL;
	uint8_t page[4096] = { 0 }, out[4096];

	assert_int_equal(codec_open(CODEC_NONE, 0, sizeof(page), &context, NULL), 0);
	assert_int_equal(codec_compress(context, page, out), 0);
	codec_close(context);
}

/* --- names ---------------------------------------------------------------------------
 */

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		enum codec codec;
		int level;
	} cases[] = {
		{ "zstd", CODEC_ZSTD, 0 },     { "zstd:3", CODEC_ZSTD, 3 },
		{ "zstd:-5", CODEC_ZSTD, -5 }, { "zstd:19", CODEC_ZSTD, 19 },
		{ "zlib", CODEC_ZLIB, 0 },     { "zlib:9", CODEC_ZLIB, 9 },
		{ "lzo", CODEC_LZO, 1 },       { "lzo:1", CODEC_LZO, 1 },
		{ "snappy", CODEC_SNAPPY, 1 }, { "none", CODEC_NONE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum codec codec = CODEC_COUNT;
		int level = 99;

		assert_int_equal(codec_parse(cases[i].text, &codec, &level, NULL), 0);
		assert_int_equal(codec, cases[i].codec);
		assert_int_equal(level, cases[i].level);
		assert_memory_equal(cases[i].text, codec_name(codec),
				    strlen(codec_name(codec)));
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const texts[] = {
		"",	   ":",	      "zst",	  "zstdx",   "ZSTD",
		"zstd:",   "zstd:x",  "zstd:1x",  "zstd:20", "zstd:-8",
		"zlib:0",  "zlib:10", "zlib: 1",  "lzo:2",   "none:1",
		"zstd:+1", "gzip",    "zstd:1:2", "zstd:-",  "zlib:99999999999999999999",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		enum codec codec = CODEC_COUNT;
		struct err err = { 0 };
		int level = 99;

		assert_int_equal(codec_parse(texts[i], &codec, &level, &err),
				 ERR_INVALID);
		assert_true(err.text[0]);
		assert_int_equal(codec, CODEC_COUNT);
		assert_int_equal(level, 99);
	}
}

static void test_open_refuses(void **state)
{
	struct codec_context *context = NULL;

	assert_int_equal(codec_open(CODEC_ZLIB, 10, 4096, &context, NULL), ERR_INVALID);
	assert_int_equal(codec_open(CODEC_ZSTD, 1, 4095, &context, NULL), ERR_INVALID);
	assert_int_equal(codec_open(CODEC_ZSTD, 1, PAGE_MAX * 2, &context, NULL),
			 ERR_INVALID);
	assert_int_equal(codec_open(CODEC_COUNT, 1, 4096, &context, NULL), ERR_INVALID);
	assert_null(context);
	codec_close(NULL);
}

/* makedumpfile diskdump_mod.h: DUMP_DH_COMPRESSED_* */
static void test_flags(void **state)
{
	assert_int_equal(codec_flag(CODEC_NONE), 0);
	assert_int_equal(codec_flag(CODEC_ZLIB), 1);
	assert_int_equal(codec_flag(CODEC_LZO), 2);
	assert_int_equal(codec_flag(CODEC_SNAPPY), 4);
	assert_int_equal(codec_flag(CODEC_ZSTD), 0x20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_level),  cmocka_unit_test(test_none_stores),
		cmocka_unit_test(test_parse),	     cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_open_refuses), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_mixed_pages),  cmocka_unit_test(test_zstd_chooses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
