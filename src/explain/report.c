// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report made from a dead kernel. Each part is asked for by itself and says for
 * itself why it is not known: a page that was lost costs what was on it, not the report.
 */
#include "explain/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/cause.h"
#include "explain/cause_names.h"
#include "explain/report_fault.h"
#include "explain/report_tasks.h"
#include "explain/taint.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/task.h"

int report_new(struct report **ret, struct err *err)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return err_nomem(err);
	report_task_done(&report->panic_task);
	report->stuck.cpu = UINT32_MAX;
	*ret = report;
	return 0;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	report_task_done(&report->panic_task);
	stack_groups_done(&report->blocked);
	lock_graph_done(&report->locks);
	report_cpus_done(&report->other_cpus);
	report_modules_done(&report->modules);
	report_registers_done(&report->registers);
	for (size_t i = 0; report->log_tail && i < report->log_tail_count; i++)
		free(report->log_tail[i]);
	free(report->log_tail);
	free(report);
}

static void say_unknown(struct report_unknown *unknown, const char *why)
{
	ascii_escape(why, strlen(why), unknown->why, sizeof(unknown->why));
}

static void copy_clean(char *ret, size_t size, const char *text, size_t text_size)
{
	ascii_escape(text, strnlen(text, text_size), ret, size);
}

int report_build_unknown(const char *why, struct report **ret, struct err *err)
{
	struct report *report = NULL;
	int r = report_new(&report, err);

	if (r < 0)
		return r;
	say_unknown(&report->cause_unknown, why);
	snprintf(report->verdict.certainty, sizeof(report->verdict.certainty), "unknown");
	say_unknown(&report->kernel_unknown, why);
	say_unknown(&report->panic_task_unknown, why);
	say_unknown(&report->backtrace_unknown, why);
	say_unknown(&report->blocked_unknown, why);
	say_unknown(&report->locks_unknown, why);
	say_unknown(&report->log_unknown, why);
	*ret = report;
	return 0;
}

/* ---- the kernel and its machine ---- */

static void add_vmcoreinfo(struct kernel *kernel, struct report *report)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	const char *crash_time = vmcoreinfo_get(info, "CRASHTIME");
	const char *build_id = vmcoreinfo_get(info, "BUILD-ID");
	const char *release = vmcoreinfo_get(info, "OSRELEASE");

	if (crash_time)
		report->crash_time = MAX(strtoll(crash_time, NULL, 10), 0);
	if (build_id)
		copy_clean(report->build_id, sizeof(report->build_id), build_id, 40);
	if (release)
		copy_clean(report->release, sizeof(report->release), release, 64);
}

static void add_utsname(struct kernel *kernel, struct report *report)
{
	struct kernel_utsname name;
	struct err why = { 0 };

	if (kernel_utsname(kernel, &name, &why) < 0) {
		say_unknown(&report->kernel_unknown, err_text(&why));
		return;
	}
	copy_clean(report->release, sizeof(report->release), name.release, 64);
	copy_clean(report->version, sizeof(report->version), name.version, 64);
	copy_clean(report->machine, sizeof(report->machine), name.machine, 64);
	copy_clean(report->host, sizeof(report->host), name.nodename, 64);
}

static void add_cmdline(struct kernel *kernel, struct report *report)
{
	char text[sizeof(report->cmdline)];
	uint64_t pointer, vaddr;

	if (kernel_symbol(kernel, "saved_command_line", &pointer, NULL) == 0 &&
	    kernel_read_u64(kernel, pointer, &vaddr, NULL) == 0 &&
	    kernel_read_string(kernel, vaddr, text, sizeof(text), NULL) == 0)
		copy_clean(report->cmdline, sizeof(report->cmdline), text, sizeof(text));
}

/*
 * What an oops prints as "Hardware name:". Linux lib/dump_stack.c: static char
 * dump_stack_arch_desc_str[128].
 */
