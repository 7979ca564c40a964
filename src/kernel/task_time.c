// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/task_time.h"

#include <stddef.h>

#include "kernel/value.h"

static const struct {
	const char *name;
	const char *const paths[3]; /* the first that this kernel has */
} items[TASK_TIME_COUNT] = {
	[TASK_TIME_USER] = { "user_ns", { "task_struct.utime" } },
	[TASK_TIME_SYSTEM] = { "system_ns", { "task_struct.stime" } },
	[TASK_TIME_RUN] = { "run_ns", { "task_struct.se.sum_exec_runtime" } },
	[TASK_TIME_WAITED] = { "waited_ns", { "task_struct.sched_info.run_delay" } },
	/* cf25e24db61c (v5.5) renamed it */
	[TASK_TIME_STARTED] = { "started_ns",
				{ "task_struct.start_boottime",
				  "task_struct.real_start_time" } },
	[TASK_TIME_RSS] = { "rss_bytes", { NULL } },
	[TASK_TIME_SWITCHES] = { "switches", { "task_struct.nvcsw" } },
	[TASK_TIME_SWITCHES_INVOLUNTARY] = { "switches_involuntary",
					     { "task_struct.nivcsw" } },
};

/*
 * MM_FILEPAGES, MM_ANONPAGES and MM_SHMEMPAGES of an enum without a name, which has been
 * so since eca56ff906bd (v4.5): get_mm_rss(). Until v6.1 an array of counters, since
 * f1a7941243c1 (v6.2) of percpu_counter, whose CPUs' shares are not added here: each may
 * lack some tens of pages.
 */
static int read_rss(struct kernel *kernel, uint64_t task_vaddr, uint64_t *ret,
		    struct err *err)
{
	static const unsigned int indexes[] = { 0, 1, 3 };
	uint64_t mm, at, size = 8, offset = 0, count, pages = 0;
	int r = value_read(kernel, task_vaddr, "task_struct.mm", &mm, err);

	if (r == 0 && !mm)
		r = err_set(err, ERR_NOTFOUND, "it has no memory of its own");
	if (r == 0)
		r = value_vaddr(kernel, mm, "mm_struct.rss_stat", &at, err);
	if (r == 0 && !value_has(kernel, "mm_struct.rss_stat.count.counter")) {
		r = kernel_sizeof(kernel, "percpu_counter", &size, err);
		if (r == 0)
			r = kernel_offset(kernel, "percpu_counter.count", &offset, err);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(indexes); i++) {
		r = kernel_read_u64(kernel, at + indexes[i] * size + offset, &count, err);
		if (r == 0 && !(count >> 63)) // else a little below nothing
			pages += count;
	}
	if (r == 0 && __builtin_mul_overflow(pages, kernel_page_size(kernel), ret))
		r = err_set(err, ERR_CORRUPT, "its memory is too much");
	return r;
}

int task_time_read(struct kernel *kernel, uint64_t task_vaddr, struct task_time *ret,
		   struct err *err)
{
	struct err first = { 0 }, why = { 0 };
	struct task_time result = { 0 };

	for (size_t i = 0; i < TASK_TIME_COUNT; i++) {
		int r = i == TASK_TIME_RSS
				? read_rss(kernel, task_vaddr, &result.value[i], &why)
				: value_read_any(kernel, task_vaddr, items[i].paths,
						 &result.value[i], &why);

		if (r == 0)
			result.known |= UINT32_C(1) << i;
		else if (!first.code)
			first = why;
	}
	if (!result.known)
		return err_set(err, first.code, "%s", err_text(&first));
	*ret = result;
	return 0;
}

const char *task_time_name(enum task_time_item item)
{
	return items[item].name;
}
