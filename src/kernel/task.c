// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sources: Linux include/linux/sched.h (struct task_struct, TASK_*), fs/proc/array.c
 * (get_task_state()), init/init_task.c. Groups are the ring from init_task.tasks, their
 * threads the ring signal->thread_head of task_struct.thread_node: both are in all
 * kernels since v3.14 (0c740d0afc3b).
 */
#include "kernel/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/ring.h"

#define PF_KTHREAD UINT32_C(0x00200000)

/* TASK_*; the last two are flags beside a sleep */
#define STATE_REPORT	  0x7f	/* R S D T t X Z P */
#define STATE_IDLE	  0x402 /* TASK_UNINTERRUPTIBLE | TASK_NOLOAD */
#define STATE_RTLOCK_WAIT 0x1000
#define STATE_FROZEN	  0x8000

#define OFFSET_NONE UINT64_MAX

/* Where members lie; OFFSET_NONE: this kernel does not have it. */
struct task_layout {
	uint64_t pid, tgid, comm, flags;
	uint64_t state, exit_state, cpu, on_cpu, real_parent;
	uint64_t tasks, signal, thread_node, thread_head;
};

static void optional_offset(struct kernel *kernel, const char *path, uint64_t *ret)
{
	if (kernel_offset(kernel, path, ret, NULL) < 0)
		*ret = OFFSET_NONE;
}

/* The first of two names that a member had over time. */
static void either_offset(struct kernel *kernel, const char *path, const char *older,
			  uint64_t *ret)
{
	optional_offset(kernel, path, ret);
	if (*ret == OFFSET_NONE)
		optional_offset(kernel, older, ret);
}

static int layout_read(struct kernel *kernel, struct task_layout *ret, struct err *err)
{
	struct task_layout l;
	int r;

	r = kernel_offset(kernel, "task_struct.pid", &l.pid, err);
	if (r == 0)
		r = kernel_offset(kernel, "task_struct.comm", &l.comm, err);
	if (r < 0)
		return r;
	optional_offset(kernel, "task_struct.tgid", &l.tgid);
	optional_offset(kernel, "task_struct.flags", &l.flags);
	optional_offset(kernel, "task_struct.exit_state", &l.exit_state);
	optional_offset(kernel, "task_struct.on_cpu", &l.on_cpu);
	optional_offset(kernel, "task_struct.real_parent", &l.real_parent);
	optional_offset(kernel, "task_struct.tasks", &l.tasks);
	optional_offset(kernel, "task_struct.signal", &l.signal);
	optional_offset(kernel, "task_struct.thread_node", &l.thread_node);
	optional_offset(kernel, "signal_struct.thread_head", &l.thread_head);
	/* 2f064a59a11f (v5.14) renamed it, and made it 32 bits: its low ones */
	either_offset(kernel, "task_struct.__state", "task_struct.state", &l.state);
	/* bcf9033e5449 (v5.16) moved it to thread_info */
	either_offset(kernel, "task_struct.thread_info.cpu", "task_struct.cpu", &l.cpu);
	*ret = l;
	return 0;
}

static bool optional_u32(struct kernel *kernel, uint64_t vaddr, uint64_t offset,
			 uint32_t *ret)
{
	return offset != OFFSET_NONE &&
	       kernel_read_u32(kernel, vaddr + offset, ret, NULL) == 0;
}

/* As /proc/PID/stat says it. */
static char state_letter(uint32_t state, uint32_t exit_state)
{
	static const char letters[] = "RSDTtXZP";
	uint32_t report = (state | exit_state) & STATE_REPORT;

	if ((state & STATE_IDLE) == STATE_IDLE)
		return 'I';
	if (state & (STATE_RTLOCK_WAIT | STATE_FROZEN))
		return 'D';
	return report ? letters[32 - __builtin_clz(report)] : 'R';
}

static int32_t read_parent(struct kernel *kernel, const struct task_layout *l,
			   uint64_t vaddr)
{
	uint64_t parent;
	uint32_t tgid;

	if (l->real_parent == OFFSET_NONE ||
	    kernel_read_u64(kernel, vaddr + l->real_parent, &parent, NULL) < 0 ||
	    !optional_u32(kernel, parent, l->tgid, &tgid))
		return -1;
	return (int32_t)tgid;
}

