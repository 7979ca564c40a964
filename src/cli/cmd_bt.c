// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph bt: the kernel stacks of tasks, the panicking one's where none is named. */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "cli/crash.h"
#include "cli/line_source.h"
#include "explain/stack_group.h"
#include "kernel/cpu.h"
#include "kernel/task.h"
#include "record/field.h"

#define BT_SCHEMA_VERSION 1
#define BT_PIDS_MAX	  1024
#define BT_CPUS_MAX	  1024

struct bt {
	struct cli *cli;
	bool all, blocked, group;
	int32_t pids[BT_PIDS_MAX];
	bool found[BT_PIDS_MAX];
	size_t pid_count;
	int32_t cpus[BT_CPUS_MAX]; /* numbers */
	size_t cpu_count;
	struct line_options line_options;
	struct line_source lines;

	json_t *tasks; /* with --json */
	size_t printed;
	enum crash_source source;
	bool is_incomplete;
};

static void print_task(const struct report_task *task, struct text *text)
{
	char cpu[32] = "unknown";

	if (task->cpu != UINT32_MAX)
		snprintf(cpu, sizeof(cpu), "%" PRIu32, task->cpu);
	if (task->pid >= 0 || task->comm[0])
		text_add(text, "%s (pid %" PRId32 "), CPU %s, state %c\n", task->comm,
			 task->pid, cpu, task->state ? task->state : '?');
	else
		text_add(text, "unknown task, CPU %s\n", cpu);
	report_task_format_text(task, text);
}

/* One task into the output. */
static int emit(struct bt *bt, struct report_task *task, const char *unknown,
		struct err *err)
{
	_cleanup_text struct text text = { 0 };
	json_t *object;
	int r = line_source_add(&bt->lines, task, err);

	if (r < 0)
		return r;
	// A dead task's stack is gone in the kernel itself: nothing is missing here.
	if ((unknown[0] && task->state != 'Z' && task->state != 'X') ||
	    !strcmp(task->end, "broken"))
		bt->is_incomplete = true;
	if (bt->cli->json) {
		object = report_task_new_json(task);
		if (unknown[0] && object)
			json_object_set_new(object, "backtrace_unknown",
					    field_new_string(unknown));
		return json_array_append_new(bt->tasks, object) ? err_nomem(err) : 0;
	}
	if (bt->printed++)
		text_add(&text, "\n");
	print_task(task, &text);
	if (unknown[0])
		text_add(&text, "         unknown: %s\n", unknown);
	fputs(text_get(&text), stdout);
	return text_check(&text, err);
}

static const struct cpu *find_cpu(const struct cpu_list *cpus, const struct task *task)
{
	for (size_t i = 0; i < cpus->count; i++) {
		if (cpus->cpus[i].current_vaddr == task->vaddr)
			return &cpus->cpus[i];
	}
	return NULL;
}

/* @cpu is the one that the task was running on, or NULL. */
static bool is_wanted(struct bt *bt, const struct task *task, const struct cpu *cpu)
{
	bool wanted = bt->all || (bt->blocked && task->state == 'D');

	for (size_t i = 0; cpu && i < bt->cpu_count; i++)
		wanted |= bt->cpus[i] == (int64_t)cpu->id;
	for (size_t i = 0; i < bt->pid_count; i++) {
		if (bt->pids[i] == task->pid)
			wanted = bt->found[i] = true;
	}
	return wanted;
}

static int emit_kernel_task(struct bt *bt, struct kernel *kernel, const struct task *task,
			    const struct cpu *cpu, struct err *err)
{
	struct report_task report = { 0 };
	struct report_unknown unknown;
	int r = report_task_build(kernel, task, cpu, &report, &unknown, err);

	if (r < 0)
		return r;
	r = emit(bt, &report, unknown.why, err);
	report_task_done(&report);
	return r;
}

/* Was there all that was asked for by number? */
static int check_found(const struct bt *bt, const struct cpu_list *cpus, struct err *err)
{
	for (size_t i = 0; i < bt->pid_count; i++) {
		if (!bt->found[i])
			return err_set(err, ERR_NOTFOUND, "no task has pid %" PRId32,
				       bt->pids[i]);
	}
	for (size_t i = 0; i < bt->cpu_count; i++) {
		bool is_there = false;

		for (size_t k = 0; k < cpus->count; k++)
			is_there |= bt->cpus[i] == (int64_t)cpus->cpus[k].id;
		if (!is_there)
			return err_set(err, ERR_NOTFOUND,
				       "no CPU %" PRId32 " was online: there are %zu",
				       bt->cpus[i], cpus->count);
	}
	return 0;
}

