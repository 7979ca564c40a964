// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph ps: the tasks of a kernel that crashed, a line each. */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "cli/answer.h"
#include "explain/ascii.h"
#include "explain/survey.h"
#include "explain/task_facts.h"
#include "record/field.h"

#define PS_SCHEMA_VERSION 1
#define PS_PIDS_MAX	  256

struct ps {
	bool is_long;
	int32_t pids[PS_PIDS_MAX];
	size_t pid_count; /* 0: all tasks */
};

/* What is right of the table's columns: names of any length. */
static void add_row(const struct survey_task *row, struct text *ret)
{
	const struct task *task = row->task;
	char comm[4 * sizeof(task->comm) + 3], since[32] = "-", cpu[16] = "?", ppid[16];

	ascii_escape(task->comm, strlen(task->comm), comm + 1, sizeof(comm) - 2);
	comm[0] = task->is_kthread ? '[' : ' ';
	if (task->is_kthread)
		strcat(comm, "]");
	if (row->slept.has_most)
		survey_format_ms(row->slept.most_ms, since, sizeof(since));
	if (task->cpu != UINT32_MAX)
		snprintf(cpu, sizeof(cpu), "%" PRIu32, task->cpu);
	snprintf(ppid, sizeof(ppid), task->ppid < 0 ? "?" : "%" PRId32, task->ppid);
	text_add(ret, "%7" PRId32 " %7" PRId32 " %7s %c%c %4s %12s %-18s %s\n", task->pid,
		 task->tgid, ppid, task->state ? task->state : '?',
		 task->is_running ? '*' : ' ', cpu, since, comm,
		 row->channel[0] ? row->channel : "-");
}

static json_t *new_row(const struct survey_task *row)
{
	const struct task *task = row->task;
	char state[2] = { task->state ? task->state : '?' };
	json_t *object = json_pack("{s:i, s:i, s:s, s:b, s:b}", "pid", task->pid, "tgid",
				   task->tgid, "state", state, "running",
				   task->is_running, "kernel_thread", task->is_kthread);
	int r = object ? 0 : -1;

	if (r == 0 && task->ppid >= 0)
		r |= json_object_set_new(object, "ppid", json_integer(task->ppid));
	if (r == 0 && task->cpu != UINT32_MAX)
		r |= json_object_set_new(object, "cpu", json_integer(task->cpu));
	if (r == 0) {
		char comm[4 * sizeof(task->comm)];

		ascii_escape(task->comm, strlen(task->comm), comm, sizeof(comm));
		r |= json_object_set_new(object, "comm", json_string(comm));
	}
	if (r == 0 && row->channel[0])
		r |= json_object_set_new(object, "wait_channel",
					 field_new_string(row->channel));
	if (r == 0)
		r |= span_put_json(&row->slept, object, "since");
	if (r == 0 && !row->has_backtrace)
		r |= json_object_set_new(object, "wait_channel_unknown",
					 field_new_string(row->no_backtrace));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* A task whose stack should be there, and is not. */
static bool is_lost(const struct survey_task *row)
{
	return !row->has_backtrace && row->task->state != 'Z' && row->task->state != 'X';
}

static bool is_asked_for(const struct ps *ps, const struct task *task)
{
	bool is_found = !ps->pid_count;

	for (size_t i = 0; i < ps->pid_count; i++)
		is_found |= ps->pids[i] == task->pid;
	return is_found;
}

static int add_task(struct answer *answer, const struct ps *ps, struct survey *survey,
		    size_t i, json_t *array, struct err *err)
{
	bool is_long = ps->is_long || ps->pid_count;
	struct task_facts facts;
	struct survey_task row;
	json_t *object;

	survey_look(survey, i, &row);
	answer->is_incomplete |= is_lost(&row);
	if (is_long || array) {
		task_facts_read(survey, &row, &facts);
		answer->is_incomplete |= is_long && facts.is_call_lost;
	}
	if (!array) {
		add_row(&row, &answer->text);
		if (is_long)
			task_facts_format_text(&facts, &row, &answer->text);
		return 0;
	}
	object = new_row(&row);
	if (!object || task_facts_put_json(&facts, object) < 0 ||
	    json_array_append(array, object) < 0) {
		json_decref(object);
		return err_nomem(err);
	}
	json_decref(object);
	return 0;
}

static int add_tasks(struct answer *answer, const struct ps *ps, struct survey *survey,
		     struct err *err)
{
	json_t *array = answer->json ? json_array() : NULL;
	size_t found = 0;
	int r = 0;

	if (!answer->json)
		text_add(&answer->text, "%7s %7s %7s %-2s %4s %12s  %-17s %s\n", "PID",
			 "TGID", "PPID", "S", "CPU", "SINCE", "COMM", "WAITS IN");
	for (size_t i = 0; r == 0 && i < survey->list.count; i++) {
		if (!is_asked_for(ps, &survey->list.tasks[i]))
			continue;
		found++;
		r = add_task(answer, ps, survey, i, array, err);
	}
	if (r == 0 && !found)
		r = err_set(err, ERR_NOTFOUND, "there is no such task");
	if (r == 0 && answer->json)
		return answer_add(answer, "tasks", array, err);
	json_decref(array);
	return r;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_survey struct survey survey = { 0 };
	int r = survey_open(answer->kernel, TASK_COUNT_MAX, &survey, err);

	if (r < 0)
		return r;
	if (survey.no_cpus[0])
		answer_lacks(answer, "which tasks were running is not sure: %s",
			     survey.no_cpus);
	if (survey.list.is_cut)
		answer_lacks(answer, "the list of tasks broke off: %s",
			     survey.list.cut_why);
	return add_tasks(answer, about, &survey, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "long", no_argument, NULL, 'l' },
		{ 0 },
	};
	static const struct question question = { "all tasks", PS_SCHEMA_VERSION, true,
						  ask };
	struct ps ps = { 0 };
	const char *name = NULL;
	int c;

	while ((c = cli_option(cli, &cmd_ps, argc, argv, "l", options)) != -1) {
		if (c != 'l')
			return cli_exit(c);
		ps.is_long = true;
	}
	c = cli_crash_and_pids(cli, argc, argv, &name, ps.pids, ARRAY_SIZE(ps.pids),
			       &ps.pid_count);
	return c ? c : answer_print(cli, &question, name, &ps);
}

const struct command cmd_ps = {
	.name = "ps",
	.arguments = "[OPTION...] [RECORD|DUMP] [PID...]",
	.summary = "print tasks: state, what each waits in, since when, what it used",
	.options = "  -l, --long           of each its command, system call and times\n",
	.has_json = true,
	.run = run,
};
