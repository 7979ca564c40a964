// SPDX-License-Identifier: GPL-2.0-or-later
/* Chunks of page frames, from the ranges of RAM that an image has. */
#include "dump/chunk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "dump/writer_diskdump.h"

#define CHUNKS_MAX ((size_t)1 << 20) /* 128 TiB, dense */

void chunk_range_pages(const struct image_range *range, uint32_t page_size,
		       uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = range->paddr / page_size + (range->paddr % page_size != 0);
	*ret_end = (range->paddr + range->size_bytes) / page_size;
}

static int chunks_add(struct chunks *chunks, size_t *capacity, uint64_t number,
		      struct err *err)
{
	if (chunks->count == CHUNKS_MAX)
		return err_set(err, ERR_LIMIT, "more than %zu chunks of memory",
			       CHUNKS_MAX);
	if (chunks->count == *capacity) {
		struct chunk *more;

		*capacity = *capacity ? *capacity * 2 : 64;
		more = reallocarray(chunks->items, *capacity, sizeof(*more));
		if (!more)
			return err_nomem(err);
		chunks->items = more;
	}
	chunks->items[chunks->count++] = (struct chunk){ .number = (uint32_t)number };
	return 0;
}

int chunks_init(struct chunks *chunks, struct image *image, uint32_t page_size,
		struct err *err)
{
	size_t range_count, capacity = 0;
	const struct image_range *ranges = image_ranges(image, &range_count);
	uint64_t next = 0, start, end;

	*chunks = (struct chunks){ 0 };

	for (size_t i = 0; i < range_count; i++) {
		chunk_range_pages(&ranges[i], page_size, &start, &end);
		if (start >= end)
			continue;
		if (end > DISKDUMP_PFN_MAX)
			return err_set(err, ERR_LIMIT, "memory up to page frame %" PRIu64,
				       end);
		for (uint64_t n = MAX(start / SELECTION_CHUNK_PAGES, next);
		     n <= (end - 1) / SELECTION_CHUNK_PAGES; n++) {
			int r = chunks_add(chunks, &capacity, n, err);

			if (r < 0)
				return r;
			next = n + 1;
		}
	}
	if (!chunks->count)
		return err_set(err, ERR_NOTFOUND, "the source has no memory at all");
	return 0;
}

void chunks_done(struct chunks *chunks)
{
	for (size_t i = 0; i < chunks->count; i++) {
		free(chunks->items[i].kept_bits);
		free(chunks->items[i].rest_bits);
	}
	free(chunks->items);
	*chunks = (struct chunks){ 0 };
}

static void bits_set(uint8_t *bits, size_t start, size_t end)
{
	for (; start < end && start % 8; start++)
		bits[start / 8] |= (uint8_t)(1u << (start % 8));
	if (start < end) {
		memset(bits + start / 8, 0xff, (end - start) / 8);
		start += (end - start) / 8 * 8;
	}
	for (; start < end; start++)
		bits[start / 8] |= (uint8_t)(1u << (start % 8));
}

uint32_t bits_count(const uint8_t *bits, size_t size)
{
	uint32_t count = 0;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word;

		memcpy(&word, bits + i, sizeof(word));
		count += (uint32_t)__builtin_popcountll(word);
	}
	return count;
}

void chunk_ram(struct image *image, uint32_t page_size, uint64_t pfn, size_t *range_first,
	       uint8_t ret[static SELECTION_CHUNK_BYTES])
{
	size_t range_count;
	const struct image_range *ranges = image_ranges(image, &range_count);

	memset(ret, 0, SELECTION_CHUNK_BYTES);
	for (size_t i = *range_first; i < range_count; i++) {
		uint64_t start, end;

		chunk_range_pages(&ranges[i], page_size, &start, &end);
		if (start >= pfn + SELECTION_CHUNK_PAGES)
			break;
		if (end <= pfn) {
			*range_first = i + 1;
			continue;
		}
		start = MAX(start, pfn) - pfn;
		end = MIN(end - pfn, (uint64_t)SELECTION_CHUNK_PAGES);
		if (start < end)
			bits_set(ret, (size_t)start, (size_t)end);
	}
}

/*
 * Is the page at @paddr missing, and for how many pages does the same hold, of @max? One
 * that should be there and is lost stays, to be counted and marked as lost.
 */
static bool page_is_missing(struct image *image, uint32_t page_size, uint64_t paddr,
			    size_t max, size_t *ret_count)
{
	uint64_t count;
	uint8_t byte;
	int r;

	*ret_count = 1;
	if (image_has_page(image, paddr))
		return false;
	count = (image_next_page(image, paddr) - paddr) / page_size;
	*ret_count = (size_t)MIN(MAX(count, UINT64_C(1)), (uint64_t)max);
	r = image_read(image, paddr, &byte, sizeof(byte), NULL);
	return r == ERR_FILTERED || r == ERR_FAULT;
}

bool chunk_is_missing(struct image *image, uint32_t page_size, uint64_t pfn)
{
	uint64_t paddr = pfn * page_size;

	return !image_has_page(image, paddr) &&
	       image_next_page(image, paddr) >=
		       paddr + (uint64_t)SELECTION_CHUNK_PAGES * page_size;
}

uint64_t chunk_drop_missing(struct image *image, uint32_t page_size, uint64_t pfn,
			    uint8_t kept[static SELECTION_CHUNK_BYTES])
{
	uint64_t missing = 0;

	if (image_info(image)->has_all_pages)
		return 0;
	for (size_t i = 0, count; i < SELECTION_CHUNK_PAGES; i += count) {
		count = 1;
		if (!bit_is_set(kept, i) ||
		    !page_is_missing(image, page_size, (pfn + i) * page_size,
				     SELECTION_CHUNK_PAGES - i, &count))
			continue;
		for (size_t k = i; k < i + count; k++) {
			missing += bit_is_set(kept, k);
			kept[k / 8] &= (uint8_t) ~(1u << (k % 8));
		}
	}
	return missing;
}
