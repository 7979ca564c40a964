// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rank a page has: the core and the kernel's image are sets of page frames
 * (core.c); what is left of the kept pages is the kernel's, but for those that phase A
 * marked as the rest (chunk.h).
 */
#include "dump/order.h"

#include <stdlib.h>
#include <string.h>

/* The index of the chunk with this number; chunks->count: there is none. */
static size_t order_find_chunk(const struct chunks *chunks, uint64_t number)
{
	size_t low = 0, high = chunks->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chunks->items[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < chunks->count && chunks->items[low].number == number ? low
									  : chunks->count;
}

uint64_t order_find_unit(const struct order *order, uint64_t pfn)
{
	size_t chunk = order_find_chunk(order->chunks, pfn / SELECTION_CHUNK_PAGES);

	return chunk * UNITS_PER_CHUNK +
	       (chunk == order->chunks->count ? 0
					      : pfn % SELECTION_CHUNK_PAGES / UNIT_PAGES);
}

static int order_list_units(const struct order *order, const struct page_set *set,
			    struct order_units *ret, struct err *err)
{
	if (!set->count)
		return 0;
	ret->items = calloc(set->count, sizeof(*ret->items));
	if (!ret->items)
		return err_nomem(err);
	for (size_t i = 0; i < set->count; i++) {
		uint64_t pfn = page_set_block_pfn(&set->blocks[i]);
		uint32_t unit = (uint32_t)order_find_unit(order, pfn);

		if (unit == order->unit_count ||
		    (ret->count && ret->items[ret->count - 1] == unit))
			continue;
		ret->items[ret->count++] = unit;
	}
	return 0;
}

static bool order_has_rest(const struct chunks *chunks)
{
	for (size_t i = 0; i < chunks->count; i++)
		if (chunks->items[i].is_rest || chunks->items[i].rest_bits)
			return true;
	return false;
}

int order_init(struct order *order, const struct chunks *chunks, const struct core *core,
	       enum rank rank_max, struct err *err)
{
	int r;

	*order =
		(struct order){ .chunks = chunks,
				.core = core,
				.unit_count = (uint64_t)chunks->count * UNITS_PER_CHUNK };
	r = order_list_units(order, &core->pages, &order->first[RANK_CORE], err);
	if (r == 0 && rank_max > RANK_CORE)
		r = order_list_units(order, &core->image, &order->first[RANK_IMAGE], err);
	order->job_count = order->first[RANK_CORE].count + order->first[RANK_IMAGE].count;
	if (rank_max > RANK_IMAGE)
		order->job_count += order->unit_count;
	if (rank_max > RANK_KERNEL && order_has_rest(chunks))
		order->job_count += order->unit_count;
	return r;
}

void order_done(struct order *order)
{
	for (size_t i = 0; i < ARRAY_SIZE(order->first); i++)
		free(order->first[i].items);
	*order = (struct order){ 0 };
}

void order_job(const struct order *order, uint64_t job, enum rank *ret_rank,
	       uint64_t *ret_unit)
{
	for (int rank = RANK_CORE; rank <= RANK_IMAGE; rank++) {
		const struct order_units *units = &order->first[rank];

		if (job < units->count) {
			*ret_rank = (enum rank)rank;
			*ret_unit = units->items[job];
			return;
		}
		job -= units->count;
	}
	*ret_rank = job < order->unit_count ? RANK_KERNEL : RANK_REST;
	*ret_unit = job < order->unit_count ? job : job - order->unit_count;
}

/* ret & ~mask. */
static void bits_clear(uint8_t ret[UNIT_BYTES], const uint8_t mask[UNIT_BYTES])
{
	for (size_t i = 0; i < UNIT_BYTES; i++)
		ret[i] &= (uint8_t)~mask[i];
}

/* Takes out, or leaves only, those of the rest. */
static void order_split_rest(const struct chunk *chunk, uint64_t unit, bool is_rest,
			     uint8_t ret[UNIT_BYTES])
{
	const uint8_t *rest = chunk->rest_bits;

	if (!rest) {
		if (chunk->is_rest != is_rest)
			memset(ret, 0, UNIT_BYTES);
		return;
	}
	rest += unit % UNITS_PER_CHUNK * UNIT_BYTES;
	for (size_t i = 0; i < UNIT_BYTES; i++)
		ret[i] &= is_rest ? rest[i] : (uint8_t)~rest[i];
}

uint32_t order_pages(const struct order *order, uint64_t unit, enum rank rank,
		     const uint8_t kept[static UNIT_BYTES], uint8_t ret[UNIT_BYTES])
{
	uint64_t pfn = order_unit_pfn(order, unit);
	uint8_t bits[UNIT_BYTES];

	memcpy(ret, kept, UNIT_BYTES);
	if (rank >= RANK_KERNEL)
		order_split_rest(&order->chunks->items[unit / UNITS_PER_CHUNK], unit,
				 rank == RANK_REST, ret);
	if (page_set_get(&order->core->image, pfn, UNIT_PAGES, bits) &&
	    rank >= RANK_KERNEL)
		bits_clear(ret, bits);
	if (rank == RANK_IMAGE)
		for (size_t i = 0; i < UNIT_BYTES; i++)
			ret[i] &= bits[i];
	if (page_set_get(&order->core->pages, pfn, UNIT_PAGES, bits) && rank > RANK_CORE)
		bits_clear(ret, bits);
	if (rank == RANK_CORE)
		for (size_t i = 0; i < UNIT_BYTES; i++)
			ret[i] &= bits[i];
	return bits_count(ret, UNIT_BYTES);
}
