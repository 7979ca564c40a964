// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crashes the kernel on purpose, in the context of the task that loads it:
 *
 *	insmod epitaph_crash.ko how=null marker=TEXT
 *
 * Tests look for these frames by name, innermost first:
 *
 *	epitaph_null_dereference	(or the function of another `how`)
 *	epitaph_crash_now
 *	epitaph_init			(init_module is the same address)
 *
 * so each function is noipa (neither inlined nor cloned under another name), and
 * does something after the call that it makes (an empty asm), so that gcc can't
 * turn the call into a jump.  Only epitaph_panic() has nothing after its call,
 * since panic() does not return: there the return address may be the first byte
 * of the next function, which a backtrace must not be fooled by.
 *
 * how=hang stands still with interrupts off: no panic, only a watchdog ends it.
 *
 * how=locks starts threads that wait for each other's locks before it panics, and logs
 * who waits for which lock of whom: "epitaph_crash: truth: WAITER KIND ADDRESS OWNER".
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/string.h>

static char *how = "null";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "null, write, panic, bug, divide, stack, locks, hang");

static char *marker = "";
module_param(marker, charp, 0444);
MODULE_PARM_DESC(marker, "a text for the log, before the crash");

struct epitaph_victim {
	long padding[4];
	long value; /* at 0x20: the faulting address of how=null and how=write */
};

#define own_frame __attribute__((__noipa__))

/* A value that gcc knows nothing about. */
#define hide(value) ({ typeof(value) v_ = (value); asm volatile("" : "+r"(v_)); v_; })
#define not_a_tail_call() asm volatile("" : : : "memory")

static own_frame long epitaph_null_dereference(void)
{
	struct epitaph_victim *victim = hide((struct epitaph_victim *)NULL);

	return READ_ONCE(victim->value);
}

static own_frame long epitaph_null_write(void)
{
	struct epitaph_victim *victim = hide((struct epitaph_victim *)NULL);

	WRITE_ONCE(victim->value, 1);
	return 0;
}

static own_frame void __noreturn epitaph_panic(void)
{
	panic("epitaph_crash: panic on request");
}

static own_frame long epitaph_bug(void)
{
	BUG_ON(hide(1));
	return 0;
}

static own_frame long epitaph_divide(void)
{
	return hide(1) / hide(0);
}

/* Reaches the guard page below the kernel stack: a double fault on x86. */
static own_frame long epitaph_stack_overflow(long depth)
{
	volatile char frame[256];
	long below;

	frame[depth & 255] = 1;
	below = hide(depth) >= 0 ? epitaph_stack_overflow(depth + 1) : 0;
	not_a_tail_call();
	return below + frame[0];
}

enum epitaph_lock_kind { NO_LOCK, MUTEX, RWSEM_READ, RWSEM_WRITE };

struct epitaph_lock {
	enum epitaph_lock_kind kind;
	void *lock;
};

/* A thread: what it holds, what it wants then, and who has that. */
struct epitaph_actor {
	const char *name;
	struct epitaph_lock holds[2], wants;
	const char *owner;
};

static DEFINE_MUTEX(epitaph_mutex_held);
static DEFINE_MUTEX(epitaph_mutex_b);
static DEFINE_MUTEX(epitaph_mutex_c);
static DECLARE_RWSEM(epitaph_rwsem_held);
static DECLARE_RWSEM(epitaph_rwsem_read);
static DECLARE_RWSEM(epitaph_rwsem_middle);

