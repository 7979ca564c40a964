/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All tasks of a dead kernel, looked at one after the other: the stack of each, where it
 * waits and since when. One backtrace is held at a time, for as many tasks as there are.
 */
#ifndef EXPLAIN_SURVEY_H
#define EXPLAIN_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "explain/span.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/unwind.h"
#include "kernel/wait.h"

#define SURVEY_NAME_SIZE 160

struct survey {
	struct kernel *kernel; /* borrowed */
	struct task_list list;
	struct cpu_list cpus;
	char no_cpus[256]; /* why there are none: running tasks have no backtrace */
	struct wait wait;
	struct backtrace *backtrace; /* of the task looked at last */
};

/* What is known of one task besides struct task. */
struct survey_task {
	const struct task *task;
	const struct cpu *cpu;		/* that it was running on; NULL: none */
	bool has_backtrace;		/* survey->backtrace is its */
	char no_backtrace[160];		/* else why not */
	size_t channel_frame;		/* see wait_channel() */
	char channel[SURVEY_NAME_SIZE]; /* "func [module]"; "" runs or unknown */
	struct span slept;		/* most_ms: it was last given a CPU so long ago */
};

/* At most @limit tasks. ERR_*: no task at all can be read. */
int survey_open(struct kernel *kernel, size_t limit, struct survey *ret, struct err *err);
void survey_close(struct survey *survey);

/* The @i-th task of the list. Never fails: what is not known says why. */
void survey_look(struct survey *survey, size_t i, struct survey_task *ret);

/* The same but for its backtrace, and so its wait channel. */
void survey_glance(struct survey *survey, size_t i, struct survey_task *ret);

/* "12.3 s", "4 min 05 s", "3 h 07 min", "2 d 04 h" */
void survey_format_ms(uint64_t ms, char *ret, size_t size);

#define _cleanup_survey _cleanup_(survey_close)

#endif
