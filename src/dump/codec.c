// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page codecs. What a reader expects of each (crash and makedumpfile, diskdump_mod.h):
 * zlib is an RFC 1950 stream, lzo is lzo1x without a header, snappy a block without a
 * frame, zstd one frame; each gives back exactly one page.
 *
 * A context is made once a thread and used for every page: making one costs more than
 * compressing a page. But for snappy nothing is allocated after codec_open().
 *
 * How fast and how small each is: docs/performance.md.
 */
#include "dump/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dump/codec_type.h"

struct codec_context {
	const struct codec_type *type;
	void *state;
};

/* --- none ----------------------------------------------------------------------------
 */

static int none_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	return 0;
}

static void none_close(void *state)
{
}

static size_t none_compress(void *state, const void *page, void *out)
{
	return 0;
}

/* --- the table -----------------------------------------------------------------------
 */

static const struct codec_type codec_none = {
	"none", 0, 0, 0, 0, none_open, none_close, none_compress
};

static const struct codec_type *const codec_types[CODEC_COUNT] = {
	[CODEC_NONE] = &codec_none, [CODEC_ZLIB] = &codec_zlib,
	[CODEC_LZO] = &codec_lzo,   [CODEC_SNAPPY] = &codec_snappy,
	[CODEC_ZSTD] = &codec_zstd,
};

static bool codec_is_known(enum codec codec)
{
	return codec >= 0 && codec < CODEC_COUNT;
}

const char *codec_name(enum codec codec)
{
	return codec_is_known(codec) ? codec_types[codec]->name : "unknown";
}

uint32_t codec_flag(enum codec codec)
{
	return codec_is_known(codec) ? codec_types[codec]->flag : 0;
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
		const struct codec_type *type = codec_types[i];
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
		       "no codec is called '%.*s': zstd, zlib, lzo, snappy, none",
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
		level = codec_types[codec]->level_default;
	else
		r = codec_check_level(codec_types[codec], level, err);
	if (r < 0)
		return r;
	context = calloc(1, sizeof(*context));
	if (!context)
		return err_nomem(err);
	context->type = codec_types[codec];
	r = context->type->open(page_size, level, &context->state, err);
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
	context->type->close(context->state);
	free(context);
}

size_t codec_compress(struct codec_context *context, const void *page, void *out)
{
	return context->type->compress(context->state, page, out);
}
