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
#include "explain/member.h"
#include "explain/report.h"
#include "kernel/arch.h"
#include "kernel/unwind.h"
#include "record/field.h"

/* ---- writing ---- */

static int put_kernel(json_t *root, const struct report *report)
{
	json_t *kernel = json_object();
	int r = 0;

	r |= member_put_string(kernel, "release", report->release);
	r |= member_put_string(kernel, "version", report->version);
	r |= member_put_string(kernel, "machine", report->machine);
	r |= member_put_string(kernel, "host", report->host);
	r |= member_put_string(kernel, "build_id", report->build_id);
	r |= member_put_string(kernel, "cmdline", report->cmdline);
	r |= member_put_string(kernel, "taints", report->taints);
	r |= member_put_string(root, "kernel_unknown", report->kernel_unknown.why);
	return json_object_set_new(root, "kernel", kernel) | r;
}

static int put_signature(json_t *root, const struct report *report)
{
	const struct signature *signature = &report->signature_of;
	json_t *frames = json_array();
	int r = member_put_string(root, "signature", report->signature);

	for (size_t i = 0; i < signature->count; i++)
		r |= json_array_append_new(frames,
					   member_new_string(signature->frames[i]));
	return json_object_set_new(root, "signature_frames", frames) | r;
}

static int put_task(json_t *root, const struct report *report)
{
	const struct report_task *task = &report->panic_task;
	int r = 0;

	if (task->pid >= 0 || task->comm[0] || task->frame_count ||
	    task->cpu != UINT32_MAX)
		r |= json_object_set_new(root, "panic_task", report_task_new_json(task));
	r |= member_put_string(root, "panic_task_unknown",
			       report->panic_task_unknown.why);
	return member_put_string(root, "backtrace_unknown",
				 report->backtrace_unknown.why) |
	       r;
}

static int put_tasks(json_t *root, const struct report *report)
{
	int r = 0;

	if (report->has_blocked)
		r |= json_object_set_new(root, "blocked",
					 stack_groups_new_json(&report->blocked));
	r |= member_put_number(root, "blocked_left_out", report->blocked.left_out);
	r |= member_put_string(root, "blocked_unknown", report->blocked_unknown.why);
	if (report->has_locks)
		r |= json_object_set_new(root, "locks",
					 lock_graph_new_json(&report->locks));
	r |= member_put_number(root, "locks_left_out", report->locks.left_out);
	return member_put_string(root, "locks_unknown", report->locks_unknown.why) | r;
}

static int put_memory(json_t *root, const struct memory_stat *stat)
{
	json_t *memory = json_object();
	int r = 0;

	for (int i = 0; i < MEMORY_STAT_COUNT; i++) {
		enum memory_stat_item item = (enum memory_stat_item)i;

		if (memory_stat_has(stat, item))
			r |= json_object_set_new(
				memory, memory_stat_name(item),
				json_integer((json_int_t)MIN(stat->bytes[i],
							     (uint64_t)INT64_MAX)));
	}
	return json_object_set_new(root, "memory", memory) | r;
}

static int put_machine(json_t *root, const struct report *report)
{
	int r = 0;

	if (report->other_cpus.cpus)
		r |= json_object_set_new(root, "other_cpus",
					 report_cpus_new_json(&report->other_cpus));
	r |= member_put_number(root, "other_cpus_left_out", report->other_cpus.left_out);
	r |= member_put_string(root, "other_cpus_unknown",
			       report->other_cpus.unknown.why);
	if (report->stuck.cpu != UINT32_MAX)
		r |= json_object_set_new(root, "stuck_cpu",
					 report_stuck_new_json(&report->stuck));
	if (report->modules.modules)
		r |= json_object_set_new(root, "modules",
					 report_modules_new_json(&report->modules));
	r |= member_put_string(root, "modules_unknown", report->modules.unknown.why);
	if (report->memory.known)
		r |= put_memory(root, &report->memory);
	return member_put_string(root, "memory_unknown", report->memory_unknown.why) | r;
}

static int put_registers(json_t *root, const struct report *report)
{
	int r = json_object_set_new(root, "registers",
				    report_registers_new_json(&report->registers));

	if (report->registers_frame)
		r |= member_put_number(root, "registers_frame", report->registers_frame);
	if (report->code.size)
		r |= json_object_set_new(root, "code",
					 report_code_new_json(&report->code));
	return r;
}

