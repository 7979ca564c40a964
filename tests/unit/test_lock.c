// SPDX-License-Identifier: GPL-2.0-or-later
/* What tasks of the fake kernel wait for: the frame, since when, which lock of whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "kernel/lock.h"
#include "kernel/wait.h"

/* struct mutex, rw_semaphore and their waiters here */
#define LOCK	     (DATA + 0x9000)
#define MUTEX_OWNER  0x00
#define MUTEX_LIST   0x10
#define RWSEM_COUNT  0x00
#define RWSEM_OWNER  0x08
#define RWSEM_LIST   0x28
#define WAITER_TASK  0x10
#define WAITER(i)    (STACK + 0x1000 * (uint64_t)(i) + 0x348) /* on the stack of task i */
#define LOW(i)	     (STACK + 0x1000 * (uint64_t)(i))
#define HIGH(i)	     (LOW(i) + 0x1000)
#define OWNER	     1 /* task 1 has it, tasks 2 and 3 wait */
#define RQ_CLOCK     0x30
#define TASK_ARRIVAL 0x1f0

static void init(struct fake_kernel *f)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_task(f, 1, 101, "owner");
	fake_task(f, 2, 102, "first");
	fake_task(f, 3, 103, "second");
	fake_vmcoreinfo(&f->memory,
			"OFFSET(mutex.owner)=%d\nOFFSET(mutex.wait_list)=%d\n"
			"OFFSET(rw_semaphore.count)=%d\nOFFSET(rw_semaphore.owner)=%d\n"
			"OFFSET(rw_semaphore.wait_list)=%d",
			MUTEX_OWNER, MUTEX_LIST, RWSEM_COUNT, RWSEM_OWNER, RWSEM_LIST);
	fake_vmcoreinfo(&f->memory,
			"OFFSET(mutex_waiter.list)=0\nOFFSET(mutex_waiter.task)=%d\n"
			"OFFSET(rwsem_waiter.list)=0\nOFFSET(rwsem_waiter.task)=%d",
			WAITER_TASK, WAITER_TASK);
}

static void add_waiters(struct fake_kernel *f, uint64_t head)
{
	fake_list_head(f, head);
	for (int i = 2; i <= 3; i++) {
		fake_u64(&f->memory, WAITER(i) + WAITER_TASK, TASK(i));
		fake_list_add_tail(f, WAITER(i), head);
	}
}

static void init_mutex(struct fake_kernel *f)
{
	init(f);
	fake_u64(&f->memory, LOCK + MUTEX_OWNER, TASK(OWNER) | 1);
	add_waiters(f, LOCK + MUTEX_LIST);
}

static void init_rwsem(struct fake_kernel *f, uint64_t count, uint64_t owner)
{
	init(f);
	fake_u64(&f->memory, LOCK + RWSEM_COUNT, count);
	fake_u64(&f->memory, LOCK + RWSEM_OWNER, owner);
	add_waiters(f, LOCK + RWSEM_LIST);
}

/* What task @i waits for; the fake kernel is done with. */
static struct lock_wait read_wait(struct fake_kernel *f, int i, enum lock_kind kind)
{
	_cleanup_task_list struct task_list list = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	struct lock_wait wait;
	struct task task;

	fake_kernel_open(f);
	assert_int_equal(task_list_read(f->kernel, &list, NULL), 0);
	assert_int_equal(locks_new(f->kernel, &list, &locks, NULL), 0);
	assert_int_equal(task_read(f->kernel, TASK(i), &task, NULL), 0);
	lock_wait_read(locks, &task, kind, LOW(i), HIGH(i), &wait);
	print_message("# lock 0x%" PRIx64 " of 0x%" PRIx64 " %s\n", wait.lock_vaddr,
		      wait.owner_vaddr, wait.unknown);
	fake_kernel_done(f);
	return wait;
}

static void check(struct lock_wait wait, uint64_t lock, uint64_t owner, uint64_t readers,
		  const char *unknown)
{
	assert_true(wait.lock_vaddr == lock);
	assert_true(wait.owner_vaddr == owner);
	assert_int_equal(wait.readers, readers);
	if (unknown)
		assert_non_null(strstr(wait.unknown, unknown));
	else
		assert_string_equal(wait.unknown, "");
}

