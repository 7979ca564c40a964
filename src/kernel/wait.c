// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/wait.h"

/*
 * Each run queue's clock stands where it was last asked. The machine died a little after
 * the latest of them: at most a tick, where a CPU was busy.
 */
static uint64_t read_clock(struct kernel *kernel, const struct cpu_list *cpus)
{
	uint64_t offset, rq, clock, latest = 0;

	if (kernel_offset(kernel, "rq.clock", &offset, NULL) < 0)
		return 0;
	for (size_t i = 0; i < cpus->count; i++) {
		if (cpu_percpu(kernel, &cpus->cpus[i], "runqueues", &rq, NULL) == 0 &&
		    kernel_read_u64(kernel, rq + offset, &clock, NULL) == 0)
			latest = MAX(latest, clock);
	}
	return latest;
}

/*
 * update_curr() sets exec_start to rq.clock_task, at the latest when the task gives its
 * CPU away, and nothing touches it while the task sleeps.
 */
static void read_clock_gap(struct kernel *kernel, const struct cpu_list *cpus,
			   struct wait *wait)
{
	uint64_t clock_offset, task_offset, rq, clock, clock_task;

	if (kernel_offset(kernel, "task_struct.se.exec_start", &wait->exec_start_offset,
			  NULL) < 0 ||
	    kernel_offset(kernel, "rq.clock", &clock_offset, NULL) < 0 ||
	    kernel_offset(kernel, "rq.clock_task", &task_offset, NULL) < 0) {
		wait->exec_start_offset = 0;
		return;
	}
	for (size_t i = 0; i < cpus->count; i++) {
		if (cpu_percpu(kernel, &cpus->cpus[i], "runqueues", &rq, NULL) < 0 ||
		    kernel_read_u64(kernel, rq + clock_offset, &clock, NULL) < 0 ||
		    kernel_read_u64(kernel, rq + task_offset, &clock_task, NULL) < 0) {
			wait->exec_start_offset = 0;
			return;
		}
		if (clock > clock_task)
			wait->clock_gap_ns = MAX(wait->clock_gap_ns, clock - clock_task);
	}
}

void wait_init(struct kernel *kernel, const struct cpu_list *cpus, struct wait *ret)
{
	static const char *const symbols[][2] = {
		{ "__sched_text_start", "__sched_text_end" },
		{ "__lock_text_start", "__lock_text_end" },
	};
	struct wait wait = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		uint64_t start, end;

		if (kernel_symbol(kernel, symbols[i][0], &start, NULL) < 0 ||
		    kernel_symbol(kernel, symbols[i][1], &end, NULL) < 0)
			continue;
		wait.text[i].start = start;
		wait.text[i].end = end;
	}
	// CONFIG_SCHED_INFO, which distributions have by CONFIG_SCHEDSTATS or delay
	// accounting
	if (kernel_offset(kernel, "task_struct.sched_info.last_arrival",
			  &wait.arrival_offset, NULL) == 0)
		wait.now_ns = read_clock(kernel, cpus);
	if (wait.now_ns)
		read_clock_gap(kernel, cpus, &wait);
	*ret = wait;
}

void wait_not_before(struct wait *wait, uint64_t ns)
{
	if (wait->now_ns)
		wait->now_ns = MAX(wait->now_ns, ns);
}

static bool is_sleeping_code(const struct wait *wait, uint64_t vaddr)
{
	for (size_t i = 0; i < ARRAY_SIZE(wait->text); i++) {
		if (vaddr >= wait->text[i].start && vaddr < wait->text[i].end)
			return true;
	}
	return false;
}

size_t wait_channel(const struct wait *wait, const struct backtrace *backtrace)
{
	size_t i = 0;

	if (wait->text[0].start == wait->text[0].end)
		return backtrace->count;
	while (i < backtrace->count &&
	       is_sleeping_code(wait, frame_lookup_vaddr(&backtrace->frames[i])))
		i++;
	return i;
}

bool wait_since_ns(struct kernel *kernel, const struct wait *wait,
		   const struct task *task, uint64_t *ret)
{
	uint64_t arrival;

	if (!wait->now_ns || kernel_read_u64(kernel, task->vaddr + wait->arrival_offset,
					     &arrival, NULL) < 0)
		return false;
	if (!arrival) // it never had one
		return false;
	// Clocks of CPUs differ by a little: a task may seem to arrive after the end.
	*ret = wait->now_ns > arrival ? wait->now_ns - arrival : 0;
	return true;
}

bool wait_slept_ns(struct kernel *kernel, const struct wait *wait,
		   const struct task *task, uint64_t *ret)
{
	uint64_t start, since;

	if (!wait->exec_start_offset || !wait_since_ns(kernel, wait, task, &since) ||
	    kernel_read_u64(kernel, task->vaddr + wait->exec_start_offset, &start, NULL) <
		    0 ||
	    !start) // of one that was moved to another CPU as it was woken
		return false;
	if (start > wait->now_ns || wait->now_ns - start < wait->clock_gap_ns)
		*ret = 0;
	else
		*ret = wait->now_ns - start - wait->clock_gap_ns;
	*ret = MIN(*ret, since);
	return true;
}
