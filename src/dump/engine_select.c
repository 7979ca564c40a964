// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Phase A: which pages are in the dump. Each worker takes chunks; their bits go
 * straight to their place in the file, and only their number stays in memory. Each has
 * a kernel and a selection of its own.
 *
 * The core is in, whatever the classes say: a page of it that they would leave out is
 * counted as rescued.
 */
#include "dump/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/select.h"

/* With rest_bits: 4 MiB. Pages of further chunks are all written as the
 * kernel's. */
#define REST_CHUNKS_MAX 1024

/* Of the room for pages one part in so many may go to the table of them. */
#define LIMIT_TABLE_PART 4

/* Both bitmaps of a chunk go to the file, or what is kept to the chunk. */
static int engine_put_bits(struct engine *engine, struct chunk *chunk, const uint8_t *ram,
			   const uint8_t *kept, struct err *err)
{
	uint64_t pfn = chunk_pfn(chunk);

	if (engine->output.kind == OUTPUT_FILE && !engine_is_elf(engine))
		return diskdump_set_bitmaps(&engine->dump, pfn, ram, kept,
					    SELECTION_CHUNK_BYTES, err);
	if (!chunk->kept)
		return 0;
	if (!chunk->kept_bits)
		chunk->kept_bits = malloc(SELECTION_CHUNK_BYTES);
	if (!chunk->kept_bits)
		return err_nomem(err);
	memcpy(chunk->kept_bits, kept, SELECTION_CHUNK_BYTES);
	return 0;
}

/* The bitmaps of a stream, without gaps: chunks without RAM too. */
static int engine_stream_bits(struct engine *engine, struct err *err)
{
	static const uint8_t zeros[SELECTION_CHUNK_BYTES];
	const struct chunk *next = engine->chunks.items,
			   *end = next + engine->chunks.count;
	uint8_t ram[SELECTION_CHUNK_BYTES];
	size_t range_first = 0;
	int r = 0;

	for (uint64_t n = 0; r == 0 && n < engine->dump.bitmap_size / sizeof(ram); n++) {
		uint64_t pfn = n * SELECTION_CHUNK_PAGES;
		const struct chunk *chunk =
			next < end && next->number == n ? next++ : NULL;

		if (chunk)
			chunk_ram(engine->image, engine->page_size, pfn, &range_first,
				  ram);
		r = diskdump_set_bitmaps(&engine->dump, pfn, chunk ? ram : zeros,
					 chunk && chunk->kept ? chunk->kept_bits : zeros,
					 sizeof(ram), err);
	}
	return r;
}

/* --- one chunk
 * -----------------------------------------------------------------------
 */

static void bits_and(uint8_t *ret, const uint8_t *mask)
{
	for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
		ret[i] &= mask[i];
}

static void bits_and_not(uint8_t *ret, const uint8_t *mask)
{
	for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
		ret[i] &= (uint8_t)~mask[i];
}

/* Pages of the core that @kept lacks, by what they are taken for, and adds
 * them. */
static void engine_rescue(const struct selection *selection, const uint8_t *core,
			  uint8_t *kept, struct select_counts *counts)
{
	const uint8_t *classes = selection_classes(selection);

	for (size_t i = 0; i < SELECTION_CHUNK_PAGES; i++) {
		if (core[i / 8] == 0) {
			i += 7 - i % 8;
			continue;
		}
		if (bit_is_set(core, i) && !bit_is_set(kept, i) && classes)
			counts->rescued[classes[i]]++;
	}
	for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
		kept[i] |= core[i];
}

/* Which of @kept are not the kernel's; returns how many. */
static uint32_t engine_find_rest(const struct engine *engine,
				 const struct selection *selection, const uint8_t *kept,
				 uint8_t *ret)
{
	const uint8_t *classes = selection_classes(selection);

	memset(ret, 0, SELECTION_CHUNK_BYTES);
	if (!classes || engine->level == DUMP_LEVEL_MAX)
		return 0;
	for (size_t i = 0; i < SELECTION_CHUNK_PAGES; i++)
		if (classes[i] != PAGE_CLASS_KERNEL && bit_is_set(kept, i))
			ret[i / 8] |= (uint8_t)(1u << (i % 8));
	return bits_count(ret, SELECTION_CHUNK_BYTES);
}

