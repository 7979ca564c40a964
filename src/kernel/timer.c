// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/timer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/rbtree.h"
#include "kernel/ring.h"
#include "kernel/value.h"

#define CLK_FAR (INT64_C(1) << 32) /* jiffies: half a year at 250 a second */

struct reader {
	struct kernel *kernel;
	struct timer_list list;
	uint64_t now_ns; /* CLOCK_MONOTONIC at the last tick */
};

static void name_function(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size)
{
	struct kernel_name name;

	if (kernel_name(kernel, vaddr, &name, NULL) < 0)
		snprintf(ret, size, "0x%" PRIx64, vaddr);
	else
		snprintf(ret, size, name.module[0] ? "%s [%s]" : "%s", name.symbol,
			 name.module);
}

static void name_task(struct kernel *kernel, uint64_t task, char *ret, size_t size)
{
	char comm[17] = "";
	uint64_t pid, at;

	if (value_read(kernel, task, "task_struct.pid", &pid, NULL) < 0 ||
	    value_vaddr(kernel, task, "task_struct.comm", &at, NULL) < 0 ||
	    kernel_read_string(kernel, at, comm, sizeof(comm), NULL) < 0)
		return;
	snprintf(ret, size, "pid %" PRId32 " %s", (int32_t)pid, comm);
}

/*
 * A function that serves many says little: what its timer is a part of says for whom it
 * was (struct process_timer, delayed_work, hrtimer_sleeper).
 */
static void read_detail(struct kernel *kernel, struct timer *timer)
{
	static const struct {
		const char *function, *timer, *member;
	} users[] = {
		{ "process_timeout", "process_timer.timer", "process_timer.task" },
		{ "hrtimer_wakeup", "hrtimer_sleeper.timer", "hrtimer_sleeper.task" },
		{ "delayed_work_timer_fn", "delayed_work.timer",
		  "delayed_work.work.func" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		uint64_t offset, value;

		if (strcmp(timer->function, users[i].function) ||
		    kernel_offset(kernel, users[i].timer, &offset, NULL) < 0 ||
		    value_read(kernel, timer->vaddr - offset, users[i].member, &value,
			       NULL) < 0)
			continue;
		if (strstr(users[i].member, ".task"))
			name_task(kernel, value, timer->detail, sizeof(timer->detail));
		else
			name_function(kernel, value, timer->detail,
				      sizeof(timer->detail));
	}
}

static int add(struct reader *reader, const struct timer *timer, struct err *err)
{
	struct timer_list *list = &reader->list;
	size_t n = list->count;

	if (n == TIMER_COUNT_MAX)
		return err_set(err, ERR_LIMIT, "more than %d timers", TIMER_COUNT_MAX);
	if (n < 64 ? n == 0 : (n & (n - 1)) == 0) { // full at 64, 128, 256 ...
		struct timer *timers =
			realloc(list->timers, MAX(2 * n, (size_t)64) * sizeof(*timers));

		if (!timers)
			return err_nomem(err);
		list->timers = timers;
	}
	list->timers[list->count++] = *timer;
	return 0;
}

/* --- the wheel ------------------------------------------------------------------- */

static int add_wheel_timer(struct reader *reader, uint32_t cpu, uint32_t base,
			   uint64_t vaddr, struct err *err)
{
	struct timer timer = { .cpu = cpu, .vaddr = vaddr, .base = base };
	uint64_t function;
	int r = value_read(reader->kernel, vaddr, "timer_list.expires", &timer.expires,
			   err);

	if (r == 0)
		r = value_read(reader->kernel, vaddr, "timer_list.function", &function,
			       err);
	if (r < 0)
		return r;
	timer.left = (int64_t)(timer.expires - reader->list.jiffies);
	name_function(reader->kernel, function, timer.function, sizeof(timer.function));
	read_detail(reader->kernel, &timer);
	return add(reader, &timer, err);
}

static int walk_vectors(struct reader *reader, uint32_t cpu, uint32_t base,
			uint64_t vaddr, uint64_t count, struct err *err)
{
	uint8_t heads[TIMER_VECTORS_MAX * 8];
	uint64_t offset, node;
	int r = kernel_offset(reader->kernel, "timer_list.entry", &offset, err);

	if (r == 0)
		r = kernel_read(reader->kernel, vaddr, heads, count * 8, err);
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		struct ring ring;

		if (!load_le64(heads + i * 8))
			continue;
		ring = ring_init_chain(reader->kernel, vaddr + i * 8, TIMER_COUNT_MAX);
		while ((r = ring_next(&ring, &node, err)) > 0) {
			r = add_wheel_timer(reader, cpu, base, node - offset, err);
			if (r < 0)
				break;
		}
	}
	return r;
}

/* How many bases a CPU has is written nowhere: what is no base does not look like one. */
static bool is_base(struct reader *reader, uint32_t cpu, uint64_t vaddr)
{
	uint64_t id, clk;
	int64_t ahead;

	if (value_read(reader->kernel, vaddr, "timer_base.cpu", &id, NULL) < 0 ||
	    value_read(reader->kernel, vaddr, "timer_base.clk", &clk, NULL) < 0)
		return false;
	ahead = (int64_t)(clk - reader->list.jiffies);
	return id == cpu && ahead > -CLK_FAR && ahead < CLK_FAR;
}

