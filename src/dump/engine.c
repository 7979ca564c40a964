// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads of a dump, how far they are, and the first failure of any. */
#include "dump/engine.h"

#include <sched.h>
#include <time.h>

#define THREAD_STACK	  (256 * KIB)
#define PROGRESS_EVERY_MS 100

void engine_progress(struct engine *engine, bool is_counting, bool is_last)
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

void engine_fail(struct engine *engine, int code, const struct err *err)
{
	pthread_mutex_lock(&engine->lock);
	if (!engine->failure.code) {
		engine->failure = *err;
		engine->failure.code = code;
	}
	pthread_mutex_unlock(&engine->lock);
	atomic_store(&engine->job.is_stopped, true);
}

int engine_failure(const struct engine *engine, struct err *err)
{
	if (err)
		*err = engine->failure;
	return engine->failure.code;
}

static void *worker_main(void *context)
{
	struct worker *worker = context;

	worker->work(worker);
	return NULL;
}

unsigned int engine_thread_count(const struct engine *engine, uint64_t parts)
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

unsigned int engine_work(struct engine *engine, struct worker *workers,
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

void engine_tell_counts(struct engine *engine)
{
	engine->result->pages_written = engine->counts.written;
	engine->result->pages_zero = engine->counts.zero;
	engine->result->pages_unreadable = engine->counts.unreadable;
}
