// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An RFC 1950 stream a page: with a level by libdeflate, without one by what is quickest
 * of what the program was linked with.
 */
#include <stdlib.h>

#include <libdeflate.h>

#include "dump/codec_type.h"
#include "dump/zlib_engine.h"

#define LEVEL_QUICKEST 0

/* --- libdeflate ----------------------------------------------------------------------
 */

struct deflater {
	size_t page_size;
	struct libdeflate_compressor *compressor;
};

static int deflater_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct deflater *deflater = *ret_state = calloc(1, sizeof(*deflater));

	if (!deflater)
		return err_nomem(err);
	deflater->page_size = page_size;
	deflater->compressor =
		libdeflate_alloc_compressor(level == LEVEL_QUICKEST ? 1 : level);
	return deflater->compressor ? 0 : err_nomem(err);
}

static void deflater_close(void *state)
{
	struct deflater *deflater = state;

	if (deflater && deflater->compressor)
		libdeflate_free_compressor(deflater->compressor);
	free(deflater);
}

static size_t deflater_compress(void *state, const void *page, void *out)
{
	struct deflater *deflater = state;

	return libdeflate_zlib_compress(deflater->compressor, page, deflater->page_size,
					out, deflater->page_size - 1);
}

const struct zlib_engine zlib_libdeflate = { deflater_open, deflater_close,
					     deflater_compress };

/* --- the codec -----------------------------------------------------------------------
 */

/* The first that is there (NULL: not linked) and has the level. */
static const struct zlib_engine_row {
	const struct zlib_engine *engine;
	int level_min, level_max;
} engines[] = {
	{ &zlib_isal, LEVEL_QUICKEST, LEVEL_QUICKEST },
	{ &zlib_libdeflate, LEVEL_QUICKEST, 9 },
};

struct zlib {
	const struct zlib_engine *engine;
	void *state;
};

static int zlib_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct zlib *zlib = *ret_state = calloc(1, sizeof(*zlib));
	const struct zlib_engine_row *row = engines;

	if (!zlib)
		return err_nomem(err);
	while (!row->engine || level < row->level_min || level > row->level_max)
		row++;
	zlib->engine = row->engine;
	return zlib->engine->open(page_size, level, &zlib->state, err);
}

static void zlib_close(void *state)
{
	struct zlib *zlib = state;

	if (zlib && zlib->engine)
		zlib->engine->close(zlib->state);
	free(zlib);
}

static size_t zlib_compress(void *state, const void *page, void *out)
{
	struct zlib *zlib = state;

	return zlib->engine->compress(zlib->state, page, out);
}

const struct codec_type codec_zlib = { "zlib", 1,	  LEVEL_QUICKEST, 1,
				       9,      zlib_open, zlib_close,	  zlib_compress };