static int walk_wheel(struct reader *reader, const struct cpu *cpu, struct err *err)
{
	uint64_t bases, size, vectors, count, stride;
	int r = cpu_percpu(reader->kernel, cpu, "timer_bases", &bases, err);

	if (r == 0)
		r = kernel_sizeof(reader->kernel, "timer_base", &size, err);
	if (r == 0)
		r = kernel_offset(reader->kernel, "timer_base.vectors", &vectors, err);
	if (r == 0)
		r = value_array(reader->kernel, "timer_base.vectors", &count, &stride,
				err);
	if (r == 0 && (count > TIMER_VECTORS_MAX || stride != 8))
		r = err_set(err, ERR_UNSUPPORTED, "its wheel has %" PRIu64 " vectors",
			    count);
	for (uint32_t i = 0; r == 0 && i < TIMER_BASES_MAX; i++) {
		uint64_t base = bases + i * size;

		if (!is_base(reader, cpu->id, base))
			return i ? 0
				 : err_set(err, ERR_CORRUPT,
					   "its first base makes no sense");
		r = walk_vectors(reader, cpu->id, i, base + vectors, count, err);
	}
	return r;
}

/* --- high resolution ------------------------------------------------------------- */

static int add_hrtimer(struct reader *reader, uint32_t cpu, uint32_t clock,
		       uint64_t offset_ns, uint64_t vaddr, struct err *err)
{
	struct timer timer = {
		.cpu = cpu, .is_hrtimer = true, .vaddr = vaddr, .base = clock
	};
	uint64_t function;
	int r = value_read(reader->kernel, vaddr, "hrtimer.node.expires", &timer.expires,
			   err);

	if (r == 0)
		r = value_read(reader->kernel, vaddr, "hrtimer.function", &function, err);
	if (r < 0)
		return r;
	timer.left = (int64_t)(timer.expires - offset_ns - reader->now_ns);
	name_function(reader->kernel, function, timer.function, sizeof(timer.function));
	read_detail(reader->kernel, &timer);
	return add(reader, &timer, err);
}

static int walk_clock(struct reader *reader, uint32_t cpu, uint64_t vaddr,
		      struct err *err)
{
	uint64_t root, node, offset, clock, offset_ns;
	struct rbtree tree;
	int r = value_vaddr(reader->kernel, vaddr,
			    "hrtimer_clock_base.active.rb_root.rb_root", &root, err);

	if (r == 0)
		r = kernel_offset(reader->kernel, "hrtimer.node", &offset, err);
	if (r == 0)
		r = value_read(reader->kernel, vaddr, "hrtimer_clock_base.clockid",
			       &clock, err);
	if (r == 0)
		r = value_read(reader->kernel, vaddr, "hrtimer_clock_base.offset",
			       &offset_ns, err);
	if (r < 0)
		return r;
	tree = rbtree_init(reader->kernel, root, TIMER_COUNT_MAX);
	while ((r = rbtree_next(&tree, &node, err)) > 0) {
		r = add_hrtimer(reader, cpu, (uint32_t)clock, offset_ns, node - offset,
				err);
		if (r < 0)
			break;
	}
	return r;
}

static int walk_clocks(struct reader *reader, const struct cpu *cpu, struct err *err)
{
	uint64_t base, at, count, stride;
	int r = cpu_percpu(reader->kernel, cpu, "hrtimer_bases", &base, err);

	if (r == 0)
		r = value_vaddr(reader->kernel, base, "hrtimer_cpu_base.clock_base", &at,
				err);
	if (r == 0)
		r = value_array(reader->kernel, "hrtimer_cpu_base.clock_base", &count,
				&stride, err);
	for (uint64_t i = 0; r == 0 && i < MIN(count, (uint64_t)TIMER_CLOCKS_MAX); i++)
		r = walk_clock(reader, cpu->id, at + i * stride, err);
	return r;
}

static int timer_compare(const void *a, const void *b)
{
	const struct timer *x = a, *y = b;

	if (x->cpu != y->cpu)
		return x->cpu < y->cpu ? -1 : 1;
	if (x->is_hrtimer != y->is_hrtimer)
		return x->is_hrtimer ? 1 : -1;
	if (x->left != y->left)
		return x->left < y->left ? -1 : 1;
	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

int timer_list_read(struct kernel *kernel, const struct cpu_list *cpus,
		    struct timer_list *ret, struct err *err)
{
	struct reader reader = { .kernel = kernel };
	struct err why = { 0 };
	int r = value_symbol(kernel, "jiffies_64", 8, &reader.list.jiffies, &why);

	reader.list.has_now =
		value_symbol(kernel, "last_jiffies_update", 8, &reader.now_ns, NULL) == 0;
	for (size_t i = 0; r == 0 && i < cpus->count; i++) {
		r = walk_wheel(&reader, &cpus->cpus[i], &why);
		if (r == 0)
			r = walk_clocks(&reader, &cpus->cpus[i], &why);
		if (r < 0)
			err_in(&why, r, "CPU %" PRIu32, cpus->cpus[i].id);
	}
	if (r < 0 && (!reader.list.count || r == ERR_NOMEM)) {
		timer_list_done(&reader.list);
		return err_set(err, r, "looking for timers: %.400s", err_text(&why));
	}
	snprintf(reader.list.cut_why, sizeof(reader.list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	if (reader.list.count)
		qsort(reader.list.timers, reader.list.count, sizeof(*reader.list.timers),
		      timer_compare);
	*ret = reader.list;
	return 0;
}

void timer_list_done(struct timer_list *list)
{
	free(list->timers);
	*list = (struct timer_list){ 0 };
}
