// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report for a person at four in the morning: the verdict first, then the facts, 80
 * columns wide. Lines of the log and frames are never cut or broken: they are searched
 * for.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/report.h"
#include "explain/report_words.h"

#define COLUMNS 80
#define INDENT	11

struct page {
	struct text *text;
	bool colour;
};

static void heading(const struct page *page, const char *title)
{
	text_add(page->text, page->colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", title);
}

/* @value after @label, broken at spaces, the further lines below the first. */
static void field(const struct page *page, const char *label, const char *value)
{
	const size_t width = COLUMNS - INDENT;

	do {
		size_t size = strlen(value), cut;

		if (size > width) {
			for (cut = width; cut > 0 && value[cut] != ' '; cut--)
				;
			size = cut ? cut : strcspn(value, " ");
		}
		text_add(page->text, "%-*s%.*s\n", INDENT, label, (int)size, value);
		value += size + strspn(value + size, " ");
		label = "";
	} while (*value);
}

static void field_of(const struct page *page, const char *label, const char *fmt, ...)
	PRINTF(3, 4);
static void field_of(const struct page *page, const char *label, const char *fmt, ...)
{
	char value[2400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	field(page, label, value);
}

static void add_verdict(const struct page *page, const struct report_verdict *verdict)
{
	if (verdict->certainty_why[0])
		field_of(page, "How sure", "%s: %s", verdict->certainty,
			 verdict->certainty_why);
	if (verdict->suspect[0])
		field(page, "Suspect", verdict->suspect);
	if (verdict->next[0])
		field(page, "Next", verdict->next);
}

static void add_cause(const struct page *page, const struct report *report,
		      const char *alike)
{
	const char *on = page->colour ? "\033[1;31m" : "",
		   *off = page->colour ? "\033[0m" : "";

	text_add(page->text, "%s", on);
	if (report->cause[0])
		field(page, "CAUSE", report->cause);
	else
		field_of(page, "CAUSE", "unknown, because %s", report->cause_unknown.why);
	text_add(page->text, "%s\n", off);
	add_verdict(page, &report->verdict);
	if (report->title[0] && report->cause[0])
		field(page, "Title", report->title);
	else if (report->title[0])
		field_of(page, "Title", "%s (by the %s alone)", report->title,
			 report->cause_source);
	if (report->signature[0])
		field_of(page, "Signature", "%s%s%s", report->signature,
			 alike ? ": " : "", alike ? alike : "");
}

static void add_when(const struct page *page, const struct report *report)
{
	char when[128];

	report_words_when(report, when, sizeof(when));
	field(page, "When", when);
}

static void add_taints(const struct page *page, const struct report *report)
{
	char words[1024];

	report_words_taints(report, words, sizeof(words));
	if (words[0])
		field(page, "Taints", words);
}

static void add_kernel(const struct page *page, const struct report *report)
{
	const char *host = report->host[0] ? report->host : "unknown";

	if (report->release[0])
		field_of(page, "Kernel", "%s%s%s", report->release,
			 report->version[0] ? " " : "", report->version);
	else
		field(page, "Kernel", "unknown");
	if (report->kernel_unknown.why[0])
		field_of(page, "", "(no more, because %s)", report->kernel_unknown.why);
	add_taints(page, report);
	if (report->build_id[0])
		field(page, "Build ID", report->build_id);
	if (report->cmdline[0])
		field(page, "Cmdline", report->cmdline);
	field_of(page, "Host", "%s%s%s", host, report->machine[0] ? ", " : "",
		 report->machine);
	field(page, "Machine", report->hardware[0] ? report->hardware : "unknown");
}

static void add_task(const struct page *page, const struct report *report)
{
	const struct report_task *task = &report->panic_task;
	char cpu[96], tasks[160];

	if (task->pid >= 0 || task->comm[0])
		field_of(page, "Task", "%s (pid %" PRId32 ")", task->comm, task->pid);
	else
		field(page, "Task", "unknown");
	if (report->panic_task_unknown.why[0])
		field_of(page, "", "(%s)", report->panic_task_unknown.why);
	report_words_cpu(report, cpu, sizeof(cpu));
	field(page, "CPU", cpu);
	report_words_tasks(report, tasks, sizeof(tasks));
	if (tasks[0])
		field(page, "Tasks", tasks);
}

/* "712 MiB, 551 MiB of it free; processes 41 MiB, ..." */
static void add_memory(const struct page *page, const struct report *report)
{
	static const struct {
		enum memory_stat_item item;
		const char *what;
	} uses[] = {
		{ MEMORY_FREE, "free" },
		{ MEMORY_ANON, "anonymous" },
		{ MEMORY_FILE, "page cache" },
		{ MEMORY_SHMEM, "of that shmem" },
		{ MEMORY_DIRTY, "dirty" },
		{ MEMORY_SLAB_RECLAIMABLE, "reclaimable slab" },
		{ MEMORY_SLAB_UNRECLAIMABLE, "other slab" },
		{ MEMORY_PAGE_TABLES, "page tables" },
		{ MEMORY_KERNEL_STACKS, "kernel stacks" },
	};
	const struct memory_stat *stat = &report->memory;
	char text[512] = "unknown total";
	size_t used;

	if (report->memory_unknown.why[0])
		field_of(page, "Memory", "unknown, because %s",
			 report->memory_unknown.why);
	if (!stat->known)
		return;
	if (memory_stat_has(stat, MEMORY_TOTAL))
		snprintf(text, sizeof(text), "%" PRIu64 " MiB",
			 stat->bytes[MEMORY_TOTAL] >> 20);
	used = strlen(text);
	for (size_t i = 0; i < ARRAY_SIZE(uses) && used < sizeof(text); i++) {
		if (memory_stat_has(stat, uses[i].item))
			used += (size_t)snprintf(text + used, sizeof(text) - used,
						 "%s %s %" PRIu64, i ? "," : ":",
						 uses[i].what,
						 stat->bytes[uses[i].item] >> 20);
	}
	field(page, "Memory", text);
}

static void add_modules(const struct page *page, const struct report *report)
{
	_cleanup_text struct text line = { 0 };

	report_modules_format_line(&report->modules, &line);
	if (line.size)
		field(page, "Modules", text_get(&line));
	if (report->modules.unknown.why[0])
		field_of(page, line.size ? "" : "Modules", "(%s: %s)",
			 line.size ? "no more" : "unknown", report->modules.unknown.why);
}

static void add_cpus(const struct page *page, const struct report *report)
{
	const struct report_cpus *cpus = &report->other_cpus;

	if (!cpus->count && !cpus->unknown.why[0])
		return;
	heading(page, "Other CPUs");
	report_cpus_format_text(cpus, page->text);
}

static void add_stuck(const struct page *page, const struct report *report)
{
	if (report->stuck.cpu == UINT32_MAX)
		return;
	heading(page, "Stuck CPU");
	report_stuck_format_text(&report->stuck, page->text);
}

static void add_backtrace(const struct page *page, const struct report *report)
{
	heading(page, "Backtrace");
	if (report->panic_task.frame_count)
		report_task_format_text(&report->panic_task, page->text);
	if (report->backtrace_unknown.why[0])
		field_of(page, "  unknown,", "because %s", report->backtrace_unknown.why);
}

static void add_code(const struct page *page, const struct report *report,
		     const struct report_text_options *options)
{
	if (!report->code.size)
		return;
	heading(page, "Code");
	if (options && options->code)
		text_add(page->text, "%s", options->code);
	else
		report_code_format_text(&report->code, page->text);
}

static void add_registers(const struct page *page, const struct report *report)
{
	if (!report->registers.count)
		return;
	heading(page, "Registers");
	if (report->registers_frame)
		text_add(page->text, "  of frame #%" PRIu32 ":\n",
			 report->registers_frame);
	report_registers_format_text(&report->registers, page->text);
}

/* Where nothing is blocked there is nothing to say but the number of tasks above. */
static void add_blocked(const struct page *page, const struct report *report)
{
	if (!stack_groups_tasks(&report->blocked) && !report->blocked_unknown.why[0])
		return;
	heading(page, "Blocked tasks");
	for (size_t i = 0; i < report->blocked.count; i++)
		stack_group_format_text(&report->blocked.groups[i], page->text);
	if (report->blocked.left_out)
		text_add(page->text, "(and %zu more blocked tasks)\n",
			 report->blocked.left_out);
	if (report->blocked_unknown.why[0])
		field_of(page, "  (unknown:", "%s)", report->blocked_unknown.why);
}

static void add_locks(const struct page *page, const struct report *report)
{
	if (!report->locks.count && !report->locks_unknown.why[0])
		return;
	heading(page, "Locks");
	lock_graph_format_text(&report->locks, page->text);
	if (report->locks_unknown.why[0])
		field_of(page, "  (unknown:", "%s)", report->locks_unknown.why);
}

static void add_log(const struct page *page, const struct report *report)
{
	heading(page, "Last lines of the log");
	if (report->log_unknown.why[0])
		field_of(page, "  (unknown:", "%s)", report->log_unknown.why);
	for (size_t i = 0; i < report->log_tail_count; i++)
		text_add(page->text, "%s\n", report->log_tail[i]);
}

int report_format_text(const struct report *report,
		       const struct report_text_options *options, struct text *ret,
		       struct err *err)
{
	struct page page = { .text = ret, .colour = options && options->colour };

	add_cause(&page, report, options ? options->alike : NULL);
	add_when(&page, report);
	add_kernel(&page, report);
	add_task(&page, report);
	add_memory(&page, report);
	add_modules(&page, report);
	add_backtrace(&page, report);
	add_code(&page, report, options);
	add_registers(&page, report);
	add_stuck(&page, report);
	add_cpus(&page, report);
	add_locks(&page, report);
	add_blocked(&page, report);
	add_log(&page, report);
	if (options && options->files) {
		heading(&page, "Files");
		text_add(ret, "%s", options->files);
	}
	return text_check(ret, err);
}
