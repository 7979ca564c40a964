// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report as text and as JSON, whole, cut and damaged; and made from a kernel of which
 * hardly anything can be read. Reports from real dumps: tests/real/show.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "explain/cause.h"
#include "explain/report.h"
#include "fake_image.h"
#include "record/field.h"

#define SET(member, text) snprintf(report->member, sizeof(report->member), "%s", text)

static struct report_frame frame(const char *text, const char *function, bool is_reliable)
{
	struct report_frame f = { .text = strdup(text),
				  .function = strdup(function),
				  .module = strdup(""),
				  .vaddr = UINT64_C(0xffffffff81234567),
				  .is_reliable = is_reliable };

	assert_true(f.text && f.function && f.module);
	return f;
}

/* Two tasks that hang alike, one of which waits for the other's lock. */
static void add_tasks(struct report *report)
{
	struct stack_group *group = calloc(1, sizeof(*group));
	struct lock_edge *edge = calloc(1, sizeof(*edge));

	assert_non_null(group);
	assert_non_null(edge);
	report->has_blocked = report->has_locks = true;
	report->blocked.groups = group;
	report->blocked.count = 1;
	report->blocked.left_out = 3;
	group->stack.pid = 80;
	group->stack.state = 'D';
	SET(blocked.groups->stack.comm, "dd");
	SET(blocked.groups->stack.end, "user");
	SET(blocked.groups->channel, "io_schedule");
	group->stack.frames = calloc(1, sizeof(struct report_frame));
	assert_non_null(group->stack.frames);
	group->stack.frame_count = 1;
	group->stack.frames[0] = frame("io_schedule+0x1/0x2", "io_schedule", true);
	group->count = 2;
	group->member_count = 2;
	group->members[0].pid = 80;
	group->members[1].pid = 81;
	SET(blocked.groups->members[0].comm, "dd");
	SET(blocked.groups->members[1].comm, "rsync");
	group->longest = (struct span){ true, true, 125000, 125001 };
	group->members[0].slept = (struct span){ true, true, 4000, 90000 };
	group->members[0].call = strdup("pwritev2(fd=3, vec=0x7ffd5a3b2c10, "
					"vlen=8, pos_l=0x1000, pos_h=0, "
					"flags=1)");
	group->members[0].file = strdup("/srv/data");
	assert_true(group->members[0].call && group->members[0].file);
	report->locks.edges = edge;
	report->locks.count = 1;
	edge->waiter.pid = 81;
	edge->waiter.state = 'D';
	edge->owner.pid = 80;
	edge->owner.state = 'S';
	edge->lock_vaddr = UINT64_C(0xffff888012345678);
	edge->readers = 2;
	edge->next = SIZE_MAX;
	edge->since = (struct span){ .has_most = true };
	SET(locks.edges->waiter.comm, "rsync");
	SET(locks.edges->owner.comm, "dd");
	SET(locks.edges->owner.channel, "pipe_read");
	SET(locks.edges->kind, "rwsem-write");
	SET(locks.edges->unknown, "no reason");
}

static void add_machine(struct report *report)
{
	struct report_cpu *cpus = calloc(3, sizeof(*cpus));
	struct report_module *modules = calloc(2, sizeof(*modules));

	assert_non_null(cpus);
	assert_non_null(modules);
	report->other_cpus.cpus = cpus;
	report->other_cpus.count = 3;
	report->other_cpus.left_out = 5;
	for (uint32_t i = 0; i < 3; i++) {
		report_task_done(&cpus[i].task);
		cpus[i].id = i + 2;
		cpus[i].task.pid = i == 2 ? 99 : 0;
		SET(other_cpus.cpus[i].task.end, i == 2 ? "user" : "clean");
		SET(other_cpus.cpus[i].task.comm, "name");
	}
	report->stuck.cpu = 3;
	report->stuck.lists[STUCK_HRTIMERS] =
		(struct stuck_list){ { { "tick", 8123 } }, 1, 1 };
	report->stuck.lists[STUCK_WORKS] =
		(struct stuck_list){ { { "flush", 0 }, { "vmstat_update", 0 } }, 2, 9 };
	report->modules.modules = modules;
	report->modules.count = 2;
	SET(modules.modules[0].name, "guilty");
	SET(modules.modules[0].taints, "OE");
	SET(modules.modules[0].state, "live");
	SET(modules.modules[1].name, "innocent");
	modules[1].vaddr = UINT64_C(0xffffffffc0000000);
	modules[1].size_bytes = 4096;
	report->memory.bytes[MEMORY_TOTAL] = UINT64_C(2) << 30;
	report->memory.bytes[MEMORY_FREE] = 0;
	report->memory.known = 1u << MEMORY_TOTAL | 1u << MEMORY_FREE;
}

