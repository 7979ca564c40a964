/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In which order pages are written: by their worth, so that a dump that is cut anywhere
 * has the best of what fits.
 *
 * A job is one unit, an eighth of a chunk, of one rank. Ranks come one after the other,
 * and in each the units by address. Any worker takes the next job; nobody waits.
 */
#ifndef DUMP_ORDER_H
#define DUMP_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/chunk.h"
#include "dump/core.h"

#define UNIT_PAGES	4096
#define UNITS_PER_CHUNK (SELECTION_CHUNK_PAGES / UNIT_PAGES)
#define UNIT_BYTES	(UNIT_PAGES / 8)

enum rank {
	RANK_CORE,   /* what a first answer needs */
	RANK_IMAGE,  /* the kernel's code and data */
	RANK_KERNEL, /* its other memory, and what nobody can tell */
	RANK_REST,   /* page cache, user memory, free pages */
	RANK_COUNT,
};

struct order {
	const struct chunks *chunks;
	const struct core *core;
	/* Units that have pages of the first two ranks. */
	struct order_units {
		uint32_t *items;
		size_t count;
	} first[2];
	uint64_t unit_count; /* of each later rank */
	uint64_t job_count;
};

/* @rank_max: the last that is written. Borrows @chunks and @core. */
int order_init(struct order *order, const struct chunks *chunks, const struct core *core,
	       enum rank rank_max, struct err *err);
void order_done(struct order *order);

/* @job < order->job_count. A unit's number is chunk index * UNITS_PER_CHUNK +
 * its place.
 */
void order_job(const struct order *order, uint64_t job, enum rank *ret_rank,
	       uint64_t *ret_unit);

/* The unit that @pfn is in; order->unit_count: there is none. */
uint64_t order_find_unit(const struct order *order, uint64_t pfn);

static inline uint64_t order_unit_pfn(const struct order *order, uint64_t unit)
{
	return chunk_pfn(&order->chunks->items[unit / UNITS_PER_CHUNK]) +
	       unit % UNITS_PER_CHUNK * UNIT_PAGES;
}

/* Those of the unit's kept pages that have this rank. Returns how many. */
uint32_t order_pages(const struct order *order, uint64_t unit, enum rank rank,
		     const uint8_t kept[static UNIT_BYTES], uint8_t ret[UNIT_BYTES]);

#endif
