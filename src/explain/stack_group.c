// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/stack_group.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/file_facts.h"
#include "explain/member.h"
#include "explain/task_facts.h"
#include "record/field.h"

#define COLUMNS 80

void stack_groups_done(struct stack_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++) {
		struct stack_group *group = &groups->groups[i];

		report_task_done(&group->stack);
		for (size_t j = 0; j < group->member_count; j++) {
			free(group->members[j].call);
			free(group->members[j].file);
		}
	}
	free(groups->groups);
	*groups = (struct stack_groups){ 0 };
}

size_t stack_groups_tasks(const struct stack_groups *groups)
{
	size_t tasks = groups->left_out;

	for (size_t i = 0; i < groups->count; i++)
		tasks += groups->groups[i].count;
	return tasks;
}

/* ---- making ---- */

static bool is_same(const struct stack_group *group, const struct survey *survey,
		    const struct survey_task *task)
{
	const struct backtrace *backtrace = survey->backtrace;
	const struct report_task *stack = &group->stack;

	if (stack->state != task->task->state)
		return false;
	if (!task->has_backtrace)
		return group->unknown[0];
	if (group->unknown[0] || stack->frame_count != backtrace->count ||
	    strcmp(stack->end, unwind_end_name(backtrace->end)) != 0)
		return false;
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (stack->frames[i].vaddr != backtrace->frames[i].ip)
			return false;
	}
	return true;
}

static int new_group(struct stack_groups *groups, struct survey *survey,
		     const struct survey_task *task, struct err *err)
{
	size_t n = groups->count;
	struct stack_group *group;
	int r;

	if (n % 16 == 0) {
		group = realloc(groups->groups, (n + 16) * sizeof(*group));
		if (!group)
			return err_nomem(err);
		groups->groups = group;
	}
	group = &groups->groups[n];
	memset(group, 0, sizeof(*group));
	r = report_task_build_from(survey->kernel, task->task,
				   task->has_backtrace ? survey->backtrace : NULL,
				   &group->stack, err);
	if (r < 0)
		return r;
	groups->count++;
	snprintf(group->channel, sizeof(group->channel), "%s", task->channel);
	if (!task->has_backtrace)
		ascii_escape(task->no_backtrace, strlen(task->no_backtrace),
			     group->unknown, sizeof(group->unknown));
	return 0;
}

/* Its system call, and the file that this is about. */
static int add_call(struct survey *survey, const struct survey_task *task,
		    struct stack_member *member, struct err *err)
{
	struct task_facts facts = { 0 };
	char call[TASK_FACTS_CALL_SIZE], name[FILE_FACTS_SIZE];
	struct open_file file;
	uint32_t fd;

	task_facts_read_call(survey, task, &facts);
	if (!facts.has_call)
		return 0;
	task_facts_format_call(&facts, call, sizeof(call));
	member->call = strdup(call);
	if (!member->call)
		return err_nomem(err);
	if (syscall_fd(&facts.call, &fd, NULL) < 0 ||
	    open_file_of_fd(survey->kernel, task->task->vaddr, fd, &file, NULL) < 0 ||
	    !file.path[0])
		return 0;
	file_facts_format(&file, name, sizeof(name));
	member->file = strdup(name);
	return member->file ? 0 : err_nomem(err);
}

static int add_member(struct stack_group *group, struct survey *survey,
		      const struct survey_task *task, struct err *err)
{
	struct stack_member *member = &group->members[group->member_count++];

	*member = (struct stack_member){ .pid = task->task->pid, .slept = task->slept };
	ascii_escape(task->task->comm, strlen(task->task->comm), member->comm,
		     sizeof(member->comm));
	return task->task->state == 'D' ? add_call(survey, task, member, err) : 0;
}

