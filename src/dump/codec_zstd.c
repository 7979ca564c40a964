// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One frame of zstd a page, of a level by libzstd.
 *
 * Level 0, the default, chooses for each page between page_zstd.c, which leaves literals
 * as they are, and libzstd's level 1, which packs them (Huffman), at half the speed.
 * Pages of text and code gain a quarter by that, pages of objects and pointers nothing;
 * and pages like one another lie together. So the one before decides, and where it was
 * wrong that shows when its literals are counted.
 */
#include <stdlib.h>

#include <zstd.h>

#include "base/size.h"
#include "dump/codec_type.h"
#include "dump/page_zstd.h"

#define LEVEL_AUTO  0
#define LEVEL_DENSE 1

struct zstd {
	size_t page_size;
	struct page_zstd *quick; /* of level 0 */
	ZSTD_CCtx *context;
	bool is_dense; /* the page before was worth packing its literals */
};

static size_t zstd_try(struct zstd *zstd, const void *page, void *out)
{
	size_t size = ZSTD_compress2(zstd->context, out, zstd->page_size - 1, page,
				     zstd->page_size);

	return ZSTD_isError(size) ? 0 : size;
}

/* A page of zeros is compressed at once: from then on the context has all its memory. */
static int zstd_open_context(struct zstd *zstd, int level, struct err *err)
{
	_cleanup_free uint8_t *page = calloc(2, zstd->page_size);

	zstd->context = ZSTD_createCCtx();
	if (!page || !zstd->context)
		return err_nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd->context, ZSTD_c_compressionLevel,
						level)))
		return err_set(err, ERR_INVALID, "zstd refuses the level %d", level);
	return zstd_try(zstd, page, page + zstd->page_size) ? 0 : err_nomem(err);
}

static int zstd_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct zstd *zstd = *ret_state = calloc(1, sizeof(*zstd));
	int r;

	if (!zstd)
		return err_nomem(err);
	zstd->page_size = page_size;
	r = zstd_open_context(zstd, level == LEVEL_AUTO ? LEVEL_DENSE : level, err);
	if (r == 0 && level == LEVEL_AUTO)
		r = page_zstd_new(page_size, &zstd->quick, err);
	return r;
}

static void zstd_close(void *state)
{
	struct zstd *zstd = state;

	if (!zstd)
		return;
	page_zstd_free(zstd->quick);
	ZSTD_freeCCtx(zstd->context);
	free(zstd);
}

/* Literals worth packing make a page large: from 30% on, and down to 26% once it began.
 */
static size_t zstd_compress(void *state, const void *page, void *out)
{
	struct zstd *zstd = state;
	size_t size = 0;

	if (!zstd->quick)
		return zstd_try(zstd, page, out);
	if (!zstd->is_dense)
		size = page_zstd_compress(zstd->quick, page, zstd->page_size * 3 / 10,
					  out);
	if (size)
		return size;
	size = zstd_try(zstd, page, out);
	zstd->is_dense = !size || size > zstd->page_size * 26 / 100;
	return size;
}

const struct codec_type codec_zstd = { "zstd", 0x20,	  LEVEL_AUTO, -7,
				       19,     zstd_open, zstd_close, zstd_compress };