static void test_mutex(void **state)
{
	struct fake_kernel f;

	for (int i = 2; i <= 3; i++) {
		init_mutex(&f);
		check(read_wait(&f, i, LOCK_MUTEX), LOCK, TASK(OWNER), 0, NULL);
	}
	/* handed over: all flags, and then nobody */
	init_mutex(&f);
	fake_u64(&f.memory, LOCK + MUTEX_OWNER, TASK(OWNER) | 7);
	check(read_wait(&f, 2, LOCK_MUTEX), LOCK, TASK(OWNER), 0, NULL);
	init_mutex(&f);
	fake_u64(&f.memory, LOCK + MUTEX_OWNER, 1);
	check(read_wait(&f, 2, LOCK_MUTEX), LOCK, 0, 0, "nobody holds it");
	init_mutex(&f);
	fake_u64(&f.memory, LOCK + MUTEX_OWNER, TASK(9) | 1);
	check(read_wait(&f, 2, LOCK_MUTEX), LOCK, 0, 0, "no task that is left");
}

static void test_rwsem(void **state)
{
	struct fake_kernel f;

	init_rwsem(&f, 3, TASK(OWNER));
	check(read_wait(&f, 2, LOCK_RWSEM_WRITE), LOCK, TASK(OWNER), 0, NULL);
	init_rwsem(&f, 3, TASK(OWNER));
	check(read_wait(&f, 3, LOCK_RWSEM_READ), LOCK, TASK(OWNER), 0, NULL);
	/* two readers, of which the last left its name */
	init_rwsem(&f, 0x202, TASK(OWNER) | 1);
	check(read_wait(&f, 2, LOCK_RWSEM_WRITE), LOCK, TASK(OWNER), 2, NULL);
	init_rwsem(&f, UINT64_C(0x8000000000000102), TASK(OWNER) | 3);
	check(read_wait(&f, 2, LOCK_RWSEM_WRITE), LOCK, TASK(OWNER), 1, NULL);
	init_rwsem(&f, 0x102, TASK(OWNER)); // left over from a writer
	check(read_wait(&f, 2, LOCK_RWSEM_WRITE), LOCK, 0, 1, "not written down");
	init_rwsem(&f, 2, TASK(OWNER) | 1);
	check(read_wait(&f, 2, LOCK_RWSEM_WRITE), LOCK, 0, 0, "nobody holds it");
}

#define TASK_VFORK_DONE 0x1e8
#define TASK_BLOCKED_ON 0x1e0
#define COMPLETION_LIST 0x10
#define SWAIT_LIST	8 /* task, task_list */

/* Task 2 waits for a completion; the end of task 3 would complete @done. */
static void init_task_end(struct fake_kernel *f, uint64_t done)
{
	init(f);
	fake_vmcoreinfo(
		&f->memory,
		"OFFSET(swait_queue.task)=0\nOFFSET(swait_queue.task_list)=%d\n"
		"OFFSET(completion.wait)=8\nOFFSET(swait_queue_head.task_list)=8\n"
		"OFFSET(task_struct.vfork_done)=%d",
		SWAIT_LIST, TASK_VFORK_DONE);
	fake_list_head(f, LOCK + COMPLETION_LIST);
	fake_u64(&f->memory, WAITER(2), TASK(2));
	fake_list_add_tail(f, WAITER(2) + SWAIT_LIST, LOCK + COMPLETION_LIST);
	fake_u64(&f->memory, TASK(1) + TASK_VFORK_DONE, LOCK + 0x800);
	fake_u64(&f->memory, TASK(3) + TASK_VFORK_DONE, done);
}

static void test_task_end(void **state)
{
	struct fake_kernel f;

	init_task_end(&f, LOCK);
	check(read_wait(&f, 2, LOCK_TASK_END), LOCK, TASK(3), 0, NULL);
	init_task_end(&f, LOCK + 8);
	check(read_wait(&f, 2, LOCK_TASK_END), 0, 0, 0, "not written down");
	init_task_end(&f, LOCK);
	fake_u64(&f.memory, WAITER(2), TASK(3)); // another one's
	check(read_wait(&f, 2, LOCK_TASK_END), 0, 0, 0, "no waiter");
	/* a ring that never comes back, and one without a head */
	init_task_end(&f, LOCK);
	fake_u64(&f.memory, LOCK + COMPLETION_LIST, NOWHERE);
	check(read_wait(&f, 2, LOCK_TASK_END), 0, 0, 0, "no waiter");
	init_task_end(&f, LOCK);
	fake_u64(&f.memory, WAITER(2) + SWAIT_LIST, WAITER(2) + SWAIT_LIST);
	fake_u64(&f.memory, WAITER(2) + SWAIT_LIST + 8, WAITER(2) + SWAIT_LIST);
	check(read_wait(&f, 2, LOCK_TASK_END), 0, 0, 0, "has no head");
	init(&f);
	check(read_wait(&f, 2, LOCK_TASK_END), 0, 0, 0, "swait_queue.task");
}

