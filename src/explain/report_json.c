// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report as JSON, both ways. A finding that is not known has no key, and
 * "..._unknown" says why. Addresses and registers are strings "0x...": a JSON number
 * holds 53 bits.
 *
 * Reading takes keys that it does not know and lacks what is missing; a wrong type, a
 * number out of range, and more than a named limit are refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/report.h"
#include "kernel/arch.h"
#include "kernel/unwind.h"
#include "record/field.h"

/* ---- writing ---- */

/* Nothing is escaped twice: what the report holds is clean, unless its maker erred. */
static json_t *new_string(const char *text)
{
	char *clean;
	json_t *string;

	if (field_is_clean(text))
		return json_string(text);
	clean = ascii_new(text, strlen(text));
	string = clean ? json_string(clean) : NULL;
	free(clean);
	return string;
}

/* The writers below return 0 or -1 and go on after a failure: told once, at the end. */
static int put_string(json_t *object, const char *key, const char *text)
{
	return text[0] ? json_object_set_new(object, key, new_string(text)) : 0;
}

static int put_number(json_t *object, const char *key, uint64_t number)
{
	if (!number)
		return 0;
	return json_object_set_new(
		object, key, json_integer((json_int_t)MIN(number, (uint64_t)INT64_MAX)));
}

static int put_kernel(json_t *root, const struct report *report)
{
	json_t *kernel = json_object();
	int r = 0;

	r |= put_string(kernel, "release", report->release);
	r |= put_string(kernel, "version", report->version);
	r |= put_string(kernel, "machine", report->machine);
	r |= put_string(kernel, "host", report->host);
	r |= put_string(kernel, "build_id", report->build_id);
	r |= put_string(kernel, "cmdline", report->cmdline);
	r |= put_string(kernel, "taints", report->taints);
	r |= put_string(root, "kernel_unknown", report->kernel_unknown.why);
	return json_object_set_new(root, "kernel", kernel) | r;
}

static int put_task(json_t *root, const struct report *report)
{
	const struct report_task *task = &report->panic_task;
	int r = 0;

	if (task->pid >= 0 || task->comm[0] || task->frame_count ||
	    task->cpu != UINT32_MAX)
		r |= json_object_set_new(root, "panic_task", report_task_new_json(task));
	r |= put_string(root, "panic_task_unknown", report->panic_task_unknown.why);
	return put_string(root, "backtrace_unknown", report->backtrace_unknown.why) | r;
}

static int put_registers(json_t *root, const struct report *report)
{
	json_t *registers = json_array();
	int r = 0;

	for (size_t i = 0; i < report->register_count; i++) {
		char value[24];

		snprintf(value, sizeof(value), "0x%" PRIx64, report->registers[i].value);
		r |= json_array_append_new(registers, json_pack("{s:s, s:s}", "name",
								report->registers[i].name,
								"value", value));
	}
	return json_object_set_new(root, "registers", registers) | r;
}

static int put_log(json_t *root, const struct report *report)
{
	json_t *log = json_object(), *tail = json_array();
	int r = 0;

	for (size_t i = 0; i < report->log_tail_count; i++)
		r |= json_array_append_new(tail, new_string(report->log_tail[i]));
	r |= json_object_set_new(log, "tail", tail);
	r |= put_number(log, "count", report->log_count);
	r |= put_string(root, "log_unknown", report->log_unknown.why);
	return json_object_set_new(root, "log", log) | r;
}

int report_to_json(const struct report *report, json_t **ret, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int r = put_number(root, "schema_version", REPORT_SCHEMA_VERSION);

	r |= put_string(root, "cause", report->cause);
	r |= put_string(root, "cause_source", report->cause_source);
	r |= put_string(root, "cause_unknown", report->cause_unknown.why);
	r |= put_string(root, "title", report->title);
	r |= put_number(root, "crash_time", (uint64_t)MAX(report->crash_time, 0));
	r |= put_number(root, "uptime_ms", report->uptime_ms);
	r |= put_kernel(root, report);
	r |= put_string(root, "hardware", report->hardware);
	r |= put_number(root, "cpu_count", report->cpu_count);
	r |= put_task(root, report);
	r |= put_registers(root, report);
	r |= put_number(root, "task_count", report->task_count);
	r |= put_log(root, report);
	if (r != 0)
		return err_nomem(err);
	*ret = take_ptr(root);
	return 0;
}

