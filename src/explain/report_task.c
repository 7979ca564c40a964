// SPDX-License-Identifier: GPL-2.0-or-later
/* One task of a report and its frames: from the kernel, as text, as JSON. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "explain/report.h"
#include "kernel/task.h"
#include "kernel/unwind.h"
#include "record/field.h"

void report_task_done(struct report_task *task)
{
	for (size_t i = 0; task->frames && i < task->frame_count; i++) {
		free(task->frames[i].text);
		free(task->frames[i].function);
		free(task->frames[i].module);
		free(task->frames[i].file);
	}
	free(task->frames);
	*task = (struct report_task){ .pid = -1, .cpu = UINT32_MAX, .state = '?' };
}

/*
 * "func+0x12/0x40 [module]" with the offset of the return address, as the kernel prints
 * it, though the name is that of the call before.
 */
static void format_frame(const struct kernel_name *name, uint64_t past, char *ret,
			 size_t size)
{
	int used =
		snprintf(ret, size, "%s+0x%" PRIx64, name->symbol, name->offset + past);

	if (name->size && used > 0 && (size_t)used < size)
		used += snprintf(ret + used, size - (size_t)used, "/0x%" PRIx64,
				 name->size);
	if (name->module[0] && used > 0 && (size_t)used < size)
		snprintf(ret + used, size - (size_t)used, " [%s]", name->module);
}

static int build_frame(struct kernel *kernel, const struct frame *frame,
		       struct report_frame *ret, struct err *err)
{
	uint64_t lookup = frame_lookup_vaddr(frame);
	struct kernel_name name = { .symbol = "", .module = "" };
	char text[1024];

	if (kernel_name(kernel, lookup, &name, NULL) == 0)
		format_frame(&name, frame->ip - lookup, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "0x%" PRIx64, frame->ip);
	ret->text = ascii_new(text, strlen(text));
	ret->function = ascii_new(name.symbol, strlen(name.symbol));
	ret->module = ascii_new(name.module, strlen(name.module));
	ret->vaddr = frame->ip;
	ret->lookup_vaddr = lookup;
	ret->is_reliable = frame->is_reliable;
	ascii_escape(frame->stack, strnlen(frame->stack, sizeof(frame->stack)),
		     ret->stack, sizeof(ret->stack));
	return ret->text && ret->function && ret->module ? 0 : err_nomem(err);
}

static int build_frames(struct kernel *kernel, const struct backtrace *backtrace,
			struct report_task *ret, struct err *err)
{
	ret->frames = calloc(backtrace->count + 1, sizeof(*ret->frames));
	if (!ret->frames)
		return err_nomem(err);
	for (size_t i = 0; i < backtrace->count; i++) {
		ret->frame_count = i + 1;
		int r = build_frame(kernel, &backtrace->frames[i], &ret->frames[i], err);

		if (r < 0)
			return r;
	}
	snprintf(ret->end, sizeof(ret->end), "%s", unwind_end_name(backtrace->end));
	if (backtrace->end == UNWIND_END_BROKEN)
		ascii_escape(backtrace->end_why, strlen(backtrace->end_why), ret->end_why,
			     sizeof(ret->end_why));
	return 0;
}

int report_task_build_from(struct kernel *kernel, const struct task *task,
			   const struct backtrace *backtrace, struct report_task *ret,
			   struct err *err)
{
	struct report_task result = { .pid = task->pid, .cpu = task->cpu };
	int r = 0;

	result.state = task->state > ' ' && task->state < 0x7f ? task->state : '?';
	ascii_escape(task->comm, strnlen(task->comm, sizeof(task->comm)), result.comm,
		     sizeof(result.comm));
	if (backtrace)
		r = build_frames(kernel, backtrace, &result, err);
	if (r < 0) {
		report_task_done(&result);
		return r;
	}
	*ret = result;
	return 0;
}

int report_task_build(struct kernel *kernel, const struct task *task,
		      const struct cpu *cpu, struct report_task *ret,
		      struct report_unknown *ret_unknown, struct err *err)
{
	_cleanup_backtrace struct backtrace *backtrace = backtrace_new();
	struct err why = { 0 };
	bool has_backtrace;

	if (!backtrace)
		return err_nomem(err);
	has_backtrace = unwind_task(kernel, task, cpu, backtrace, &why) == 0;
	snprintf(ret_unknown->why, sizeof(ret_unknown->why), "%.255s",
		 has_backtrace ? "" : err_text(&why));
	return report_task_build_from(kernel, task, has_backtrace ? backtrace : NULL, ret,
				      err);
}

void report_task_format_text(const struct report_task *task, struct text *ret)
{
	const char *stack = "";

	for (size_t i = 0; i < task->frame_count; i++) {
		const struct report_frame *frame = &task->frames[i];

		if (strcmp(frame->stack, stack) != 0)
			text_add(ret, "       <%s>\n",
				 frame->stack[0] ? frame->stack : "TASK");
		stack = frame->stack;
		text_add(ret, "  #%-3zu %c %s", i, frame->is_reliable ? ' ' : '?',
			 frame->text);
		if (frame->file && frame->line)
			text_add(ret, " (%s:%" PRIu32 ")", frame->file, frame->line);
		else if (frame->file)
			text_add(ret, " (%s)", frame->file);
		text_add(ret, "\n");
	}
	if (!strcmp(task->end, "user"))
		text_add(ret, "         (user space)\n");
	else if (!strcmp(task->end, "broken"))
		text_add(ret, "         the rest is unknown: %s\n", task->end_why);
}