/* One in which everything is known. */
static struct report *full_report(void)
{
	struct report *report = NULL;
	struct err err;

	assert_int_equal(report_new(&report, &err), 0);
	SET(cause, "crash triggered by sysrq (c), by task sh (pid 71)");
	SET(cause_source, "log");
	SET(title, "sysrq: crash");
	SET(verdict.certainty, "likely");
	SET(verdict.certainty_why, "a feeling");
	SET(verdict.suspect, "The gardener.");
	SET(verdict.next, "Ask the gardener.");
	SET(signature, "v1-0123456789abcdef");
	SET(signature_of.frames[0], "sysrq_handle_crash");
	SET(signature_of.frames[1], "init [module]");
	report->signature_of.count = 2;
	report->crash_time = 1795555914;
	report->uptime_ms = 4618;
	SET(release, "6.12.0-test");
	SET(version, "#1 SMP some day");
	SET(machine, "x86_64");
	SET(host, "db1");
	SET(build_id, "7f76f39faf07f34cfa9fadd801e131bfa8cb6dc3");
	SET(cmdline, "console=ttyS0 \"quoted\" back\\slash crashkernel=256M");
	SET(hardware, "ACME Rocket/9000, BIOS 1.2 01/01/2020");
	SET(taints, "G        W  OE");
	report->cpu_count = 2;
	report->task_count = 141;
	report->panic_task.pid = 71;
	report->panic_task.cpu = 1;
	report->panic_task.state = 'R';
	SET(panic_task.comm, "sh");
	SET(panic_task.end, "broken");
	SET(panic_task.end_why, "page 0x1234 was left out of the dump");
	report->panic_task.frames = calloc(2, sizeof(struct report_frame));
	assert_non_null(report->panic_task.frames);
	report->panic_task.frame_count = 2;
	report->panic_task.frames[0] =
		frame("sysrq_handle_crash+0x16/0x20", "sysrq_handle_crash", true);
	report->panic_task.frames[1] = frame("0xffffffffc0001234", "", false);
	strcpy(report->panic_task.frames[0].stack, "IRQ");
	report->panic_task.frames[0].file = strdup("drivers/tty/sysrq.c");
	report->panic_task.frames[0].line = 154;
	report->panic_task.frames[0].is_inlined = true;
	report->registers.registers = calloc(2, sizeof(struct report_register));
	assert_non_null(report->registers.registers);
	report->registers.count = 2;
	strcpy(report->registers.registers[0].name, "orig_rax");
	report->registers.registers[0].value = UINT64_MAX;
	strcpy(report->registers.registers[1].name, "rip");
	report->registers.registers[1].value = 0xdead;
	strcpy(report->registers.registers[1].points_to, "some poison");
	report->registers.registers[1].is_bad = true;
	report->code = (struct report_code){
		.vaddr = UINT64_C(0xffffffff81234500),
		.at = 2,
		.size = 3,
		.bytes = { 0x31, 0xc0, 0xf4 },
		.is_start = true,
		.where = "halt+0x2/0x10",
	};
	add_tasks(report);
	add_machine(report);
	report->log_tail = calloc(2, sizeof(char *));
	assert_non_null(report->log_tail);
	report->log_tail[0] = strdup("[    4.618278] first");
	report->log_tail[1] = strdup("[    4.618279] last");
	report->log_tail_count = 2;
	report->log_count = 430;
	SET(log_unknown.why, "2 records could not be read: lost");
	return report;
}

static char *to_json(const struct report *report)
{
	struct text text = { 0 };
	struct err err;

	assert_int_equal(report_format_json(report, &text, &err), 0);
	return text.data;
}