static int put_log(json_t *root, const struct report *report)
{
	json_t *log = json_object(), *tail = json_array();
	int r = 0;

	for (size_t i = 0; i < report->log_tail_count; i++)
		r |= json_array_append_new(tail, member_new_string(report->log_tail[i]));
	r |= json_object_set_new(log, "tail", tail);
	r |= member_put_number(log, "count", report->log_count);
	r |= member_put_string(root, "log_unknown", report->log_unknown.why);
	return json_object_set_new(root, "log", log) | r;
}

int report_to_json(const struct report *report, json_t **ret, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int r = member_put_number(root, "schema_version", REPORT_SCHEMA_VERSION);

	r |= member_put_string(root, "cause", report->cause);
	r |= member_put_string(root, "cause_source", report->cause_source);
	r |= member_put_string(root, "cause_unknown", report->cause_unknown.why);
	r |= json_object_set_new(root, "verdict",
				 report_verdict_new_json(&report->verdict));
	r |= member_put_string(root, "title", report->title);
	r |= member_put_number(root, "crash_time", (uint64_t)MAX(report->crash_time, 0));
	r |= member_put_number(root, "uptime_ms", report->uptime_ms);
	r |= put_signature(root, report);
	r |= put_kernel(root, report);
	r |= member_put_string(root, "hardware", report->hardware);
	r |= member_put_number(root, "cpu_count", report->cpu_count);
	r |= put_task(root, report);
	r |= put_registers(root, report);
	r |= member_put_number(root, "task_count", report->task_count);
	r |= put_tasks(root, report);
	r |= put_machine(root, report);
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

static int parse_task(const json_t *root, struct report_task *ret, struct err *err)
{
	const json_t *object = NULL;
	int r = field_object(root, "panic_task", &object, err);

	return r < 0 || !object ? r : report_task_parse_json(object, ret, err);
}

static int parse_verdict(const json_t *root, struct report_verdict *ret, struct err *err)
{
	const json_t *object = NULL;
	int r = field_object(root, "verdict", &object, err);

	return r < 0 || !object ? r : report_verdict_parse_json(object, ret, err);
}

static int parse_registers(const json_t *root, struct report *report, struct err *err)
{
	const json_t *registers = NULL, *code = NULL;
	uint64_t frame = 0;
	int r = member_get_array(root, "registers", ARCH_REGS_MAX, &registers, err);

	if (r == 0)
		r = member_get_number(root, "registers_frame", UINT32_MAX, &frame, err);
	report->registers_frame = (uint32_t)frame;
	if (r == 0 && registers)
		r = report_registers_parse_json(registers, &report->registers, err);
	if (r == 0)
		r = field_object(root, "code", &code, err);
	return r < 0 || !code ? r : report_code_parse_json(code, &report->code, err);
}

static int parse_tasks(const json_t *root, struct report *report, struct err *err)
{
	const json_t *blocked = NULL, *locks = NULL;
	uint64_t left_out = 0, locks_left_out = 0;
	int r = member_get_array(root, "blocked", REPORT_GROUPS_MAX, &blocked, err);

	if (r == 0)
		r = member_get_array(root, "locks", LOCK_GRAPH_MAX, &locks, err);
	if (r == 0)
		r = member_get_number(root, "blocked_left_out", INT32_MAX, &left_out,
				      err);
	if (r == 0)
		r = member_get_number(root, "locks_left_out", INT32_MAX, &locks_left_out,
				      err);
	if (r == 0 && blocked)
		r = stack_groups_parse_json(blocked, &report->blocked, err);
	if (r == 0 && locks)
		r = lock_graph_parse_json(locks, &report->locks, err);
	report->has_blocked = blocked;
	report->has_locks = locks;
	report->blocked.left_out = (size_t)left_out;
	report->locks.left_out = (size_t)locks_left_out;
	return r;
}

static int parse_memory(const json_t *root, struct memory_stat *ret, struct err *err)
{
	const json_t *memory = NULL;
	int r = field_object(root, "memory", &memory, err);

	for (int i = 0; r == 0 && memory && i < MEMORY_STAT_COUNT; i++) {
		const char *name = memory_stat_name((enum memory_stat_item)i);

		r = member_get_number(memory, name, INT64_MAX, &ret->bytes[i], err);
		if (json_object_get(memory, name))
			ret->known |= UINT32_C(1) << i;
	}
	return r;
}

static int parse_machine(const json_t *root, struct report *report, struct err *err)
{
	const json_t *cpus = NULL, *modules = NULL, *stuck = NULL;
	uint64_t left_out = 0;
	int r = member_get_array(root, "other_cpus", REPORT_CPUS_MAX, &cpus, err);

	if (r == 0)
		r = member_get_number(root, "other_cpus_left_out", INT32_MAX, &left_out,
				      err);
	if (r == 0)
		r = member_get_array(root, "modules", SIZE_MAX, &modules, err);
	if (r == 0 && cpus)
		r = report_cpus_parse_json(cpus, &report->other_cpus, err);
	if (r == 0)
		r = field_object(root, "stuck_cpu", &stuck, err);
	if (r == 0 && stuck)
		r = report_stuck_parse_json(stuck, &report->stuck, err);
	if (r == 0 && modules)
		r = report_modules_parse_json(modules, &report->modules, err);
	report->other_cpus.left_out = (size_t)left_out;
	return r == 0 ? parse_memory(root, &report->memory, err) : r;
}

static int parse_log(const json_t *root, struct report *report, struct err *err)
{
	const json_t *log = NULL, *tail = NULL;
	uint64_t count = 0;
	int r = field_object(root, "log", &log, err);

	if (r == 0 && log)
		r = member_get_number(log, "count", INT64_MAX, &count, err);
	if (r == 0 && log)
		r = member_get_array(log, "tail", REPORT_LOG_TAIL_MAX, &tail, err);
	report->log_count = (size_t)count;
	if (r < 0 || !tail)
		return r;
	report->log_tail = calloc(json_array_size(tail) + 1, sizeof(*report->log_tail));
	if (!report->log_tail)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < json_array_size(tail); i++) {
		r = member_get_new_string(json_array_get(tail, i), "tail",
					  &report->log_tail[i], err);
		report->log_tail_count = r == 0 ? i + 1 : i;
	}
	return r;
}

