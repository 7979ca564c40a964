/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One task of a report and its stack: from the kernel, as text, as JSON and back. */
#ifndef EXPLAIN_REPORT_TASK_H
#define EXPLAIN_REPORT_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

struct backtrace;
struct cpu;
struct task;
struct json_t;

/* Why a finding is not known; "" where it is. */
struct report_unknown {
	char why[256];
};

/*
 * All strings in a report are one line of printable text: what a kernel's memory holds
 * besides ASCII stands in them as \xNN.
 */
struct report_frame {
	char *text;	/* "epitaph_crash_now+0x4d/0x70 [epitaph_crash]" */
	char *function; /* "" without a name */
	char *module;	/* "" for the kernel itself */
	uint64_t vaddr;
	uint64_t lookup_vaddr; /* see frame_lookup_vaddr(); not in JSON: 0 */
	bool is_reliable;
	char stack[8]; /* see struct frame */

	/* Where debug symbols were asked for them. */
	char *file; /* "kernel/sched/core.c"; NULL: not known */
	uint32_t line;
	bool is_inlined; /* has no code of its own: it lies in that of the next frame */
};

#define REPORT_FRAMES_MAX 1024 /* of one task, with those that are inlined */

struct report_task {
	int32_t pid;
	char comm[65]; /* 16 bytes, each maybe as \xNN */
	uint32_t cpu;  /* UINT32_MAX unknown */
	char state;    /* as struct task; '?' unknown */
	struct report_frame *frames;
	size_t frame_count;
	char end[8];	   /* "clean", "user", "broken" */
	char end_why[256]; /* for "broken" */
};

/*
 * The backtrace of one task, for the commands that show others than the panicking one.
 * @cpu is the one that it was running on, or NULL. Where the backtrace can't be had the
 * task is known nonetheless and @ret_unknown says why. Fails only for memory.
 */
int report_task_build(struct kernel *kernel, const struct task *task,
		      const struct cpu *cpu, struct report_task *ret,
		      struct report_unknown *ret_unknown, struct err *err);
void report_task_done(struct report_task *task);

/* The same with a backtrace that there is already; NULL: it can't be had. */
int report_task_build_from(struct kernel *kernel, const struct task *task,
			   const struct backtrace *backtrace, struct report_task *ret,
			   struct err *err);

/* Its frames, indented, and how the stack ends; the JSON object of one task. */
void report_task_format_text(const struct report_task *task, struct text *ret);
struct json_t *report_task_new_json(const struct report_task *task);
int report_task_parse_json(const struct json_t *object, struct report_task *ret,
			   struct err *err);

#endif