static struct report *parse(const char *json)
{
	struct report *report = NULL;
	struct err err = { 0 };

	if (report_parse_json(json, strlen(json), &report, &err) < 0)
		fail_msg("%s", err_text(&err));
	return report;
}

static void test_round_trip(void **state)
{
	_cleanup_report struct report *report = full_report();
	_cleanup_free char *json = to_json(report);
	_cleanup_report struct report *again = parse(json);
	_cleanup_free char *json_again = to_json(again);

	assert_string_equal(json, json_again);
	assert_string_equal(again->cause, report->cause);
	assert_string_equal(again->verdict.certainty_why, "a feeling");
	assert_string_equal(again->verdict.next, "Ask the gardener.");
	assert_string_equal(again->cmdline, report->cmdline);
	assert_string_equal(again->taints, report->taints);
	assert_string_equal(again->log_unknown.why, report->log_unknown.why);
	assert_int_equal(again->crash_time, 1795555914);
	assert_int_equal(again->uptime_ms, 4618);
	assert_int_equal(again->panic_task.pid, 71);
	assert_int_equal(again->panic_task.cpu, 1);
	assert_int_equal(again->panic_task.state, 'R');
	assert_string_equal(again->panic_task.end_why, report->panic_task.end_why);
	assert_int_equal(again->panic_task.frame_count, 2);
	assert_string_equal(again->panic_task.frames[0].function, "sysrq_handle_crash");
	assert_string_equal(again->panic_task.frames[0].file, "drivers/tty/sysrq.c");
	assert_int_equal(again->panic_task.frames[0].line, 154);
	assert_true(again->panic_task.frames[0].is_inlined);
	assert_null(again->panic_task.frames[1].file);
	assert_string_equal(again->panic_task.frames[0].stack, "IRQ");
	assert_true(again->panic_task.frames[0].is_reliable);
	assert_false(again->panic_task.frames[1].is_reliable);
	assert_true(again->panic_task.frames[1].vaddr == UINT64_C(0xffffffff81234567));
	assert_int_equal(again->registers.count, 2);
	assert_memory_equal(again->registers.registers, report->registers.registers,
			    2 * sizeof(struct report_register));
	assert_memory_equal(&again->code, &report->code, sizeof(report->code));
	assert_int_equal(again->log_tail_count, 2);
	assert_string_equal(again->log_tail[1], report->log_tail[1]);
	assert_int_equal(again->log_count, 430);
	assert_string_equal(again->signature, "v1-0123456789abcdef");
	assert_int_equal(again->signature_of.count, 2);
	assert_string_equal(again->signature_of.frames[1], "init [module]");
	assert_int_equal(again->task_count, 141);
	assert_int_equal(again->blocked.count, 1);
	assert_int_equal(stack_groups_tasks(&again->blocked), 5);
	assert_int_equal(again->blocked.groups[0].members[1].pid, 81);
	assert_int_equal(again->blocked.groups[0].longest.most_ms, 125001);
	assert_int_equal(again->blocked.groups[0].members[0].slept.least_ms, 4000);
	assert_string_equal(again->blocked.groups[0].members[0].call,
			    report->blocked.groups[0].members[0].call);
	assert_string_equal(again->blocked.groups[0].members[0].file, "/srv/data");
	assert_null(again->blocked.groups[0].members[1].call);
	assert_int_equal(again->stuck.cpu, 3);
	assert_int_equal(again->stuck.lists[STUCK_WORKS].total, 9);
	assert_string_equal(again->stuck.lists[STUCK_HRTIMERS].items[0].name, "tick");
	assert_int_equal(again->stuck.lists[STUCK_HRTIMERS].items[0].number, 8123);
	assert_string_equal(again->blocked.groups[0].stack.frames[0].function,
			    "io_schedule");
	assert_int_equal(again->locks.count, 1);
	assert_string_equal(again->locks.edges[0].owner.channel, "pipe_read");
	assert_true(again->locks.edges[0].lock_vaddr == UINT64_C(0xffff888012345678));
	assert_int_equal(again->locks.edges[0].readers, 2);
	assert_int_equal(again->other_cpus.count, 3);
	assert_int_equal(again->other_cpus.cpus[2].id, 4);
	assert_int_equal(again->other_cpus.cpus[2].task.pid, 99);
	assert_int_equal(again->other_cpus.left_out, 5);
	assert_int_equal(again->modules.count, 2);
	assert_string_equal(again->modules.modules[0].taints, "OE");
	assert_true(again->modules.modules[1].vaddr == UINT64_C(0xffffffffc0000000));
	assert_int_equal(again->memory.known, report->memory.known);
	assert_true(again->memory.bytes[MEMORY_TOTAL] == UINT64_C(2) << 30);
}

