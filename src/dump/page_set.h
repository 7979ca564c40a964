/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of page frames that lie anywhere in memory of any size, some thousand of them: in
 * blocks of 512 frames, of which only those with a member take memory, 72 bytes each.
 *
 * First it grows, by page_set_add(); then it is sealed and asked. Once sealed any number
 * of threads may ask.
 */
#ifndef DUMP_PAGE_SET_H
#define DUMP_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PAGE_SET_BLOCK_PAGES 512
#define PAGE_SET_BLOCKS_MAX  (1u << 17) /* 9 MiB; a million frames, close together */

struct page_set_block {
	uint64_t number; /* of its first frame / PAGE_SET_BLOCK_PAGES, + 1; 0: unused */
	uint64_t bits[PAGE_SET_BLOCK_PAGES / 64];
};

struct page_set {
	struct page_set_block *blocks; /* a hash table; when sealed: sorted, no gaps */
	size_t capacity, count;
	size_t pages;
	int failed; /* a code: ERR_NOMEM, ERR_LIMIT. What was added before it is there */
};

void page_set_done(struct page_set *set);

/* What can't be added is noted in set->failed. */
void page_set_add(struct page_set *set, uint64_t pfn);
void page_set_add_bytes(struct page_set *set, uint64_t paddr, uint64_t size_bytes,
			uint32_t page_size);
void page_set_seal(struct page_set *set);

bool page_set_has(const struct page_set *set, uint64_t pfn);

/*
 * The members among [pfn, pfn + count) as bits, lowest first. Both are multiples of
 * PAGE_SET_BLOCK_PAGES. Returns how many there are.
 */
size_t page_set_get(const struct page_set *set, uint64_t pfn, size_t count, uint8_t *ret);

/* The first block whose last frame is at or behind @pfn: its index, set->count if none.
 */
size_t page_set_find(const struct page_set *set, uint64_t pfn);

static inline uint64_t page_set_block_pfn(const struct page_set_block *block)
{
	return (block->number - 1) * PAGE_SET_BLOCK_PAGES;
}

#endif