static void add_hardware(struct kernel *kernel, struct report *report)
{
	char text[128];
	uint64_t vaddr;

	if (kernel_symbol(kernel, "dump_stack_arch_desc_str", &vaddr, NULL) == 0 &&
	    kernel_read_string(kernel, vaddr, text, sizeof(text), NULL) == 0)
		copy_clean(report->hardware, sizeof(report->hardware), text,
			   sizeof(text));
}

static void add_taints(struct kernel *kernel, struct report *report)
{
	uint64_t vaddr, mask;

	if (kernel_symbol(kernel, "tainted_mask", &vaddr, NULL) == 0 &&
	    kernel_read_u64(kernel, vaddr, &mask, NULL) == 0)
		taint_format(mask, report->taints);
}

static void add_memory(struct kernel *kernel, struct report *report)
{
	struct err why = { 0 };

	if (memory_stat_read(kernel, &report->memory, &why) < 0)
		say_unknown(&report->memory_unknown, err_text(&why));
}

/* ---- the panicking task ---- */

/* The CPU that panicked; where none did, the first whose registers are known. */
static const struct cpu *
find_panic_cpu(struct kernel *kernel, const struct cpu_list *list, struct report *report)
{
	struct err why = { 0 };
	uint32_t id = 0;
	bool is_known = cpu_panicked(kernel, &id, &why) == 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct cpu *cpu = &list->cpus[i];

		if (is_known ? cpu->id == id : cpu->has_regs) {
			if (!is_known)
				snprintf(report->panic_task_unknown.why,
					 sizeof(report->panic_task_unknown.why),
					 "%.180s: this is what CPU %" PRIu32 " was doing",
					 err_text(&why), cpu->id);
			return cpu;
		}
	}
	if (is_known)
		snprintf(report->panic_task_unknown.why,
			 sizeof(report->panic_task_unknown.why),
			 "CPU %" PRIu32 " panicked, which is not among the %zu online",
			 id, list->count);
	else
		say_unknown(&report->panic_task_unknown, err_text(&why));
	return NULL;
}

static int add_panic_task(struct kernel *kernel, struct report *report,
			  struct panic_cpu *ret_panic, struct err *err)
{
	struct backtrace *backtrace = ret_panic->backtrace;
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	const struct cpu *cpu;
	struct err why = { 0 };
	struct task task;

	if (cpu_list_read(kernel, &cpus, &why) < 0) {
		say_unknown(&report->panic_task_unknown, err_text(&why));
		say_unknown(&report->backtrace_unknown, err_text(&why));
		return 0;
	}
	report->cpu_count = (uint32_t)cpus.count;
	cpu = find_panic_cpu(kernel, &cpus, report);
	if (!cpu) {
		report->backtrace_unknown = report->panic_task_unknown;
		return 0;
	}
	if (cpu->has_regs)
		ret_panic->regs = cpu->regs;
	report->panic_task.cpu = cpu->id;
	if (!cpu->current_vaddr)
		err_set(&why, ERR_NOTFOUND, "what CPU %" PRIu32 " was running is unknown",
			cpu->id);
	if (!cpu->current_vaddr ||
	    task_read(kernel, cpu->current_vaddr, &task, &why) < 0) {
		say_unknown(&report->panic_task_unknown, err_text(&why));
		say_unknown(&report->backtrace_unknown, err_text(&why));
		return 0;
	}
	task.cpu = cpu->id;
	if (unwind_task(kernel, &task, cpu, backtrace, &why) < 0) {
		say_unknown(&report->backtrace_unknown, err_text(&why));
		backtrace = NULL;
	}
	return report_task_build_from(kernel, &task, backtrace, &report->panic_task, err);
}

/* ---- the log and what it tells ---- */

static int keep_log_lines(struct text *text, size_t limit, struct report *report,
			  struct err *err)
{
	const char *start = text_get(text), *p = start + text->size;
	size_t count = 0;

	while (p > start && count < limit) {
		p--; // the newline that ends this line
		while (p > start && p[-1] != '\n')
			p--;
		count++;
	}
	report->log_tail = calloc(count + 1, sizeof(*report->log_tail));
	if (!report->log_tail)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		size_t size = strcspn(p, "\n");