static int from_tasks(struct bt *bt, struct kernel *kernel, struct err *err)
{
	_cleanup_task_list struct task_list list = { 0 };
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct err why = { 0 };
	int r;

	r = task_list_read(kernel, &list, err);
	if (r < 0)
		return err_in(err, r, "reading the tasks");
	if (cpu_list_read(kernel, &cpus, &why) < 0) {
		log_warning(&bt->cli->log,
			    "tasks that were running have no backtrace: %s",
			    err_text(&why));
		bt->is_incomplete = true;
	}
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct task *task = &list.tasks[i];
		const struct cpu *cpu = find_cpu(&cpus, task);

		if (is_wanted(bt, task, cpu))
			r = emit_kernel_task(bt, kernel, task, cpu, err);
	}
	if (r == 0)
		r = check_found(bt, &cpus, err);
	if (r == 0 && list.is_cut) {
		log_warning(&bt->cli->log, "incomplete: the list of tasks broke off: %s",
			    list.cut_why);
		bt->is_incomplete = true;
	}
	return r;
}

static int emit_groups(struct bt *bt, struct stack_groups *groups, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < groups->count; i++)
		r = line_source_add(&bt->lines, &groups->groups[i].stack, err);
	if (r < 0)
		return r;
	if (bt->cli->json) {
		json_decref(bt->tasks);
		bt->tasks = stack_groups_new_json(groups);
		return bt->tasks ? 0 : err_nomem(err);
	}
	for (size_t i = 0; i < groups->count; i++) {
		text_add(&text, i ? "\n" : "");
		stack_group_format_text(&groups->groups[i], &text);
	}
	fputs(text_get(&text), stdout);
	return text_check(&text, err);
}

/* A dead task's stack is gone in the kernel itself. */
static bool is_lost(const struct stack_group *group)
{
	return !strcmp(group->stack.end, "broken") ||
	       (group->unknown[0] && group->stack.state != 'Z' &&
		group->stack.state != 'X');
}

static int from_groups(struct bt *bt, struct kernel *kernel, struct err *err)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_stack_groups struct stack_groups groups = { 0 };
	int r = survey_open(kernel, TASK_COUNT_MAX, &survey, err);

	for (size_t i = 0; r == 0 && i < survey.list.count; i++) {
		struct survey_task task;

		if (bt->blocked && survey.list.tasks[i].state != 'D')
			continue;
		survey_look(&survey, i, &task);
		r = stack_groups_add(&groups, &survey, &task, STACK_GROUPS_MAX, err);
	}
	if (r < 0)
		return r;
	stack_groups_sort(&groups);
	for (size_t i = 0; i < groups.count; i++)
		bt->is_incomplete |= is_lost(&groups.groups[i]);
	if (survey.no_cpus[0])
		log_warning(&bt->cli->log,
			    "tasks that were running have no backtrace: %s",
			    survey.no_cpus);
	if (survey.list.is_cut)
		log_warning(&bt->cli->log, "incomplete: the list of tasks broke off: %s",
			    survey.list.cut_why);
	if (groups.left_out)
		log_warning(&bt->cli->log,
			    "incomplete: %zu tasks with more different stacks than %d",
			    groups.left_out, STACK_GROUPS_MAX);
	bt->is_incomplete |= survey.no_cpus[0] || survey.list.is_cut || groups.left_out;
	return emit_groups(bt, &groups, err);
}

static int from_report(struct bt *bt, const struct crash *crash, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	int r = crash_report(crash, &report, &bt->source, err);

	if (r < 0)
		return r;
	if (bt->source != CRASH_SOURCE_DUMP)
		log_warning(&bt->cli->log, "this is from %s: %s",
			    crash_source_name(bt->source), crash_no_dump_why(crash));
	if (report->panic_task_unknown.why[0])
		log_warning(&bt->cli->log, "the panicking task is unknown: %s",
			    report->panic_task_unknown.why);
	return emit(bt, &report->panic_task, report->backtrace_unknown.why, err);
}

