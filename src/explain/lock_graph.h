/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits for whose lock: an edge from each task that waits for a mutex or a
 * rw_semaphore to the one that has it, whose own wait may be the next edge. A circle of
 * such edges is a deadlock.
 */
#ifndef EXPLAIN_LOCK_GRAPH_H
#define EXPLAIN_LOCK_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/survey.h"
#include "kernel/lock.h"

#define LOCK_GRAPH_MAX 1024 /* edges that are kept */

struct lock_party {
	int32_t pid; /* -1 unknown */
	char comm[65];
	char state;
	char channel[SURVEY_NAME_SIZE]; /* that it waits in; "" it runs, or unknown */
};

struct lock_edge {
	struct lock_party waiter;
	struct span since;

	char kind[12];	     /* lock_kind_name() */
	uint64_t lock_vaddr; /* 0 unknown */
	char lock_name[SURVEY_NAME_SIZE];
	uint64_t readers; /* not 0: they have it, and owner is the last that came */
	struct lock_party owner;
	char unknown[160]; /* why lock or owner are not known */

	bool is_deadlock; /* it is part of one */
	size_t next;	  /* the edge of its owner's own wait; SIZE_MAX: none */
};

struct lock_graph {
	struct lock_edge *edges;
	size_t count;
	size_t left_out; /* waiters past LOCK_GRAPH_MAX */
};

/* The task that @survey looked at last, if it waits for a lock. Fails only for memory. */
int lock_graph_add(struct lock_graph *graph, struct locks *locks, struct survey *survey,
		   const struct survey_task *task, struct err *err);

/* After the last: what owners do, edges joined, deadlocks found. Uses @survey anew. */
void lock_graph_finish(struct lock_graph *graph, struct survey *survey);
void lock_graph_done(struct lock_graph *graph);

/* Deadlocks first, then each lock with its owner and those that wait for it. */
void lock_graph_format_text(const struct lock_graph *graph, struct text *ret);

struct json_t *lock_graph_new_json(const struct lock_graph *graph);
int lock_graph_parse_json(const struct json_t *array, struct lock_graph *ret,
			  struct err *err);

#define _cleanup_lock_graph _cleanup_(lock_graph_done)

#endif
