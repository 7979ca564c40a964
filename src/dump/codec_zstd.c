// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One frame of zstd a page, by libzstd.
 *
 * Level 0, the default, chooses a level for each page. Level -1 leaves literals as they
 * are; 1 packs them (Huffman), at half the speed: pages of text and code gain a quarter
 * by that, pages of objects and pointers nothing, and pages like one another lie
 * together. So the one before decides, and where it was wrong that shows when its
 * literals are counted.
 */
#include <stdlib.h>

#include <zstd.h>

#include "base/size.h"
#include "dump/codec_type.h"

#define LEVEL_AUTO  0
#define LEVEL_QUICK (-1)
#define LEVEL_DENSE 1

struct zstd {
	size_t page_size;
	ZSTD_CCtx *quick; /* of level 0 */
	ZSTD_CCtx *context;
	bool is_dense; /* the page before was worth packing its literals */
};

static size_t zstd_try(const struct zstd *zstd, ZSTD_CCtx *context, const void *page,
		       void *out)
{
	size_t size =
		ZSTD_compress2(context, out, zstd->page_size - 1, page, zstd->page_size);

	return ZSTD_isError(size) ? 0 : size;
}

/* A page of zeros is compressed at once: from then on the context has all its memory. */
static int zstd_open_context(const struct zstd *zstd, int level, ZSTD_CCtx **ret,
			     struct err *err)
{
	_cleanup_free uint8_t *page = calloc(2, zstd->page_size);

	*ret = ZSTD_createCCtx();
	if (!page || !*ret)
		return err_nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(*ret, ZSTD_c_compressionLevel, level)))
		return err_set(err, ERR_INVALID, "zstd refuses the level %d", level);
	return zstd_try(zstd, *ret, page, page + zstd->page_size) ? 0 : err_nomem(err);
}

static int zstd_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct zstd *zstd = *ret_state = calloc(1, sizeof(*zstd));
	int r;

	if (!zstd)
		return err_nomem(err);
	zstd->page_size = page_size;
	r = zstd_open_context(zstd, level == LEVEL_AUTO ? LEVEL_DENSE : level,
			      &zstd->context, err);
	if (r == 0 && level == LEVEL_AUTO)
		r = zstd_open_context(zstd, LEVEL_QUICK, &zstd->quick, err);
	return r;
}

static void zstd_close(void *state)
{
	struct zstd *zstd = state;

	if (!zstd)
		return;
	ZSTD_freeCCtx(zstd->quick);
	ZSTD_freeCCtx(zstd->context);
	free(zstd);
}

/* Literals worth packing make a page large: from 30% on, and down to 26% once it began.
 */
static size_t zstd_compress(void *state, const void *page, void *out)
{
	struct zstd *zstd = state;
	size_t size;

	if (!zstd->quick)
		return zstd_try(zstd, zstd->context, page, out);
	if (!zstd->is_dense) {
		size = zstd_try(zstd, zstd->quick, page, out);
		if (size && size < zstd->page_size * 3 / 10)
			return size;
	}
	size = zstd_try(zstd, zstd->context, page, out);
	zstd->is_dense = !size || size > zstd->page_size * 26 / 100;
	return size;
}

const struct codec_type codec_zstd = { "zstd", 0x20,	  LEVEL_AUTO, -7,
				       19,     zstd_open, zstd_close, zstd_compress };