static int read_task(struct kernel *kernel, const struct task_layout *l, uint64_t vaddr,
		     struct task *ret, struct err *err)
{
	struct task task = { .vaddr = vaddr, .state = '?', .cpu = UINT32_MAX };
	uint32_t value, exit_state = 0;
	int r;

	r = kernel_read_u32(kernel, vaddr + l->pid, &value, err);
	if (r < 0)
		return err_in(err, r, "task 0x%" PRIx64, vaddr);
	task.pid = (int32_t)value;
	r = kernel_read(kernel, vaddr + l->comm, task.comm, sizeof(task.comm) - 1, err);
	if (r < 0)
		return err_in(err, r, "task 0x%" PRIx64, vaddr);
	task.tgid =
		optional_u32(kernel, vaddr, l->tgid, &value) ? (int32_t)value : task.pid;
	task.ppid = read_parent(kernel, l, vaddr);
	optional_u32(kernel, vaddr, l->exit_state, &exit_state);
	if (optional_u32(kernel, vaddr, l->state, &value))
		task.state = state_letter(value, exit_state);
	if (optional_u32(kernel, vaddr, l->cpu, &value) && value < CPU_COUNT_MAX)
		task.cpu = value;
	task.is_running = optional_u32(kernel, vaddr, l->on_cpu, &value) && value;
	task.is_kthread =
		optional_u32(kernel, vaddr, l->flags, &value) && (value & PF_KTHREAD);
	*ret = task;
	return 0;
}

int task_read(struct kernel *kernel, uint64_t vaddr, struct task *ret, struct err *err)
{
	struct task_layout layout;
	int r = layout_read(kernel, &layout, err);

	return r < 0 ? r : read_task(kernel, &layout, vaddr, ret, err);
}

/* Reading a list: what to read with, what came of it, and how much is allowed. */
struct task_reader {
	struct kernel *kernel;
	struct task_layout layout;
	const struct cpu_list *cpus;
	size_t limit;
	struct task_list list;
};

/* The first reason is kept: later ones follow from it, or are as good. */
static void reader_cut(struct task_reader *reader, const struct err *why)
{
	if (!reader->list.is_cut)
		snprintf(reader->list.cut_why, sizeof(reader->list.cut_why), "%.255s",
			 err_text(why));
	reader->list.is_cut = true;
}

/* A CPU's own word on what it runs is better than task_struct.on_cpu. */
static void reader_set_running(const struct task_reader *reader, struct task *task)
{
	for (size_t i = 0; i < reader->cpus->count; i++) {
		const struct cpu *cpu = &reader->cpus->cpus[i];

		if (cpu->current_vaddr == task->vaddr) {
			task->is_running = true;
			task->cpu = cpu->id;
			return;
		}
		if (cpu->current_vaddr && cpu->id == task->cpu)
			task->is_running = false;
	}
}

/* ERR_LIMIT: enough. */
static int reader_add(struct task_reader *reader, uint64_t vaddr, struct err *err)
{
	struct task_list *list = &reader->list;
	size_t n = list->count;
	struct task task;
	int r;

	if (n == reader->limit)
		return err_set(err, ERR_LIMIT, "more than %zu tasks", reader->limit);
	r = read_task(reader->kernel, &reader->layout, vaddr, &task, err);
	if (r < 0)
		return r;
	reader_set_running(reader, &task);
	if (n < 64 ? n == 0 : (n & (n - 1)) == 0) { // full at 64, 128, 256 ...
		struct task *tasks =
			realloc(list->tasks, MAX(2 * n, (size_t)64) * sizeof(*tasks));

		if (!tasks)
			return err_nomem(err);
		list->tasks = tasks;
	}
	list->tasks[list->count++] = task;
	return 0;
}

