/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page frames in chunks of a fixed size, those that hold any RAM, and which frames of a
 * chunk do. A chunk is what one worker selects at once; 32 bytes of each stay in memory.
 */
#ifndef DUMP_CHUNK_H
#define DUMP_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "dump/select.h"
#include "image/image.h"

struct chunk {
	uint32_t number;      /* its first page frame / SELECTION_CHUNK_PAGES */
	uint32_t kept : 31;   /* pages */
	uint32_t is_rest : 1; /* they are not the kernel's; see rest_bits */
	uint64_t first_desc;
	/* Where the output can't be read again, of a chunk with any. */
	uint8_t *kept_bits;
	/* Where only some are not the kernel's: which. NULL: is_rest says it of all. */
	uint8_t *rest_bits;
};

struct chunks {
	struct chunk *items; /* in order */
	size_t count;
};

/* Those that hold any RAM; ERR_NOTFOUND if none does. Zeroed @chunks are freed so too. */
int chunks_init(struct chunks *chunks, struct image *image, uint32_t page_size,
		struct err *err);
void chunks_done(struct chunks *chunks);

static inline uint64_t chunk_pfn(const struct chunk *chunk)
{
	return (uint64_t)chunk->number * SELECTION_CHUNK_PAGES;
}

/*
 * The RAM of the chunk that begins at @pfn. @range_first, 0 in the beginning, moves on
 * with chunks that are asked for in order.
 */
void chunk_ram(struct image *image, uint32_t page_size, uint64_t pfn, size_t *range_first,
	       uint8_t ret[static SELECTION_CHUNK_BYTES]);

/* Does the source, filtered before, lack all frames of the chunk that begins at @pfn? */
bool chunk_is_missing(struct image *image, uint32_t page_size, uint64_t pfn);

/* Takes frames that a source, filtered before, lacks out of @kept; says how many. */
uint64_t chunk_drop_missing(struct image *image, uint32_t page_size, uint64_t pfn,
			    uint8_t kept[static SELECTION_CHUNK_BYTES]);

/* Whole page frames of a range: [*ret_start, *ret_end). */
void chunk_range_pages(const struct image_range *range, uint32_t page_size,
		       uint64_t *ret_start, uint64_t *ret_end);

static inline bool bit_is_set(const uint8_t *bits, size_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static inline bool page_is_zero(const uint8_t *page, size_t size)
{
	static const uint8_t zeros[32];

	return memcmp(page, zeros, sizeof(zeros)) == 0 &&
	       memcmp(page, page + sizeof(zeros), size - sizeof(zeros)) == 0;
}

/* @size is a multiple of 8. */
uint32_t bits_count(const uint8_t *bits, size_t size);

#endif
