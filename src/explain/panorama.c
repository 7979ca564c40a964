// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/panorama.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/survey.h"

#define TAIL_BYTES_MAX 2000 /* bytes of a record that are shown */

void panorama_done(struct panorama *panorama)
{
	flame_done(&panorama->flame);
	for (size_t i = 0; i < panorama->tail_count; i++)
		free(panorama->tail[i].text);
	free(panorama->tail);
	*panorama = (struct panorama){ 0 };
}

/* ---- tasks ---- */

const char *panorama_state_name(char letter)
{
	static const struct {
		char letter;
		const char *name;
	} names[] = {
		{ 'r', "on a CPU" },
		{ 'i', "idle task of a CPU" },
		{ 'R', "waiting for a CPU" },
		{ 'S', "sleeping" },
		{ 'D', "blocked" },
		{ 'I', "kernel thread without work" },
		{ 'T', "stopped" },
		{ 't', "stopped by a tracer" },
		{ 'Z', "zombie" },
		{ 'X', "dead" },
		{ 'P', "parked" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].letter == letter)
			return names[i].name;
	}
	return "in an unknown state";
}

static char state_of(const struct survey_task *task)
{
	if (task->task->pid == 0)
		return 'i';
	return task->cpu ? 'r' : task->task->state;
}

static void count_state(struct panorama *panorama, char letter)
{
	size_t i = 0;

	while (i < panorama->state_count && panorama->states[i].letter != letter)
		i++;
	if (i == PANORAMA_STATES_MAX) {
		i--; // there are not so many letters
	} else if (i == panorama->state_count) {
		panorama->states[i].letter = letter;
		panorama->state_count++;
	}
	panorama->states[i].count++;
}

static int compare_states(const void *a, const void *b)
{
	const struct panorama_state *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->letter - y->letter;
}

/* The functions of a stack, from the outermost to as deep as the picture goes. */
struct stack_names {
	char text[FLAME_DEPTH_MAX][FLAME_NAME_SIZE];
	const char *names[FLAME_DEPTH_MAX];
	size_t count;
};

static void add_name(struct stack_names *stack, const char *text)
{
	size_t i = stack->count;

	if (i == FLAME_DEPTH_MAX)
		return;
	ascii_escape(text, strlen(text), stack->text[i], sizeof(stack->text[i]));
	stack->names[i] = stack->text[i];
	stack->count++;
}

/* Frames that the unwinder did not prove are left out, and the end says so. */
static void name_stack(struct survey *survey, const struct survey_task *task,
		       struct stack_names *ret)
{
	const struct backtrace *backtrace = survey->backtrace;

	ret->count = 0;
	if (!task->has_backtrace) {
		add_name(ret, "(no stack: dead, or not readable)");
		return;
	}
	if (!backtrace->count)
		add_name(ret, "(in user space)");
	if (backtrace->count && backtrace->end == UNWIND_END_BROKEN)
		add_name(ret, "(stack that breaks off)");
	for (size_t i = backtrace->count; i-- > 0;) {
		const struct frame *frame = &backtrace->frames[i];
		struct kernel_name name;
		char text[256] = "(unknown)";

		if (!frame->is_reliable)
			continue;
		if (kernel_name(survey->kernel, frame_lookup_vaddr(frame), &name, NULL) ==
		    0)
			snprintf(text, sizeof(text),
				 name.module[0] ? "%.150s [%.60s]" : "%.150s",
				 name.symbol, name.module);
		add_name(ret, text);
	}
}

static int look_at_tasks(struct survey *survey, struct panorama *panorama,
			 struct err *err)
{
	_cleanup_free struct stack_names *stack = calloc(1, sizeof(*stack));
	int r = stack ? 0 : err_nomem(err);

	for (size_t i = 0; r == 0 && i < survey->list.count; i++) {
		struct survey_task task;

		survey_look(survey, i, &task);
		count_state(panorama, state_of(&task));
		name_stack(survey, &task, stack);
		r = flame_add(&panorama->flame, stack->names, stack->count, err);
	}
	return r;
}

int panorama_add_tasks(struct kernel *kernel, struct panorama *ret, struct err *err)
{
	_cleanup_survey struct survey survey = { 0 };
	struct err why = { 0 };
	const char *reason = NULL;
	int r = survey_open(kernel, REPORT_TASKS_MAX, &survey, &why);

	if (r == 0) {
		ret->has_tasks = true;
		r = look_at_tasks(&survey, ret, err);
		reason = survey.list.is_cut  ? survey.list.cut_why
			 : survey.no_cpus[0] ? survey.no_cpus
					     : NULL;
	} else {
		reason = err_text(&why);
		r = 0;
	}
	if (reason)
		ascii_escape(reason, strlen(reason), ret->tasks_unknown.why,
			     sizeof(ret->tasks_unknown.why));
	qsort(ret->states, ret->state_count, sizeof(ret->states[0]), compare_states);
	return r;
}

/* ---- the log ---- */

static int keep_line(const struct printk_record *record, bool has_levels,
		     struct panorama_line *ret, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	struct printk_record cut = *record;
	size_t size;
	int r;

	cut.text_size = MIN(cut.text_size, (size_t)TAIL_BYTES_MAX);
	printk_format_record(&cut, &text);
	r = text_check(&text, err);
	if (r < 0)
		return r;
	size = text.size;
	while (size && text_get(&text)[size - 1] == '\n')
		size--;
	ret->level = has_levels ? record->level & 7 : 7;
	ret->text = calloc(size + 1, 1);
	if (!ret->text)
		return err_nomem(err);
	memcpy(ret->text, text_get(&text), size); // the renderer escapes it
	return 0;
}

int panorama_add_log(const struct printk_log *log, bool has_levels, size_t lines,
		     struct panorama *ret, struct err *err)
{
	size_t count = MIN(MIN(lines, (size_t)PANORAMA_TAIL_MAX), log->count);
	int r = 0;

	ret->has_levels = has_levels;
	timeline_make(log, has_levels, &ret->timeline);
	ret->tail = calloc(count + 1, sizeof(*ret->tail));
	if (!ret->tail)
		return err_nomem(err);
	for (size_t i = log->count - count; r == 0 && i < log->count; i++) {
		r = keep_line(&log->records[i], has_levels, &ret->tail[ret->tail_count],
			      err);
		ret->tail_count += r == 0;
	}
	return r;
}
