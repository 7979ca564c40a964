// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_stuck.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/timer.h"
#include "kernel/work.h"
#include "record/field.h"

static const struct {
	const char *key, *label;
} kinds[STUCK_KIND_COUNT] = {
	[STUCK_SOFTIRQS] = { "softirqs_pending", "softirqs raised, not run" },
	[STUCK_TIMERS] = { "timers_overdue", "timers overdue, in jiffies" },
	[STUCK_HRTIMERS] = { "hrtimers_overdue", "hrtimers overdue, in ms" },
	[STUCK_WORKS] = { "works_pending", "work queued, not begun" },
	[STUCK_INTERRUPTS] = { "interrupts", "interrupts that came to it" },
};

static void say_unknown(struct report_stuck *stuck, const char *what,
			const struct err *why)
{
	char text[sizeof(stuck->unknown.why)];

	if (stuck->unknown.why[0])
		return;
	snprintf(text, sizeof(text), "%s: %.200s", what, err_text(why));
	ascii_escape(text, strlen(text), stuck->unknown.why, sizeof(stuck->unknown.why));
}

/* Keeps the largest, those of one number in the order in which they came. */
static void add_item(struct stuck_list *list, const char *name, uint64_t number)
{
	size_t at = list->count;

	list->total++;
	while (at > 0 && list->items[at - 1].number < number)
		at--;
	if (at == STUCK_ITEMS_MAX)
		return;
	list->count = MIN(list->count + 1, (size_t)STUCK_ITEMS_MAX);
	memmove(&list->items[at + 1], &list->items[at],
		(list->count - at - 1) * sizeof(list->items[0]));
	ascii_escape(name, strlen(name), list->items[at].name,
		     sizeof(list->items[at].name));
	list->items[at].number = number;
}

/* ---- from the kernel ---- */

static void add_softirqs(struct kernel *kernel, const struct cpu_list *cpus,
			 struct report_stuck *ret)
{
	_cleanup_softirqs struct softirqs softirqs = { 0 };
	struct err why = { 0 };

	if (softirqs_read(kernel, cpus, &softirqs, &why) < 0) {
		say_unknown(ret, "softirqs", &why);
		return;
	}
	for (size_t i = 0; i < softirqs.count; i++)
		if (softirqs.pending[0] >> i & 1)
			add_item(&ret->lists[STUCK_SOFTIRQS], softirqs.names[i],
				 softirqs.counts[i]);
}

static void add_timers(struct kernel *kernel, const struct cpu_list *cpus,
		       struct report_stuck *ret)
{
	_cleanup_timer_list struct timer_list list = { 0 };
	struct err why = { 0 };

	if (timer_list_read(kernel, cpus, &list, &why) < 0) {
		say_unknown(ret, "timers", &why);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct timer *timer = &list.timers[i];
		char name[sizeof(timer->function) + sizeof(timer->detail) + 4];

		if (timer->left >= 0 || (timer->is_hrtimer && !list.has_now))
			continue;
		snprintf(name, sizeof(name), timer->detail[0] ? "%s of %s" : "%s",
			 timer->function, timer->detail);
		add_item(&ret->lists[timer->is_hrtimer ? STUCK_HRTIMERS : STUCK_TIMERS],
			 name,
			 timer->is_hrtimer ? -(uint64_t)timer->left / 1000
					   : -(uint64_t)timer->left);
	}
}

static void add_works(struct kernel *kernel, uint32_t id, struct report_stuck *ret)
{
	_cleanup_work_pools struct work_pools pools = { 0 };
	struct err why = { 0 };

	if (work_pools_read(kernel, &pools, &why) < 0) {
		say_unknown(ret, "work", &why);
		return;
	}
	for (size_t i = 0; i < pools.count; i++) {
		const struct work_pool *pool = &pools.pools[i];

		if (pool->cpu < 0 || (uint32_t)pool->cpu != id)
			continue;
		for (size_t j = 0; j < pool->item_count; j++)
			if (!pool->items[j].is_running)
				add_item(&ret->lists[STUCK_WORKS],
					 pool->items[j].function, 0);
	}
}

static void add_interrupts(struct kernel *kernel, const struct cpu_list *cpus,
			   struct report_stuck *ret)
{
	_cleanup_irq_list struct irq_list list = { 0 };
	struct err why = { 0 };

	if (irq_list_read(kernel, cpus, &list, &why) < 0) {
		say_unknown(ret, "interrupts", &why);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct irq *irq = &list.irqs[i];

		if (irq->counts[0])
			add_item(&ret->lists[STUCK_INTERRUPTS],
				 irq->actions[0] ? irq->actions : irq->chip,
				 irq->counts[0]);
	}
}

void report_stuck_build(struct kernel *kernel, uint32_t id, struct report_stuck *ret)
{
	_cleanup_cpu_list struct cpu_list list = { 0 };
	struct report_stuck stuck = { .cpu = id };
	struct err why = { 0 };
	size_t i = 0;

	if (cpu_list_read(kernel, &list, &why) == 0)
		while (i < list.count && list.cpus[i].id != id)
			i++;
	if (i == list.count) {
		if (!why.code)
			err_set(&why, ERR_NOTFOUND, "it is not online");
		say_unknown(&stuck, "the CPU", &why);
	} else {
		const struct cpu_list one = { .cpus = &list.cpus[i], .count = 1 };

		add_softirqs(kernel, &one, &stuck);
		add_timers(kernel, &one, &stuck);
		add_works(kernel, id, &stuck);
		add_interrupts(kernel, &one, &stuck);
	}
	*ret = stuck;
}

