// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph locks: which tasks waited for a mutex or a rw_semaphore, and who had it. All
 * tasks are asked, where a report stops after some hundreds.
 */
#include "cli/crash.h"
#include "explain/lock_graph.h"
#include "explain/survey.h"

#define LOCKS_SCHEMA_VERSION 1

static int print_graph(const struct cli *cli, const struct lock_graph *graph,
		       enum crash_source source)
{
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };

	if (cli->json)
		return crash_print_json(cli,
					json_pack("{s:i, s:s, s:o}", "schema_version",
						  LOCKS_SCHEMA_VERSION, "source",
						  crash_source_name(source), "locks",
						  lock_graph_new_json(graph)));
	lock_graph_format_text(graph, &text);
	if (!graph->count)
		text_add(&text, "no task waits for a mutex or a rw_semaphore\n");
	if (text_check(&text, &err) < 0)
		return cli_failed(cli, &err);
	fputs(text_get(&text), stdout);
	return EXIT_DONE;
}

static int from_dump(struct cli *cli, struct kernel *kernel, bool *ret_is_incomplete)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	_cleanup_lock_graph struct lock_graph graph = { 0 };
	struct err err = { 0 };
	int r = survey_open(kernel, TASK_COUNT_MAX, &survey, &err);

	if (r == 0)
		r = locks_new(kernel, &survey.list, &locks, &err);
	for (size_t i = 0; r == 0 && i < survey.list.count; i++) {
		struct survey_task task;

		survey_look(&survey, i, &task);
		*ret_is_incomplete |= !task.has_backtrace && task.task->state == 'D';
		r = lock_graph_add(&graph, locks, &survey, &task, &err);
	}
	if (r < 0)
		return cli_failed(cli, &err);
	lock_graph_finish(&graph, &survey);
	for (size_t i = 0; i < graph.count; i++)
		*ret_is_incomplete |= graph.edges[i].owner.pid < 0;
	if (survey.list.is_cut)
		log_warning(&cli->log, "incomplete: the list of tasks broke off: %s",
			    survey.list.cut_why);
	*ret_is_incomplete |= survey.list.is_cut || graph.left_out;
	return print_graph(cli, &graph, CRASH_SOURCE_DUMP);
}

static int from_report(struct cli *cli, const struct crash *crash)
{
	_cleanup_report struct report *report = NULL;
	enum crash_source source = CRASH_SOURCE_REPORT;
	struct err err = { 0 };
	int r = crash_report(crash, &report, &source, &err);

	if (r == 0 && !report->has_locks)
		r = err_set(&err, ERR_NOTFOUND, "only a dump tells of locks: %s",
			    crash->no_kernel);
	if (r < 0)
		return cli_failed(cli, &err);
	log_warning(&cli->log, "this is from %s: %s", crash_source_name(source),
		    crash_no_dump_why(crash));
	return print_graph(cli, &report->locks, source);
}

static int locks(struct cli *cli, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	struct err err = { 0 };
	bool is_incomplete;
	int code;

	if (crash_open(cli, name, &crash, &err) < 0)
		return cli_failed(cli, &err);
	is_incomplete = crash_warn_incomplete(cli, &crash);
	code = crash.kernel ? from_dump(cli, crash.kernel, &is_incomplete)
			    : from_report(cli, &crash);
	return code == EXIT_DONE && is_incomplete ? EXIT_INCOMPLETE : code;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int c = cli_option(cli, &cmd_locks, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return locks(cli, argv[optind]);
}

const struct command cmd_locks = {
	.name = "locks",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print who waits for whose lock, and deadlocks",
	.has_json = true,
	.run = run,
};
