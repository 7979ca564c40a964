// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In a crash kernel too: with a thousand blocked tasks this must not take long, so only
 * so many stacks are looked at. Blocked tasks come first; of the others, whose wait can
 * be interrupted, only the first few are asked whether they want a lock.
 */
#include "explain/report_tasks.h"

#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "kernel/lock.h"

static void say_unknown(struct report_unknown *unknown, const char *why)
{
	ascii_escape(why, strlen(why), unknown->why, sizeof(unknown->why));
}

static int look_at(struct survey *survey, size_t i, struct locks *locks,
		   struct report *report, struct err *err)
{
	struct survey_task task;
	int r = 0;

	survey_look(survey, i, &task);
	if (task.task->state == 'D')
		r = stack_groups_add(&report->blocked, survey, &task, REPORT_GROUPS_MAX,
				     err);
	if (r == 0)
		r = lock_graph_add(&report->locks, locks, survey, &task, err);
	return r;
}

static int look_at_tasks(struct survey *survey, struct locks *locks,
			 struct report *report, struct err *err)
{
	size_t blocked = 0, sleepers = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < survey->list.count; i++) {
		char state = survey->list.tasks[i].state;

		if (state == 'D' ? blocked++ < REPORT_BLOCKED_MAX
				 : state == 'S' && sleepers++ < REPORT_SLEEPERS_MAX)
			r = look_at(survey, i, locks, report, err);
		else if (state == 'D')
			report->blocked.left_out++;
	}
	return r;
}

int report_add_tasks(struct kernel *kernel, struct report *report, struct err *err)
{
	_cleanup_survey struct survey survey = { 0 };
	_cleanup_locks struct locks *locks = NULL;
	struct err why = { 0 };
	int r = survey_open(kernel, REPORT_TASKS_MAX, &survey, &why);

	if (r < 0) {
		say_unknown(&report->blocked_unknown, err_text(&why));
		say_unknown(&report->locks_unknown, err_text(&why));
		return 0;
	}
	report->task_count = survey.list.count;
	report->has_blocked = report->has_locks = true;
	if (survey.list.is_cut)
		say_unknown(&report->blocked_unknown, survey.list.cut_why);
	r = locks_new(kernel, &survey.list, &locks, err);
	if (r == 0)
		r = look_at_tasks(&survey, locks, report, err);
	if (r < 0)
		return r;
	lock_graph_finish(&report->locks, &survey);
	stack_groups_sort(&report->blocked);
	return 0;
}
