/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a codec is to codec.c: a row of its table. */
#ifndef DUMP_CODEC_TYPE_H
#define DUMP_CODEC_TYPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct codec_type {
	const char *name;
	uint32_t flag;
	int level_default; /* if 0 and below the least one: the codec's own choice */
	int level_min, level_max;
	/* @ret_state is closed by the caller, also after a failure. */
	int (*open)(size_t page_size, int level, void **ret_state, struct err *err);
	void (*close)(void *state);
	size_t (*compress)(void *state, const void *page, void *out);
};

extern const struct codec_type codec_zlib, codec_lzo, codec_snappy, codec_zstd;

#endif
