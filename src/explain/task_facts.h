/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is to say of one task besides its stack: its command line, what it used and
 * since when, the system call that it is in.
 */
#ifndef EXPLAIN_TASK_FACTS_H
#define EXPLAIN_TASK_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "explain/survey.h"
#include "kernel/syscall.h"
#include "kernel/task_time.h"

#define TASK_FACTS_CALL_SIZE	768
#define TASK_FACTS_COMMAND_SIZE 512

struct task_facts {
	struct task_time time; /* .known == 0: unknown */
	char no_time[160];
	bool has_call;
	struct syscall call;
	char no_call[160]; /* why it is in none, or in which is not known */
	bool is_call_lost; /* the latter: memory was missing */
	char command[TASK_FACTS_COMMAND_SIZE]; /* clean; "" unknown */
	char no_command[160];
};

/* @task was looked at last, so that @survey has its backtrace. Never fails. */
void task_facts_read(struct survey *survey, const struct survey_task *task,
		     struct task_facts *ret);

/* The system call alone. */
void task_facts_read_call(struct survey *survey, const struct survey_task *task,
			  struct task_facts *ret);

/* The system call in one clean line. */
void task_facts_format_call(const struct task_facts *facts, char *ret, size_t size);

/* Indented lines, to stand below that of the task. */
void task_facts_format_text(const struct task_facts *facts,
			    const struct survey_task *task, struct text *ret);

/* Adds members to a task's JSON object; 0 or -1. */
int task_facts_put_json(const struct task_facts *facts, json_t *object);

#endif