int stack_groups_add(struct stack_groups *groups, struct survey *survey,
		     const struct survey_task *task, size_t max, struct err *err)
{
	struct stack_group *group;
	size_t i = 0;
	int r = 0;

	while (i < groups->count && !is_same(&groups->groups[i], survey, task))
		i++;
	if (i == groups->count && i >= max) {
		groups->left_out++;
		return 0;
	}
	if (i == groups->count) {
		r = new_group(groups, survey, task, err);
		if (r < 0)
			return r;
	}
	group = &groups->groups[i];
	if (group->member_count < STACK_MEMBERS_MAX)
		r = add_member(group, survey, task, err);
	group->count++;
	group->longest = span_max(group->longest, task->slept);
	return r;
}

static int compare_groups(const void *a, const void *b)
{
	const struct stack_group *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->stack.pid > y->stack.pid) - (x->stack.pid < y->stack.pid);
}

void stack_groups_sort(struct stack_groups *groups)
{
	if (groups->count)
		qsort(groups->groups, groups->count, sizeof(*groups->groups),
		      compare_groups);
}

/* ---- text ---- */

static bool has_calls(const struct stack_group *group)
{
	for (size_t i = 0; i < group->member_count; i++)
		if (group->members[i].call)
			return true;
	return false;
}

/* Broken at spaces; the further lines stand below @text. */
static void add_broken(const char *before, const char *text, struct text *ret)
{
	const size_t width = COLUMNS - strlen(before);
	int indent = 0;

	do {
		size_t size = strlen(text), cut;

		if (size > width) {
			for (cut = width; cut > 0 && text[cut] != ' '; cut--)
				;
			size = cut ? cut : strcspn(text, " ");
		}
		text_add(ret, "%*s%s%.*s\n", indent, "", before, (int)size, text);
		text += size + strspn(text + size, " ");
		indent = (int)(COLUMNS - width);
		before = "";
	} while (*text);
}

/* Each with what it is in: "  NAME (pid N), for 4.0 s", "    in CALL", "    of FILE". */
static void format_callers(const struct stack_group *group, struct text *ret)
{
	for (size_t i = 0; i < group->member_count; i++) {
		const struct stack_member *member = &group->members[i];
		char slept[48];

		span_format(&member->slept, slept, sizeof(slept));
		text_add(ret, "  %s (pid %" PRId32 ")%s%s\n", member->comm, member->pid,
			 group->count > 1 && slept[0] ? ", for " : "",
			 group->count > 1 ? slept : "");
		if (member->call)
			add_broken("    in ", member->call, ret);
		if (member->file)
			add_broken("    of ", member->file, ret);
	}
	if (group->count > group->member_count)
		text_add(ret, "  and %zu more\n", group->count - group->member_count);
}

static void format_members(const struct stack_group *group, struct text *ret)
{
	size_t column = 0;

	for (size_t i = 0; i < group->member_count; i++) {
		const struct stack_member *member = &group->members[i];
		char text[128];
		bool is_last = i + 1 == group->count;
		size_t size;

		snprintf(text, sizeof(text), "%s (pid %" PRId32 ")%s", member->comm,
			 member->pid, is_last ? "" : ",");
		size = strlen(text) + 1;
		if (column && column + size > COLUMNS) {
			text_add(ret, "\n");
			column = 0;
		}
		text_add(ret, column ? " %s" : "  %s", text);
		column += size + !column;
	}
	if (group->count > group->member_count)
		text_add(ret, "\n  and %zu more", group->count - group->member_count);
	text_add(ret, "\n");
}

void stack_group_format_text(const struct stack_group *group, struct text *ret)
{
	char longest[48];

	text_add(ret, "%zu task%s, state %c", group->count, group->count == 1 ? "" : "s",
		 group->stack.state);
	if (group->channel[0])
		text_add(ret, ", in %s", group->channel);
	span_format(&group->longest, longest, sizeof(longest));
	if (longest[0])
		text_add(ret, ", %sfor %s", group->count == 1 ? "" : "the longest ",
			 longest);
	text_add(ret, ":\n");
	if (has_calls(group))
		format_callers(group, ret);
	else
		format_members(group, ret);
	if (group->unknown[0])
		text_add(ret, "         unknown: %s\n", group->unknown);
	report_task_format_text(&group->stack, ret);
}

/* ---- JSON ---- */