static void test_round_trip_unknown(void **state)
{
	_cleanup_report struct report *report = NULL;
	struct err err;

	assert_int_equal(report_build_unknown("the moon was full", &report, &err), 0);
	{
		_cleanup_free char *json = to_json(report);
		_cleanup_report struct report *again = parse(json);

		assert_non_null(strstr(json, "\"schema_version\": 1"));
		assert_null(strstr(json, "\"cause\":"));
		assert_string_equal(again->cause, "");
		assert_string_equal(again->cause_unknown.why, "the moon was full");
		assert_string_equal(again->backtrace_unknown.why, "the moon was full");
		assert_int_equal(again->panic_task.pid, -1);
		assert_true(again->panic_task.cpu == UINT32_MAX);
		assert_int_equal(again->panic_task.state, '?');
	}
}

/* Exactly @size bytes, so that ASan sees one read too many. */
static int parse_bytes(const char *json, size_t size)
{
	struct report *report = NULL;
	struct err err = { 0 };
	char *bytes = malloc(size ? size : 1);
	int r;

	assert_non_null(bytes);
	memcpy(bytes, json, size);
	r = report_parse_json(bytes, size, &report, &err);
	if (r < 0) {
		assert_null(report);
		assert_string_not_equal(err.text, "");
	}
	report_free(report);
	free(bytes);
	return r;
}

static void test_cut(void **state)
{
	_cleanup_report struct report *report = full_report();
	_cleanup_free char *json = to_json(report);
	size_t size = strlen(json) - 1; // the newline at its end may go

	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(parse_bytes(json, cut), ERR_CORRUPT);
	assert_int_equal(parse_bytes(json, size), 0);
}

static void test_damaged(void **state)
{
	static const char bytes[] = "\0 \"{}[]:,0-e\\\x80\xff";
	_cleanup_report struct report *report = full_report();
	_cleanup_free char *json = to_json(report);
	size_t size = strlen(json), refused = 0;

	for (size_t i = 0; i < size; i++) {
		char saved = json[i];

		for (size_t j = 0; j + 1 < sizeof(bytes); j++) {
			json[i] = bytes[j];
			refused += parse_bytes(json, size) < 0;
		}
		json[i] = saved;
	}
	assert_in_range(refused, size, size * sizeof(bytes));
}