static void init_rtmutex(struct fake_kernel *f, uint64_t blocked_on, uint64_t owner)
{
	init(f);
	fake_vmcoreinfo(&f->memory,
			"OFFSET(task_struct.pi_blocked_on)=%d\n"
			"OFFSET(rt_mutex_waiter.lock)=56\nOFFSET(rt_mutex_base.owner)=24",
			TASK_BLOCKED_ON);
	fake_u64(&f->memory, TASK(2) + TASK_BLOCKED_ON, blocked_on);
	fake_u64(&f->memory, WAITER(2) + 56, LOCK);
	fake_u64(&f->memory, LOCK + 24, owner);
}

static void test_rtmutex(void **state)
{
	struct fake_kernel f;

	init_rtmutex(&f, WAITER(2), TASK(OWNER) | 1);
	check(read_wait(&f, 2, LOCK_RTMUTEX), LOCK, TASK(OWNER), 0, NULL);
	init_rtmutex(&f, WAITER(2), 1);
	check(read_wait(&f, 2, LOCK_RTMUTEX), LOCK, 0, 0, "nobody holds it");
	init_rtmutex(&f, WAITER(2), TASK(9) | 1);
	check(read_wait(&f, 2, LOCK_RTMUTEX), LOCK, 0, 0, "no task that is left");
	init_rtmutex(&f, 0, TASK(OWNER) | 1);
	check(read_wait(&f, 2, LOCK_RTMUTEX), 0, 0, 0, "names no waiter");
	init_rtmutex(&f, NOWHERE, TASK(OWNER) | 1);
	check(read_wait(&f, 2, LOCK_RTMUTEX), 0, 0, 0, "is not mapped");
}

/* @vaddr is overwritten in a kernel with a mutex: no lock is named then. */
static void hostile(uint64_t vaddr, uint64_t value, const char *why)
{
	struct fake_kernel f;

	init_mutex(&f);
	fake_u64(&f.memory, vaddr, value);
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, why);
}

static void test_hostile(void **state)
{
	const uint64_t head = LOCK + MUTEX_LIST;

	hostile(WAITER(2) + WAITER_TASK, TASK(3), "no waiter");
	hostile(WAITER(2), NOWHERE, "no waiter");
	hostile(WAITER(2), WAITER(2), "no waiter");
	hostile(WAITER(3) + 8, WAITER(3), "no waiter");
	hostile(WAITER(3), NOWHERE, "list holds no lock"); // not of a waiter, nor mapped
	hostile(WAITER(3), WAITER(3), "more than");	   // runs in a circle of its own
	hostile(head, WAITER(3), "no waiter");
	hostile(LOCK + MUTEX_OWNER, TASK(OWNER), "holds no lock"); // no waiters, it says
	hostile(head + WAITER_TASK, TASK(1), "no head"); // what follows looks like a task
	hostile(WAITER(3) + WAITER_TASK, TASK(9), "holds no lock"); // no task
}

/* A stack of which a page is missing, and a kernel that does not say where members are.
 */
static void test_missing(void **state)
{
	struct fake_kernel f;

	init_mutex(&f);
	fake_leave_out(&f.memory, 0x4002000, 0x1000);
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, "its stack");

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_task(&f, 2, 102, "first");
	check(read_wait(&f, 2, LOCK_RWSEM_READ), 0, 0, 0, "rwsem_waiter.list");
}

/* Since v7.x: no head, the lock points to a waiter and the stack to the lock. */
static void init_headless(struct fake_kernel *f)
{
	init(f);
	fake_vmcoreinfo(&f->memory, "OFFSET(mutex.first_waiter)=%d", MUTEX_LIST);
	fake_u64(&f->memory, LOCK + MUTEX_OWNER, TASK(OWNER) | 1);
	fake_u64(&f->memory, LOCK + MUTEX_LIST, WAITER(2));
	fake_list_head(f, WAITER(2));
	fake_list_add_tail(f, WAITER(3), WAITER(2));
	for (int i = 2; i <= 3; i++) {
		fake_u64(&f->memory, WAITER(i) + WAITER_TASK, TASK(i));
		fake_u64(&f->memory, LOW(i) + 0x20, LOCK);
		fake_u64(&f->memory, LOW(i) + 0x48, LOCK);
		fake_u64(&f->memory, LOW(i) + 0x50, TASK(i)); // no lock
	}
}

