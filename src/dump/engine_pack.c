// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Phase B: workers take jobs (order.h), read the unit's bits again from the file, and
 * write descriptors and data anywhere behind (packer.c). No worker waits for another,
 * no order is kept between them but that of the jobs; one worker runs in the caller's
 * own thread. Before its first job of the next rank a worker puts what it has to the
 * file: at no time is there less than a rank before it, but for what workers are just
 * at.
 */
#include "dump/engine.h"

#include <string.h>

int engine_unit_bits(struct engine *engine, uint64_t unit, uint8_t ret[UNIT_BYTES],
		     uint64_t *ret_index, struct err *err)
{
	const struct chunk *chunk = &engine->chunks.items[unit / UNITS_PER_CHUNK];
	size_t before = unit % UNITS_PER_CHUNK * UNIT_BYTES;
	uint8_t buffer[SELECTION_CHUNK_BYTES];
	const uint8_t *kept = chunk->kept_bits;

	if (!kept) {
		int r = diskdump_get_kept(&engine->dump, chunk_pfn(chunk), buffer,
					  before + UNIT_BYTES, err);

		if (r < 0)
			return r;
		kept = buffer;
	}
	memcpy(ret, kept + before, UNIT_BYTES);
	*ret_index = chunk->first_desc + bits_count(kept, before);
	return 0;
}

static int engine_pack_job(struct engine *engine, struct packer *packer, enum rank rank,
			   uint64_t unit, struct err *err)
{
	uint8_t kept[UNIT_BYTES], wanted[UNIT_BYTES];
	uint64_t index;
	int r;

	if (!engine->chunks.items[unit / UNITS_PER_CHUNK].kept)
		return 0;
	r = engine_unit_bits(engine, unit, kept, &index, err);
	if (r < 0 || !order_pages(&engine->order, unit, rank, kept, wanted))
		return r;
	return packer_range(packer, order_unit_pfn(&engine->order, unit), kept, wanted,
			    UNIT_PAGES, index, err);
}

static int worker_pack_jobs(struct worker *worker, struct err *err)
{
	struct engine *engine = worker->engine;
	enum rank rank, last = RANK_CORE;
	uint64_t unit;
	int r = 0;

	while (r == 0 && !packer_job_is_over(&engine->job)) {
		uint64_t job = atomic_fetch_add(&engine->next_job, 1);

		if (job >= engine->job_end)
			break;
		order_job(&engine->order, job, &rank, &unit);
		if (rank != last)
			r = packer_flush(worker->packer, err);
		last = rank;
		if (r == 0)
			r = engine_pack_job(engine, worker->packer, rank, unit, err);
		if (worker->is_caller)
			engine_progress(engine, false, false);
	}
	return r;
}

static void worker_pack(struct worker *worker)
{
	struct engine *engine = worker->engine;
	struct err err = { 0 };
	int r = worker_pack_jobs(worker, &err);

	if (r < 0)
		engine_fail(engine, r, &err);
	r = packer_flush(worker->packer, &err);
	if (r < 0)
		engine_fail(engine, r, &err);
}

/* Jobs [first, end), which are all in the file then. */
static void engine_pack_jobs(struct engine *engine, struct worker *workers,
			     unsigned int count, uint64_t first, uint64_t end)
{
	atomic_store(&engine->next_job, first);
	engine->job_end = end;
	if (first < end)
		engine_work(engine, workers, count, worker_pack);
}

int engine_pack(struct engine *engine, struct err *err)
{
	struct worker workers[THREADS_MAX] = { 0 };
	unsigned int wanted, count = 1;
	int r = order_init(&engine->order, &engine->chunks, &engine->core,
			   engine->rank_max, err);

	if (r == 0)
		r = packer_new(&engine->job, &workers[0].packer, err);
	if (r < 0)
		return r;
	wanted = engine_thread_count(engine, engine->order.job_count);
	/* Fewer, where memory is short. */
	while (count < wanted &&
	       packer_new(&engine->job, &workers[count].packer, NULL) == 0)
		count++;
	/* The core is all in the file before the first page of another rank. */
	engine_pack_jobs(engine, workers, count, 0, engine->order.first[RANK_CORE].count);
	engine_pack_jobs(engine, workers, count, engine->order.first[RANK_CORE].count,
			 engine->order.job_count);
	for (unsigned int i = 0; i < count; i++) {
		struct packer_counts counts = packer_counts(workers[i].packer);

		engine->counts.written += counts.written;
		engine->counts.zero += counts.zero;
		engine->counts.unreadable += counts.unreadable;
		packer_free(workers[i].packer);
	}
	engine_tell_counts(engine);
	return engine->failure.code ? engine_failure(engine, err) : 0;
}
