// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks in the core: each with its struct, all of its stack, the structs that it shares
 * with others, its backtrace, and the lock that it waits for with who has that; and the
 * radix tree of ids, by which crash and drgn find tasks (Linux include/linux/xarray.h).
 *
 * A stack is taken as a whole: crash copies all of it, and scans what lies above.
 */
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "dump/core_gather.h"
#include "kernel/arch.h"
#include "kernel/lock.h"
#include "kernel/open_file.h"
#include "kernel/syscall.h"
#include "kernel/unwind.h"
#include "kernel/wait.h"

#define TASK_STRUCT_DEFAULT 8192
#define THREAD_SIZE_DEFAULT 16384
#define CODE_BEFORE	    ((uint64_t)256)
#define CODE_BEFORE_MAX	    ((uint64_t)64 << 10) /* in one function */
#define CODE_AFTER	    256

/* Of all processes and CPUs; on a machine with more, ps shows no RSS. */
#define COUNTERS_MAX (1u << 20)

#define TREE_DEPTH_MAX 12
#define TREE_SLOTS_MAX 64
#define TREE_NODES_MAX (1u << 17) /* eight million ids */

/* What a task points to, and may share with others. */
static const struct {
	const char *member, *type;
} shared[] = {
	{ "task_struct.signal", "signal_struct" },
	{ "task_struct.sighand", "sighand_struct" },
	{ "task_struct.mm", "mm_struct" },
	{ "task_struct.active_mm", "mm_struct" },
	{ "task_struct.cred", "cred" },
	{ "task_struct.real_cred", "cred" },
	{ "task_struct.files", "files_struct" },
	{ "task_struct.fs", "fs_struct" },
	{ "task_struct.nsproxy", "nsproxy" },
	{ "task_struct.thread_pid", "pid" },
};

struct task_gather {
	struct gather *g;
	struct task_list list;
	const struct cpu_list *cpus;
	struct wait wait;
	struct locks *locks; /* NULL: they can't be told */
	struct backtrace *backtrace;
	uint64_t task_size, stack_offset, thread_size;
	uint64_t text_start, text_end; /* the kernel's code, half-open; 0: not known */
	uint64_t mm_offset, rss_offset, rss_size; /* mm_struct.rss_stat[] */
	uint64_t counter_size, counters_offset;	  /* size 0: it is nothing of a CPU's */
	uint32_t counters_left;
	struct {
		uint64_t offset, size; /* size 0: this kernel has no such */
	} shared[ARRAY_SIZE(shared)];
};

static void task_gather_init_counters(struct task_gather *t)
{
	struct kernel *kernel = t->g->kernel;

	t->counters_left = COUNTERS_MAX;
	if (kernel_offset(kernel, "task_struct.mm", &t->mm_offset, NULL) < 0 ||
	    kernel_offset(kernel, "mm_struct.rss_stat", &t->rss_offset, NULL) < 0 ||
	    kernel_sizeof(kernel, "mm_struct.rss_stat", &t->rss_size, NULL) < 0 ||
	    kernel_offset(kernel, "percpu_counter.counters", &t->counters_offset, NULL) <
		    0 ||
	    kernel_sizeof(kernel, "percpu_counter", &t->counter_size, NULL) < 0 ||
	    t->rss_size % t->counter_size || t->rss_size / t->counter_size > 16)
		t->counter_size = 0;
}