/* For the order of writing. Without memory for it those pages are written
 * earlier. */
static void engine_mark_rest(struct engine *engine, struct chunk *chunk,
			     const uint8_t *rest, uint32_t rest_count)
{
	chunk->is_rest = rest_count && rest_count == chunk->kept;
	free(chunk->rest_bits);
	chunk->rest_bits = NULL;
	if (!rest_count || chunk->is_rest ||
	    atomic_fetch_add(&engine->rest_count, 1) >= REST_CHUNKS_MAX)
		return;
	chunk->rest_bits = malloc(SELECTION_CHUNK_BYTES);
	if (chunk->rest_bits)
		memcpy(chunk->rest_bits, rest, SELECTION_CHUNK_BYTES);
}

/*
 * Of the pages of RAM those that are kept: of the ranks up to rank_max. @rest: those of
 * them that are not the kernel's.
 */
static int engine_select_bits(struct engine *engine, struct selection *selection,
			      uint64_t pfn, const uint8_t *ram, uint8_t *kept,
			      uint8_t *rest, uint32_t *ret_rest,
			      struct select_counts *counts, struct err *err)
{
	uint8_t core[SELECTION_CHUNK_BYTES], image[SELECTION_CHUNK_BYTES];
	int r;

	*ret_rest = 0;
	page_set_get(&engine->core.pages, pfn, SELECTION_CHUNK_PAGES, core);
	bits_and(core, ram);
	if (!selection) {
		memcpy(kept, core, SELECTION_CHUNK_BYTES);
		return 0;
	}
	r = selection_chunk(selection, pfn, ram, kept, err);
	if (r < 0)
		return r;
	if (engine->core.pages.count) {
		page_set_get(&engine->core.doubtful, pfn, SELECTION_CHUNK_PAGES, image);
		bits_and_not(core, image);
		engine_rescue(selection, core, kept, counts);
		for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
			core[i] |= image[i] & kept[i];
	}
	*ret_rest = engine_find_rest(engine, selection, kept, rest);
	if (*ret_rest)
		bits_and_not(rest, core);
	if (engine->rank_max < RANK_REST && *ret_rest) {
		bits_and_not(kept, rest);
		*ret_rest = 0;
	}
	if (engine->rank_max < RANK_KERNEL) {
		page_set_get(&engine->core.image, pfn, SELECTION_CHUNK_PAGES, image);
		for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
			image[i] = engine->rank_max == RANK_CORE ? core[i]
								 : image[i] | core[i];
		bits_and(kept, image);
	}
	return 0;
}

/* One chunk: its bits to the file, their number to the chunk. */
static int engine_select_chunk(struct engine *engine, struct selection *selection,
			       struct chunk *chunk, size_t *range_first,
			       struct select_counts *counts, struct err *err)
{
	uint8_t ram[SELECTION_CHUNK_BYTES], kept[SELECTION_CHUNK_BYTES];
	uint8_t rest[SELECTION_CHUNK_BYTES];
	uint64_t pfn = chunk_pfn(chunk);
	uint32_t rest_count;
	int r;

	/* Of what a header claims and nobody knows the bits stay a hole of the file. */
	if (selection && chunk_is_missing(engine->image, engine->page_size, pfn) &&
	    !selection_is_memory(selection, pfn)) {
		chunk->kept = 0;
		return 0;
	}
	chunk_ram(engine->image, engine->page_size, pfn, range_first, ram);
	r = engine_select_bits(engine, selection, pfn, ram, kept, rest, &rest_count,
			       counts, err);
	if (r < 0)
		return r;
	counts->missing +=
		chunk_drop_missing(engine->image, engine->page_size, pfn, kept);
	counts->total += bits_count(ram, sizeof(ram));
	chunk->kept = bits_count(kept, sizeof(kept)) & INT32_MAX;
	engine_mark_rest(engine, chunk, rest, rest_count);
	return engine_put_bits(engine, chunk, ram, kept, err);
}

/* --- all chunks
 * ----------------------------------------------------------------------
 */

