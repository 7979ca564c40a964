// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page codecs. What a reader expects of each (crash and makedumpfile, diskdump_mod.h):
 * zlib is an RFC 1950 stream, lzo is lzo1x without a header, zstd is one frame; each
 * gives back exactly one page.
 *
 * A context is made once a thread and used for every page: making one costs more than
 * compressing a page. Nothing is allocated after codec_open().
 *
 * Default levels: one core, on the pages that are not zeros in level 31 dumps of Debian's
 * cloud kernels 6.1 and 6.12 (libraries of Debian 12; MB of pages a second, size):
 *   zstd:-1 870 .213   zstd:1 580 .185   zstd:2 560 .183   zstd:3 470 .181
 *   zlib:1  176 .191   lzo   1630 .264
 * So zstd:1: its next level gains 1%, and where CPU is short lzo is twice as fast as
 * zstd:-1. A smaller zstd hash table or zlib window changes neither number by 5%.
 */
#include "dump/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

struct codec_context {
	const struct codec_type *type;
	size_t page_size;
	int level;
	z_stream zlib;
	ZSTD_CCtx *zstd;
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
	if (deflateInit(&context->zlib, context->level) != Z_OK)
		return err_nomem(err);
	return 0;
}

static void zlib_close(struct codec_context *context)
{
	deflateEnd(&context->zlib);
}

static size_t zlib_compress(struct codec_context *context, const void *page, void *out)
{
	z_stream *stream = &context->zlib;
	size_t size;

	stream->next_in = (Bytef *)page;
	stream->avail_in = (uInt)context->page_size;
	stream->next_out = out;
	stream->avail_out = (uInt)context->page_size - 1;
	size = deflate(stream, Z_FINISH) == Z_STREAM_END ? stream->total_out : 0;
	deflateReset(stream);
	return size;
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

/* A page of zeros is compressed at once: from then on the context has all its memory. */
static int zstd_open(struct codec_context *context, struct err *err)
{
	_cleanup_free void *page = calloc(2, context->page_size);

	context->zstd = ZSTD_createCCtx();
	if (!page || !context->zstd)
		return err_nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(context->zstd, ZSTD_c_compressionLevel,
						context->level)))
		return err_set(err, ERR_INVALID, "zstd refuses the level %d",
			       context->level);
	if (!context->type->compress(context, page, (uint8_t *)page + context->page_size))
		return err_nomem(err);
	return 0;
}

static void zstd_close(struct codec_context *context)
{
	ZSTD_freeCCtx(context->zstd);
}

static size_t zstd_compress(struct codec_context *context, const void *page, void *out)
{
	size_t size = ZSTD_compress2(context->zstd, out, context->page_size - 1, page,
				     context->page_size);

	return ZSTD_isError(size) ? 0 : size;
}

/* --- the table -----------------------------------------------------------------------
 */

static const struct codec_type codec_types[CODEC_COUNT] = {
	[CODEC_NONE] = { "none", 0, 0, 0, 0, none_open, none_close, none_compress },
	[CODEC_ZLIB] = { "zlib", 1, 1, 1, 9, zlib_open, zlib_close, zlib_compress },
	[CODEC_LZO] = { "lzo", 2, 1, 1, 1, lzo_open, lzo_close, lzo_compress },
	[CODEC_ZSTD] = { "zstd", 0x20, 1, -7, 19, zstd_open, zstd_close, zstd_compress },
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
