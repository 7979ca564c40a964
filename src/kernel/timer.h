/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers that were set, of each CPU: those of the wheel, counted in jiffies, and those of
 * high resolution, in nanoseconds of one of several clocks.
 * Source: Linux kernel/time/{timer,hrtimer}.c; members by BTF.
 */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"

#define TIMER_BASES_MAX	  3	  /* NR_BASES of a CPU: 2, since v6.9 3 */
#define TIMER_VECTORS_MAX 4096	  /* WHEEL_SIZE: 512 or 576 */
#define TIMER_COUNT_MAX	  1000000 /* of all CPUs */
#define TIMER_CLOCKS_MAX  16	  /* HRTIMER_MAX_CLOCK_BASES: 8 */

struct timer {
	uint32_t cpu;
	bool is_hrtimer;
	uint64_t vaddr;	  /* of its struct timer_list or hrtimer */
	uint64_t expires; /* jiffies, or nanoseconds of its clock */
	int64_t left;	  /* until then when the machine died; below 0: overdue */
	uint32_t base;	  /* wheel: number of its base; hrtimer: CLOCK_* of its clock */
	char function[128];
	char detail[128]; /* whose: "pid 12 sleepd", a delayed work's function; "" unknown
			   */
};

struct timer_list {
	struct timer *timers; /* by CPU, the wheel's first, then by time */
	size_t count;
	uint64_t jiffies;
	bool has_now; /* hrtimers know what is left */
	char cut_why[256];
};

int timer_list_read(struct kernel *kernel, const struct cpu_list *cpus,
		    struct timer_list *ret, struct err *err);
void timer_list_done(struct timer_list *list);

#define _cleanup_timer_list _cleanup_(timer_list_done)

#endif