		report->log_tail[i] = ascii_new(p, size);
		if (!report->log_tail[i])
			return err_nomem(err);
		report->log_tail_count = i + 1;
		p += size + 1;
	}
	return 0;
}

/*
 * At least @lines, and more where the story of the cause begins before them: an oops has
 * some sixty.
 */
static size_t tail_lines(size_t lines, const struct cause *cause)
{
	size_t most = REPORT_LOG_TAIL_STORY;

	lines = MIN(lines ? lines : REPORT_LOG_TAIL_LINES, (size_t)REPORT_LOG_TAIL_MAX);
	if (!cause->lines_back || cause->lines_back + REPORT_LOG_TAIL_BEFORE > most)
		return lines;
	return MAX(lines, cause->lines_back + REPORT_LOG_TAIL_BEFORE);
}

static int add_log(const struct printk_log *log, size_t lines, struct report *report,
		   struct err *err)
{
	_cleanup_text struct text text = { 0 };
	size_t first = log->count > lines ? log->count - lines : 0;
	int r;

	report->log_count = log->count;
	if (log->count)
		report->uptime_ms = log->records[log->count - 1].ts_nsec / 1000000;
	if (log->lost)
		snprintf(report->log_unknown.why, sizeof(report->log_unknown.why),
			 "%" PRIu64 " records could not be read: %.180s", log->lost,
			 log->lost_why);
	for (size_t i = first; i < log->count; i++)
		printk_format_record(&log->records[i], &text);
	r = text_check(&text, err);
	return r < 0 ? r : keep_log_lines(&text, lines, report, err);
}

/* The innermost frame that says something: for a log that names no function. */
static bool find_guilty_frame(const struct report_task *task, struct oops_frame *ret)
{
	for (size_t i = 0; i < task->frame_count; i++) {
		const struct report_frame *frame = &task->frames[i];

		if (!frame->is_reliable || !frame->function[0] ||
		    cause_is_plumbing(frame->function))
			continue;
		*ret = (struct oops_frame){ .is_reliable = true };
		snprintf(ret->function, sizeof(ret->function), "%s", frame->function);
		snprintf(ret->module, sizeof(ret->module), "%s", frame->module);
		return true;
	}
	return false;
}

/* What only the log knows of the panicking task. */
static void complete_task(const struct cause *cause, struct report *report)
{
	struct report_task *task = &report->panic_task;

	if (task->comm[0] || task->pid >= 0 || cause->pid < 0)
		return;
	copy_clean(task->comm, sizeof(task->comm), cause->comm, sizeof(cause->comm));
	task->pid = cause->pid;
	if (task->cpu == UINT32_MAX)
		task->cpu = cause->cpu;
	report->panic_task_unknown.why[0] = '\0'; // the log's word is good enough
}

/*
 * By the log's trace, which is all that there is where there is no dump: both are to meet
 * in one group. By the panicking task's stack where the log has none.
 */
static void add_signature(const struct cause *cause, struct report *report)
{
	const struct report_task *task = &report->panic_task;

	report->signature_of = cause->signature;
	for (size_t i = 0; !cause->signature.count && i < task->frame_count; i++) {
		if (task->frames[i].is_reliable)
			signature_add(&report->signature_of, task->frames[i].function,
				      task->frames[i].module);
	}
	signature_format(&report->signature_of, report->title, report->signature);
}

static int add_cause(const struct printk_log *log, struct report *report,
		     struct cause *cause, struct err *err)
{
	struct printk_log empty = { 0 };
	struct oops_frame frame;
	bool has_frame = find_guilty_frame(&report->panic_task, &frame);
	int r;

