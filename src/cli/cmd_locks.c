// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph locks: which tasks waited for a mutex or a rw_semaphore, and who had it. All
 * tasks are asked, where a report stops after some hundreds.
 */
#include "cli/answer.h"
#include "explain/lock_graph.h"
#include "explain/survey.h"

#define LOCKS_SCHEMA_VERSION 1

static int add_graph(struct answer *answer, const struct lock_graph *graph,
		     enum crash_source source, struct err *err)
{
	int r;

	if (!answer->json) {
		lock_graph_format_text(graph, &answer->text);
		if (!graph->count)
			text_add(&answer->text,
				 "no task waits for a mutex or a rw_semaphore\n");
		return 0;
	}
	r = answer_add(answer, "source", json_string(crash_source_name(source)), err);
	return r < 0 ? r : answer_add(answer, "locks", lock_graph_new_json(graph), err);
}

static int from_dump(struct answer *answer, struct err *err)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	_cleanup_lock_graph struct lock_graph graph = { 0 };
	int r = survey_open(answer->kernel, TASK_COUNT_MAX, &survey, err);

	if (r == 0)
		r = locks_new(answer->kernel, &survey.list, &locks, err);
	for (size_t i = 0; r == 0 && i < survey.list.count; i++) {
		struct survey_task task;

		survey_look(&survey, i, &task);
		answer->is_incomplete |= !task.has_backtrace && task.task->state == 'D';
		r = lock_graph_add(&graph, locks, &survey, &task, err);
	}
	if (r < 0)
		return r;
	lock_graph_finish(&graph, &survey);
	for (size_t i = 0; i < graph.count; i++)
		answer->is_incomplete |= graph.edges[i].owner.pid < 0;
	if (survey.list.is_cut)
		answer_lacks(answer, "the list of tasks broke off: %s",
			     survey.list.cut_why);
	answer->is_incomplete |= graph.left_out;
	return add_graph(answer, &graph, CRASH_SOURCE_DUMP, err);
}

static int from_report(struct answer *answer, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	enum crash_source source = CRASH_SOURCE_REPORT;
	int r = crash_report(&answer->crash, &report, &source, err);

	if (r == 0 && !report->has_locks)
		r = err_set(err, ERR_NOTFOUND, "only a dump tells of locks: %s",
			    answer->crash.no_kernel);
	if (r < 0)
		return r;
	log_warning(&answer->cli->log, "this is from %s: %s", crash_source_name(source),
		    crash_no_dump_why(&answer->crash));
	return add_graph(answer, &report->locks, source, err);
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	(void)about;
	return answer->kernel ? from_dump(answer, err) : from_report(answer, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "locks", LOCKS_SCHEMA_VERSION, false,
						  ask };

	return answer_run(cli, &cmd_locks, &question, argc, argv);
}

const struct command cmd_locks = {
	.name = "locks",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print who waits for whose lock, and deadlocks",
	.has_json = true,
	.run = run,
};