static void worker_select(struct worker *worker)
{
	struct engine *engine = worker->engine;
	struct select_counts counts = { 0 };
	size_t range_first = 0;
	struct err err = { 0 };
	int r = 0;

	while (r == 0 && !packer_job_is_over(&engine->job)) {
		uint64_t i = atomic_fetch_add(&engine->next_chunk, 1);

		if (i >= engine->chunks.count)
			break;
		r = engine_select_chunk(engine, worker->selection,
					&engine->chunks.items[i], &range_first, &counts,
					&err);
		if (worker->is_caller)
			engine_progress(engine, true, false);
	}
	if (r < 0)
		engine_fail(engine, r, &err);
	pthread_mutex_lock(&engine->lock);
	engine->select_counts.total += counts.total;
	engine->select_counts.missing += counts.missing;
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		engine->select_counts.rescued[i] += counts.rescued[i];
	pthread_mutex_unlock(&engine->lock);
}

/*
 * The thread of another selection opens the kernel again: one thread uses one. Where
 * that fails there is one worker less.
 */
static void worker_select_again(struct worker *worker)
{
	_cleanup_kernel struct kernel *kernel = NULL;

	if (worker->is_caller) {
		worker_select(worker);
		return;
	}
	if (kernel_open(worker->engine->image, &kernel, NULL) < 0 ||
	    selection_open(kernel, worker->engine->level, &worker->selection, NULL) < 0)
		return;
	if (selection_kind(worker->selection) == DUMP_SELECTION_MEMMAP)
		worker_select(worker);
	selection_forget_kernel(worker->selection);
}

/* All chunks once. */
static int engine_select_chunks(struct engine *engine, struct selection *selection,
				struct err *err)
{
	struct worker workers[THREADS_MAX] = { { .selection = selection } };
	unsigned int count = 1;

	atomic_store(&engine->next_chunk, 0);
	atomic_store(&engine->rest_count, 0);
	engine->select_counts = (struct select_counts){ 0 };
	if (selection && selection_kind(selection) == DUMP_SELECTION_MEMMAP)
		count = engine_thread_count(engine, engine->chunks.count);
	count = engine_work(engine, workers, count, worker_select_again);
	for (unsigned int i = 1; i < count; i++) {
		if (workers[i].selection)
			selection_add(selection, workers[i].selection);
		selection_close(workers[i].selection);
	}
	if (engine->failure.code)
		return engine_failure(engine, err);
	/* A chunk that was taken was done: then what they say can still be written.
	 */
	if (atomic_load(&engine->next_chunk) < engine->chunks.count)
		return err_set(err, ERR_TRUNCATED, "stopped before any page was written");
	engine->pages_kept = 0;
	for (size_t i = 0; i < engine->chunks.count; i++) {
		engine->chunks.items[i].first_desc = engine->pages_kept;
		engine->pages_kept += engine->chunks.items[i].kept;
	}
	return 0;
}

/* What was left out for the class it is in. */
static uint64_t engine_left_out(const struct engine *engine,
				const struct selection *selection, enum page_class class)
{
	return selection_left_out(selection, class) -
	       engine->select_counts.rescued[class];
}

static void engine_tell_pages(struct engine *engine, const struct selection *selection)
{
	struct dump_result *result = engine->result;
	const struct select_counts *counts = &engine->select_counts;

	result->pages_total = counts->total;
	result->pages_free = engine_left_out(engine, selection, PAGE_CLASS_FREE);
	result->pages_cache_private =
		engine_left_out(engine, selection, PAGE_CLASS_CACHE_PRIVATE);
	result->pages_cache = engine_left_out(engine, selection, PAGE_CLASS_CACHE) +
			      result->pages_cache_private;
	result->pages_user = engine_left_out(engine, selection, PAGE_CLASS_USER);
	result->pages_other =
		engine_left_out(engine, selection, PAGE_CLASS_UNUSABLE) + counts->missing;
	result->pages_beyond = result->pages_total - engine->pages_kept -
			       result->pages_free - result->pages_cache -
			       result->pages_user - result->pages_other;
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		result->pages_rescued += counts->rescued[i];
}

