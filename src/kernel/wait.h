/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a task that sleeps waits, and since when.
 * Source: Linux kernel/sched/core.c (in_sched_functions(), get_wchan()),
 * include/linux/sched.h (struct sched_info), kernel/sched/{fair,rt}.c (update_curr()).
 */
#ifndef KERNEL_WAIT_H
#define KERNEL_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/unwind.h"

/*
 * The code of the scheduler and of locks, through which every task goes to sleep; and the
 * scheduler's clock when the machine died.
 */
struct wait {
	struct {
		uint64_t start, end; /* half-open; empty: unknown */
	} text[2];
	uint64_t now_ns;	 /* 0 unknown */
	uint64_t arrival_offset; /* in struct task_struct */

	/* se.exec_start, by a clock that stands still while interrupts or a hypervisor
	 * have the CPU; by so much, at most, it is behind the other one. */
	uint64_t exec_start_offset; /* 0 unknown */
	uint64_t clock_gap_ns;
};

/* What this kernel does not say is left out. */
void wait_init(struct kernel *kernel, const struct cpu_list *cpus, struct wait *ret);

/* The machine was alive at @ns of the scheduler's clock, which is that of its log. */
void wait_not_before(struct wait *wait, uint64_t ns);

/*
 * The wait channel: the first frame whose code is neither of the two. @backtrace->count:
 * there is none, or the kernel does not say where they lie.
 */
size_t wait_channel(const struct wait *wait, const struct backtrace *backtrace);

/*
 * How long ago @task was last given a CPU: a task that sleeps does so for at most that
 * long, and for a little less. false: unknown.
 */
bool wait_since_ns(struct kernel *kernel, const struct wait *wait,
		   const struct task *task, uint64_t *ret);

/*
 * How long @task, which sleeps, has done so at least: since it was last seen to run, at
 * the latest when it gave its CPU away. false: unknown.
 */
bool wait_slept_ns(struct kernel *kernel, const struct wait *wait,
		   const struct task *task, uint64_t *ret);

#endif