/* The idle task of each CPU: those of all but the first are on no list. */
static int reader_add_idle(struct task_reader *reader, struct err *err)
{
	struct kernel *kernel = reader->kernel;
	uint64_t idle_offset;
	int r = 0;

	if (kernel_offset(kernel, "rq.idle", &idle_offset, NULL) < 0)
		return 0;
	for (size_t i = 0; i < reader->cpus->count && r == 0; i++) {
		const struct cpu *cpu = &reader->cpus->cpus[i];
		uint64_t rq, vaddr;

		r = cpu_percpu(kernel, cpu, "runqueues", &rq, err);
		if (r == 0)
			r = kernel_read_u64(kernel, rq + idle_offset, &vaddr, err);
		if (r < 0)
			return err_in(err, r, "idle task of CPU %" PRIu32, cpu->id);
		if (vaddr)
			r = reader_add(reader, vaddr, err);
	}
	return r;
}

/* The threads of one group, its leader among them. */
static int reader_add_threads(struct task_reader *reader, uint64_t leader,
			      struct err *err)
{
	const struct task_layout *l = &reader->layout;
	struct ring ring;
	uint64_t signal, node;
	int r;

	if (l->signal == OFFSET_NONE || l->thread_node == OFFSET_NONE ||
	    l->thread_head == OFFSET_NONE)
		return reader_add(reader, leader, err);
	r = kernel_read_u64(reader->kernel, leader + l->signal, &signal, err);
	if (r < 0)
		return err_in(err, r, "threads of task 0x%" PRIx64, leader);
	ring = ring_init(reader->kernel, signal + l->thread_head, TASK_COUNT_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		r = reader_add(reader, node - l->thread_node, err);
		if (r < 0)
			break;
	}
	return r < 0 ? err_in(err, r, "threads of task 0x%" PRIx64, leader) : 0;
}

/* All groups. A group whose threads break off is cut, and the next one is read. */
static int reader_add_groups(struct task_reader *reader, uint64_t init_task,
			     struct err *err)
{
	struct ring ring = ring_init(reader->kernel, init_task + reader->layout.tasks,
				     TASK_COUNT_MAX);
	uint64_t node;
	int r;

	while ((r = ring_next(&ring, &node, err)) > 0) {
		r = reader_add_threads(reader, node - reader->layout.tasks, err);
		if (r == ERR_LIMIT || r == ERR_NOMEM)
			return r;
		if (r < 0)
			reader_cut(reader, err);
	}
	return r < 0 ? err_in(err, r, "task list after %zu tasks", reader->list.count)
		     : 0;
}

static int reader_run(struct task_reader *reader, struct err *err)
{
	uint64_t init_task;
	int r;

	r = kernel_symbol(reader->kernel, "init_task", &init_task, err);
	if (r == 0 && reader->layout.tasks == OFFSET_NONE)
		r = err_set(err, ERR_NOTFOUND, "no member task_struct.tasks");
	if (r < 0)
		return err_in(err, r, "looking for tasks");
	r = reader_add_idle(reader, err);
	if (r < 0 && r != ERR_LIMIT)
		reader_cut(reader, err);
	if (reader->list.count == 0) // at least CPU 0's
		r = reader_add(reader, init_task, err);
	return r == ERR_LIMIT ? r : reader_add_groups(reader, init_task, err);
}

int task_list_read_some(struct kernel *kernel, size_t limit, struct task_list *ret,
			struct err *err)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct task_reader reader = { .kernel = kernel, .cpus = &cpus, .limit = limit };
	struct err why = { 0 };
	int r;

	r = layout_read(kernel, &reader.layout, err);
	if (r < 0)
		return err_in(err, r, "looking for tasks");
	if (cpu_list_read(kernel, &cpus, &why) < 0)
		reader_cut(&reader, &why); // no idle tasks
	r = reader_run(&reader, &why);
	if (r < 0)
		reader_cut(&reader, &why);
	if (reader.list.count == 0) {
		free(reader.list.tasks);
		return err_set(err, r < 0 ? r : ERR_NOTFOUND, "no task: %.400s",
			       reader.list.cut_why);
	}
	*ret = reader.list;
	return 0;
}

int task_list_read(struct kernel *kernel, struct task_list *ret, struct err *err)
{
	return task_list_read_some(kernel, TASK_COUNT_MAX, ret, err);
}

void task_list_done(struct task_list *list)
{
	free(list->tasks);
	*list = (struct task_list){ 0 };
}