static void test_wrong(void **state)
{
	static const struct {
		const char *json;
		int code;
	} wrong[] = {
		{ "[]", ERR_CORRUPT },
		{ "{\"schema_version\": 2}", ERR_UNSUPPORTED },
		{ "{\"schema_version\": \"1\"}", ERR_CORRUPT },
		{ "{\"cause\": 7}", ERR_CORRUPT },
		{ "{\"cause\": null}", ERR_CORRUPT },
		{ "{\"crash_time\": -1}", ERR_INVALID },
		{ "{\"uptime_ms\": 1.5}", ERR_CORRUPT },
		{ "{\"cpu_count\": 4294967296}", ERR_INVALID },
		{ "{\"kernel\": []}", ERR_CORRUPT },
		{ "{\"kernel\": {\"release\": {}}}", ERR_CORRUPT },
		{ "{\"panic_task\": \"sh\"}", ERR_CORRUPT },
		{ "{\"panic_task\": {\"pid\": 4294967296}}", ERR_INVALID },
		{ "{\"panic_task\": {\"frames\": {}}}", ERR_CORRUPT },
		{ "{\"panic_task\": {\"frames\": [1]}}", ERR_CORRUPT },
		{ "{\"panic_task\": {\"frames\": [{\"text\": 1}]}}", ERR_CORRUPT },
		{ "{\"panic_task\": {\"frames\": [{\"address\": 1}]}}", ERR_CORRUPT },
		{ "{\"panic_task\": {\"frames\": [{\"reliable\": 1}]}}", ERR_CORRUPT },
		{ "{\"registers\": {}}", ERR_CORRUPT },
		{ "{\"verdict\": []}", ERR_CORRUPT },
		{ "{\"verdict\": {\"next\": 1}}", ERR_CORRUPT },
		{ "{\"code\": {\"bytes\": \"0g\"}}", ERR_CORRUPT },
		{ "{\"code\": {\"bytes\": \"0f0b\", \"at\": 2}}", ERR_CORRUPT },
		{ "{\"code\": []}", ERR_CORRUPT },
		{ "{\"blocked\": {}}", ERR_CORRUPT },
		{ "{\"blocked\": [1]}", ERR_CORRUPT },
		{ "{\"blocked\": [{\"count\": -1}]}", ERR_INVALID },
		{ "{\"blocked\": [{\"tasks\": [1]}]}", ERR_CORRUPT },
		{ "{\"blocked\": [{\"stack\": []}]}", ERR_CORRUPT },
		{ "{\"locks\": [1]}", ERR_CORRUPT },
		{ "{\"other_cpus\": [1]}", ERR_CORRUPT },
		{ "{\"other_cpus\": [{\"cpu\": 4294967296}]}", ERR_INVALID },
		{ "{\"modules\": [[]]}", ERR_CORRUPT },
		{ "{\"signature_frames\": [1]}", ERR_CORRUPT },
		{ "{\"signature_frames\": [\"\",\"\",\"\",\"\",\"\",\"\"]}", ERR_LIMIT },
		{ "{\"modules\": [{\"address\": \"1\"}]}", ERR_CORRUPT },
		{ "{\"memory\": []}", ERR_CORRUPT },
		{ "{\"memory\": {\"free\": -1}}", ERR_INVALID },
		{ "{\"locks\": [{\"owner\": 1}]}", ERR_CORRUPT },
		{ "{\"locks\": [{\"lock\": 1}]}", ERR_CORRUPT },
		{ "{\"registers\": [{\"name\": \"rip\", \"value\": \"0x\"}]}",
		  ERR_CORRUPT },
		{ "{\"registers\": [{\"value\": \"0x12345678123456781\"}]}",
		  ERR_CORRUPT },
		{ "{\"registers\": [{\"value\": \"0x1g\"}]}", ERR_CORRUPT },
		{ "{\"log\": {\"tail\": [7]}}", ERR_CORRUPT },
		{ "{\"log\": {\"count\": -1}}", ERR_INVALID },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (parse_bytes(wrong[i].json, strlen(wrong[i].json)) != wrong[i].code)
			fail_msg("%s", wrong[i].json);
	}
	assert_int_equal(parse_bytes("{}", 2), 0);
	assert_int_equal(parse_bytes("{\"later\": [1, {}]}", 18), 0);
}

static void test_limits(void **state)
{
	struct text json = { 0 };

	text_add(&json, "{\"panic_task\": {\"frames\": [");
	for (int i = 0; i < REPORT_FRAMES_MAX + 1; i++)
		text_add(&json, "%s{}", i ? "," : "");
	text_add(&json, "]}}");
	assert_int_equal(parse_bytes(text_get(&json), json.size), ERR_LIMIT);
	text_done(&json);
	text_add(&json, "{\"log\": {\"tail\": [");
	for (int i = 0; i < REPORT_LOG_TAIL_MAX + 1; i++)
		text_add(&json, "%s\"\"", i ? "," : "");
	text_add(&json, "]}}");
	assert_int_equal(parse_bytes(text_get(&json), json.size), ERR_LIMIT);
	text_done(&json);
}