	r = cause_find(log ? log : &empty, CAUSE_LAST, has_frame ? &frame : NULL, cause,
		       err);
	if (r < 0)
		return r;
	if (!report->hardware[0])
		copy_clean(report->hardware, sizeof(report->hardware), cause->hardware,
			   255);
	complete_task(cause, report);
	if (cause->text[0]) {
		snprintf(report->cause, sizeof(report->cause), "%s", cause->text);
		snprintf(report->title, sizeof(report->title), "%s", cause->title);
		snprintf(report->cause_source, sizeof(report->cause_source), "log");
		add_signature(cause, report);
		return 0;
	}
	say_unknown(&report->cause_unknown,
		    log ? cause->unknown : "the log could not be read");
	if (has_frame) {
		snprintf(report->title, sizeof(report->title), "unknown in %s",
			 frame.function);
		snprintf(report->cause_source, sizeof(report->cause_source), "registers");
	}
	add_signature(cause, report);
	return 0;
}

/* The CPU that the log names, else the one that found out about itself. */
static void add_stuck(struct kernel *kernel, const struct cause *cause,
		      struct report *report)
{
	uint32_t id = cause->cpu != UINT32_MAX ? cause->cpu : report->panic_task.cpu;

	if (id != UINT32_MAX &&
	    (cause->next == NEXT_SOFT_LOCKUP || cause->next == NEXT_HARD_LOCKUP ||
	     cause->next == NEXT_RCU_STALL))
		report_stuck_build(kernel, id, &report->stuck);
}

static int build(struct kernel *kernel, const struct printk_log *log,
		 const struct report_options *options, struct report *report,
		 struct err *err)
{
	_cleanup_printk_log struct printk_log own_log = { 0 };
	_cleanup_panic_cpu struct panic_cpu panic = { 0 };
	struct err why = { 0 };
	struct cause cause = { 0 };
	int r = panic_cpu_init(&panic, err);

	if (r < 0)
		return r;

	if (!log && printk_read(kernel, &own_log, &why) == 0)
		log = &own_log;
	add_vmcoreinfo(kernel, report);
	add_utsname(kernel, report);
	add_cmdline(kernel, report);
	add_hardware(kernel, report);
	add_taints(kernel, report);
	r = add_panic_task(kernel, report, &panic, err);
	if (r == 0)
		r = add_cause(log, report, &cause, err);
	if (r == 0)
		r = report_fault_add(kernel, &panic, &cause, report, err);
	if (!report->code.size)
		report->code = cause.code;
	if (r == 0 && log)
		r = add_log(log,
			    tail_lines(options ? options->log_tail_lines : 0, &cause),
			    report, err);
	else if (r == 0)
		say_unknown(&report->log_unknown, err_text(&why));
	if (r == 0)
		r = report_add_tasks(kernel, report, err);
	if (r == 0 && report->cpu_count)
		r = report_cpus_build(kernel, report->panic_task.cpu, &report->other_cpus,
				      err);
	if (r == 0)
		r = report_modules_build(kernel, &report->modules, err);
	add_memory(kernel, report);
	add_stuck(kernel, &cause, report);
	if (r == 0)
		report_verdict_make(&cause, report);
	return r;
}

int report_build(struct kernel *kernel, const struct printk_log *log,
		 const struct report_options *options, struct report **ret,
		 struct err *err)
{
	_cleanup_report struct report *report = NULL;
	int r = report_new(&report, err);

	if (r == 0)
		r = build(kernel, log, options, report, err);
	if (r < 0)
		return err_in(err, r, "making the report");
	*ret = take_ptr(report);
	return 0;
}

int report_build_from_log(const struct printk_log *log, const char *why,
			  const struct report_options *options, struct report **ret,
			  struct err *err)
{
	_cleanup_report struct report *report = NULL;
	struct cause cause = { 0 };
	int r = report_build_unknown(why, &report, err);

	if (r < 0)
		return err_in(err, r, "making the report");
	report->cause_unknown.why[0] = '\0';
	report->log_unknown.why[0] = '\0';
	r = add_cause(log, report, &cause, err);
	report->code = cause.code;
	if (r == 0)
		r = add_log(log,
			    tail_lines(options ? options->log_tail_lines : 0, &cause),
			    report, err);
	if (r < 0)
		return err_in(err, r, "making the report");
	report_verdict_make(&cause, report);
	*ret = take_ptr(report);
	return 0;
}