/* ---- text ---- */

const char *report_stuck_label(enum stuck_kind kind)
{
	return kinds[kind].label;
}

static void format_number(const struct stuck_item *item, enum stuck_kind kind, char *ret,
			  size_t size)
{
	ret[0] = '\0';
	if (kind == STUCK_HRTIMERS)
		snprintf(ret, size, " (%" PRIu64 ".%" PRIu64 ")", item->number / 1000,
			 item->number % 1000 / 100);
	else if (kind == STUCK_TIMERS || kind == STUCK_INTERRUPTS)
		snprintf(ret, size, " (%" PRIu64 ")", item->number);
}

void report_stuck_format_list(const struct report_stuck *stuck, enum stuck_kind kind,
			      char *ret, size_t size)
{
	const struct stuck_list *list = &stuck->lists[kind];
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < list->count && used < size; i++) {
		char number[48];

		format_number(&list->items[i], kind, number, sizeof(number));
		used += (size_t)snprintf(ret + used, size - used, "%s%s%s", i ? ", " : "",
					 list->items[i].name, number);
	}
	if (list->total > list->count && used < size)
		snprintf(ret + used, size - used, " and %zu more",
			 list->total - list->count);
}

void report_stuck_format_text(const struct report_stuck *stuck, struct text *ret)
{
	text_add(ret, "CPU %" PRIu32 "\n", stuck->cpu);
	for (int kind = 0; kind < STUCK_KIND_COUNT; kind++) {
		const struct stuck_list *list = &stuck->lists[kind];
		char number[48];

		if (list->total)
			text_add(ret, "  %s:\n", kinds[kind].label);
		for (size_t i = 0; i < list->count; i++) {
			format_number(&list->items[i], (enum stuck_kind)kind, number,
				      sizeof(number));
			text_add(ret, "    %s%s\n", list->items[i].name, number);
		}
		if (list->total > list->count)
			text_add(ret, "    and %zu more\n", list->total - list->count);
	}
	if (stuck->unknown.why[0])
		text_add(ret, "  (unknown: %s)\n", stuck->unknown.why);
}

/* ---- JSON ---- */

static json_t *new_list(const struct stuck_list *list)
{
	json_t *items = json_array();
	json_t *object =
		json_pack("{s:I, s:o}", "count", (json_int_t)list->total, "items", items);
	int r = object ? 0 : -1;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct stuck_item *item = &list->items[i];
		json_t *element =
			json_pack("{s:o, s:I}", "name", member_new_string(item->name),
				  "number",
				  (json_int_t)MIN(item->number, (uint64_t)INT64_MAX));

		r = json_array_append_new(items, element);
	}
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *report_stuck_new_json(const struct report_stuck *stuck)
{
	json_t *object = json_pack("{s:I}", "cpu", (json_int_t)stuck->cpu);
	int r = object ? member_put_string(object, "unknown", stuck->unknown.why) : -1;

	for (size_t i = 0; r == 0 && i < STUCK_KIND_COUNT; i++)
		if (stuck->lists[i].total)
			r = json_object_set_new(object, kinds[i].key,
						new_list(&stuck->lists[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int parse_list(const json_t *object, struct stuck_list *ret, struct err *err)
{
	const json_t *items = NULL;
	uint64_t total = 0;
	int r = member_get_number(object, "count", INT32_MAX, &total, err);

	if (r == 0)
		r = member_get_array(object, "items", STUCK_ITEMS_MAX, &items, err);
	for (size_t i = 0; r == 0 && i < json_array_size(items); i++) {
		const json_t *element = json_array_get(items, i);
		struct stuck_item *item = &ret->items[ret->count++];

		if (!json_is_object(element))
			return err_set(err, ERR_CORRUPT, "an item is not an object");
		r = member_get_string(element, "name", item->name, sizeof(item->name),
				      err);
		if (r == 0)
			r = member_get_number(element, "number", INT64_MAX, &item->number,
					      err);
	}
	ret->total = MAX((size_t)total, ret->count);
	return r;
}

int report_stuck_parse_json(const json_t *object, struct report_stuck *ret,
			    struct err *err)
{
	struct report_stuck stuck = { 0 };
	uint64_t cpu = 0;
	int r = member_get_number(object, "cpu", UINT32_MAX, &cpu, err);

	stuck.cpu = (uint32_t)cpu;
	if (r == 0)
		r = member_get_string(object, "unknown", stuck.unknown.why,
				      sizeof(stuck.unknown.why), err);
	for (size_t i = 0; r == 0 && i < STUCK_KIND_COUNT; i++) {
		const json_t *list = NULL;

		r = field_object(object, kinds[i].key, &list, err);
		if (r == 0 && list)
			r = parse_list(list, &stuck.lists[i], err);
	}
	if (r < 0)
		return err_in(err, r, "the stuck CPU");
	*ret = stuck;
	return 0;
}