static json_t *member_new_json(const struct stack_member *member)
{
	json_t *object = json_pack("{s:i, s:o}", "pid", member->pid, "comm",
				   member_new_string(member->comm));
	int r = object ? span_put_json(&member->slept, object, "since") : -1;

	if (r == 0 && member->call)
		r = member_put_string(object, "syscall", member->call);
	if (r == 0 && member->file)
		r = member_put_string(object, "file", member->file);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *group_new_json(const struct stack_group *group)
{
	json_t *object = json_object(), *tasks = json_array();
	int r = member_put_number(object, "count", group->count);

	r |= member_put_string(object, "wait_channel", group->channel);
	r |= span_put_json(&group->longest, object, "longest");
	for (size_t i = 0; i < group->member_count; i++)
		r |= json_array_append_new(tasks, member_new_json(&group->members[i]));
	r |= json_object_set_new(object, "tasks", tasks);
	r |= member_put_string(object, "stack_unknown", group->unknown);
	r |= json_object_set_new(object, "stack", report_task_new_json(&group->stack));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *stack_groups_new_json(const struct stack_groups *groups)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < groups->count; i++)
		r = json_array_append_new(array, group_new_json(&groups->groups[i]));
	if (r == 0)
		return array;
	json_decref(array);
	return NULL;
}

static int parse_text(const json_t *task, const char *key, char **ret, struct err *err)
{
	const json_t *value = json_object_get(task, key);

	return value ? member_get_new_string(value, key, ret, err) : 0;
}

static int parse_member(const json_t *task, struct stack_member *ret, struct err *err)
{
	int64_t pid = -1;
	int r;

	if (!json_is_object(task))
		return err_set(err, ERR_CORRUPT, "a task is not an object");
	r = field_int(task, "pid", -1, INT32_MAX, &pid, err);
	ret->pid = (int32_t)pid;
	if (r == 0)
		r = member_get_string(task, "comm", ret->comm, sizeof(ret->comm), err);
	if (r == 0)
		r = span_get_json(task, "since", &ret->slept, err);
	if (r == 0)
		r = parse_text(task, "syscall", &ret->call, err);
	return r == 0 ? parse_text(task, "file", &ret->file, err) : r;
}

static int parse_members(const json_t *object, struct stack_group *ret, struct err *err)
{
	const json_t *tasks = NULL;
	int r = member_get_array(object, "tasks", STACK_MEMBERS_MAX, &tasks, err);

	for (size_t i = 0; r == 0 && i < json_array_size(tasks); i++) {
		ret->member_count = i + 1;
		r = parse_member(json_array_get(tasks, i), &ret->members[i], err);
	}
	return r;
}

static int parse_group(const json_t *object, struct stack_group *ret, struct err *err)
{
	const json_t *stack = NULL;
	uint64_t count = 0;
	int r;

	if (!json_is_object(object))
		return err_set(err, ERR_CORRUPT, "a group is not an object");
	r = member_get_number(object, "count", INT32_MAX, &count, err);
	if (r == 0)
		r = member_get_string(object, "wait_channel", ret->channel,
				      sizeof(ret->channel), err);
	if (r == 0)
		r = member_get_string(object, "stack_unknown", ret->unknown,
				      sizeof(ret->unknown), err);
	if (r == 0)
		r = span_get_json(object, "longest", &ret->longest, err);
	if (r == 0)
		r = parse_members(object, ret, err);
	ret->count = MAX((size_t)count, ret->member_count);
	if (r == 0)
		r = field_object(object, "stack", &stack, err);
	return r < 0 || !stack ? r : report_task_parse_json(stack, &ret->stack, err);
}

int stack_groups_parse_json(const json_t *array, struct stack_groups *ret,
			    struct err *err)
{
	size_t count = json_array_size(array);
	int r = 0;

	ret->groups = calloc(count + 1, sizeof(*ret->groups));
	if (!ret->groups)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		report_task_done(&ret->groups[i].stack); // one that is unknown
		ret->count = i + 1;
		r = parse_group(json_array_get(array, i), &ret->groups[i], err);
		if (r < 0)
			r = err_in(err, r, "group %zu of tasks", i);
	}
	return r;
}