static void engine_tell_selection(struct engine *engine,
				  const struct selection *selection)
{
	struct dump_result *result = engine->result;

	engine_tell_pages(engine, selection);
	result->selection = selection_kind(selection);
	snprintf(result->selection_why, sizeof(result->selection_why), "%s",
		 selection_why(selection));
	if (selection_lost(selection))
		log_warning(engine->options->log,
			    "unable to read what %" PRIu64
			    " pages were used for, keeping "
			    "them all",
			    selection_lost(selection));
	if (result->pages_rescued)
		log_warning(engine->options->log,
			    "%" PRIu64
			    " pages that a first answer needs look like others: "
			    "they are kept",
			    result->pages_rescued);
	if (result->selection == DUMP_SELECTION_ZERO &&
	    engine->level & ~DUMP_EXCLUDE_ZERO)
		log_warning(engine->options->log,
			    "keeping all pages but those of zeros: %s",
			    result->selection_why);
}

/* What a first answer needs. Without it a dump of another level is as good as
 * before. */
int engine_find_core(struct engine *engine, struct kernel *kernel, struct err *err)
{
	struct dump_result *result = engine->result;
	struct err why = { 0 };
	int r = kernel ? core_gather(engine->image, engine->page_size, &engine->core,
				     &why)
		       : err_set(&why, ERR_NOTFOUND,
				 "the kernel of the dump is not known");

	if (r < 0)
		snprintf(result->core_missing, sizeof(result->core_missing), "%.250s",
			 err_text(&why));
	else
		memcpy(result->core_missing, engine->core.missing,
		       sizeof(result->core_missing));
	if (result->core_missing[0] && engine_is_mini(engine))
		log_warning(engine->options->log,
			    "what a first answer needs is not all known: %s",
			    result->core_missing);
	result->pages_core = engine->core.pages.pages;
	if (r < 0 && engine_is_mini(engine)) {
		*err = why;
		return err_in(err, r, "selecting what a first answer needs");
	}
	return 0;
}

static int engine_select_mini(struct engine *engine, struct err *err)
{
	struct dump_result *result = engine->result;
	int r = engine_select_chunks(engine, NULL, err);

	if (r < 0)
		return r;
	result->selection = DUMP_SELECTION_CORE;
	result->pages_total = engine->select_counts.total;
	result->pages_other = engine->select_counts.missing;
	result->pages_beyond =
		result->pages_total - engine->pages_kept - result->pages_other;
	return 0;
}

/*
 * Headers, bitmaps and the table of pages take room that pages then lack: with a limit
 * they get a part of it at most, and the ranks that would need more are left out.
 */
static bool engine_fits(const struct engine *engine)
{
	uint64_t limit = engine->options->size_limit;
	uint64_t table = engine->pages_kept * sizeof(struct diskdump_desc);

	return !limit || engine_is_elf(engine) || engine->rank_max == RANK_CORE ||
	       (engine->rank_max == RANK_IMAGE
			? engine->dump.desc_offset + table +
					  engine->pages_kept * engine->page_size / 2 <=
				  limit
			: table <= (limit - MIN(limit, engine->dump.desc_offset)) /
					   LIMIT_TABLE_PART);
}

static int engine_select_ranks(struct engine *engine, struct selection *selection,
			       struct err *err)
{
	int r = engine_select_chunks(engine, selection, err);

	if (r == 0 && !selection_judge(selection))
		r = engine_select_chunks(engine, selection, err);
	while (r == 0 && engine->core.pages.count && !engine_fits(engine)) {
		engine->rank_max--;
		selection_reset(selection);
		r = engine_select_chunks(engine, selection, err);
	}
	return r;
}

static int engine_select_level(struct engine *engine, struct kernel *kernel,
			       struct err *err)
{
	_cleanup_selection struct selection *selection = NULL;
	int r = selection_open(kernel, engine->level, &selection, err);

	if (r == 0)
		r = engine_select_ranks(engine, selection, err);
	if (r < 0)
		return r;
	engine_tell_selection(engine, selection);
	if (engine_is_elf(engine) || engine->result->selection != DUMP_SELECTION_ZERO)
		return 0;
	return diskdump_set_level(&engine->dump,
				  (engine->level & DUMP_EXCLUDE_ZERO) |
					  image_info(engine->image)->dump_level,
				  err);
}

int engine_select(struct engine *engine, struct kernel *kernel, struct err *err)
{
	int r = engine_is_mini(engine) ? engine_select_mini(engine, err)
				       : engine_select_level(engine, kernel, err);

	if (r == 0 && engine->output.kind == OUTPUT_STREAM && !engine_is_elf(engine))
		r = engine_stream_bits(engine, err);
	return r;
}
