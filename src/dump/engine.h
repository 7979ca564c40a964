/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump being written: what its parts share. For dump.c and engine_*.c only.
 *
 *	core.c		what a first answer needs
 *	engine_select.c	phase A: which pages, their bits in the file
 *	engine_pack.c	phase B: the pages, compressed, in the order of their worth
 *	engine_elf.c	the same for an ELF file
 *	engine_prove.c	what a first answer needs, read again from what was written
 */
#ifndef DUMP_ENGINE_H
#define DUMP_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"
#include "dump/chunk.h"
#include "dump/core.h"
#include "dump/dump.h"
#include "dump/order.h"
#include "dump/packer.h"
#include "dump/writer_diskdump.h"
#include "dump/writer_elf.h"

#define THREADS_MAX 64

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
	enum rank rank_max; /* what is worth less is left out */
	struct core core;   /* empty where there is none to tell */
	struct chunks chunks;
	struct order order; /* of phase B */
	uint64_t pages_kept;
	_Atomic uint64_t next_chunk; /* of phase A */
	_Atomic uint64_t next_job;   /* of phase B, and of the proof */
	uint64_t job_end;
	_Atomic uint32_t rest_count; /* chunks with rest_bits */
	int64_t progress_ms;	     /* when it was last told */

	pthread_mutex_t lock; /* of all below */
	struct err failure;   /* the first */
	struct packer_counts counts;
	struct select_counts {
		uint64_t total, missing;
		uint64_t rescued[PAGE_CLASS_COUNT]; /* of the core, that classes drop */
	} select_counts;
};

/* One of those that do the same at the same time; the caller's own thread is
 * the first.
 */
struct worker {
	struct engine *engine;
	void (*work)(struct worker *worker);
	bool is_caller; /* the one that tells progress */
	pthread_t thread;

	struct selection *selection; /* of phase A */
	struct packer *packer;	     /* of phase B */
	struct prover *prover;	     /* of engine_prove() */
};

static inline bool engine_is_elf(const struct engine *engine)
{
	return engine->options->format == DUMP_FORMAT_ELF;
}

static inline bool engine_is_mini(const struct engine *engine)
{
	return engine->level == DUMP_LEVEL_MINI;
}

/* --- engine.c --- */

void engine_progress(struct engine *engine, bool is_counting, bool is_last);

/* Ends all workers; the first reason is kept. */
void engine_fail(struct engine *engine, int code, const struct err *err);

/* The first that any worker met. */
int engine_failure(const struct engine *engine, struct err *err);

/* For @parts of work: as asked for, or one a CPU. */
unsigned int engine_thread_count(const struct engine *engine, uint64_t parts);

/*
 * Runs @work in the caller, workers[0], and in threads for as many of the
 * others as can be started. Returns how many there were; all have ended.
 */
unsigned int engine_work(struct engine *engine, struct worker *workers,
			 unsigned int count, void (*work)(struct worker *worker));

void engine_tell_counts(struct engine *engine);

/* --- the phases --- */

/* Fills engine->core. Fails only where the level is MINI. */
int engine_find_core(struct engine *engine, struct kernel *kernel, struct err *err);

/* All chunks, each with how many of its pages are kept; the result's counts. */
int engine_select(struct engine *engine, struct kernel *kernel, struct err *err);

/* Bits of a kdump file's unit (order.h), and the number of its first
 * descriptor. */
int engine_unit_bits(struct engine *engine, uint64_t unit, uint8_t ret[UNIT_BYTES],
		     uint64_t *ret_index, struct err *err);

int engine_pack(struct engine *engine, struct err *err);

/* Segments, and from them the headers; the selection was made. */
int engine_begin_elf(struct engine *engine, struct kernel *kernel,
		     const struct diskdump_facts *facts, struct err *err);
int engine_copy(struct engine *engine, struct err *err);

/*
 * Fails where the dump lacks a page that a first answer needs. That it could
 * not be tried is no failure, see result->proof.
 */
int engine_prove(struct engine *engine, struct err *err);

#endif
