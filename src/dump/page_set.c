// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/page_set.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define CAPACITY_FIRST 256

void page_set_done(struct page_set *set)
{
	free(set->blocks);
	*set = (struct page_set){ 0 };
}

/* Where the block with this number is, or would be. */
static struct page_set_block *set_slot(struct page_set_block *blocks, size_t capacity,
				       uint64_t number)
{
	uint64_t hash = number * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(hash >> 32) & (capacity - 1);

	while (blocks[i].number && blocks[i].number != number)
		i = (i + 1) & (capacity - 1);
	return &blocks[i];
}

static int set_grow(struct page_set *set)
{
	size_t capacity = set->capacity ? set->capacity * 2 : CAPACITY_FIRST;
	struct page_set_block *blocks;

	if (set->count >= PAGE_SET_BLOCKS_MAX)
		return ERR_LIMIT;
	blocks = calloc(capacity, sizeof(*blocks));
	if (!blocks)
		return ERR_NOMEM;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->blocks[i].number)
			*set_slot(blocks, capacity, set->blocks[i].number) =
				set->blocks[i];
	free(set->blocks);
	set->blocks = blocks;
	set->capacity = capacity;
	return 0;
}

void page_set_add(struct page_set *set, uint64_t pfn)
{
	uint64_t number = pfn / PAGE_SET_BLOCK_PAGES + 1;
	uint64_t bit = (uint64_t)1 << pfn % 64;
	struct page_set_block *block;
	uint64_t *word;

	/* Three quarters full at most. */
	if (set->count >= set->capacity / 4 * 3) {
		int r = set_grow(set);

		if (r < 0) {
			set->failed = r;
			return;
		}
	}
	block = set_slot(set->blocks, set->capacity, number);
	if (!block->number) {
		block->number = number;
		set->count++;
	}
	word = &block->bits[pfn % PAGE_SET_BLOCK_PAGES / 64];
	set->pages += !(*word & bit);
	*word |= bit;
}

void page_set_add_bytes(struct page_set *set, uint64_t paddr, uint64_t size_bytes,
			uint32_t page_size)
{
	if (!size_bytes || size_bytes - 1 > UINT64_MAX - paddr)
		return;
	for (uint64_t pfn = paddr / page_size;
	     pfn <= (paddr + size_bytes - 1) / page_size && !set->failed; pfn++)
		page_set_add(set, pfn);
}

static int compare_blocks(const void *a, const void *b)
{
	const struct page_set_block *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

void page_set_seal(struct page_set *set)
{
	struct page_set_block *smaller;
	size_t n = 0;

	for (size_t i = 0; i < set->capacity; i++)
		if (set->blocks[i].number)
			set->blocks[n++] = set->blocks[i];
	if (!n)
		return;
	qsort(set->blocks, n, sizeof(*set->blocks), compare_blocks);
	smaller = reallocarray(set->blocks, n, sizeof(*set->blocks));
	if (smaller)
		set->blocks = smaller;
	set->capacity = 0;
}

size_t page_set_find(const struct page_set *set, uint64_t pfn)
{
	uint64_t number = pfn / PAGE_SET_BLOCK_PAGES + 1;
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->blocks[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool page_set_has(const struct page_set *set, uint64_t pfn)
{
	size_t i = page_set_find(set, pfn);

	return i < set->count && page_set_block_pfn(&set->blocks[i]) <= pfn &&
	       (set->blocks[i].bits[pfn % PAGE_SET_BLOCK_PAGES / 64] >> pfn % 64 & 1);
}

size_t page_set_get(const struct page_set *set, uint64_t pfn, size_t count, uint8_t *ret)
{
	size_t pages = 0;

	memset(ret, 0, count / 8);
	for (size_t i = page_set_find(set, pfn);
	     i < set->count && page_set_block_pfn(&set->blocks[i]) < pfn + count; i++) {
		const struct page_set_block *block = &set->blocks[i];
		uint8_t *to = ret + (page_set_block_pfn(block) - pfn) / 8;

		for (size_t w = 0; w < ARRAY_SIZE(block->bits); w++) {
			uint64_t word = htole64(block->bits[w]);

			memcpy(to + w * 8, &word, sizeof(word));
			pages += (size_t)__builtin_popcountll(word);
		}
	}
	return pages;
}