/* A foreign module on the stack, freed memory in a register, a disk in the log. */
static void test_verdict(void **state)
{
	struct cause cause = { .certainty = CAUSE_SURE,
			       .certainty_why = "the panic's own words",
			       .next = NEXT_POINTER,
			       .disk_errors = 2,
			       .disk_error = "I/O error, dev sda" };
	_cleanup_report struct report *report = full_report();
	struct report_verdict *verdict = &report->verdict;

	SET(registers.registers[1].points_to, "POISON_FREE: memory that was freed");
	report_verdict_make(&cause, report);
	assert_string_equal(verdict->certainty, "sure");
	assert_null(strstr(verdict->suspect, "guilty")); // it is on no stack
	assert_non_null(strstr(verdict->suspect, "use after free: rip holds 0xdead"));
	assert_non_null(
		strstr(verdict->suspect, "2 errors of them, the last \"I/O error"));
	assert_non_null(strstr(verdict->next, "slub_debug"));
	SET(signature_of.frames[1], "init [guilty]");
	report_verdict_make(&cause, report);
	assert_non_null(strstr(verdict->suspect, "Module guilty (out-of-tree module, "
						 "unsigned module) is on the stack"));
	assert_non_null(strstr(verdict->next, "maker of module guilty"));
	SET(signature_of.frames[1], "init [guilty] more");
	cause = (struct cause){ 0 };
	report_verdict_make(&cause, report);
	assert_string_equal(verdict->certainty, "unknown");
	assert_string_equal(verdict->suspect, "");
	assert_non_null(strstr(verdict->next, "Read the last lines"));
}

/* What comes from another file can neither write to a terminal nor break a line. */
static void test_parsed_is_clean(void **state)
{
	_cleanup_report struct report *report = parse(
		"{\"cause\": \"a\\u001b[31mb\\nc\", \"log\": {\"tail\": [\"x\\ry\"]}}");

	assert_true(field_is_clean(report->cause));
	assert_true(field_is_clean(report->log_tail[0]));
}

static void test_invalid_utf8(void **state)
{
	_cleanup_report struct report *report = full_report();

	SET(cmdline, "quiet \xc3\x28");
	free(report->log_tail[0]);
	report->log_tail[0] = strdup("\x80");
	{
		_cleanup_free char *json = NULL;
		_cleanup_report struct report *again = NULL;

		json = to_json(report);
		again = parse(json);
		assert_string_equal(again->cmdline, "quiet \\xc3(");
		assert_string_equal(again->log_tail[0], "\\x80");
	}
}

static struct signature make_signature(const char *const *functions)
{
	struct signature signature = { 0 };

	for (size_t i = 0; functions[i]; i++)
		signature_add(&signature, functions[i], "");
	return signature;
}

static void test_signature(void **state)
{
	static const char *const one[] = { "panic",	     "victim.isra.0",	"victim",
					   "_raw_spin_lock", "__x64_sys_write", NULL };
	static const char *const same[] = { "victim", "__arm64_sys_write",
					    "do_syscall_64", NULL };
	static const char *const other[] = { "victim", "read", NULL };
	static const char *const many[] = { "f1", "f2", "f3", "f4", "f5", "f6", NULL };
	struct signature a = make_signature(one), b = make_signature(same),
			 c = make_signature(other), d = make_signature(many);
	struct signature none = { 0 };
	char x[SIGNATURE_STRING_SIZE], y[SIGNATURE_STRING_SIZE];

	assert_int_equal(a.count, 2);
	assert_string_equal(a.frames[0], "victim");
	assert_string_equal(a.frames[1], "sys_write");
	signature_format(&a, "WARNING in victim", x);
	signature_format(&b, "WARNING in elsewhere", y); // the kind and the frames count
	assert_string_equal(x, y);
	signature_format(&c, "WARNING in victim", y);
	assert_string_not_equal(x, y);
	signature_format(&a, "KASAN in victim", y);
	assert_string_not_equal(x, y);
	signature_format(&none, "kernel panic: no pages in the pool", x);
	signature_format(&none, "kernel panic: no pages", y);
	assert_string_not_equal(x, y);
	signature_format(&none, "", x);
	assert_string_equal(x, "");
	assert_int_equal(d.count, SIGNATURE_FRAMES);
	signature_add(&none, "init", "module");
	assert_string_equal(none.frames[0], "init [module]");

	/* What has been handed out once stays so: else SIGNATURE_VERSION must grow. */
	signature_format(&a, "WARNING in victim", x);
	assert_string_equal(x, "v2-c0a24e5d901bfaf8");
}

