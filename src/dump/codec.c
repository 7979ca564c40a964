// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page codecs. What a reader expects of each (crash and makedumpfile, diskdump_mod.h):
 * zlib is an RFC 1950 stream, lzo is lzo1x without a header, zstd is one frame; each
 * gives back exactly one page.
 *
 * A context is made once a thread and used for every page: making one costs more than
 * compressing a page. Nothing is allocated after codec_open().
 *
 * zstd's level 0, the default, chooses for each page between its levels -1 and 1. They
 * differ in the literals: -1 leaves them as they are, 1 packs them (Huffman), at half the
 * speed. Pages of text and code gain a quarter by that, pages of objects and pointers
 * nothing; and pages like one another lie together. So the one before decides, and where
 * it was wrong the page is packed twice (2% of them).
 *
 * Measured, one core, on the pages that are not zeros in level 31 dumps of Debian's cloud
 * kernel 6.12 (libraries of Debian 12; MB of pages a second, size):
 *              just booted    a million files
 *   zstd:-1     940 .345        1000 .172
 *   zstd:1      570 .320         580 .166
 *   zstd (0)    640 .323         970 .170
 *   zlib:2      270 .317         300 .177    (zlib itself at 1: 157 .322, 159 .181)
 *   lzo        1840 .384        2000 .226
 * A smaller hash table or window, a longer least match, or a frame without its size
 * change neither number by 5%.
 */
#include "dump/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <zstd.h>

struct codec_context {
	const struct codec_type *type;
	size_t page_size;
	int level;
	struct libdeflate_compressor *zlib;
	ZSTD_CCtx *zstd;
	ZSTD_CCtx *zstd_dense; /* of level 0: the other one */
	bool is_dense;	       /* the page before was worth it */
	void *lzo_memory;
	uint8_t *lzo_out; /* lzo knows no end of its output: room for the worst case */
};

struct codec_type {
	const char *name;
	uint32_t flag;
	int level_default, level_min, level_max;
	int (*open)(struct codec_context *context, struct err *err);
	void (*close)(struct codec_context *context);
	size_t (*compress)(struct codec_context *context, const void *page, void *out);
};

/* --- none ----------------------------------------------------------------------------
 */

static int none_open(struct codec_context *context, struct err *err)
{
	return 0;
}

static void none_close(struct codec_context *context)
{
}

static size_t none_compress(struct codec_context *context, const void *page, void *out)
{
	return 0;
}

/* --- zlib ----------------------------------------------------------------------------
 */

static int zlib_open(struct codec_context *context, struct err *err)
{
	context->zlib = libdeflate_alloc_compressor(context->level);
	return context->zlib ? 0 : err_nomem(err);
}

static void zlib_close(struct codec_context *context)
{
	if (context->zlib)
		libdeflate_free_compressor(context->zlib);
}

static size_t zlib_compress(struct codec_context *context, const void *page, void *out)
{
	return libdeflate_zlib_compress(context->zlib, page, context->page_size, out,
					context->page_size - 1);
}

/* --- lzo -----------------------------------------------------------------------------
 */

static int lzo_open(struct codec_context *context, struct err *err)
{
	size_t worst = context->page_size + context->page_size / 16 + 64 + 3;

	if (lzo_init() != LZO_E_OK)
		return err_set(err, ERR_UNSUPPORTED,
			       "liblzo2 was built for another machine");
	context->lzo_memory = malloc(LZO1X_1_MEM_COMPRESS);
	context->lzo_out = malloc(worst);
	return context->lzo_memory && context->lzo_out ? 0 : err_nomem(err);
}

static void lzo_close(struct codec_context *context)
{
	free(context->lzo_memory);
	free(context->lzo_out);
}

static size_t lzo_compress(struct codec_context *context, const void *page, void *out)
{
	lzo_uint size = 0;

	if (lzo1x_1_compress(page, context->page_size, context->lzo_out, &size,
			     context->lzo_memory) != LZO_E_OK ||
	    size >= context->page_size)
		return 0;
	memcpy(out, context->lzo_out, size);
	return size;
}

/* --- zstd ----------------------------------------------------------------------------
 */

#define ZSTD_AUTO	0
#define ZSTD_AUTO_QUICK (-1)
#define ZSTD_AUTO_DENSE 1

static size_t zstd_try(ZSTD_CCtx *zstd, size_t page_size, const void *page, void *out)
{
	size_t size = ZSTD_compress2(zstd, out, page_size - 1, page, page_size);

	return ZSTD_isError(size) ? 0 : size;
}

/* A page of zeros is compressed at once: from then on the context has all its memory. */
static int zstd_new(size_t page_size, int level, ZSTD_CCtx **ret, struct err *err)
{
	_cleanup_free uint8_t *page = calloc(2, page_size);
	ZSTD_CCtx *zstd = *ret = ZSTD_createCCtx();

	if (!page || !zstd)
		return err_nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)))
		return err_set(err, ERR_INVALID, "zstd refuses the level %d", level);
	return zstd_try(zstd, page_size, page, page + page_size) ? 0 : err_nomem(err);
}

