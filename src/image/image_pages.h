/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed pages of an image: unpacks them, and keeps the last ones that were asked
 * for. For several threads at once: a page belongs to one of some stripes by its number,
 * each with a lock, a few pages and a decompressor of its own.
 *
 * Codecs are those of makedumpfile's page_desc.flags (diskdump_mod.h).
 */
#ifndef IMAGE_IMAGE_PAGES_H
#define IMAGE_IMAGE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image_file.h"

#define IMAGE_PAGE_SIZE_MAX ((uint32_t)64 << 10)

enum image_codec {
	IMAGE_CODEC_NONE = 0,
	IMAGE_CODEC_ZLIB = 0x1,
	IMAGE_CODEC_LZO = 0x2,
	IMAGE_CODEC_SNAPPY = 0x4,
	IMAGE_CODEC_ZSTD = 0x20,
};

/* "none", "zlib", ...; "unknown" */
const char *image_codec_name(uint32_t codec);

/* Where a page's bytes are in the file. size <= page_size. */
struct image_packed_page {
	uint64_t number;
	uint64_t offset;
	uint32_t size;
	uint32_t codec;
};

struct image_pages;

int image_pages_new(struct image_file *file, uint32_t page_size, struct image_pages **ret,
		    struct err *err);
void image_pages_free(struct image_pages *pages);

/* [start, start + size) of the page, inside page_size. Errors as of image_read(). */
int image_pages_read(struct image_pages *pages, const struct image_packed_page *page,
		     size_t start, void *buf, size_t size, struct err *err);

#endif
