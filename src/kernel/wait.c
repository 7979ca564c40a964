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
	*ret = wait;
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
