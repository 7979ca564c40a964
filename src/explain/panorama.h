/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole machine at its end, for pictures: what every task was doing, all stacks
 * merged, the log along time and its last lines with their levels. A report tells of one
 * task and of those that hang; this takes all of them in, and needs the dump (or, for the
 * log alone, its text).
 */
#ifndef EXPLAIN_PANORAMA_H
#define EXPLAIN_PANORAMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "explain/flame.h"
#include "explain/report.h"
#include "explain/timeline.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"

#define PANORAMA_STATES_MAX 16
#define PANORAMA_TAIL_MAX   400 /* lines of the log */

struct panorama_state {
	char letter; /* as ps; 'r' on a CPU when the machine died, 'i' idle ones of these
		      */
	size_t count;
};

struct panorama_line {
	char *text; /* "[    4.618278] text"; may have several lines */
	uint8_t level;
};

struct panorama {
	bool has_tasks;
	struct report_unknown tasks_unknown;		   /* why not, or why not all */
	struct panorama_state states[PANORAMA_STATES_MAX]; /* the most frequent first */
	size_t state_count;
	struct flame flame;

	bool has_levels; /* else all levels are 7 */
	struct timeline timeline;
	struct panorama_line *tail;
	size_t tail_count;
};

/* All tasks of @kernel, as many as a report counts. Fails only for memory. */
int panorama_add_tasks(struct kernel *kernel, struct panorama *ret, struct err *err);

/* A log, and of its end @lines records. */
int panorama_add_log(const struct printk_log *log, bool has_levels, size_t lines,
		     struct panorama *ret, struct err *err);

void panorama_done(struct panorama *panorama);

/* "running", "sleeping", ... of a state's letter. */
const char *panorama_state_name(char letter);

#define _cleanup_panorama _cleanup_(panorama_done)

#endif
