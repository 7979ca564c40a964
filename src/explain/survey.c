// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/survey.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "kernel/printk.h"

int survey_open(struct kernel *kernel, size_t limit, struct survey *ret, struct err *err)
{
	struct survey survey = { .kernel = kernel };
	struct err why = { 0 };
	uint64_t newest_ns;
	int r = task_list_read_some(kernel, limit, &survey.list, err);

	if (r < 0)
		return err_in(err, r, "reading the tasks");
	survey.backtrace = backtrace_new();
	if (!survey.backtrace) {
		task_list_done(&survey.list);
		return err_nomem(err);
	}
	if (cpu_list_read(kernel, &survey.cpus, &why) < 0)
		snprintf(survey.no_cpus, sizeof(survey.no_cpus), "%.255s",
			 err_text(&why));
	wait_init(kernel, &survey.cpus, &survey.wait);
	if (printk_newest_ns(kernel, &newest_ns, NULL) == 0)
		wait_not_before(&survey.wait, newest_ns);
	*ret = survey;
	return 0;
}

void survey_close(struct survey *survey)
{
	task_list_done(&survey->list);
	cpu_list_done(&survey->cpus);
	backtrace_free(survey->backtrace);
	*survey = (struct survey){ 0 };
}

static const struct cpu *find_cpu(const struct survey *survey, const struct task *task)
{
	for (size_t i = 0; i < survey->cpus.count; i++) {
		if (survey->cpus.cpus[i].current_vaddr == task->vaddr)
			return &survey->cpus.cpus[i];
	}
	return NULL;
}

static void name_channel(struct survey *survey, struct survey_task *ret)
{
	const struct backtrace *backtrace = survey->backtrace;
	struct kernel_name name;
	char text[SURVEY_NAME_SIZE];

	ret->channel_frame = wait_channel(&survey->wait, backtrace);
	if (ret->cpu || ret->task->is_running || ret->channel_frame >= backtrace->count ||
	    kernel_name(survey->kernel,
			frame_lookup_vaddr(&backtrace->frames[ret->channel_frame]), &name,
			NULL) < 0)
		return;
	snprintf(text, sizeof(text), name.module[0] ? "%s [%s]" : "%s", name.symbol,
		 name.module);
	ascii_escape(text, strlen(text), ret->channel, sizeof(ret->channel));
}

void survey_glance(struct survey *survey, size_t i, struct survey_task *ret)
{
	struct survey_task result = { .task = &survey->list.tasks[i] };
	struct span *slept = &result.slept;
	uint64_t ns = 0;

	result.cpu = find_cpu(survey, result.task);
	slept->has_most = wait_since_ns(survey->kernel, &survey->wait, result.task, &ns);
	slept->most_ms = slept->has_most ? ns / 1000000 : 0;
	slept->has_least = !result.cpu && !result.task->is_running &&
			   wait_slept_ns(survey->kernel, &survey->wait, result.task, &ns);
	slept->least_ms = slept->has_least ? ns / 1000000 : 0;
	*ret = result;
}

void survey_look(struct survey *survey, size_t i, struct survey_task *ret)
{
	struct err why = { 0 };

	survey_glance(survey, i, ret);
	if (unwind_task(survey->kernel, ret->task, ret->cpu, survey->backtrace, &why) <
	    0) {
		snprintf(ret->no_backtrace, sizeof(ret->no_backtrace), "%.159s",
			 err_text(&why));
		return;
	}
	ret->has_backtrace = true;
	name_channel(survey, ret);
}

void survey_format_ms(uint64_t ms, char *ret, size_t size)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		snprintf(ret, size, "%" PRIu64 ".%" PRIu64 " s", s, ms % 1000 / 100);
	else if (s < 3600)
		snprintf(ret, size, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(ret, size, "%" PRIu64 " h %02" PRIu64 " min", s / 3600,
			 s / 60 % 60);
	else
		snprintf(ret, size, "%" PRIu64 " d %02" PRIu64 " h", s / 86400,
			 s / 3600 % 24);
}