static int parse_signature(const json_t *root, struct report *report, struct err *err)
{
	struct signature *signature = &report->signature_of;
	const json_t *frames = NULL;
	int r = member_get_array(root, "signature_frames", SIGNATURE_FRAMES, &frames,
				 err);

	for (size_t i = 0; r == 0 && i < json_array_size(frames); i++) {
		const json_t *frame = json_array_get(frames, i);

		if (!json_is_string(frame))
			return err_set(err, ERR_CORRUPT,
				       "a frame of the signature is not a string");
		field_clean(json_string_value(frame), signature->frames[i],
			    sizeof(signature->frames[i]));
		signature->count = i + 1;
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
		STRING(root, "signature", signature),
		STRING(root, "hardware", hardware),
		STRING(root, "kernel_unknown", kernel_unknown.why),
		STRING(root, "panic_task_unknown", panic_task_unknown.why),
		STRING(root, "backtrace_unknown", backtrace_unknown.why),
		STRING(root, "blocked_unknown", blocked_unknown.why),
		STRING(root, "locks_unknown", locks_unknown.why),
		STRING(root, "other_cpus_unknown", other_cpus.unknown.why),
		STRING(root, "modules_unknown", modules.unknown.why),
		STRING(root, "memory_unknown", memory_unknown.why),
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
			r = member_get_string(strings[i].object, strings[i].key,
					      strings[i].text, strings[i].size, err);
	}
	return r;
}

static int parse_numbers(const json_t *root, struct report *report, struct err *err)
{
	uint64_t crash_time = 0, cpu_count = 0, task_count = 0;
	int r = member_get_number(root, "crash_time", INT64_MAX, &crash_time, err);

	if (r == 0)
		r = member_get_number(root, "uptime_ms", INT64_MAX, &report->uptime_ms,
				      err);
	if (r == 0)
		r = member_get_number(root, "cpu_count", UINT32_MAX, &cpu_count, err);
	if (r == 0)
		r = member_get_number(root, "task_count", INT64_MAX, &task_count, err);
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
		r = parse_verdict(root, &report->verdict, err);
	if (r == 0)
		r = parse_task(root, &report->panic_task, err);
	if (r == 0)
		r = parse_registers(root, report, err);
	if (r == 0)
		r = parse_signature(root, report, err);
	if (r == 0)
		r = parse_tasks(root, report, err);
	if (r == 0)
		r = parse_machine(root, report, err);
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