static int print_backtraces(struct bt *bt, const struct crash *crash)
{
	struct err err = { 0 };
	bool wants_tasks =
		bt->all || bt->blocked || bt->group || bt->pid_count || bt->cpu_count;
	int r = line_source_open(&bt->line_options, bt->cli, crash, &bt->lines, &err);

	if (r < 0)
		return cli_failed(bt->cli, &err);
	if (wants_tasks && !crash->kernel)
		r = err_set(&err, ERR_NOTFOUND,
			    "only the panicking task's backtrace is known: %s",
			    crash->no_kernel);
	else if (bt->group)
		r = from_groups(bt, crash->kernel, &err);
	else if (wants_tasks)
		r = from_tasks(bt, crash->kernel, &err);
	else
		r = from_report(bt, crash, &err);
	if (r < 0)
		return cli_failed(bt->cli, &err);
	if (crash->image && image_info(crash->image)->is_incomplete) {
		log_warning(&bt->cli->log, "incomplete: '%s': %s", crash->dump_path,
			    image_info(crash->image)->incomplete_why);
		bt->is_incomplete = true;
	}
	bt->is_incomplete |= bt->lines.is_incomplete;
	return bt->is_incomplete ? EXIT_INCOMPLETE : EXIT_DONE;
}

static int run_bt(struct bt *bt, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	struct err err = { 0 };
	int code, json_code;

	if (crash_open(bt->cli, name, &crash, &err) < 0)
		return cli_failed(bt->cli, &err);
	bt->tasks = json_array();
	code = print_backtraces(bt, &crash);
	line_source_close(&bt->lines);
	if (!bt->cli->json || code == EXIT_FAILED) {
		json_decref(bt->tasks);
		return code;
	}
	json_code = crash_print_json(
		bt->cli, json_pack("{s:i, s:s, s:o}", "schema_version", BT_SCHEMA_VERSION,
				   "source", crash_source_name(bt->source),
				   bt->group ? "groups" : "tasks", bt->tasks));
	return json_code == EXIT_DONE ? code : json_code;
}

/* Adds a number of --cpu or --pid. */
static int take_number(struct bt *bt, const char *what, int32_t *ret, size_t max,
		       size_t *ret_count)
{
	uint64_t number;

	if (!number_parse(optarg, 10, 0, INT32_MAX, &number))
		return cli_usage(bt->cli, "--%s %s: that is no number", what, optarg);
	if (*ret_count == max)
		return cli_usage(bt->cli, "--%s is there more than %zu times", what, max);
	ret[(*ret_count)++] = (int32_t)number;
	return 0;
}

static int take_option(struct bt *bt, int option)
{
	if (option == 'c')
		return take_number(bt, "cpu", bt->cpus, BT_CPUS_MAX, &bt->cpu_count);
	if (option == 'p')
		return take_number(bt, "pid", bt->pids, BT_PIDS_MAX, &bt->pid_count);
	bt->all |= option == 'a';
	bt->blocked |= option == 'b';
	bt->group |= option == 'g';
	line_options_take(&bt->line_options, option);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "blocked", no_argument, NULL, 'b' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "pid", required_argument, NULL, 'p' },
		{ "grouped", no_argument, NULL, 'g' },
		LINE_OPTION_ROWS,
		{ 0 },
	};
	struct bt bt = { .cli = cli };
	const char *name = NULL;
	size_t more;
	int c;

	while ((c = cli_option(cli, &cmd_bt, argc, argv, "abc:p:gl", options)) >= 0) {
		int code = take_option(&bt, c);

		if (code)
			return code;
	}
	if (c != -1)
		return cli_exit(c);
	c = cli_crash_and_pids(cli, argc, argv, &name, bt.pids + bt.pid_count,
			       BT_PIDS_MAX - bt.pid_count, &more);
	if (c)
		return c;
	bt.pid_count += more;
	if (bt.group && (bt.pid_count || bt.cpu_count))
		return cli_usage(cli, "--grouped is for all tasks or the blocked ones");
	if (bt.all && bt.blocked)
		return cli_usage(cli, "--all and --blocked are two different things");
	return run_bt(&bt, name);
}

const struct command cmd_bt = {
	.name = "bt",
	.arguments = "[OPTION...] [RECORD|DUMP] [PID...]",
	.summary = "print kernel stacks, without a PID the panicking task's",
	.options =
		"  -a, --all            every task\n"
		"  -b, --blocked        those in state D\n"
		"  -c, --cpu N          the one that CPU N was running\n"
		"  -p, --pid PID        as a PID without the option\n"
		"  -g, --grouped        equal stacks once, the most frequent first\n" LINE_OPTION_HELP,
	.has_json = true,
	.run = run,
};
