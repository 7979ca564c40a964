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
 * The ways to crash are one table, EPITAPH_WAYS.  Those that wait for the kernel to
 * notice (softlockup, rcu, hung, hardlockup, oom, warn), or for an NMI from outside (nmi),
 * need settings that a module can't make: the caller's, as in tests/vm/lab.py.
 *
 * how=locks starts threads that wait for each other's locks before it panics, and logs
 * who waits for which lock of whom: "epitaph_crash: truth: WAITER KIND ADDRESS OWNER".
 *
 * how=badtasks, badmap and badprintk damage what a reader of the dump goes by (the list of
 * tasks, struct pages, descriptors of the log's ring) before they panic.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/console.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/objtool.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

/* `how`, and what it calls. */
#define EPITAPH_WAYS(way)				\
	way(null, epitaph_null_dereference)		\
	way(write, epitaph_null_write)			\
	way(gpf, epitaph_non_canonical)			\
	way(uaf, epitaph_use_after_free)		\
	way(callnull, epitaph_call_null)		\
	way(callwild, epitaph_call_wild)		\
	way(divide, epitaph_divide)			\
	way(bug, epitaph_bug)				\
	way(warn, epitaph_warn)				\
	way(list, epitaph_list)				\
	way(panic, epitaph_panic)			\
	way(stack, epitaph_stack_overflow_now)		\
	way(stackend, epitaph_stack_end)		\
	way(doublefault, epitaph_double_fault)		\
	way(console, epitaph_console)			\
	way(hardirq, epitaph_hardirq)			\
	way(softirq, epitaph_softirq)			\
	way(nmi, epitaph_nmi)				\
	way(hang, epitaph_hang)				\
	way(spinning, epitaph_spinning)			\
	way(softlockup, epitaph_softlockup)		\
	way(hardlockup, epitaph_hardlockup)		\
	way(rcu, epitaph_rcu)				\
	way(hung, epitaph_hung)				\
	way(oom, epitaph_oom)				\
	way(badtasks, epitaph_bad_tasks)		\
	way(badmap, epitaph_bad_map)			\
	way(badprintk, epitaph_bad_printk)		\
	way(locks, epitaph_locks)

#define name_of(name, function) #name " "

static char *how = "null";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, EPITAPH_WAYS(name_of));

static char *marker = "";
module_param(marker, charp, 0444);
MODULE_PARM_DESC(marker, "a text for the log, before the crash");

