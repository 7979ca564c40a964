/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks: every thread on the task list, and the idle task of each CPU.
 * Source: Linux include/linux/sched.h; members by BTF.
 */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define TASK_COUNT_MAX (4u << 20) /* PID_MAX_LIMIT of include/linux/threads.h */

struct task {
	uint64_t vaddr; /* of its task_struct */
	int32_t pid;	/* of the thread: 0 for idle tasks */
	int32_t tgid;
	int32_t ppid;	 /* tgid of real_parent, -1 unknown */
	char comm[17];	 /* always NUL-terminated; bytes as they are */
	char state;	 /* as ps: R S D T t X Z P I; '?' unknown */
	uint32_t cpu;	 /* it is on or was last on; UINT32_MAX unknown */
	bool is_running; /* it is the current task of its CPU */
	bool is_kthread;
};

struct task_list {
	struct task *tasks; /* idle tasks first by CPU, then in the order of the list */
	size_t count;
	bool is_cut; /* the list broke off: the rest is unknown */
	char cut_why[256];
};

/* Fails only if no task at all can be read. A broken link ends the list: is_cut. */
int task_list_read(struct kernel *kernel, struct task_list *ret, struct err *err);

/* The same, at most the first @limit: is_cut is set where there are more. */
int task_list_read_some(struct kernel *kernel, size_t limit, struct task_list *ret,
			struct err *err);

void task_list_done(struct task_list *list);

int task_read(struct kernel *kernel, uint64_t vaddr, struct task *ret, struct err *err);

#define _cleanup_task_list _cleanup_(task_list_done)

#endif