static int zstd_open(struct codec_context *context, struct err *err)
{
	int level = context->level;
	int r;

	if (level != ZSTD_AUTO)
		return zstd_new(context->page_size, level, &context->zstd, err);
	r = zstd_new(context->page_size, ZSTD_AUTO_QUICK, &context->zstd, err);
	if (r == 0)
		r = zstd_new(context->page_size, ZSTD_AUTO_DENSE, &context->zstd_dense,
			     err);
	return r;
}

static void zstd_close(struct codec_context *context)
{
	ZSTD_freeCCtx(context->zstd);
	ZSTD_freeCCtx(context->zstd_dense);
}

/* Literals worth packing make a page large: from 30% on, and down to 26% once it began.
 */
static size_t zstd_compress(struct codec_context *context, const void *page, void *out)
{
	size_t page_size = context->page_size, size = 0;

	if (!context->is_dense) {
		size = zstd_try(context->zstd, page_size, page, out);
		if (!context->zstd_dense || (size && size < page_size * 3 / 10))
			return size;
	}
	size = zstd_try(context->zstd_dense, page_size, page, out);
	context->is_dense = !size || size > page_size * 26 / 100;
	return size;
}

/* --- the table -----------------------------------------------------------------------
 */

static const struct codec_type codec_types[CODEC_COUNT] = {
	[CODEC_NONE] = { "none", 0, 0, 0, 0, none_open, none_close, none_compress },
	[CODEC_ZLIB] = { "zlib", 1, 1, 1, 9, zlib_open, zlib_close, zlib_compress },
	[CODEC_LZO] = { "lzo", 2, 1, 1, 1, lzo_open, lzo_close, lzo_compress },
	[CODEC_ZSTD] = { "zstd", 0x20, 0, -7, 19, zstd_open, zstd_close, zstd_compress },
};

static bool codec_is_known(enum codec codec)
{
	return codec >= 0 && codec < CODEC_COUNT;
}

const char *codec_name(enum codec codec)
{
	return codec_is_known(codec) ? codec_types[codec].name : "unknown";
}

uint32_t codec_flag(enum codec codec)
{
	return codec_is_known(codec) ? codec_types[codec].flag : 0;
}

static int codec_check_level(const struct codec_type *type, long level, struct err *err)
{
	if (level >= type->level_min && level <= type->level_max)
		return 0;
	return err_set(err, ERR_INVALID, "%s has no level %ld: %d to %d", type->name,
		       level, type->level_min, type->level_max);
}

static int codec_parse_level(const struct codec_type *type, const char *text, int *ret,
			     struct err *err)
{
	long level;
	char *end;
	int r;

	errno = 0;
	level = strtol(text, &end, 10);
	if (*end || errno || !strchr("-0123456789", *text) || end == text)
		return err_set(err, ERR_INVALID, "'%s' is no level", text);
	r = codec_check_level(type, level, err);
	if (r < 0)
		return r;
	*ret = (int)level;
	return 0;
}

int codec_parse(const char *text, enum codec *ret, int *ret_level, struct err *err)
{
	size_t length = strcspn(text, ":");

	for (int i = 0; i < CODEC_COUNT; i++) {
		const struct codec_type *type = &codec_types[i];
		int level = type->level_default;
		int r = 0;

		if (strlen(type->name) != length || strncmp(type->name, text, length))
			continue;
		if (text[length])
			r = codec_parse_level(type, text + length + 1, &level, err);
		if (r < 0)
			return r;
		*ret = (enum codec)i;
		*ret_level = level;
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "no codec is called '%.*s': zstd, zlib, lzo, none",
		       (int)MIN(length, (size_t)64), text);
}

int codec_open(enum codec codec, int level, size_t page_size, struct codec_context **ret,
	       struct err *err)
{
	struct codec_context *context;
	int r = 0;

	if (!codec_is_known(codec) || page_size < CODEC_PAGE_MIN ||
	    page_size > CODEC_PAGE_MAX)
		return err_set(err, ERR_INVALID, "no codec %d for pages of %zu bytes",
			       (int)codec, page_size);
	if (level == 0)
		level = codec_types[codec].level_default;
	r = codec_check_level(&codec_types[codec], level, err);
	if (r < 0)
		return r;
	context = calloc(1, sizeof(*context));
	if (!context)
		return err_nomem(err);
	context->type = &codec_types[codec];
	context->page_size = page_size;
	context->level = level;
	r = context->type->open(context, err);
	if (r < 0) {
		codec_close(context);
		return err_in(err, r, "starting %s", codec_name(codec));
	}
	*ret = context;
	return 0;
}

void codec_close(struct codec_context *context)
{
	if (!context)
		return;
	context->type->close(context);
	free(context);
}

size_t codec_compress(struct codec_context *context, const void *page, void *out)
{
	return context->type->compress(context, page, out);
}
