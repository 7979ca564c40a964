/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock that a sleeping task waits for, and who has it: mutexes, rw_semaphores,
 * rt_mutexes; and the end of another task, where it waits for that.
 * Source: Linux kernel/locking/mutex.[ch], kernel/locking/{rwsem,rtmutex}.c,
 * kernel/sched/completion.c, include/linux/{mutex,rwsem,swait}.h; members by BTF.
 *
 * Most kernels do not say which lock that is. A task that waits for one has a waiter
 * (struct mutex_waiter, rwsem_waiter) on its stack, in a ring with the other waiters and
 * with a head within the lock. It is found by three things that must be so at once: it
 * names this task, its neighbours in the ring point back to it, and the lock that the
 * ring leads to says that it has waiters.
 *
 * Since v7.x (mutex.first_waiter) the ring has no head. The lock is then one that the
 * stack points to, and that points into the ring itself.
 *
 * A task that waits for a rt_mutex names its waiter, and that the lock (task_struct
 * .pi_blocked_on).
 *
 * Who will end the wait for a completion nobody writes down, but for one kind: a task's
 * end, or its exec, completes what its vfork_done points to. For that wait vfork() and
 * kthread_stop().
 *
 * Not known here: locks of PREEMPT_RT, semaphores, other completions, bits and events.
 */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/unwind.h"

#define LOCK_WAITERS_MAX 4096 /* of one lock that are walked past */
#define LOCK_CALLER_MAX	 256  /* and of its callers' stack for the lock's address */
#define LOCK_STACK_MAX	 (16u << 10) /* searched for a waiter: THREAD_SIZE */

enum lock_kind { /* and how it is wanted */
	LOCK_MUTEX,
	LOCK_RWSEM_READ,
	LOCK_RWSEM_WRITE,
	LOCK_RTMUTEX,
	LOCK_TASK_END, /* a completion; the owner is who completes it */
};

struct lock_wait {
	enum lock_kind kind;
	uint64_t lock_vaddr;  /* 0 unknown */
	uint64_t owner_vaddr; /* a task of the list; 0 unknown, or none */
	uint64_t readers;  /* that hold it; then the owner is only the one that came last
			    */
	char unknown[160]; /* why lock or owner are not known, "" they are */
};

struct locks;

/* Borrows @kernel; copies what it needs of @tasks. */
int locks_new(struct kernel *kernel, const struct task_list *tasks, struct locks **ret,
	      struct err *err);
void locks_free(struct locks *locks);
static inline void locks_freep(struct locks **locks)
{
	locks_free(*locks);
}

/*
 * ERR_NOTFOUND: by its @backtrace this task waits for no such lock. That the lock or its
 * owner can't be told is no failure.
 */
int lock_wait_find(struct locks *locks, const struct task *task,
		   const struct backtrace *backtrace, struct lock_wait *ret,
		   struct err *err);

/*
 * The same for one that is known to wait for a lock of @kind, with its waiter on the
 * stack in [@low, @high). Never fails: see ret->unknown.
 */
void lock_wait_read(struct locks *locks, const struct task *task, enum lock_kind kind,
		    uint64_t low, uint64_t high, struct lock_wait *ret);

/* "mutex", "rwsem-read", "rwsem-write", "rtmutex", "task-end" */
const char *lock_kind_name(enum lock_kind kind);

#define _cleanup_locks _cleanup_(locks_freep)

#endif
