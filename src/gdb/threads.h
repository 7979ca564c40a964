/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every task of the kernel as a thread of gdb's. A thread's id is the task's pid; gdb
 * takes 0 for "any", so the idle task of CPU n is THREADS_IDLE + n.
 */
#ifndef GDB_THREADS_H
#define GDB_THREADS_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

#define THREADS_MAX   262144   /* gdb keeps an object for each */
#define THREADS_IDLE  10000000 /* above PID_MAX_LIMIT, and easy to read in decimal */
#define THREADS_OTHER 20000000 /* + its place: for a pid that is wrong or comes twice */

struct thread {
	uint32_t id;
	struct task task;
	const struct cpu *cpu; /* that it was running on, or NULL */
};

struct threads {
	struct thread *items; /* the one that panicked first, then as task_list_read() */
	size_t count;
	struct cpu_list cpus;
	bool is_cut;
	char cut_why[256];

	uint32_t *by_id; /* of items, sorted by id */
};

/* Without CPUs the running tasks have no registers: is_cut says so. */
int threads_read(struct kernel *kernel, struct threads *ret, struct err *err);
void threads_done(struct threads *threads);

/* NULL: there is no such thread. */
const struct thread *threads_find(const struct threads *threads, uint64_t id);

/* "state S, pid 12, parent 1, CPU 0, kernel thread" */
void thread_describe(const struct thread *thread, struct text *ret);

/* The name, with what is not printable as '?'. */
void thread_name(const struct thread *thread, char ret[sizeof(((struct task *)0)->comm)]);

#define _cleanup_threads _cleanup_(threads_done)

#endif
