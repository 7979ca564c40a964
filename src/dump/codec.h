/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page codecs: a table, one row each. Flags are those of struct page_desc (makedumpfile's
 * diskdump_mod.h). */
#ifndef DUMP_CODEC_H
#define DUMP_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CODEC_PAGE_MIN 4096
#define CODEC_PAGE_MAX 65536

enum codec {
	CODEC_NONE,
	CODEC_ZLIB,
	CODEC_LZO,
	CODEC_SNAPPY,
	CODEC_ZSTD,
	CODEC_COUNT,
};

struct codec_context;

/* "none", "zlib", "lzo", "snappy", "zstd" */
const char *codec_name(enum codec codec);

/* "zstd", "zstd:3", "zlib:1": the level is the codec's default where none is given. */
int codec_parse(const char *text, enum codec *ret, int *ret_level, struct err *err);

/* Of page_desc.flags and of the header's status: 1 zlib, 2 lzo, 4 snappy, 0x20 zstd, 0
 * none. */
uint32_t codec_flag(enum codec codec);

/*
 * One a thread. @level 0 is the codec's default; zlib's and zstd's are none of their own
 * levels, but the quickest way, and what suits each page.
 */
int codec_open(enum codec codec, int level, size_t page_size, struct codec_context **ret,
	       struct err *err);
void codec_close(struct codec_context *context);

/*
 * Compresses one page. @out holds at least page_size bytes. Returns the size, or 0 where
 * the result would not be smaller than the page: store it as it is.
 */
size_t codec_compress(struct codec_context *context, const void *page, void *out);

#endif