int report_format_json(const struct report *report, struct text *ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	_cleanup_free char *json = NULL;
	int r = report_to_json(report, &root, err);

	if (r < 0)
		return err_in(err, r, "writing the report as JSON");
	json = json_dumps(root, JSON_INDENT(1));
	if (!json)
		return err_nomem(err);
	text_add_bytes(ret, json, strlen(json));
	text_add(ret, "\n");
	return text_check(ret, err);
}

/* ---- reading ---- */

static int get_string(const json_t *object, const char *key, char *ret, size_t size,
		      struct err *err)
{
	return field_string(object, key, false, ret, size, err);
}

static int get_number(const json_t *object, const char *key, uint64_t max, uint64_t *ret,
		      struct err *err)
{
	int64_t number = (int64_t)*ret;
	int r = field_int(object, key, 0, (int64_t)max, &number, err);

	if (r == 0)
		*ret = (uint64_t)number;
	return r;
}

static int get_array(const json_t *object, const char *key, size_t max,
		     const json_t **ret, struct err *err)
{
	const json_t *array = json_object_get(object, key);

	if (array && !json_is_array(array))
		return err_set(err, ERR_CORRUPT, "'%s' is not an array", key);
	if (json_array_size(array) > max)
		return err_set(err, ERR_LIMIT, "'%s' has %zu elements, more than %zu",
			       key, json_array_size(array), max);
	*ret = array;
	return 0;
}

static int get_hex(const json_t *object, const char *key, uint64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	size_t digits;

	if (!value)
		return 0;
	digits = text && !strncmp(text, "0x", 2) ? strspn(text + 2, "0123456789abcdef")
						 : 0;
	if (!digits || digits > 16 || text[2 + digits])
		return err_set(err, ERR_CORRUPT, "'%s' is not a number \"0x...\"", key);
	*ret = strtoull(text, NULL, 16);
	return 0;
}

/* One clean line of any length; "" where the key is missing. */
static int get_new_string(const json_t *value, const char *key, char **ret,
			  struct err *err)
{
	size_t size;

	if (value && !json_is_string(value))
		return err_set(err, ERR_CORRUPT, "'%s' is not a string", key);
	size = json_string_length(value) + 1;
	*ret = malloc(size);
	if (!*ret)
		return err_nomem(err);
	field_clean(value ? json_string_value(value) : "", *ret, size);
	return 0;
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
	r = get_new_string(json_object_get(object, "text"), "text", &ret->text, err);
	if (r == 0)
		r = get_new_string(json_object_get(object, "function"), "function",
				   &ret->function, err);
	if (r == 0)
		r = get_new_string(json_object_get(object, "module"), "module",
				   &ret->module, err);
	if (r == 0)
		r = get_hex(object, "address", &ret->vaddr, err);
	if (r == 0)
		r = get_string(object, "stack", ret->stack, sizeof(ret->stack), err);
	return r;
}

static int parse_frames(const json_t *object, struct report_task *ret, struct err *err)
{
	const json_t *frames = NULL;
	int r = get_array(object, "frames", UNWIND_FRAMES_MAX, &frames, err);

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

static int parse_task(const json_t *root, struct report_task *ret, struct err *err)
{
	const json_t *object = NULL;
	int64_t pid = ret->pid;
	uint64_t cpu = ret->cpu;
	char state[8] = "";
	int r = field_object(root, "panic_task", &object, err);

	if (r < 0 || !object)
		return r;
	r = field_int(object, "pid", -1, INT32_MAX, &pid, err);
	if (r == 0)
		r = get_string(object, "comm", ret->comm, sizeof(ret->comm), err);
	if (r == 0)
		r = get_number(object, "cpu", UINT32_MAX, &cpu, err);
	if (r == 0)
		r = get_string(object, "state", state, sizeof(state), err);
	if (r == 0)
		r = get_string(object, "end", ret->end, sizeof(ret->end), err);
	if (r == 0)
		r = get_string(object, "end_why", ret->end_why, sizeof(ret->end_why),
			       err);
	if (r == 0)
		r = parse_frames(object, ret, err);
	ret->pid = (int32_t)pid;
	ret->cpu = (uint32_t)cpu;
	if (state[0] > ' ' && !state[1])
		ret->state = state[0];
	return r;
}

static int parse_registers(const json_t *root, struct report *report, struct err *err)
{
	const json_t *registers = NULL;
	int r = get_array(root, "registers", ARCH_REGS_MAX, &registers, err);

	if (r < 0 || !registers)
		return r;
	report->registers =
		calloc(json_array_size(registers) + 1, sizeof(*report->registers));
	if (!report->registers)
		return err_nomem(err);
	report->register_count = json_array_size(registers);
	for (size_t i = 0; r == 0 && i < report->register_count; i++) {
		const json_t *object = json_array_get(registers, i);
		struct report_register *reg = &report->registers[i];

		if (!json_is_object(object))
			return err_set(err, ERR_CORRUPT, "a register is not an object");
		r = get_string(object, "name", reg->name, sizeof(reg->name), err);
		if (r == 0)
			r = get_hex(object, "value", &reg->value, err);
	}
	return r;
}

static int parse_log(const json_t *root, struct report *report, struct err *err)
{
	const json_t *log = NULL, *tail = NULL;
	uint64_t count = 0;
	int r = field_object(root, "log", &log, err);

	if (r == 0 && log)
		r = get_number(log, "count", INT64_MAX, &count, err);
	if (r == 0 && log)
		r = get_array(log, "tail", REPORT_LOG_TAIL_MAX, &tail, err);
	report->log_count = (size_t)count;
	if (r < 0 || !tail)
		return r;
	report->log_tail = calloc(json_array_size(tail) + 1, sizeof(*report->log_tail));
	if (!report->log_tail)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < json_array_size(tail); i++) {
		r = get_new_string(json_array_get(tail, i), "tail", &report->log_tail[i],
				   err);
		report->log_tail_count = r == 0 ? i + 1 : i;
	}
	return r;
}

