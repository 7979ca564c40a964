// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PID_LIMIT (4 << 20) /* PID_MAX_LIMIT of include/linux/threads.h */

static const struct cpu *cpu_of(const struct cpu_list *cpus, const struct task *task)
{
	for (size_t i = 0; i < cpus->count; i++)
		if (cpus->cpus[i].current_vaddr == task->vaddr)
			return &cpus->cpus[i];
	return NULL;
}

static uint32_t id_of(const struct task *task, size_t i)
{
	if (task->pid > 0 && task->pid < PID_LIMIT)
		return (uint32_t)task->pid;
	if (task->pid == 0 && task->cpu < CPU_COUNT_MAX)
		return THREADS_IDLE + task->cpu;
	return THREADS_OTHER + (uint32_t)i;
}

static int compare_ids(const void *a, const void *b, void *items)
{
	const struct thread *threads = items;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

	if (threads[i].id != threads[j].id)
		return threads[i].id < threads[j].id ? -1 : 1;
	return i < j ? -1 : i > j;
}

static void sort_ids(struct threads *threads)
{
	qsort_r(threads->by_id, threads->count, sizeof(*threads->by_id), compare_ids,
		threads->items);
}

/* A torn list can show one pid twice; two threads must not have one id. */
static int make_ids(struct threads *threads, struct err *err)
{
	threads->by_id = calloc(threads->count, sizeof(*threads->by_id));
	if (!threads->by_id)
		return err_nomem(err);
	for (size_t i = 0; i < threads->count; i++)
		threads->by_id[i] = (uint32_t)i;
	sort_ids(threads);
	for (size_t i = threads->count; i-- > 1;) {
		struct thread *thread = &threads->items[threads->by_id[i]];

		if (thread->id == threads->items[threads->by_id[i - 1]].id)
			thread->id = THREADS_OTHER + threads->by_id[i];
	}
	sort_ids(threads);
	return 0;
}

/* gdb begins with the first thread. */
static void panicked_first(struct kernel *kernel, struct threads *threads)
{
	uint32_t id;

	if (cpu_panicked(kernel, &id, NULL) < 0)
		return;
	for (size_t i = 0; i < threads->count; i++) {
		struct thread panicked = threads->items[i];

		if (!panicked.cpu || panicked.cpu->id != id)
			continue;
		memmove(&threads->items[1], &threads->items[0],
			i * sizeof(threads->items[0]));
		threads->items[0] = panicked;
		return;
	}
}

static void set_cut(struct threads *threads, const char *why)
{
	if (!threads->is_cut)
		snprintf(threads->cut_why, sizeof(threads->cut_why), "%.255s", why);
	threads->is_cut = true;
}

int threads_read(struct kernel *kernel, struct threads *ret, struct err *err)
{
	_cleanup_task_list struct task_list list = { 0 };
	_cleanup_threads struct threads threads = { 0 };
	struct err why = { 0 };
	int r = task_list_read_some(kernel, THREADS_MAX, &list, err);

	if (r < 0)
		return err_in(err, r, "reading the tasks");
	if (cpu_list_read(kernel, &threads.cpus, &why) < 0)
		set_cut(&threads, err_text(&why));
	if (list.is_cut)
		set_cut(&threads, list.cut_why);
	threads.items = calloc(list.count, sizeof(*threads.items));
	if (!threads.items)
		return err_nomem(err);
	threads.count = list.count;
	for (size_t i = 0; i < list.count; i++)
		threads.items[i] = (struct thread){
			.id = id_of(&list.tasks[i], i),
			.task = list.tasks[i],
			.cpu = cpu_of(&threads.cpus, &list.tasks[i]),
		};
	panicked_first(kernel, &threads);
	r = make_ids(&threads, err);
	if (r < 0)
		return r;
	*ret = threads;
	threads = (struct threads){ 0 };
	return 0;
}

void threads_done(struct threads *threads)
{
	free(threads->items);
	free(threads->by_id);
	cpu_list_done(&threads->cpus);
	*threads = (struct threads){ 0 };
}

const struct thread *threads_find(const struct threads *threads, uint64_t id)
{
	size_t low = 0, high = threads->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct thread *thread = &threads->items[threads->by_id[middle]];

		if (thread->id == id)
			return thread;
		if (thread->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void thread_describe(const struct thread *thread, struct text *ret)
{
	const struct task *task = &thread->task;

	text_add(ret, "state %c, pid %" PRId32, task->state, task->pid);
	if (task->tgid != task->pid)
		text_add(ret, " of %" PRId32, task->tgid);
	if (task->ppid >= 0)
		text_add(ret, ", parent %" PRId32, task->ppid);
	if (task->cpu != UINT32_MAX)
		text_add(ret, ", %sCPU %" PRIu32, thread->cpu ? "on " : "", task->cpu);
	if (task->is_kthread)
		text_add(ret, ", kernel thread");
}

void thread_name(const struct thread *thread, char ret[sizeof(((struct task *)0)->comm)])
{
	size_t i;

	for (i = 0; thread->task.comm[i]; i++) {
		char c = thread->task.comm[i];

		ret[i] = c >= 0x20 && c < 0x7f ? c : '?';
	}
	ret[i] = '\0';
}