static void task_gather_init(struct task_gather *t)
{
	struct kernel *kernel = t->g->kernel;

	t->task_size = TASK_STRUCT_DEFAULT;
	t->thread_size = THREAD_SIZE_DEFAULT;
	t->stack_offset = UINT64_MAX;
	if (kernel_symbol(kernel, "_stext", &t->text_start, NULL) < 0 ||
	    kernel_symbol(kernel, "_etext", &t->text_end, NULL) < 0)
		t->text_start = t->text_end = 0;
	task_gather_init_counters(t);
	kernel_sizeof(kernel, "task_struct", &t->task_size, NULL);
	kernel_sizeof(kernel, "thread_union", &t->thread_size, NULL);
	if (!t->thread_size || t->thread_size & (t->thread_size - 1))
		t->thread_size = THREAD_SIZE_DEFAULT;
	kernel_offset(kernel, "task_struct.stack", &t->stack_offset, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (kernel_offset(kernel, shared[i].member, &t->shared[i].offset, NULL) <
			    0 ||
		    kernel_sizeof(kernel, shared[i].type, &t->shared[i].size, NULL) < 0)
			t->shared[i].size = 0;
	wait_init(kernel, t->cpus, &t->wait);
	if (locks_new(kernel, &t->list, &t->locks, NULL) < 0)
		t->locks = NULL;
}

static const struct cpu *task_cpu(const struct task_gather *t, const struct task *task)
{
	for (size_t i = 0; i < t->cpus->count; i++)
		if (t->cpus->cpus[i].current_vaddr == task->vaddr)
			return &t->cpus->cpus[i];
	return NULL;
}

/* The function that @vaddr is in, up to there. */
static void gather_function(struct gather *g, uint64_t vaddr)
{
	struct kernel_name name = { 0 };
	uint64_t before = CODE_BEFORE;

	if (kernel_name(g->kernel, vaddr, &name, NULL) == 0)
		before = MIN(MAX(name.offset, before), CODE_BEFORE_MAX);
	gather_doubtful(g, vaddr - before, before + CODE_AFTER);
}

/* crash reads the code of functions to learn the size of their frames. */
static void gather_frames(struct task_gather *t)
{
	for (size_t i = 0; i < t->backtrace->count; i++)
		gather_function(t->g, frame_lookup_vaddr(&t->backtrace->frames[i]));
}

/*
 * Of a task that a CPU ran crash looks at all that may be a return address: what the CPU
 * called to stop lies below its registers, as they were noted.
 */
static void gather_calls(struct task_gather *t, uint64_t stack)
{
	for (uint64_t at = 0; at < t->thread_size; at += sizeof(uint64_t)) {
		uint64_t word;

		if (kernel_read_u64(t->g->kernel, stack + at, &word, NULL) == 0 &&
		    word > t->text_start && word < t->text_end)
			gather_function(t->g, word - 1);
	}
}

/*
 * Pages of a process in memory are counted by each CPU, since Linux f1a7941243c1 (in
 * v6.2): mm_struct.rss_stat[]. ps adds them up.
 */
static void gather_counters(struct task_gather *t, const struct task *task)
{
	struct kernel *kernel = t->g->kernel;
	uint64_t mm;

	if (!t->counter_size ||
	    kernel_read_u64(kernel, task->vaddr + t->mm_offset, &mm, NULL) < 0 || !mm)
		return;
	for (uint64_t at = 0; at + t->counter_size <= t->rss_size;
	     at += t->counter_size) {
		uint64_t counters;

		if (kernel_read_u64(kernel, mm + t->rss_offset + at + t->counters_offset,
				    &counters, NULL) < 0)
			return;
		for (size_t i = 0; i < t->cpus->count && t->counters_left;
		     i++, t->counters_left--)
			gather_range(t->g, counters + t->cpus->cpus[i].percpu_offset,
				     sizeof(uint32_t));
	}
}

/* The system call of a blocked task, and the file that it is about. */
static void gather_call(struct task_gather *t, const struct task *task)
{
	struct syscall call;
	struct open_file file;
	uint32_t fd;

	if (syscall_read(t->g->kernel, task->vaddr, &t->backtrace->user, &call, NULL) ==
		    0 &&
	    syscall_fd(&call, &fd, NULL) == 0)
		open_file_of_fd(t->g->kernel, task->vaddr, fd, &file, NULL);
}

static void gather_backtrace(struct task_gather *t, const struct task *task)
{
	const struct cpu *cpu = task_cpu(t, task);
	struct lock_wait wait;
	uint64_t slept;

	wait_slept_ns(t->g->kernel, &t->wait, task, &slept);
	if (unwind_task(t->g->kernel, task, cpu, t->backtrace, NULL) < 0)
		return;
	gather_frames(t);
	if (t->locks && !cpu)
		lock_wait_find(t->locks, task, t->backtrace, &wait, NULL);
	if (task->state == 'D' && t->backtrace->end == UNWIND_END_USER)
		gather_call(t, task);
}

/* Of a task that ended its stack is no longer its own, and yet may lie there. */
static void gather_stack_left(struct task_gather *t, const struct task *task)
{
	const struct arch *arch = kernel_arch(t->g->kernel);
	struct regs regs = { 0 };

	if (arch->regs_of_sleeper(t->g->kernel, task->vaddr, &regs, NULL) == 0 &&
	    regs_has(&regs, arch->reg_sp))
		gather_doubtful(t->g,
				align_down(regs.value[arch->reg_sp], t->thread_size),
				t->thread_size);
}

static void gather_task(struct task_gather *t, const struct task *task)
{
	struct gather *g = t->g;
	uint64_t stack;

	gather_range(g, task->vaddr, t->task_size);
	gather_stack_left(t, task);
	if (t->stack_offset != UINT64_MAX &&
	    kernel_read_u64(g->kernel, task->vaddr + t->stack_offset, &stack, NULL) ==
		    0 &&
	    stack) {
		gather_range(g, stack, t->thread_size);
		if (task_cpu(t, task))
			gather_calls(t, stack);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (t->shared[i].size)
			gather_pointer(g, task->vaddr + t->shared[i].offset,
				       t->shared[i].size);
	gather_counters(t, task);
	gather_backtrace(t, task);
}

/* --- ids -----------------------------------------------------------------------------
 */

struct id_tree {
	struct gather *g;
	uint64_t slots_offset, node_size, pid_size;
	uint32_t slot_count, nodes;
	struct {
		uint64_t slots[TREE_SLOTS_MAX];
		uint32_t next;
	} levels[TREE_DEPTH_MAX];
	unsigned int depth;
};

static bool id_tree_is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

/* A node is gone into, an id's struct taken. */
static void id_tree_enter(struct id_tree *tree, uint64_t entry)
{
	uint64_t node = entry & ~UINT64_C(3);
	unsigned int d = tree->depth;

	if (!id_tree_is_node(entry)) {
		if (entry && !(entry & 3))
			gather_range(tree->g, entry, tree->pid_size);
		return;
	}
	if (d == TREE_DEPTH_MAX || tree->nodes++ >= TREE_NODES_MAX ||
	    kernel_read(tree->g->kernel, node + tree->slots_offset, tree->levels[d].slots,
			tree->slot_count * sizeof(uint64_t), NULL) < 0)
		return;
	gather_range(tree->g, node, tree->node_size);
	tree->levels[d].next = 0;
	tree->depth++;
}

static void gather_ids(struct gather *g)
{
	_cleanup_free struct id_tree *tree = calloc(1, sizeof(*tree));
	uint64_t vaddr, offset, slots_size, head;

	if (!tree || kernel_symbol(g->kernel, "init_pid_ns", &vaddr, NULL) < 0 ||
	    kernel_offset(g->kernel, "pid_namespace.idr.idr_rt.xa_head", &offset, NULL) <
		    0 ||
	    kernel_offset(g->kernel, "xa_node.slots", &tree->slots_offset, NULL) < 0 ||
	    kernel_sizeof(g->kernel, "xa_node.slots", &slots_size, NULL) < 0 ||
	    kernel_sizeof(g->kernel, "xa_node", &tree->node_size, NULL) < 0 ||
	    kernel_sizeof(g->kernel, "pid", &tree->pid_size, NULL) < 0 ||
	    kernel_read_u64(g->kernel, vaddr + offset, &head, NULL) < 0)
		return;
	tree->g = g;
	tree->slot_count = (uint32_t)MIN(slots_size / 8, (uint64_t)TREE_SLOTS_MAX);
	id_tree_enter(tree, head);
	while (tree->depth) {
		unsigned int d = tree->depth - 1;

		if (tree->levels[d].next == tree->slot_count)
			tree->depth--;
		else
			id_tree_enter(tree,
				      tree->levels[d].slots[tree->levels[d].next++]);
	}
}

/* --- all of them ---------------------------------------------------------------------
 */

void gather_tasks(struct gather *g, const struct cpu_list *cpus)
{
	struct task_gather t = { .g = g, .cpus = cpus };
	struct err why = { 0 };

	if (task_list_read(g->kernel, &t.list, &why) < 0) {
		gather_missed(g, "tasks", &why);
		return;
	}
	g->core->tasks = t.list.count;
	if (t.list.is_cut) {
		err_set(&why, ERR_CORRUPT, "%s", t.list.cut_why);
		gather_missed(g, "tasks", &why);
	}
	t.backtrace = backtrace_new();
	if (t.backtrace) {
		task_gather_init(&t);
		for (size_t i = 0; i < t.list.count && !g->core->pages.failed; i++)
			gather_task(&t, &t.list.tasks[i]);
		gather_ids(g);
	}
	locks_free(t.locks);
	backtrace_free(t.backtrace);
	task_list_done(&t.list);
}