struct epitaph_victim {
	struct epitaph_victim *next;
	long padding[3];
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

static own_frame long epitaph_non_canonical(void)
{
	struct epitaph_victim *victim = hide((struct epitaph_victim *)0x1bad1bad00000000);

	return READ_ONCE(victim->value);
}

/* Freed memory is overwritten with 0x6b: with slub_debug=P, or as this cache asks for. */
static own_frame long epitaph_use_after_free(void)
{
	struct kmem_cache *cache = kmem_cache_create("epitaph_victim",
						     sizeof(struct epitaph_victim), 0,
						     SLAB_POISON, NULL);
	struct epitaph_victim *victim = cache ? kmem_cache_alloc(cache, GFP_KERNEL) : NULL;

	if (!victim)
		return -ENOMEM;
	victim->next = victim;
	kmem_cache_free(cache, hide(victim));
	return READ_ONCE(READ_ONCE(hide(victim)->next)->value);
}

static own_frame long epitaph_call_null(void)
{
	long result = hide((long (*)(void))NULL)();

	not_a_tail_call();
	return result;
}

/* Within the area of modules, where none is. */
static own_frame long epitaph_call_wild(void)
{
	long result = hide((long (*)(void))0xffffffffdeadb000)();

	not_a_tail_call();
	return result;
}

static own_frame long __noreturn epitaph_panic(void)
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

/* The kernel goes on, unless kernel.panic_on_warn is set. */
static own_frame long epitaph_warn(void)
{
	WARN(hide(1), "epitaph_crash: warning on request\n");
	return 0;
}

static own_frame long epitaph_list(void)
{
	static LIST_HEAD(head);
	static struct list_head entry;

	list_add(&entry, &head);
	WRITE_ONCE(head.next, hide((struct list_head *)&how));
	list_del(&entry);
	not_a_tail_call();
	return 0;
}

/* Noticed by the scheduler (SCHED_STACK_END_CHECK). */
static own_frame long epitaph_stack_end(void)
{
	*end_of_stack(current) = 0xbad;
	msleep(10);
	not_a_tail_call();
	return 0;
}

/* The page fault of the push has no stack to put its frame on. */
static own_frame long epitaph_double_fault(void)
{
#ifdef CONFIG_X86_64
	asm volatile("movq %0, %%rsp\n\tpushq $0" : : "r"(hide(0xffffc8deadbee000)) : "memory");
#endif
	return 0;
}
STACK_FRAME_NON_STANDARD(epitaph_double_fault); /* or objtool refuses the module */

static own_frame long epitaph_console(void)
{
	long result;

	console_lock();
	result = epitaph_null_dereference();
	console_unlock();
	return result;
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

static own_frame long epitaph_stack_overflow_now(void)
{
	long result = epitaph_stack_overflow(0);

	not_a_tail_call();
	return result;
}

/* --- in interrupts ------------------------------------------------------------------ */

static own_frame void epitaph_in_hardirq(struct irq_work *work)
{
	epitaph_panic();
}

static own_frame long epitaph_hardirq(void)
{
	static struct irq_work work;

	init_irq_work(&work, epitaph_in_hardirq);
	irq_work_queue(&work);
	while (hide(1))
		cpu_relax();
	return 0;
}

static own_frame void epitaph_in_softirq(struct timer_list *timer)
{
	epitaph_panic();
}

/* The timer goes off on this CPU, as it is busy. */
static own_frame long epitaph_softirq(void)
{
	static struct timer_list timer;

	timer_setup(&timer, epitaph_in_softirq, 0);
	mod_timer(&timer, jiffies + 2);
	while (hide(1))
		cpu_relax();
	return 0;
}

/* An NMI from outside goes to the first CPU. */
static own_frame long epitaph_nmi(void)
{
	set_cpus_allowed_ptr(current, cpumask_of(0));
	pr_info("epitaph_crash: waiting for an NMI\n");
	while (hide(1))
		cpu_relax();
	return 0;
}

/* --- CPUs that hang ------------------------------------------------------------------ */

static atomic_t epitaph_hanging;

/* Nothing but an NMI or a hardware watchdog ends it. */
static own_frame long epitaph_hang(void)
{
	local_irq_disable();
	atomic_inc(&epitaph_hanging);
	while (hide(1))
		cpu_relax();
	return 0;
}

static own_frame int epitaph_hang_thread(void *data)
{
	epitaph_hang();
	not_a_tail_call();
	return 0;
}

/* The second CPU hangs with interrupts off, this is the first. */
static void epitaph_hang_other(void)
{
	struct task_struct *thread;

	set_cpus_allowed_ptr(current, cpumask_of(0));
	thread = kthread_create(epitaph_hang_thread, NULL, "elk_hang");
	if (IS_ERR(thread))
		panic("epitaph_crash: no thread");
	kthread_bind(thread, 1);
	wake_up_process(thread);
	while (!atomic_read(&epitaph_hanging))
		cpu_relax();
}

static own_frame long __noreturn epitaph_spinning(void)
{
	epitaph_hang_other();
	epitaph_panic();
}

/* What detects it depends on the kernel and the machine: at last, the stall of RCU. */
static own_frame long epitaph_hardlockup(void)
{
	epitaph_hang_other();
	while (hide(1))
		synchronize_rcu();
	return 0;
}

static own_frame long epitaph_softlockup(void)
{
	preempt_disable();
	while (hide(1))
		cpu_relax();
	return 0;
}

static void epitaph_rcu_done(struct rcu_head *head)
{
}

static own_frame long epitaph_rcu(void)
{
	static struct rcu_head head;

	call_rcu(&head, epitaph_rcu_done); /* so that a grace period has to end */
	preempt_disable();
	while (hide(1))
		cpu_relax();
	return 0;
}

/* --- memory -------------------------------------------------------------------------- */

/* Until nothing is left, of the memory of the kernel itself. */
static own_frame long epitaph_oom(void)
{
	while (hide(1))
		hide(alloc_page(GFP_KERNEL));
	return 0;
}

/* --- what readers go by --------------------------------------------------------------- */

#define EPITAPH_WILD ((void *)0x1bad1bad00000000)

static own_frame long __noreturn epitaph_bad_tasks(void)
{
	struct list_head *next = init_task.tasks.next;

	local_irq_disable();
	WRITE_ONCE(next->next, EPITAPH_WILD);
	WRITE_ONCE(init_task.tasks.prev, EPITAPH_WILD);
	epitaph_panic();
}

/* All of 128 MiB that are said to be of every kind at once. */
static own_frame long __noreturn epitaph_bad_map(void)
{
	unsigned long first = (64UL << 20) >> PAGE_SHIFT, count = (128UL << 20) >> PAGE_SHIFT;
	unsigned long pfn;

	local_irq_disable();
	for (pfn = first; pfn < first + count; pfn++) {
		if (pfn_valid(pfn))
			memset(pfn_to_page(pfn), 0xff, sizeof(struct page));
	}
	epitaph_panic();
}

/* As Linux v5.10 to v7.2 begin them, kernel/printk/printk_ringbuffer.h. */
struct epitaph_descriptor {
	unsigned long state, begin, next;
};

struct epitaph_ring {
	unsigned int count_bits;
	struct epitaph_descriptor *descriptors;
};

static unsigned long epitaph_symbol(const char *name)
{
	static struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long (*lookup)(const char *name);

	if (register_kprobe(&probe) < 0)
		panic("epitaph_crash: no kprobe");
	lookup = (void *)probe.addr;
	unregister_kprobe(&probe);
	return lookup(name);
}

/* Old lines only: the kernel goes on to write new ones. */
static own_frame long __noreturn epitaph_bad_printk(void)
{
	struct epitaph_ring **ring = (void *)epitaph_symbol("prb");
	struct epitaph_descriptor *descriptors;
	int i;

	if (!ring)
		panic("epitaph_crash: no ring");
	descriptors = (*ring)->descriptors;
	local_irq_disable();
	for (i = 16; i < 100; i++) {
		if (i % 2)
			WRITE_ONCE(descriptors[i].state, 0xdeadbeefdeadbeef);
		else
			WRITE_ONCE(descriptors[i].begin, 0x7fffffffffff);
	}
	epitaph_panic();
}

/* --- locks --------------------------------------------------------------------------- */

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

static own_frame long __noreturn epitaph_locks(void)
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

/* A deadlock, and nothing else: hung_task is to find it. */
static own_frame long epitaph_hung(void)
{
	int count = ARRAY_SIZE(epitaph_actors);
	int i;

	for (i = count - 2; i < count; i++) {
		const struct epitaph_actor *actor = &epitaph_actors[i];

		if (IS_ERR(kthread_run(epitaph_actor_run, (void *)actor, "%s", actor->name)))
			panic("epitaph_crash: no thread");
	}
	while (atomic_read(&epitaph_ready) < 2)
		msleep(10);
	WRITE_ONCE(epitaph_go, true);
	while (hide(1))
		msleep_interruptible(1000);
	return 0;
}

/* By direct calls: pointers would change the functions' first bytes. */
static own_frame long epitaph_crash_now(void)
{
	long result = 0;

#define try_way(name, function)		\
	if (!strcmp(how, #name))	\
		result = function();	\
	else

	EPITAPH_WAYS(try_way)
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
