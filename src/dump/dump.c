// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump is written in two phases.
 *
 * A: for each chunk of page frames (32768 of them, 128 MiB on x86-64) the memmap says
 *    which pages are kept; the chunk's bits go straight to their place in the file, and
 *    only their number stays in memory. Each worker has a kernel and a selection of its
 *    own. Summed up, the numbers say where each chunk's descriptors begin.
 * B: workers take units (an eighth of a chunk), read the unit's bits again from the file,
 *    and write descriptors and data anywhere behind (packer.c). No worker waits for
 *    another, no order is kept between them; one worker runs in the caller's own thread.
 *
 * Memory: in A 2.2 MiB a worker (struct pages and bits of one chunk), given back before
 * B; in B below 2 MiB a worker. All the time 24 bytes a chunk with RAM: 192 KiB for a
 * TiB. A stream can't be read again: there the bits stay in memory, 32 MiB for a TiB, and
 * go out once they are all decided.
 *
 * A failure in B (a full disk, most of all) ends all workers, after each has written what
 * it has; the file stays marked "incomplete".
 */
#include "dump/dump.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "dump/chunk.h"
#include "dump/core.h"
#include "dump/elf_pages.h"
#include "dump/facts.h"
#include "dump/loads.h"
#include "dump/packer.h"
#include "dump/select.h"
#include "dump/writer_diskdump.h"
#include "dump/writer_elf.h"
#include "kernel/arch.h"

#define UNIT_PAGES	  4096
#define UNITS_PER_CHUNK	  (SELECTION_CHUNK_PAGES / UNIT_PAGES)
#define UNIT_BYTES	  (UNIT_PAGES / 8)
#define THREADS_MAX	  64
#define THREAD_STACK	  (256 * KIB)
#define PROGRESS_EVERY_MS 100

struct engine {
	struct image *image;
	const struct dump_options *options;
	struct dump_result *result;
	struct output output;
	struct diskdump dump; /* of KDUMP */
	struct elfdump elf;   /* of ELF */
	struct packer_job job;
	uint32_t page_size;
	int level;
	struct core core; /* empty where there is none to tell */
	struct chunks chunks;
	uint64_t pages_kept;
	_Atomic uint64_t next_chunk; /* of phase A */
	_Atomic uint64_t next_unit;  /* of phase B */
	int64_t progress_ms;	     /* when it was last told */

	pthread_mutex_t lock; /* of all below */
	struct err failure;   /* the first */
	struct packer_counts counts;
	uint64_t pages_total, pages_missing;
};

/* --- progress ------------------------------------------------------------------------
 */