static void test_headless(void **state)
{
	struct fake_kernel f;

	for (int i = 2; i <= 3; i++) {
		init_headless(&f);
		check(read_wait(&f, i, LOCK_MUTEX), LOCK, TASK(OWNER), 0, NULL);
	}
	/* the lock knows of no waiters, or of others */
	init_headless(&f);
	fake_u64(&f.memory, LOCK + MUTEX_OWNER, TASK(OWNER));
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, "no address of a lock");
	init_headless(&f);
	fake_u64(&f.memory, LOCK + MUTEX_LIST, WAITER(4));
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, "no address of a lock");
	/* words that look like one: on the stack itself, or of an owner that is no task
	 */
	init_headless(&f);
	fake_u64(&f.memory, LOW(2) + 0x30, LOW(2) + 0x100);
	fake_u64(&f.memory, LOW(2) + 0x100 + MUTEX_OWNER, TASK(OWNER) | 1);
	fake_u64(&f.memory, LOW(2) + 0x100 + MUTEX_LIST, WAITER(3));
	fake_u64(&f.memory, LOW(2) + 0x38, LOCK + 0x100);
	fake_u64(&f.memory, LOCK + 0x100 + MUTEX_OWNER, LOCK | 1);
	fake_u64(&f.memory, LOCK + 0x100 + MUTEX_LIST, WAITER(3));
	check(read_wait(&f, 2, LOCK_MUTEX), LOCK, TASK(OWNER), 0, NULL);
	/* a ring that does not come back to where it began */
	init_headless(&f);
	fake_u64(&f.memory, LOCK + MUTEX_LIST, WAITER(4));
	fake_u64(&f.memory, WAITER(3), WAITER(3));
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, "no waiter");
	/* two that claim it */
	init_headless(&f);
	fake_u64(&f.memory, LOCK + 0x100 + MUTEX_OWNER, TASK(OWNER) | 1);
	fake_u64(&f.memory, LOCK + 0x100 + MUTEX_LIST, WAITER(3));
	fake_u64(&f.memory, LOW(2) + 0x30, LOCK + 0x100);
	check(read_wait(&f, 2, LOCK_MUTEX), 0, 0, 0, "two locks");
}

/* Names of functions decide, and only the kernel's own. */
static void test_no_slow_path(void **state)
{
	_cleanup_backtrace struct backtrace *backtrace = backtrace_new();
	_cleanup_task_list struct task_list list = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	struct lock_wait wait;
	struct fake_kernel f;

	init_mutex(&f);
	fake_symbol(&f, MODULE_FUNCTION(1), 1, "__mutex_lock");
	fake_kernel_open(&f);
	assert_int_equal(task_list_read(f.kernel, &list, NULL), 0);
	assert_int_equal(locks_new(f.kernel, &list, &locks, NULL), 0);
	assert_non_null(backtrace);
	assert_int_equal(lock_wait_find(locks, &list.tasks[2], backtrace, &wait, NULL),
			 ERR_NOTFOUND);
	backtrace->count = 1;
	backtrace->frames[0] = (struct frame){ .ip = MODULE_FUNCTION(1) + 8,
					       .sp = LOW(2),
					       .is_reliable = true };
	assert_int_equal(lock_wait_find(locks, &list.tasks[2], backtrace, &wait, NULL),
			 ERR_NOTFOUND);
	fake_kernel_done(&f);
}

static void test_channel(void **state)
{
	_cleanup_backtrace struct backtrace *backtrace = backtrace_new();
	struct wait wait = { .text = { { 0x1000, 0x2000 }, { 0x3000, 0x4000 } } };

	assert_non_null(backtrace);
	backtrace->count = 3;
	backtrace->frames[0].ip = 0x1800;
	backtrace->frames[1].ip = 0x3801;
	backtrace->frames[2].ip = 0x5000;
	assert_int_equal(wait_channel(&wait, backtrace), 2);
	backtrace->frames[2].ip = 0x2000; // a return address: the call was before it
	assert_int_equal(wait_channel(&wait, backtrace), 3);
	backtrace->frames[2].is_interrupted = true;
	assert_int_equal(wait_channel(&wait, backtrace), 2);
	backtrace->frames[0].ip = 0x1000;
	assert_int_equal(wait_channel(&wait, backtrace), 0);
	wait = (struct wait){ 0 };
	assert_int_equal(wait_channel(&wait, backtrace), 3); // unknown is not "the first"
}

