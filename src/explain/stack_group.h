/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks that have the same stack, put together: a hundred that hang at one place are one
 * finding. The same is: the same return addresses and the same state.
 */
#ifndef EXPLAIN_STACK_GROUP_H
#define EXPLAIN_STACK_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/report_task.h"
#include "explain/span.h"
#include "explain/survey.h"

#define STACK_MEMBERS_MAX 64 /* of a group that are named; the rest is counted */
#define STACK_GROUPS_MAX  4096

struct stack_member {
	int32_t pid;
	char comm[65];
	struct span slept;
	/* Only of one in state D. */
	char *call; /* the system call that it is in, with its arguments; NULL: none */
	char *file; /* that the call is about; NULL: none, or not known */
};

struct stack_group {
	struct report_task stack;	/* of the first of them */
	char channel[SURVEY_NAME_SIZE]; /* that they wait in; "" unknown, or they run */
	char unknown[160];		/* why there is no stack; "" there is */
	struct stack_member members[STACK_MEMBERS_MAX];
	size_t member_count; /* named */
	size_t count;	     /* in all */
	struct span longest; /* the one that waits longest */
};

struct stack_groups {
	struct stack_group *groups;
	size_t count;
	size_t left_out; /* tasks, where there are too many groups or tasks */
};

/*
 * The task that @survey looked at last. It is counted as left out where there are @max
 * groups already. Fails only for memory.
 */
int stack_groups_add(struct stack_groups *groups, struct survey *survey,
		     const struct survey_task *task, size_t max, struct err *err);

/* The largest first. */
void stack_groups_sort(struct stack_groups *groups);
void stack_groups_done(struct stack_groups *groups);

/* Tasks in all groups, with those left out. */
size_t stack_groups_tasks(const struct stack_groups *groups);

/* How many, who, where, since when, and the stack; 80 columns wide but for frames. */
void stack_group_format_text(const struct stack_group *group, struct text *ret);

struct json_t *stack_groups_new_json(const struct stack_groups *groups);
int stack_groups_parse_json(const struct json_t *array, struct stack_groups *ret,
			    struct err *err);

#define _cleanup_stack_groups _cleanup_(stack_groups_done)

#endif
