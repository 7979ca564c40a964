// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph irq: interrupts by CPU, softirqs and which of them had not run yet. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/irq.h"

#define COLUMNS_MAX 8 /* CPUs that text has room for; JSON has all */

static json_t *new_counts(const uint32_t *counts, size_t count, size_t stride)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++) {
		if (json_array_append_new(array, json_integer(counts[i * stride])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *new_irq(const struct irq *irq, size_t cpu_count)
{
	json_t *object = json_pack("{s:I, s:I, s:o}", "irq", (json_int_t)irq->number,
				   "total", (json_int_t)irq->total, "counts",
				   new_counts(irq->counts, cpu_count, 1));
	int r = object ? member_put_string(object, "chip", irq->chip) |
				 member_put_string(object, "actions", irq->actions) |
				 member_put_string(object, "handler", irq->handler) |
				 member_put_number(object, "disabled_depth",
						   irq->disabled_depth)
		       : -1;

	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_cpus(const struct cpu_list *cpus, struct text *ret)
{
	text_add(ret, "%10s", "");
	for (size_t i = 0; i < MIN(cpus->count, (size_t)COLUMNS_MAX); i++)
		text_add(ret, " %9s%-2" PRIu32, "CPU", cpus->cpus[i].id);
	if (cpus->count > COLUMNS_MAX)
		text_add(ret, " %11s", "others");
	text_add(ret, "\n");
}

static void add_counts(const uint32_t *counts, size_t count, size_t stride,
		       struct text *ret)
{
	uint64_t others = 0;

	for (size_t i = 0; i < count; i++) {
		if (i < COLUMNS_MAX)
			text_add(ret, " %11" PRIu32, counts[i * stride]);
		else
			others += counts[i * stride];
	}
	if (count > COLUMNS_MAX)
		text_add(ret, " %11" PRIu64, others);
}

static int add_irqs(struct answer *answer, const struct cpu_list *cpus, struct err *err)
{
	_cleanup_irq_list struct irq_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	struct answer_name chip, actions;
	int r = irq_list_read(answer->kernel, cpus, &list, err);

	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the interrupts broke off: %s", list.cut_why);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct irq *irq = &list.irqs[i];

		if (array && json_array_append_new(array, new_irq(irq, cpus->count)) < 0)
			r = err_nomem(err);
		text_add(&answer->text, "%9" PRIu32 ":", irq->number);
		add_counts(irq->counts, cpus->count, 1, &answer->text);
		text_add(&answer->text, "  %s  %s%s\n", answer_clean(irq->chip, &chip),
			 answer_clean(irq->actions, &actions),
			 irq->disabled_depth ? "  (disabled)" : "");
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "irqs", array, err);
	json_decref(array);
	return r;
}

static json_t *new_softirq(const struct softirqs *softirqs, const struct cpu_list *cpus,
			   size_t i)
{
	json_t *pending = json_array();
	json_t *object =
		json_pack("{s:o, s:o}", "counts",
			  new_counts(softirqs->counts + i, cpus->count, softirqs->count),
			  "pending_on", pending);
	int r = object ? member_put_string(object, "name", softirqs->names[i]) : -1;

	for (size_t cpu = 0; r == 0 && cpu < cpus->count; cpu++)
		if (softirqs->pending[cpu] >> i & 1)
			r = json_array_append_new(pending,
						  json_integer(cpus->cpus[cpu].id));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_softirq(const struct softirqs *softirqs, const struct cpu_list *cpus,
			size_t i, struct text *ret)
{
	struct answer_name name;
	const char *before = "  pending on CPU ";

	text_add(ret, "%9s:", answer_clean(softirqs->names[i], &name));
	add_counts(softirqs->counts + i, cpus->count, softirqs->count, ret);
	for (size_t cpu = 0; cpu < cpus->count; cpu++) {
		if (!(softirqs->pending[cpu] >> i & 1))
			continue;
		text_add(ret, "%s%" PRIu32, before, cpus->cpus[cpu].id);
		before = ", ";
	}
	text_add(ret, "\n");
}

static int add_softirqs(struct answer *answer, const struct cpu_list *cpus,
			struct err *err)
{
	_cleanup_softirqs struct softirqs softirqs = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	struct err why = { 0 };
	int r = softirqs_read(answer->kernel, cpus, &softirqs, &why);

	if (r < 0) {
		answer_lacks(answer, "%s", err_text(&why));
		r = r == ERR_NOMEM ? err_nomem(err) : 0;
	}
	text_add(&answer->text, "\n");
	for (size_t i = 0; r == 0 && i < softirqs.count; i++) {
		if (array &&
		    json_array_append_new(array, new_softirq(&softirqs, cpus, i)) < 0)
			r = err_nomem(err);
		add_softirq(&softirqs, cpus, i, &answer->text);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "softirqs", array, err);
	json_decref(array);
	return r;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	json_t *ids = answer->json ? json_array() : NULL;
	int r = cpu_list_read(answer->kernel, &cpus, err);

	(void)about;
	for (size_t i = 0; r == 0 && ids && i < cpus.count; i++)
		if (json_array_append_new(ids, json_integer(cpus.cpus[i].id)) < 0)
			r = err_nomem(err);
	if (r == 0 && answer->json)
		r = answer_add(answer, "cpus", ids, err);
	else
		json_decref(ids);
	if (r < 0)
		return r;
	add_cpus(&cpus, &answer->text);
	r = add_irqs(answer, &cpus, err);
	return r < 0 ? r : add_softirqs(answer, &cpus, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "interrupts", 1, true, ask };

	return answer_run(cli, &cmd_irq, &question, argc, argv);
}

const struct command cmd_irq = {
	.name = "irq",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print interrupts and softirqs by CPU, and pending ones",
	.has_json = true,
	.run = run,
};