static int parse_strings(const json_t *root, const json_t *kernel, struct report *report,
			 struct err *err)
{
	const struct {
		const json_t *object;
		const char *key;
		char *text;
		size_t size;
	} strings[] = {
#define STRING(object, key, member) \
	{ object, key, report->member, sizeof(report->member) }
		STRING(root, "cause", cause),
		STRING(root, "cause_source", cause_source),
		STRING(root, "cause_unknown", cause_unknown.why),
		STRING(root, "title", title),
		STRING(root, "hardware", hardware),
		STRING(root, "kernel_unknown", kernel_unknown.why),
		STRING(root, "panic_task_unknown", panic_task_unknown.why),
		STRING(root, "backtrace_unknown", backtrace_unknown.why),
		STRING(root, "log_unknown", log_unknown.why),
		STRING(kernel, "release", release),
		STRING(kernel, "version", version),
		STRING(kernel, "machine", machine),
		STRING(kernel, "host", host),
		STRING(kernel, "build_id", build_id),
		STRING(kernel, "cmdline", cmdline),
		STRING(kernel, "taints", taints),
#undef STRING
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(strings); i++) {
		if (strings[i].object)
			r = get_string(strings[i].object, strings[i].key, strings[i].text,
				       strings[i].size, err);
	}
	return r;
}

static int parse_numbers(const json_t *root, struct report *report, struct err *err)
{
	uint64_t crash_time = 0, cpu_count = 0, task_count = 0;
	int r = get_number(root, "crash_time", INT64_MAX, &crash_time, err);

	if (r == 0)
		r = get_number(root, "uptime_ms", INT64_MAX, &report->uptime_ms, err);
	if (r == 0)
		r = get_number(root, "cpu_count", UINT32_MAX, &cpu_count, err);
	if (r == 0)
		r = get_number(root, "task_count", INT64_MAX, &task_count, err);
	report->crash_time = (int64_t)crash_time;
	report->cpu_count = (uint32_t)cpu_count;
	report->task_count = (size_t)task_count;
	return r;
}

static int parse(const json_t *root, struct report *report, struct err *err)
{
	const json_t *kernel = NULL;
	int64_t schema = REPORT_SCHEMA_VERSION;
	int r = field_int(root, "schema_version", 1, INT32_MAX, &schema, err);

	if (r == 0 && schema > REPORT_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "schema version %" PRId64
			       " is later than %d, which is ours",
			       schema, REPORT_SCHEMA_VERSION);
	if (r == 0)
		r = field_object(root, "kernel", &kernel, err);
	if (r == 0)
		r = parse_strings(root, kernel, report, err);
	if (r == 0)
		r = parse_numbers(root, report, err);
	if (r == 0)
		r = parse_task(root, &report->panic_task, err);
	if (r == 0)
		r = parse_registers(root, report, err);
	return r == 0 ? parse_log(root, report, err) : r;
}

int report_parse_json(const char *json, size_t size, struct report **ret, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	_cleanup_json json_t *root = NULL;
	int r = field_load(json, size, REPORT_JSON_MAX, &root, err);

	if (r == 0)
		r = report_new(&report, err);
	if (r == 0)
		r = parse(root, report, err);
	if (r < 0)
		return err_in(err, r, "reading a report");
	*ret = take_ptr(report);
	return 0;
}
