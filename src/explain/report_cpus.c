// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_cpus.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/cpu.h"
#include "kernel/task.h"
#include "record/field.h"

void report_cpus_done(struct report_cpus *cpus)
{
	for (size_t i = 0; i < cpus->count; i++)
		report_task_done(&cpus->cpus[i].task);
	free(cpus->cpus);
	*cpus = (struct report_cpus){ 0 };
}

static void say_unknown(struct report_unknown *unknown, const char *why)
{
	ascii_escape(why, strlen(why), unknown->why, sizeof(unknown->why));
}

static int build_cpu(struct kernel *kernel, const struct cpu *cpu, struct report_cpu *ret,
		     struct err *err)
{
	struct err why = { 0 };
	struct task task;

	report_task_done(&ret->task); // one that is unknown
	ret->id = ret->task.cpu = cpu->id;
	if (!cpu->current_vaddr) {
		say_unknown(&ret->unknown, "what it was running is unknown");
		return 0;
	}
	if (task_read(kernel, cpu->current_vaddr, &task, &why) < 0) {
		say_unknown(&ret->unknown, err_text(&why));
		return 0;
	}
	task.cpu = cpu->id;
	return report_task_build(kernel, &task, cpu, &ret->task, &ret->unknown, err);
}

int report_cpus_build(struct kernel *kernel, uint32_t except, struct report_cpus *ret,
		      struct err *err)
{
	_cleanup_cpu_list struct cpu_list list = { 0 };
	struct err why = { 0 };
	int r = 0;

	if (cpu_list_read(kernel, &list, &why) < 0) {
		say_unknown(&ret->unknown, err_text(&why));
		return 0;
	}
	ret->cpus =
		calloc(MIN(list.count, (size_t)REPORT_CPUS_MAX) + 1, sizeof(*ret->cpus));
	if (!ret->cpus)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (list.cpus[i].id == except)
			continue;
		if (ret->count == REPORT_CPUS_MAX)
			ret->left_out++;
		else
			r = build_cpu(kernel, &list.cpus[i], &ret->cpus[ret->count++],
				      err);
	}
	return r;
}

/* ---- text ---- */

bool report_cpu_is_idle(const struct report_cpu *cpu)
{
	if (cpu->task.pid != 0 || cpu->unknown.why[0] || !strcmp(cpu->task.end, "broken"))
		return false;
	for (size_t i = 0; i < cpu->task.frame_count; i++) {
		if (cpu->task.frames[i].stack[0])
			return false;
	}
	return true;
}

/* CPUs in a row as "2-5". */
static void format_idle(const struct report_cpus *cpus, struct text *ret)
{
	size_t in_line = 0;

	for (size_t i = 0, last; i < cpus->count; i = last + 1) {
		last = i;
		if (!report_cpu_is_idle(&cpus->cpus[i]))
			continue;
		while (last + 1 < cpus->count &&
		       report_cpu_is_idle(&cpus->cpus[last + 1]) &&
		       cpus->cpus[last + 1].id == cpus->cpus[last].id + 1)
			last++;
		text_add(ret, "%s%" PRIu32,
			 !in_line	    ? "idle: CPU "
			 : in_line % 8 == 0 ? ",\n  "
					    : ", ",
			 cpus->cpus[i].id);
		if (last > i)
			text_add(ret, "-%" PRIu32, cpus->cpus[last].id);
		in_line++;
	}
	if (in_line)
		text_add(ret, "\n");
}

void report_cpus_format_text(const struct report_cpus *cpus, struct text *ret)
{
	for (size_t i = 0; i < cpus->count; i++) {
		const struct report_cpu *cpu = &cpus->cpus[i];

		if (report_cpu_is_idle(cpu))
			continue;
		text_add(ret, "CPU %" PRIu32 ": ", cpu->id);
		if (cpu->task.pid >= 0 || cpu->task.comm[0])
			text_add(ret, "%s (pid %" PRId32 ")", cpu->task.comm,
				 cpu->task.pid);
		else
			text_add(ret, "an unknown task");
		if (!cpu->task.frame_count && !strcmp(cpu->task.end, "user")) {
			text_add(ret, ", in user space\n");
			continue;
		}
		text_add(ret, "\n");
		if (cpu->unknown.why[0])
			text_add(ret, "         unknown: %s\n", cpu->unknown.why);
		report_task_format_text(&cpu->task, ret);
	}
	format_idle(cpus, ret);
	if (cpus->left_out)
		text_add(ret, "(and %zu more CPUs)\n", cpus->left_out);
	if (cpus->unknown.why[0])
		text_add(ret, "  (unknown: %s)\n", cpus->unknown.why);
}

/* ---- JSON ---- */

json_t *report_cpus_new_json(const struct report_cpus *cpus)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < cpus->count; i++) {
		const struct report_cpu *cpu = &cpus->cpus[i];
		json_t *object = json_pack("{s:I}", "cpu", (json_int_t)cpu->id);

		r |= json_object_set_new(object, "task",
					 report_task_new_json(&cpu->task));
		r |= member_put_string(object, "backtrace_unknown", cpu->unknown.why);
		r |= json_array_append_new(array, object);
	}
	if (r == 0)
		return array;
	json_decref(array);
	return NULL;
}

static int parse_cpu(const json_t *object, struct report_cpu *ret, struct err *err)
{
	const json_t *task = NULL;
	uint64_t id = 0;
	int r;

	if (!json_is_object(object))
		return err_set(err, ERR_CORRUPT, "a CPU is not an object");
	r = member_get_number(object, "cpu", UINT32_MAX, &id, err);
	if (r == 0)
		r = member_get_string(object, "backtrace_unknown", ret->unknown.why,
				      sizeof(ret->unknown.why), err);
	if (r == 0)
		r = field_object(object, "task", &task, err);
	ret->id = (uint32_t)id;
	return r < 0 || !task ? r : report_task_parse_json(task, &ret->task, err);
}

int report_cpus_parse_json(const json_t *array, struct report_cpus *ret, struct err *err)
{
	size_t count = json_array_size(array);
	int r = 0;

	if (count > REPORT_CPUS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d CPUs", REPORT_CPUS_MAX);
	ret->cpus = calloc(count + 1, sizeof(*ret->cpus));
	if (!ret->cpus)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		report_task_done(&ret->cpus[i].task);
		ret->count = i + 1;
		r = parse_cpu(json_array_get(array, i), &ret->cpus[i], err);
		if (r < 0)
			r = err_in(err, r, "CPU %zu of the others", i);
	}
	return r;
}