static void engine_progress(struct engine *engine, bool is_counting, bool is_last)
{
	struct dump_progress progress = {
		.pages_done = atomic_load(&engine->job.pages_done),
		.pages_total = is_counting ? 0 : engine->pages_kept,
		.bytes_written = atomic_load(&engine->output.end),
	};
	struct timespec now;
	int64_t now_ms;

	if (!engine->options->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
	if (!is_last && now_ms - engine->progress_ms < PROGRESS_EVERY_MS)
		return;
	engine->progress_ms = now_ms;
	engine->options->progress(engine->options->progress_context, &progress);
}

/* --- workers -------------------------------------------------------------------------
 */

static void engine_fail(struct engine *engine, int code, const struct err *err)
{
	pthread_mutex_lock(&engine->lock);
	if (!engine->failure.code) {
		engine->failure = *err;
		engine->failure.code = code;
	}
	pthread_mutex_unlock(&engine->lock);
	atomic_store(&engine->job.is_stopped, true);
}

/* The first that any worker met. */
static int engine_failure(const struct engine *engine, struct err *err)
{
	if (err)
		*err = engine->failure;
	return engine->failure.code;
}

/* One of those that do the same at the same time; the caller's own thread is the first.
 */
struct worker {
	struct engine *engine;
	void (*work)(struct worker *worker);
	bool is_caller; /* the one that tells progress */
	pthread_t thread;

	struct selection *selection; /* of phase A */
	struct packer *packer;	     /* of phase B */
};

static void *worker_main(void *context)
{
	struct worker *worker = context;

	worker->work(worker);
	return NULL;
}

static unsigned int engine_thread_count(const struct engine *engine, uint64_t parts)
{
	unsigned int threads = engine->options->threads;
	cpu_set_t cpus;

	if (!threads)
		threads = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
				  ? (unsigned int)CPU_COUNT(&cpus)
				  : 1;
	threads = MIN(threads, (unsigned int)THREADS_MAX);
	return (unsigned int)MIN((uint64_t)MAX(threads, 1u), parts);
}

/*
 * Runs @work in the caller, workers[0], and in threads for as many of the others as can
 * be started. Returns how many there were; all have ended.
 */
static unsigned int engine_work(struct engine *engine, struct worker *workers,
				unsigned int count, void (*work)(struct worker *worker))
{
	pthread_attr_t attributes;
	unsigned int started = 1;

	workers[0].is_caller = true;
	for (unsigned int i = 0; i < count; i++) {
		workers[i].engine = engine;
		workers[i].work = work;
	}
	if (count > 1 && pthread_attr_init(&attributes) == 0) {
		pthread_attr_setstacksize(&attributes, THREAD_STACK);
		while (started < count &&
		       pthread_create(&workers[started].thread, &attributes, worker_main,
				      &workers[started]) == 0)
			started++;
		pthread_attr_destroy(&attributes);
	}
	work(&workers[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return started;
}

/* --- phase A -------------------------------------------------------------------------
 */

static bool engine_is_elf(const struct engine *engine)
{
	return engine->options->format == DUMP_FORMAT_ELF;
}

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

static bool engine_is_mini(const struct engine *engine)
{
	return engine->level == DUMP_LEVEL_MINI;
}

static int engine_select_core(const struct engine *engine, uint64_t pfn,
			      const uint8_t *ram, uint8_t *ret_kept)
{
	page_set_get(&engine->core.pages, pfn, SELECTION_CHUNK_PAGES, ret_kept);
	for (size_t i = 0; i < SELECTION_CHUNK_BYTES; i++)
		ret_kept[i] &= ram[i];
	return 0;
}

/* One chunk: its bits to the file, their number to the chunk. */
static int engine_select_chunk(struct engine *engine, struct selection *selection,
			       struct chunk *chunk, size_t *range_first,
			       uint64_t *ret_total, uint64_t *ret_missing,
			       struct err *err)
{
	uint8_t ram[SELECTION_CHUNK_BYTES], kept[SELECTION_CHUNK_BYTES];
	uint64_t pfn = chunk_pfn(chunk);
	int r;

	chunk_ram(engine->image, engine->page_size, pfn, range_first, ram);
	r = engine_is_mini(engine) ? engine_select_core(engine, pfn, ram, kept)
				   : selection_chunk(selection, pfn, ram, kept, err);
	if (r < 0)
		return r;
	*ret_missing += chunk_drop_missing(engine->image, engine->page_size, pfn, kept);
	*ret_total += bits_count(ram, sizeof(ram));
	chunk->kept = bits_count(kept, sizeof(kept));
	return engine_put_bits(engine, chunk, ram, kept, err);
}

static void worker_select(struct worker *worker)
{
	struct engine *engine = worker->engine;
	uint64_t total = 0, missing = 0;
	size_t range_first = 0;
	struct err err = { 0 };
	int r = 0;

	while (r == 0 && !packer_job_is_over(&engine->job)) {
		uint64_t i = atomic_fetch_add(&engine->next_chunk, 1);

		if (i >= engine->chunks.count)
			break;
		r = engine_select_chunk(engine, worker->selection,
					&engine->chunks.items[i], &range_first, &total,
					&missing, &err);
		if (worker->is_caller)
			engine_progress(engine, true, false);
	}
	if (r < 0)
		engine_fail(engine, r, &err);
	pthread_mutex_lock(&engine->lock);
	engine->pages_total += total;
	engine->pages_missing += missing;
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

	engine->next_chunk = engine->pages_total = engine->pages_missing = 0;
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
	/* A chunk that was taken was done: then what they say can still be written. */
	if (atomic_load(&engine->next_chunk) < engine->chunks.count)
		return err_set(err, ERR_TRUNCATED, "stopped before any page was written");
	engine->pages_kept = 0;
	for (size_t i = 0; i < engine->chunks.count; i++) {
		engine->chunks.items[i].first_desc = engine->pages_kept;
		engine->pages_kept += engine->chunks.items[i].kept;
	}
	engine->result->pages_total = engine->pages_total;
	engine->result->pages_other = engine->pages_missing;
	return 0;
}

static void engine_tell_selection(struct engine *engine,
				  const struct selection *selection)
{
	struct dump_result *result = engine->result;

	result->selection = selection_kind(selection);
	result->pages_free = selection_left_out(selection, PAGE_CLASS_FREE);
	result->pages_cache_private =
		selection_left_out(selection, PAGE_CLASS_CACHE_PRIVATE);
	result->pages_cache = selection_left_out(selection, PAGE_CLASS_CACHE) +
			      result->pages_cache_private;
	result->pages_user = selection_left_out(selection, PAGE_CLASS_USER);
	result->pages_other += selection_left_out(selection, PAGE_CLASS_UNUSABLE);
	snprintf(result->selection_why, sizeof(result->selection_why), "%s",
		 selection_why(selection));
	if (selection_lost(selection))
		log_warning(engine->options->log,
			    "unable to read what %" PRIu64
			    " pages were used for, keeping "
			    "them all",
			    selection_lost(selection));
	if (result->selection == DUMP_SELECTION_ZERO &&
	    engine->level & ~DUMP_EXCLUDE_ZERO)
		log_warning(engine->options->log,
			    "keeping all pages but those of zeros: %s",
			    result->selection_why);
}

/* What a first answer needs. Without it a dump of another level is as good as before. */
static int engine_find_core(struct engine *engine, struct kernel *kernel, struct err *err)
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
	result->pages_beyond =
		result->pages_total - engine->pages_kept - engine->pages_missing;
	return engine->output.kind == OUTPUT_STREAM && !engine_is_elf(engine)
		       ? engine_stream_bits(engine, err)
		       : 0;
}

static int engine_select(struct engine *engine, struct kernel *kernel, struct err *err)
{
	_cleanup_selection struct selection *selection = NULL;
	int r = engine_is_mini(engine) ? engine_find_core(engine, kernel, err) : 0;

	if (r == 0 && engine_is_mini(engine))
		return engine_select_mini(engine, err);
	if (r == 0)
		r = selection_open(kernel, engine->level, &selection, err);

	if (r == 0)
		r = engine_select_chunks(engine, selection, err);
	if (r == 0 && !selection_judge(selection))
		r = engine_select_chunks(engine, selection, err);
	if (r < 0)
		return r;
	engine_tell_selection(engine, selection);
	if (engine_is_elf(engine))
		return 0;
	if (engine->result->selection == DUMP_SELECTION_ZERO)
		r = diskdump_set_level(&engine->dump,
				       (engine->level & DUMP_EXCLUDE_ZERO) |
					       image_info(engine->image)->dump_level,
				       err);
	if (r == 0 && engine->output.kind == OUTPUT_STREAM)
		r = engine_stream_bits(engine, err);
	return r;
}

/* --- phase B -------------------------------------------------------------------------
 */

static int engine_pack_unit(struct engine *engine, struct packer *packer, uint64_t unit,
			    struct err *err)
{
	const struct chunk *chunk = &engine->chunks.items[unit / UNITS_PER_CHUNK];
	uint64_t pfn = chunk_pfn(chunk);
	size_t before = unit % UNITS_PER_CHUNK * UNIT_BYTES;
	uint8_t buffer[SELECTION_CHUNK_BYTES];
	const uint8_t *kept = chunk->kept_bits;

	if (!chunk->kept)
		return 0;
	if (!kept) {
		int r = diskdump_get_kept(&engine->dump, pfn, buffer, before + UNIT_BYTES,
					  err);

		if (r < 0)
			return r;
		kept = buffer;
	}
	return packer_range(packer, pfn + before * 8, kept + before, UNIT_PAGES,
			    chunk->first_desc + bits_count(kept, before), err);
}

static void worker_pack(struct worker *worker)
{
	struct engine *engine = worker->engine;
	uint64_t unit_count = (uint64_t)engine->chunks.count * UNITS_PER_CHUNK;
	struct packer_counts counts;
	struct err err = { 0 };
	int r = 0;

	while (r == 0 && !packer_job_is_over(&engine->job)) {
		uint64_t unit = atomic_fetch_add(&engine->next_unit, 1);

		if (unit >= unit_count)
			break;
		r = engine_pack_unit(engine, worker->packer, unit, &err);
		if (worker->is_caller)
			engine_progress(engine, false, false);
	}
	if (r < 0)
		engine_fail(engine, r, &err);
	r = packer_flush(worker->packer, &err);
	if (r < 0)
		engine_fail(engine, r, &err);
	counts = packer_counts(worker->packer);
	pthread_mutex_lock(&engine->lock);
	engine->counts.written += counts.written;
	engine->counts.zero += counts.zero;
	engine->counts.unreadable += counts.unreadable;
	pthread_mutex_unlock(&engine->lock);
}

static void engine_tell_counts(struct engine *engine)
{
	engine->result->pages_written = engine->counts.written;
	engine->result->pages_zero = engine->counts.zero;
	engine->result->pages_unreadable = engine->counts.unreadable;
}

static int engine_pack(struct engine *engine, struct err *err)
{
	struct worker workers[THREADS_MAX] = { 0 };
	uint64_t units = (uint64_t)engine->chunks.count * UNITS_PER_CHUNK;
	unsigned int wanted = engine_thread_count(engine, units), count = 1;
	int r = packer_new(&engine->job, &workers[0].packer, err);

	if (r < 0)
		return r;
	/* Fewer, where memory is short. */
	while (count < wanted &&
	       packer_new(&engine->job, &workers[count].packer, NULL) == 0)
		count++;
	engine_work(engine, workers, count, worker_pack);
	for (unsigned int i = 0; i < count; i++)
		packer_free(workers[i].packer);
	engine_tell_counts(engine);
	return engine->failure.code ? engine_failure(engine, err) : 0;
}

/* --- ELF -----------------------------------------------------------------------------
 */

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

/* One thread: nothing is compressed, the disk is what takes the time. */
static int engine_copy(struct engine *engine, struct err *err)
{
	_cleanup_free void *buffer = malloc(ELF_PAGES_BUFFER);
	int r = buffer ? 0 : err_nomem(err);

	for (size_t i = 0; i < engine->chunks.count && r == 0; i++) {
		const struct chunk *chunk = &engine->chunks.items[i];
		uint64_t pfn = chunk_pfn(chunk);

		for (size_t u = 0; u < UNITS_PER_CHUNK && chunk->kept && r == 0; u++) {
			r = elf_pages_copy(&engine->elf, &engine->job, buffer,
					   pfn + u * UNIT_PAGES,
					   chunk->kept_bits + u * UNIT_BYTES, UNIT_PAGES,
					   &engine->counts, err);
			engine_progress(engine, false, false);
		}
	}
	engine_tell_counts(engine);
	return r;
}

static int engine_begin_elf(struct engine *engine, struct kernel *kernel,
			    const struct diskdump_facts *facts, struct err *err)
{
	_cleanup_free struct image_load *loads = NULL;
	struct elfdump_facts elf = { .machine =
					     kernel ? kernel_arch(kernel)->machine
						    : image_info(engine->image)->machine,
				     .notes = facts->notes,
				     .notes_size = facts->notes_size };
	int r = engine_select(engine, kernel, err);

	elfdump_init(&engine->elf, &engine->output, engine->page_size);
	if (r == 0)
		r = engine_add_segments(engine, err);
	if (r == 0)
		r = loads_gather(engine->image, kernel, &loads, &elf.load_count, err);
	elf.loads = loads;
	return r == 0 ? elfdump_begin(&engine->elf, &elf, err) : r;
}

/* --- all of it -----------------------------------------------------------------------
 */

/* What is not whole, though nothing failed. */
static int engine_check_whole(const struct engine *engine, struct err *err)
{
	const struct dump_result *result = engine->result;

	if (result->pages_unreadable)
		return err_set(err, ERR_TRUNCATED,
			       "the source could not give %" PRIu64 " of %" PRIu64
			       " pages",
			       result->pages_unreadable, engine->pages_kept);
	if (result->pages_written < engine->pages_kept)
		return err_set(err, ERR_TRUNCATED, "stopped");
	return 0;
}

/* Until the first page: the headers, and which pages. */
static int engine_begin(struct engine *engine, struct kernel *kernel, int fd,
			struct err *err)
{
	struct diskdump_facts facts;
	int r;

	facts_gather(engine->image, kernel,
		     engine_is_mini(engine) ? DUMP_LEVEL_MAX : engine->level,
		     engine->options->codec, &facts);
	engine->page_size = engine->job.page_size = facts.page_size;
	r = chunks_init(&engine->chunks, engine->image, engine->page_size, err);
	if (r == 0)
		r = output_begin(&engine->output, engine->options->output, fd,
				 engine->options->size_limit, err);
	if (r < 0 || engine_is_elf(engine))
		return r < 0 ? r : engine_begin_elf(engine, kernel, &facts, err);
	r = diskdump_begin(&engine->dump, &facts, &engine->output, err);
	if (r == 0)
		r = engine_select(engine, kernel, err);
	if (r == 0)
		r = diskdump_begin_pages(&engine->dump, engine->pages_kept, err);
	return r;
}

static int engine_end(struct engine *engine, bool is_complete, struct err *err)
{
	return engine_is_elf(engine) ? elfdump_end(&engine->elf, is_complete, err)
				     : diskdump_end(&engine->dump, is_complete, err);
}

static int engine_run(struct engine *engine, struct kernel *kernel, int fd,
		      struct err *err)
{
	struct err end_err = { 0 };
	int r = engine_begin(engine, kernel, fd, err);

	if (r < 0)
		return r;
	r = engine_is_elf(engine) ? engine_copy(engine, err) : engine_pack(engine, err);
	engine_progress(engine, false, true);
	if (r == 0)
		r = engine_check_whole(engine, err);
	if (r == 0)
		return engine_end(engine, true, err);
	if (engine_end(engine, false, &end_err) < 0)
		log_warning(engine->options->log, "%s, more of it may be lost",
			    err_text(&end_err));
	return r;
}

static int engine_check_options(const struct dump_options *options, struct err *err)
{
	if (options->level != DUMP_LEVEL_MINI &&
	    (options->level < 0 || options->level > DUMP_LEVEL_MAX))
		return err_set(err, ERR_INVALID, "no level %d: 0 to %d", options->level,
			       DUMP_LEVEL_MAX);
	return 0;
}

/* "writing pages: No space left on device after 123 of 456 pages" */
static void engine_tell_incomplete(struct engine *engine, const struct err *why)
{
	struct dump_result *result = engine->result;

	if (engine->pages_kept && !result->pages_unreadable)
		snprintf(result->incomplete_why, sizeof(result->incomplete_why),
			 "%.180s after %" PRIu64 " of %" PRIu64 " pages", err_text(why),
			 result->pages_written, engine->pages_kept);
	else
		snprintf(result->incomplete_why, sizeof(result->incomplete_why), "%.250s",
			 err_text(why));
}

int dump_write(struct image *image, struct kernel *kernel,
	       const struct dump_options *options, int fd, struct dump_result *ret,
	       struct err *err)
{
	struct engine engine = {
		.image = image,
		.options = options,
		.result = ret,
		.level = options->level,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.job = { .image = image,
			 .dump = &engine.dump,
			 .codec = options->codec,
			 .codec_level = options->codec_level,
			 .cancel = options->cancel },
	};
	struct err why = { 0 };
	int r;

	*ret = (struct dump_result){ .selection = DUMP_SELECTION_ZERO };
	r = engine_check_options(options, &why);
	if (r == 0)
		r = engine_run(&engine, kernel, fd, &why);
	ret->bytes_written = atomic_load(&engine.output.end);
	ret->is_complete = r == 0;
	if (r < 0) {
		engine_tell_incomplete(&engine, &why);
		if (err)
			*err = why;
	}
	core_done(&engine.core);
	chunks_done(&engine.chunks);
	elfdump_done(&engine.elf);
	return r;
}

const char *dump_selection_name(enum dump_selection selection)
{
	static const char *const names[] = { "memmap", "zero", "core" };

	return names[selection];
}