static const struct epitaph_actor epitaph_actors[] = {
	{ "elk_owner", { { MUTEX, &epitaph_mutex_held }, { RWSEM_WRITE, &epitaph_rwsem_held } } },
	{ "elk_reader", { { RWSEM_READ, &epitaph_rwsem_read } } },
	{ "elk_mutex1", { }, { MUTEX, &epitaph_mutex_held }, "elk_owner" },
	{ "elk_mutex2", { }, { MUTEX, &epitaph_mutex_held }, "elk_owner" },
	{ "elk_write", { }, { RWSEM_WRITE, &epitaph_rwsem_held }, "elk_owner" },
	{ "elk_read", { }, { RWSEM_READ, &epitaph_rwsem_held }, "elk_owner" },
	{ "elk_writer", { }, { RWSEM_WRITE, &epitaph_rwsem_read }, "elk_reader" },
	/* a chain: elk_far, elk_middle, elk_owner */
	{ "elk_middle", { { RWSEM_WRITE, &epitaph_rwsem_middle } },
	  { MUTEX, &epitaph_mutex_held }, "elk_owner" },
	{ "elk_far", { }, { RWSEM_READ, &epitaph_rwsem_middle }, "elk_middle" },
	/* a deadlock */
	{ "elk_bc", { { MUTEX, &epitaph_mutex_b } }, { MUTEX, &epitaph_mutex_c }, "elk_cb" },
	{ "elk_cb", { { MUTEX, &epitaph_mutex_c } }, { MUTEX, &epitaph_mutex_b }, "elk_bc" },
};

static atomic_t epitaph_ready;
static bool epitaph_go;

static void epitaph_take(const struct epitaph_lock *lock)
{
	if (lock->kind == MUTEX)
		mutex_lock(lock->lock);
	else if (lock->kind == RWSEM_READ)
		down_read(lock->lock);
	else if (lock->kind == RWSEM_WRITE)
		down_write(lock->lock);
}

static own_frame int epitaph_actor_run(void *data)
{
	const struct epitaph_actor *actor = data;

	epitaph_take(&actor->holds[0]);
	epitaph_take(&actor->holds[1]);
	atomic_inc(&epitaph_ready);
	while (!READ_ONCE(epitaph_go))
		msleep(10);
	epitaph_take(&actor->wants); /* for ever, if it wants any */
	for (;;)
		msleep(1000000);
	return 0;
}

static own_frame void __noreturn epitaph_locks(void)
{
	static const char * const kinds[] = { "", "mutex", "rwsem-read", "rwsem-write" };
	int count = ARRAY_SIZE(epitaph_actors);
	int i;

	for (i = 0; i < count; i++) {
		const struct epitaph_actor *actor = &epitaph_actors[i];

		if (IS_ERR(kthread_run(epitaph_actor_run, (void *)actor, "%s", actor->name)))
			panic("epitaph_crash: no thread");
	}
	while (atomic_read(&epitaph_ready) < count)
		msleep(10);
	WRITE_ONCE(epitaph_go, true);
	msleep(1000);
	for (i = 0; i < count; i++) {
		const struct epitaph_actor *actor = &epitaph_actors[i];

		if (actor->owner)
			pr_info("epitaph_crash: truth: %s %s %px %s\n", actor->name,
				kinds[actor->wants.kind], actor->wants.lock, actor->owner);
	}
	epitaph_panic();
}

/* Nothing but a watchdog ends it. */
static noinline void epitaph_hang(void)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static own_frame long epitaph_crash_now(void)
{
	long result = 0;

	if (!strcmp(how, "null"))
		result = epitaph_null_dereference();
	else if (!strcmp(how, "write"))
		result = epitaph_null_write();
	else if (!strcmp(how, "panic"))
		epitaph_panic();
	else if (!strcmp(how, "bug"))
		result = epitaph_bug();
	else if (!strcmp(how, "divide"))
		result = epitaph_divide();
	else if (!strcmp(how, "hang"))
		epitaph_hang();
	else if (!strcmp(how, "locks"))
		epitaph_locks();
	else if (!strcmp(how, "stack"))
		result = epitaph_stack_overflow(0);
	else
		pr_err("epitaph_crash: unknown how=%s\n", how);
	not_a_tail_call();
	return result;
}

static own_frame int __init epitaph_init(void)
{
	pr_info("epitaph_crash: how=%s marker=%s\n", how, marker);
	epitaph_crash_now();
	not_a_tail_call();
	return -EINVAL; /* still alive: `how` is unknown */
}
module_init(epitaph_init);

MODULE_DESCRIPTION("Crashes the kernel on purpose");
MODULE_LICENSE("GPL");
