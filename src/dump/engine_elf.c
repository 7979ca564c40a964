// SPDX-License-Identifier: GPL-2.0-or-later
/* A dump as an ELF file: in phase A all of its bits stay in memory. */
#include "dump/engine.h"

#include <stdlib.h>

#include "dump/elf_pages.h"
#include "dump/facts.h"
#include "dump/loads.h"
#include "kernel/arch.h"

#define ELF_HEADERS_ABOUT MIB /* notes and some thousand program headers */

/* The runs of kept and other pages of @pages from @pfn on, all in one chunk. */
static int engine_add_runs(struct engine *engine, const struct chunk *chunk, uint64_t pfn,
			   uint64_t pages, struct err *err)
{
	size_t first = pfn % SELECTION_CHUNK_PAGES, i = first, end = first + pages;
	int r = 0;

	while (i < end && r == 0) {
		bool is_kept = chunk->kept && bit_is_set(chunk->kept_bits, i);
		size_t start = i;

		while (i < end &&
		       is_kept == (chunk->kept && bit_is_set(chunk->kept_bits, i)))
			i++;
		r = elfdump_add(&engine->elf, pfn - first + start, i - start, is_kept,
				err);
	}
	return r;
}

static int engine_add_segments(struct engine *engine, struct err *err)
{
	size_t range_count, c = 0;
	const struct image_range *ranges = image_ranges(engine->image, &range_count);
	uint64_t pfn, end;
	int r = 0;

	for (size_t i = 0; i < range_count && r == 0; i++) {
		for (chunk_range_pages(&ranges[i], engine->page_size, &pfn, &end);
		     pfn < end && r == 0;) {
			uint64_t number = pfn / SELECTION_CHUNK_PAGES;
			uint64_t part =
				MIN(end, (number + 1) * SELECTION_CHUNK_PAGES) - pfn;

			while (engine->chunks.items[c].number < number)
				c++;
			r = engine_add_runs(engine, &engine->chunks.items[c], pfn, part,
					    err);
			pfn += part;
		}
	}
	return r;
}

static int engine_copy_job(struct engine *engine, void *buffer, enum rank rank,
			   uint64_t unit, struct err *err)
{
	const struct chunk *chunk = &engine->chunks.items[unit / UNITS_PER_CHUNK];
	uint8_t wanted[UNIT_BYTES];

	if (!chunk->kept ||
	    !order_pages(&engine->order, unit, rank,
			 chunk->kept_bits + unit % UNITS_PER_CHUNK * UNIT_BYTES, wanted))
		return 0;
	return elf_pages_copy(&engine->elf, &engine->job, buffer,
			      order_unit_pfn(&engine->order, unit), wanted, UNIT_PAGES,
			      &engine->counts, err);
}

/* One thread: nothing is compressed, the disk is what takes the time. */
int engine_copy(struct engine *engine, struct err *err)
{
	_cleanup_free void *buffer = malloc(ELF_PAGES_BUFFER);
	int r = buffer ? order_init(&engine->order, &engine->chunks, &engine->core,
				    engine->rank_max, err)
		       : err_nomem(err);

	for (uint64_t job = 0; job < engine->order.job_count && r == 0; job++) {
		enum rank rank;
		uint64_t unit;

		order_job(&engine->order, job, &rank, &unit);
		r = engine_copy_job(engine, buffer, rank, unit, err);
		engine_progress(engine, false, false);
	}
	engine_tell_counts(engine);
	return r;
}

/*
 * With a limit: nothing is compressed, so it is known before what fits. Ranks that
 * don't are left out.
 */
static int engine_choose_segments(struct engine *engine, struct kernel *kernel,
				  struct err *err)
{
	uint64_t limit = engine->options->size_limit;

	for (;;) {
		int r = engine_select(engine, kernel, err);

		elfdump_done(&engine->elf);
		elfdump_init(&engine->elf, &engine->output, engine->page_size);
		if (r == 0)
			r = engine_add_segments(engine, err);
		if (r < 0 || !limit || engine->rank_max == RANK_CORE ||
		    !engine->core.pages.count ||
		    elfdump_pages_size(&engine->elf) + ELF_HEADERS_ABOUT <= limit)
			return r;
		engine->rank_max--;
	}
}

int engine_begin_elf(struct engine *engine, struct kernel *kernel,
		     const struct diskdump_facts *facts, struct err *err)
{
	_cleanup_free struct image_load *loads = NULL;
	struct elfdump_facts elf = { .machine =
					     kernel ? kernel_arch(kernel)->machine
						    : image_info(engine->image)->machine,
				     .notes = facts->notes,
				     .notes_size = facts->notes_size };
	int r = engine_choose_segments(engine, kernel, err);

	if (r == 0)
		r = loads_gather(engine->image, kernel, &loads, &elf.load_count, err);
	elf.loads = loads;
	return r == 0 ? elfdump_begin(&engine->elf, &elf, err) : r;
}
