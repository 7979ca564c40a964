/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a task has used of the machine and since when it is there.
 * Source: Linux include/linux/sched.h (task_struct, sched_info, sched_entity),
 * kernel/sched/cputime.c; members by BTF. Times are nanoseconds.
 *
 * What a CPU did since its last tick is not yet in a running task's times.
 */
#ifndef KERNEL_TASK_TIME_H
#define KERNEL_TASK_TIME_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

enum task_time_item {
	TASK_TIME_USER,	    /* utime, as the tick saw it */
	TASK_TIME_SYSTEM,   /* stime */
	TASK_TIME_RUN,	    /* se.sum_exec_runtime: all of its time on CPUs, exact */
	TASK_TIME_WAITED,   /* sched_info.run_delay: ready, while others ran */
	TASK_TIME_STARTED,  /* start_boottime: after boot, with time in suspend */
	TASK_TIME_RSS,	    /* bytes of its memory that are in RAM */
	TASK_TIME_SWITCHES, /* that it wanted: nvcsw */
	TASK_TIME_SWITCHES_INVOLUNTARY, /* nivcsw */
	TASK_TIME_COUNT,
};

struct task_time {
	uint64_t value[TASK_TIME_COUNT];
	uint32_t known; /* bit i: value[i] is */
};

/* Fails, with the first reason, where nothing at all is known. */
int task_time_read(struct kernel *kernel, uint64_t task_vaddr, struct task_time *ret,
		   struct err *err);

/* "user_ns", "system_ns", "run_ns", ...: stable, for JSON. */
const char *task_time_name(enum task_time_item item);

#endif
