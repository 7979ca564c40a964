// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/task_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/user_memory.h"

void task_facts_read_call(struct survey *survey, const struct survey_task *task,
			  struct task_facts *ret)
{
	const struct backtrace *backtrace = survey->backtrace;
	struct err why = { 0 };

	if (task->task->is_kthread || task->task->pid == 0) {
		err_set(&why, ERR_NOTFOUND, "it is the kernel's own");
	} else if (!task->has_backtrace) {
		err_set(&why, ERR_NOTFOUND, "its stack is not known: %.100s",
			task->no_backtrace);
		ret->is_call_lost = task->task->state != 'Z' && task->task->state != 'X';
	} else if (backtrace->end == UNWIND_END_BROKEN) {
		err_set(&why, ERR_NOTFOUND, "its stack broke off: %.100s",
			backtrace->end_why);
		ret->is_call_lost = true;
	} else if (backtrace->end == UNWIND_END_CLEAN) {
		err_set(&why, ERR_NOTFOUND, "it was never in user space");
	} else {
		ret->has_call = syscall_read(survey->kernel, task->task->vaddr,
					     &backtrace->user, &ret->call, &why) == 0;
	}
	if (!ret->has_call)
		snprintf(ret->no_call, sizeof(ret->no_call), "%.159s", err_text(&why));
}

static void read_command(struct kernel *kernel, const struct task *task,
			 struct task_facts *ret)
{
	char line[TASK_FACTS_COMMAND_SIZE];
	struct user_memory memory;
	struct err why = { 0 };
	int r = user_memory_open(kernel, task->vaddr, &memory, &why);

	if (r == 0)
		r = user_memory_cmdline(&memory, line, sizeof(line), &why);
	if (r == 0)
		ascii_escape(line, strlen(line), ret->command, sizeof(ret->command));
	else
		snprintf(ret->no_command, sizeof(ret->no_command), "%.159s",
			 err_text(&why));
}

void task_facts_read(struct survey *survey, const struct survey_task *task,
		     struct task_facts *ret)
{
	struct task_facts facts = { 0 };
	struct err why = { 0 };

	if (task_time_read(survey->kernel, task->task->vaddr, &facts.time, &why) < 0)
		snprintf(facts.no_time, sizeof(facts.no_time), "%.159s", err_text(&why));
	task_facts_read_call(survey, task, &facts);
	read_command(survey->kernel, task->task, &facts);
	*ret = facts;
}

void task_facts_format_call(const struct task_facts *facts, char *ret, size_t size)
{
	char line[TASK_FACTS_CALL_SIZE];

	syscall_format(&facts->call, line, sizeof(line));
	ascii_escape(line, strlen(line), ret, size);
}

/* --- text ------------------------------------------------------------------------ */

static void add_time(const struct task_facts *facts, enum task_time_item item,
		     const char *before, const char *after, struct text *ret)
{
	char text[32];

	if (!(facts->time.known >> item & 1))
		return;
	survey_format_ms(facts->time.value[item] / 1000000, text, sizeof(text));
	text_add(ret, "%s%s%s", before, text, after);
}

void task_facts_format_text(const struct task_facts *facts,
			    const struct survey_task *task, struct text *ret)
{
	const char *const margin = "                ";
	char call[TASK_FACTS_CALL_SIZE];

	if (facts->command[0])
		text_add(ret, "%scommand  %s\n", margin, facts->command);
	else if (!task->task->is_kthread && task->task->pid)
		text_add(ret, "%scommand  unknown, because %s\n", margin,
			 facts->no_command);
	if (facts->has_call) {
		task_facts_format_call(facts, call, sizeof(call));
		text_add(ret, "%sin       %s\n", margin, call);
		if (!facts->call.name[0])
			text_add(ret, "%s         (no name, because %s)\n", margin,
				 facts->call.no_name);
	} else if (!task->task->is_kthread && task->task->pid) {
		text_add(ret, "%sin       no system call: %s\n", margin, facts->no_call);
	}
	if (!facts->time.known) {
		text_add(ret, "%sused     unknown, because %s\n", margin, facts->no_time);
		return;
	}
	text_add(ret, "%sused    ", margin);
	add_time(facts, TASK_TIME_RUN, " ", " of a CPU", ret);
	add_time(facts, TASK_TIME_USER, " (user ", "", ret);
	add_time(facts, TASK_TIME_SYSTEM, ", system ", ")", ret);
	add_time(facts, TASK_TIME_WAITED, ", waited ", " for one", ret);
	if (facts->time.known >> TASK_TIME_RSS & 1)
		text_add(ret, ", %" PRIu64 " KiB of memory",
			 facts->time.value[TASK_TIME_RSS] >> 10);
	add_time(facts, TASK_TIME_STARTED, "; started ", " after boot", ret);
	text_add(ret, "\n");
}

/* --- JSON ------------------------------------------------------------------------ */

static json_t *new_argument(const struct syscall_argument *arg)
{
	json_t *object = json_object();
	char value[24];
	int r = object ? 0 : -1;

	snprintf(value, sizeof(value), "0x%" PRIx64, arg->value);
	if (r == 0)
		r = member_put_string(object, "name", arg->name) |
		    member_put_string(object, "type", arg->type) |
		    json_object_set_new(object, "value", json_string(value));
	if (r == 0 && arg->has_text)
		r = json_object_set_new(object, "text", member_new_string(arg->text));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *new_call(const struct syscall *call)
{
	json_t *arguments = json_array();
	json_t *object = json_pack("{s:I, s:b, s:o}", "number", (json_int_t)call->number,
				   "compat", call->is_compat, "arguments", arguments);
	int r = object ? member_put_string(object, "name", call->name) |
				 member_put_string(object, "name_unknown", call->no_name)
		       : -1;

	for (size_t i = 0; r == 0 && i < call->argument_count; i++)
		r = json_array_append_new(arguments, new_argument(&call->arguments[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

int task_facts_put_json(const struct task_facts *facts, json_t *object)
{
	int r = 0;

	for (size_t i = 0; i < TASK_TIME_COUNT; i++) {
		if (facts->time.known >> i & 1)
			r |= json_object_set_new(
				object, task_time_name((enum task_time_item)i),
				json_integer((json_int_t)MIN(facts->time.value[i],
							     (uint64_t)INT64_MAX)));
	}
	if (facts->has_call)
		r |= json_object_set_new(object, "syscall", new_call(&facts->call));
	else
		r |= member_put_string(object, "syscall_none", facts->no_call);
	return r | member_put_string(object, "command", facts->command);
}
