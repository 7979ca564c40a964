// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph ps: the tasks of a kernel that crashed, a line each. */
#include <inttypes.h>
#include <string.h>

#include "cli/crash.h"
#include "explain/ascii.h"
#include "explain/survey.h"
#include "record/field.h"

#define PS_SCHEMA_VERSION 1

/* What is right of the table's columns: names of any length. */
static void print_row(const struct survey_task *row)
{
	const struct task *task = row->task;
	char comm[4 * sizeof(task->comm) + 3], since[32] = "-", cpu[16] = "?", ppid[16];

	ascii_escape(task->comm, strlen(task->comm), comm + 1, sizeof(comm) - 2);
	comm[0] = task->is_kthread ? '[' : ' ';
	if (task->is_kthread)
		strcat(comm, "]");
	if (row->has_since)
		survey_format_ms(row->since_ms, since, sizeof(since));
	if (task->cpu != UINT32_MAX)
		snprintf(cpu, sizeof(cpu), "%" PRIu32, task->cpu);
	snprintf(ppid, sizeof(ppid), task->ppid < 0 ? "?" : "%" PRId32, task->ppid);
	printf("%7" PRId32 " %7" PRId32 " %7s %c%c %4s %12s %-18s %s\n", task->pid,
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
	if (r == 0 && row->has_since)
		r |= json_object_set_new(object, "since_ms",
					 json_integer((json_int_t)row->since_ms));
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

static int print_tasks(struct cli *cli, struct survey *survey, bool *ret_is_incomplete,
		       struct err *err)
{
	json_t *tasks = cli->json ? json_array() : NULL;
	int r = 0;

	if (!cli->json)
		printf("%7s %7s %7s %-2s %4s %12s  %-17s %s\n", "PID", "TGID", "PPID",
		       "S", "CPU", "SINCE", "COMM", "WAITS IN");
	for (size_t i = 0; r == 0 && i < survey->list.count; i++) {
		struct survey_task row;

		survey_look(survey, i, &row);
		*ret_is_incomplete |= is_lost(&row);
		if (cli->json)
			r = json_array_append_new(tasks, new_row(&row));
		else
			print_row(&row);
	}
	if (r == 0 && cli->json)
		return crash_print_json(cli,
					json_pack("{s:i, s:o}", "schema_version",
						  PS_SCHEMA_VERSION, "tasks", tasks));
	json_decref(tasks);
	return r == 0 ? 0 : err_nomem(err);
}

static int ps(struct cli *cli, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	_cleanup_survey struct survey survey = { 0 };
	struct err err = { 0 };
	bool is_incomplete;
	int r = crash_open(cli, name, &crash, &err);

	if (r == 0 && !crash.kernel)
		r = err_set(&err, ERR_NOTFOUND, "only a dump tells of all tasks: %s",
			    crash.no_kernel);
	if (r == 0)
		r = survey_open(crash.kernel, TASK_COUNT_MAX, &survey, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	is_incomplete = crash_warn_incomplete(cli, &crash);
	if (survey.no_cpus[0]) {
		log_warning(&cli->log, "which tasks were running is not sure: %s",
			    survey.no_cpus);
		is_incomplete = true;
	}
	if (survey.list.is_cut) {
		log_warning(&cli->log, "incomplete: the list of tasks broke off: %s",
			    survey.list.cut_why);
		is_incomplete = true;
	}
	r = print_tasks(cli, &survey, &is_incomplete, &err);
	if (r < 0)
		return cli_failed(cli, &err);
	return r == EXIT_DONE && is_incomplete ? EXIT_INCOMPLETE : r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int c = cli_option(cli, &cmd_ps, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return ps(cli, argv[optind]);
}

const struct command cmd_ps = {
	.name = "ps",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print all tasks: state, CPU, what each waits in, since when",
	.has_json = true,
	.run = run,
};