static json_t *new_hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *frame_new_json(const struct report_frame *frame)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:b, s:s}", "text", frame->text,
				   "function", frame->function, "module", frame->module,
				   "address", new_hex(frame->vaddr), "reliable",
				   frame->is_reliable, "stack", frame->stack);
	int r = 0;

	if (object && frame->file)
		r |= json_object_set_new(object, "file", json_string(frame->file));
	if (object && frame->line)
		r |= json_object_set_new(object, "line", json_integer(frame->line));
	if (object && frame->is_inlined)
		r |= json_object_set_new(object, "inlined", json_true());
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *report_task_new_json(const struct report_task *task)
{
	json_t *frames = json_array();
	char state[2] = { task->state ? task->state : '?' };
	json_t *object = json_pack("{s:i, s:s, s:s}", "pid", task->pid, "comm",
				   task->comm, "state", state);
	int r = frames && object ? 0 : -1;

	if (r == 0 && task->cpu != UINT32_MAX)
		r = json_object_set_new(object, "cpu", json_integer(task->cpu));
	for (size_t i = 0; r == 0 && i < task->frame_count; i++)
		r = json_array_append_new(frames, frame_new_json(&task->frames[i]));
	if (r == 0)
		r = json_object_set(object, "frames", frames);
	if (r == 0 && task->end[0])
		r = json_object_set_new(object, "end", json_string(task->end));
	if (r == 0 && task->end_why[0])
		r = json_object_set_new(object, "end_why", json_string(task->end_why));
	json_decref(frames);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int parse_where(const json_t *object, struct report_frame *ret, struct err *err)
{
	const json_t *file = json_object_get(object, "file");
	uint64_t line = 0;
	int r = file ? member_get_new_string(file, "file", &ret->file, err) : 0;

	if (r == 0)
		r = member_get_number(object, "line", UINT32_MAX, &line, err);
	ret->line = (uint32_t)line;
	ret->is_inlined = json_is_true(json_object_get(object, "inlined"));
	return r;
}

static int parse_frame(const json_t *object, struct report_frame *ret, struct err *err)
{
	const json_t *reliable = json_object_get(object, "reliable");
	int r;

	if (!json_is_object(object))
		return err_set(err, ERR_CORRUPT, "a frame is not an object");
	if (reliable && !json_is_boolean(reliable))
		return err_set(err, ERR_CORRUPT, "'reliable' is not true or false");
	ret->is_reliable = json_is_true(reliable);
	r = member_get_new_string(json_object_get(object, "text"), "text", &ret->text,
				  err);
	if (r == 0)
		r = member_get_new_string(json_object_get(object, "function"), "function",
					  &ret->function, err);
	if (r == 0)
		r = member_get_new_string(json_object_get(object, "module"), "module",
					  &ret->module, err);
	if (r == 0)
		r = member_get_hex(object, "address", &ret->vaddr, err);
	if (r == 0)
		r = member_get_string(object, "stack", ret->stack, sizeof(ret->stack),
				      err);
	return r < 0 ? r : parse_where(object, ret, err);
}

static int parse_frames(const json_t *object, struct report_task *ret, struct err *err)
{
	const json_t *frames = NULL;
	int r = member_get_array(object, "frames", REPORT_FRAMES_MAX, &frames, err);

	if (r < 0 || !frames)
		return r;
	ret->frames = calloc(json_array_size(frames) + 1, sizeof(*ret->frames));
	if (!ret->frames)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < json_array_size(frames); i++) {
		ret->frame_count = i + 1;
		r = parse_frame(json_array_get(frames, i), &ret->frames[i], err);
		if (r < 0)
			r = err_in(err, r, "frame %zu", i);
	}
	return r;
}

int report_task_parse_json(const json_t *object, struct report_task *ret, struct err *err)
{
	int64_t pid = ret->pid;
	uint64_t cpu = ret->cpu;
	char state[8] = "";
	int r = field_int(object, "pid", -1, INT32_MAX, &pid, err);
	if (r == 0)
		r = member_get_string(object, "comm", ret->comm, sizeof(ret->comm), err);
	if (r == 0)
		r = member_get_number(object, "cpu", UINT32_MAX, &cpu, err);
	if (r == 0)
		r = member_get_string(object, "state", state, sizeof(state), err);
	if (r == 0)
		r = member_get_string(object, "end", ret->end, sizeof(ret->end), err);
	if (r == 0)
		r = member_get_string(object, "end_why", ret->end_why,
				      sizeof(ret->end_why), err);
	if (r == 0)
		r = parse_frames(object, ret, err);
	ret->pid = (int32_t)pid;
	ret->cpu = (uint32_t)cpu;
	if (state[0] > ' ' && !state[1])
		ret->state = state[0];
	return r;
}