static bool since(uint64_t arrival, bool has_clock, uint64_t *ret)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct fake_kernel f;
	struct wait wait;
	struct task task = { .vaddr = TASK(1) };
	bool is_known;

	init(&f);
	fake_u64(&f.memory, PERCPU(0) + PERCPU_RUNQUEUE + RQ_CLOCK, 5000);
	fake_u64(&f.memory, PERCPU(1) + PERCPU_RUNQUEUE + RQ_CLOCK, 7000);
	fake_u64(&f.memory, TASK(1) + TASK_ARRIVAL, arrival);
	fake_vmcoreinfo(&f.memory, "OFFSET(task_struct.sched_info.last_arrival)=%d",
			TASK_ARRIVAL);
	if (has_clock)
		fake_vmcoreinfo(&f.memory, "OFFSET(rq.clock)=%d", RQ_CLOCK);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &cpus, NULL), 0);
	wait_init(f.kernel, &cpus, &wait);
	is_known = wait_since_ns(f.kernel, &wait, &task, ret);
	fake_kernel_done(&f);
	return is_known;
}

static void test_since(void **state)
{
	uint64_t ns = 77;

	assert_true(since(1000, true, &ns));
	assert_int_equal(ns, 6000); // by the CPU whose clock is latest
	assert_true(since(7001, true, &ns));
	assert_int_equal(ns, 0);
	ns = 77;
	assert_false(since(0, true, &ns)); // never had a CPU
	assert_false(since(1000, false, &ns));
	assert_int_equal(ns, 77);
}

/* Asleep at least: by the clock of its CPU's tasks, which lost @gap since boot. */
static bool slept(uint64_t arrival, uint64_t start, uint64_t gap, uint64_t *ret)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct fake_kernel f;
	struct wait wait;
	struct task task = { .vaddr = TASK(1) };
	bool is_known;

	init(&f);
	for (int cpu = 0; cpu < FAKE_CPUS; cpu++) {
		uint64_t rq = PERCPU(cpu) + PERCPU_RUNQUEUE;

		fake_u64(&f.memory, rq + RQ_CLOCK, 7000);
		fake_u64(&f.memory, rq + RQ_CLOCK + 8, 7000 - (cpu ? gap : 0));
	}
	fake_u64(&f.memory, TASK(1) + TASK_ARRIVAL, arrival);
	fake_u64(&f.memory, TASK(1) + TASK_ARRIVAL + 8, start);
	fake_vmcoreinfo(&f.memory,
			"OFFSET(task_struct.sched_info.last_arrival)=%d\n"
			"OFFSET(task_struct.se.exec_start)=%d\n"
			"OFFSET(rq.clock)=%d\nOFFSET(rq.clock_task)=%d",
			TASK_ARRIVAL, TASK_ARRIVAL + 8, RQ_CLOCK, RQ_CLOCK + 8);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &cpus, NULL), 0);
	wait_init(f.kernel, &cpus, &wait);
	wait_not_before(&wait, 8000); // by the log
	wait_not_before(&wait, 100);
	is_known = wait_slept_ns(f.kernel, &wait, &task, ret);
	fake_kernel_done(&f);
	return is_known;
}

static void test_slept(void **state)
{
	uint64_t ns = 77;

	assert_true(slept(1000, 3000, 0, &ns)); // it ran for 2000 before it slept
	assert_int_equal(ns, 5000);
	assert_true(slept(1000, 2500, 500, &ns)); // or 1500 to 2000
	assert_int_equal(ns, 5000);
	assert_true(slept(1000, 500, 0, &ns)); // not longer than since its arrival
	assert_int_equal(ns, 7000);
	assert_true(slept(1000, 9000, 0, &ns)); // in the future
	assert_int_equal(ns, 0);
	assert_true(slept(1000, 7800, 5000, &ns));
	assert_int_equal(ns, 0);
	ns = 77;
	assert_false(slept(1000, 0, 0, &ns));
	assert_false(slept(0, 3000, 0, &ns));
	assert_int_equal(ns, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex),	cmocka_unit_test(test_rwsem),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_missing),
		cmocka_unit_test(test_channel), cmocka_unit_test(test_no_slow_path),
		cmocka_unit_test(test_since),	cmocka_unit_test(test_headless),
		cmocka_unit_test(test_slept),	cmocka_unit_test(test_task_end),
		cmocka_unit_test(test_rtmutex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