static char *to_text(const struct report *report, bool colour)
{
	struct report_text_options options = {
		.colour = colour, .files = "  dump  complete  1.0 MiB  /x\n"
	};
	struct text text = { 0 };
	struct err err;

	assert_int_equal(report_format_text(report, &options, &text, &err), 0);
	return text.data;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void test_text(void **state)
{
	_cleanup_report struct report *report = full_report();
	_cleanup_free char *text = to_text(report, false);

	assert_int_equal(strncmp(text, "CAUSE      crash triggered by sysrq", 35), 0);
	has(text, "\nWhen       2026-11-24 21:31:54 UTC, 4.6 s after boot\n");
	has(text, "\nSignature  v1-0123456789abcdef\n");
	has(text, "\nKernel     6.12.0-test #1 SMP some day\n");
	has(text,
	    "\nTaints     W (earlier warning), O (out-of-tree module), E (unsigned");
	has(text, "\nTask       sh (pid 71)\n");
	has(text, "\nCPU        1 of 2 online\n");
	has(text, "\n       <IRQ>\n  #0     sysrq_handle_crash+0x16/0x20 "
		  "(drivers/tty/sysrq.c:154)\n");
	has(text, "\n       <TASK>\n  #1   ? 0xffffffffc0001234\n");
	has(text, "unknown: page 0x1234 was left out of the dump\n");
	has(text, " orig_rax ffffffffffffffff");
	has(text, "\nTasks      141, 5 of them blocked (state D)\n");
	has(text, "\nLocks\nrwsem 0xffff888012345678\n"
		  "  held by 2 readers, the last of them dd (pid 80, S), in pipe_read\n"
		  "  wanted by rsync (pid 81, D, at most 0.0 s) to write\n");
	has(text, "\nBlocked tasks\n2 tasks, state D, in io_schedule, the longest for 2 "
		  "min 05 s:\n  dd (pid 80), for at least 4.0 s\n"
		  "    in pwritev2(fd=3, vec=0x7ffd5a3b2c10, vlen=8, pos_l=0x1000, "
		  "pos_h=0,\n       flags=1)\n    of /srv/data\n"
		  "  rsync (pid 81)\n  #0     io_schedule+0x1/0x2\n");
	has(text, "\nStuck CPU\nCPU 3\n  hrtimers overdue, in ms:\n    tick (8.1)\n"
		  "  work queued, not begun:\n    flush\n    vmstat_update\n"
		  "    and 7 more\n");
	has(text, "(and 3 more blocked tasks)\n");
	has(text, "\nMemory     2048 MiB: free 0\n");
	has(text, "\nModules    2 loaded, of them tainted: guilty (OE)\n");
	has(text, "\nOther CPUs\nCPU 4: name (pid 99), in user space\nidle: CPU 2-3\n"
		  "(and 5 more CPUs)\n");
	has(text, "2 records could not be read");
	has(text, "\n[    4.618278] first\n[    4.618279] last\n");
	has(text, "\nFiles\n  dump  complete  1.0 MiB  /x\n");
	assert_null(strchr(text, '\033'));
	free(text);
	text = to_text(report, true);
	has(text, "\033[1;31mCAUSE");
}

static void test_text_unknown(void **state)
{
	_cleanup_report struct report *report = NULL;
	_cleanup_free char *text = NULL;
	struct err err;
	char why[250];

	memset(why, 'w', sizeof(why) - 1);
	for (size_t i = 9; i < sizeof(why); i += 10)
		why[i] = ' ';
	why[sizeof(why) - 1] = '\0';
	assert_int_equal(report_build_unknown(why, &report, &err), 0);
	text = to_text(report, false);
	has(text, "CAUSE      unknown, because wwwwwwwww wwwwwwwww");
	has(text, "\nWhen       unknown time\n");
	has(text, "\nKernel     unknown\n");
	has(text, "\nTask       unknown\n");
	has(text, "\nBacktrace\n");
	assert_null(strstr(text, "(null)"));
	for (const char *p = text; *p;) {
		size_t size = strcspn(p, "\n");

		assert_in_range(size, 0, 80);
		p += size + (p[size] == '\n');
	}
}

static void test_text_long_word(void **state)
{
	_cleanup_report struct report *report = full_report();
	_cleanup_free char *text = NULL;

	memset(report->cmdline, 'x', sizeof(report->cmdline) - 1);
	text = to_text(report, false);
	has(text, report->cmdline); // a word is never broken
}

/* VMCOREINFO and page tables, and nothing that they lead to. */
static void test_build_from_ruin(void **state)
{
	struct fake_image fake = { 0 };
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_report struct report *report = NULL;
	_cleanup_free char *text = NULL, *json = NULL;
	struct err err = { 0 };

	fake_paging(&fake, 0x100000, 4);
	fake_memory(&fake, UINT64_C(0xffffffff81000000), 0x400000, 0x1000);
	fake_vmcoreinfo(&fake, "OSRELEASE=6.99.0-ruin");
	fake_vmcoreinfo(&fake, "BUILD-ID=0123456789abcdef");
	fake_vmcoreinfo(&fake, "PAGESIZE=4096");
	fake_vmcoreinfo(&fake, "CRASHTIME=1795555914");
	image = fake_open(&fake);
	if (kernel_open(image, &kernel, &err) < 0 ||
	    report_build(kernel, NULL, NULL, &report, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_string_equal(report->release, "6.99.0-ruin");
	assert_string_equal(report->build_id, "0123456789abcdef");
	assert_int_equal(report->crash_time, 1795555914);
	assert_string_not_equal(report->cause_unknown.why, "");
	assert_string_not_equal(report->kernel_unknown.why, "");
	assert_string_not_equal(report->panic_task_unknown.why, "");
	assert_string_not_equal(report->backtrace_unknown.why, "");
	assert_string_not_equal(report->log_unknown.why, "");
	text = to_text(report, false);
	has(text, "CAUSE      unknown, because the log could not be read");
	json = to_json(report);
	assert_int_equal(parse_bytes(json, strlen(json)), 0);
	fake_done(&fake);
}

/* A log that the caller has read is enough for cause and task. */
static void test_build_with_log(void **state)
{
	static const char *const lines[] = {
		"Hardware name: ACME Rocket",
		"sysrq: Trigger a crash",
		"Kernel panic - not syncing: sysrq triggered crash",
		"CPU: 1 UID: 0 PID: 71 Comm: sh Kdump: loaded Not tainted 6.99.0 #1",
	};
	struct printk_record records[ARRAY_SIZE(lines)] = { 0 };
	struct printk_log log = { .records = records, .count = ARRAY_SIZE(lines) };
	struct report_options options = { .log_tail_lines = 1 };
	struct fake_image fake = { 0 };
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_report struct report *report = NULL;
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		records[i].text = lines[i];
		records[i].text_size = strlen(lines[i]);
		records[i].ts_nsec = (i + 1) * 1000000000;
	}
	fake_paging(&fake, 0x100000, 4);
	fake_memory(&fake, UINT64_C(0xffffffff81000000), 0x400000, 0x1000);
	fake_vmcoreinfo(&fake, "OSRELEASE=6.99.0");
	fake_vmcoreinfo(&fake, "PAGESIZE=4096");
	image = fake_open(&fake);
	if (kernel_open(image, &kernel, &err) < 0 ||
	    report_build(kernel, &log, &options, &report, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_string_equal(report->cause,
			    "crash triggered by sysrq (c), by task sh (pid 71)");
	assert_string_equal(report->title, "sysrq: crash");
	assert_string_equal(report->cause_source, "log");
	assert_string_equal(report->hardware, "ACME Rocket");
	assert_string_equal(report->panic_task.comm, "sh");
	assert_int_equal(report->panic_task.pid, 71);
	assert_int_equal(report->panic_task.cpu, 1);
	assert_int_equal(report->uptime_ms, 4000);
	assert_int_equal(report->log_count, 4);
	assert_int_equal(report->log_tail_count, 4); // the story goes before the option
	assert_string_equal(report->log_tail[1], "[    2.000000] sysrq: Trigger a crash");
	fake_done(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_signature),
		cmocka_unit_test(test_round_trip_unknown),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_parsed_is_clean),
		cmocka_unit_test(test_invalid_utf8),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_unknown),
		cmocka_unit_test(test_text_long_word),
		cmocka_unit_test(test_build_from_ruin),
		cmocka_unit_test(test_build_with_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
