/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page as a zlib stream (RFC 1950, 1951), for speed: about ten times as fast as zlib's
 * level 1, and a quarter larger. Any inflate reads it.
 */
#ifndef DUMP_DEFLATE_H
#define DUMP_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#define DEFLATE_HASH_BITS 12

/* Bits as they go into the stream, the first one lowest. */
struct deflate_code {
	uint32_t bits;
	uint32_t count;
};

struct deflate {
	struct deflate_code literals[256];
	struct deflate_code lengths[259]; /* 3 to 258: the code and its extra bits */
	uint8_t distances[32]; /* the five bits of a code, as they are written */
	/* Where a word was seen last in this page, + 1. */
	uint16_t last[1 << DEFLATE_HASH_BITS];
};

void deflate_init(struct deflate *deflate);

/*
 * @page_size: 4096 to 65536. @out holds at least page_size bytes. Returns the size, or 0
 * where it would not be below page_size.
 */
size_t deflate_page(struct deflate *deflate, const uint8_t *page, size_t page_size,
		    uint8_t *out);

#endif
