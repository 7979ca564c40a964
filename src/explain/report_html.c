// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what everybody wants to know to what only few do: the verdict, the facts, the code
 * and the stack that died, who else hung, then the machine in pictures
 * (report_html_machine.c) and its log.
 */
#include "explain/report_html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "explain/html.h"
#include "explain/html_style.h"
#include "explain/report_html_machine.h"
#include "explain/report_words.h"

void report_html_add_task(const char *comm, int32_t pid, struct text *ret)
{
	html_add(ret, comm[0] ? comm : "unknown");
	text_add(ret, " <span class=\"dim\">(pid %" PRId32 ")</span>", pid);
}

/* ---- stacks ---- */

/* "func+0x4d/0x70 [module]": what one looks for first stands out. */
static void add_frame(const struct report_frame *frame, struct text *ret)
{
	size_t size = strlen(frame->function);
	const char *text = frame->text, *module = strrchr(text, '[');

	text_add(ret, "<li%s>%s", frame->is_reliable ? "" : " class=\"guess\"",
		 frame->is_reliable ? "" : "? ");
	if (size && !strncmp(text, frame->function, size)) {
		html_add_in(ret, "b", frame->function);
		text += size;
	}
	if (module && module < text)
		module = NULL;
	text_add(ret, "<span class=\"dim\">");
	html_add_bytes(ret, text, module ? (size_t)(module - text) : strlen(text));
	text_add(ret, "</span>");
	if (module) {
		text_add(ret, "<span class=\"mod\">");
		html_add(ret, module);
		text_add(ret, "</span>");
	}
	if (frame->stack[0]) {
		text_add(ret, " <span class=\"pill\">");
		html_add(ret, frame->stack);
		text_add(ret, " stack</span>");
	}
	text_add(ret, "</li>\n");
}

void report_html_add_stack(const struct report_task *task, struct text *ret)
{
	if (!task->frame_count)
		return;
	text_add(ret, "<ol class=\"stack\">\n");
	for (size_t i = 0; i < task->frame_count; i++)
		add_frame(&task->frames[i], ret);
	if (!strcmp(task->end, "user"))
		text_add(ret, "<li class=\"guess\">user space</li>\n");
	if (!strcmp(task->end, "broken")) {
		text_add(ret, "<li class=\"guess\">breaks off: ");
		html_add(ret, task->end_why);
		text_add(ret, "</li>\n");
	}
	text_add(ret, "</ol>\n");
}

/* ---- the verdict ---- */

static void add_term(const char *class, const char *term, const char *text,
		     struct text *ret)
{
	if (!text || !text[0])
		return;
	text_add(ret, "<dt>%s</dt><dd class=\"%s\">", term, class);
	html_add(ret, text);
	text_add(ret, "</dd>\n");
}

static void add_verdict(const struct report *report,
			const struct report_html_options *options, struct text *ret)
{
	const struct report_verdict *verdict = &report->verdict;
	const char *certainty = verdict->certainty[0] ? verdict->certainty : "unknown";

	text_add(ret, "<header>\n<p class=\"eyebrow\">");
	html_add(ret, report->title[0] ? report->title : "a crash of an unknown kind");
	text_add(ret, "</p>\n<h1>");
	if (report->cause[0])
		html_add(ret, report->cause);
	else
		html_addf(ret, "unknown, because %s", report->cause_unknown.why);
	text_add(ret, "</h1>\n<dl>\n<dt>How sure</dt><dd><span class=\"pill %s\">",
		 !strcmp(certainty, "sure") || !strcmp(certainty, "likely") ? certainty
									    : "");
	html_add(ret, certainty);
	text_add(ret, "</span> ");
	html_add(ret, verdict->certainty_why);
	text_add(ret, "</dd>\n");
	add_term("", "Suspect", verdict->suspect, ret);
	add_term("", "What next", verdict->next, ret);
	add_term("mono", "Signature", report->signature, ret);
	add_term("", "Seen before", options->alike, ret);
	text_add(ret, "</dl>\n</header>\n");
}

/* ---- facts ---- */

static void add_fact(const char *term, const char *text, struct text *ret)
{
	if (!text[0])
		return;
	text_add(ret, "<div><dt>%s</dt><dd>", term);
	html_add(ret, text);
	text_add(ret, "</dd></div>\n");
}

static void add_facts(const struct report *report, struct text *ret)
{
	char text[1200];

	text_add(ret, "<section id=\"facts\"><h2>Facts</h2>\n<dl class=\"facts\">\n");
	report_words_when(report, text, sizeof(text));
	add_fact("When", text, ret);
	snprintf(text, sizeof(text), "%s%s%s",
		 report->host[0] ? report->host : "unknown name",
		 report->machine[0] ? ", " : "", report->machine);
	add_fact("Host", text, ret);
	snprintf(text, sizeof(text), "%s %s",
		 report->release[0] ? report->release : "unknown", report->version);
	add_fact("Kernel", text, ret);
	add_fact("Machine", report->hardware, ret);
	if (report->panic_task.pid >= 0 || report->panic_task.comm[0]) {
		snprintf(text, sizeof(text), "%s (pid %" PRId32 ")",
			 report->panic_task.comm, report->panic_task.pid);
		add_fact("Task", text, ret);
	}
	report_words_cpu(report, text, sizeof(text));
	add_fact("CPU", text, ret);
	report_words_tasks(report, text, sizeof(text));
	add_fact("Tasks", text, ret);
	report_words_taints(report, text, sizeof(text));
	add_fact("Taints", text, ret);
	add_fact("Build ID", report->build_id, ret);
	add_fact("Cmdline", report->cmdline, ret);
	add_fact("Note", report->panic_task_unknown.why, ret);
	add_fact("Note", report->kernel_unknown.why, ret);
	text_add(ret, "</dl></section>\n");
}

/* ---- code, stack, registers ---- */

/* Where the bytes of "   <+7>  48 8b 40 20      mov ..." end; @size where it has none. */
static size_t bytes_end(const char *line, size_t start, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t i = start;

	while (i + 2 < size && strchr(hex, line[i]) && strchr(hex, line[i + 1]) &&
	       line[i + 2] == ' ')
		i += 3;
	while (i < size && line[i] == ' ')
		i++;
	return i;
}

/* Without its bytes, which a phone has no room for, the instruction is still there. */
static void add_instruction(const char *line, size_t size, struct text *ret)
{
	const char *place = memchr(line, '>', size), *offset;
	size_t start, end;

	offset = place && place[1] == ' ' && line[0] == ' ' ? place
		 : size > 2 && line[0] == '=' ? memchr(line + 2, '>', size - 2)
					      : NULL;
	start = offset ? (size_t)(offset + 1 - line) : size;
	while (start < size && line[start] == ' ')
		start++;
	end = bytes_end(line, start, size);
	html_add_bytes(ret, line, start);
	text_add(ret, "<span class=\"bytes\">");
	html_add_bytes(ret, line + start, end - start);
	text_add(ret, "</span>");
	html_add_bytes(ret, line + end, size - end);
}

/* A line of the listing that begins with "=>" is the one that faulted. */
static void add_code(const struct report *report,
		     const struct report_html_options *options, struct text *ret)
{
	_cleanup_text struct text bytes = { 0 };
	const char *line = options->code;
	bool is_listing = line && line[0];

	if (!report->code.size)
		return;
	if (!is_listing) {
		report_code_format_text(&report->code, &bytes);
		line = text_get(&bytes);
	}
	text_add(ret, "<section id=\"code\"><h2>Code</h2>\n<pre>");
	while (*line) {
		size_t size = strcspn(line, "\n");
		bool is_hot = !strncmp(line, "=>", 2);

		text_add(ret, is_hot ? "<span class=\"hot\">" : "");
		if (is_listing)
			add_instruction(line, size, ret);
		else
			html_add_bytes(ret, line, size);
		text_add(ret, is_hot ? "</span>\n" : "\n");
		line += size + (line[size] == '\n');
	}
	text_add(ret, "</pre></section>\n");
}

static void add_backtrace(const struct report *report, struct text *ret)
{
	text_add(ret, "<section id=\"stack\"><h2>Backtrace</h2>\n");
	if (report->panic_task.pid >= 0 || report->panic_task.comm[0]) {
		text_add(ret, "<p class=\"dim\">of ");
		report_html_add_task(report->panic_task.comm, report->panic_task.pid,
				     ret);
		text_add(ret, ", the innermost function first</p>");
	}
	report_html_add_stack(&report->panic_task, ret);
	if (report->backtrace_unknown.why[0]) {
		text_add(ret, "<p>Unknown, because ");
		html_add(ret, report->backtrace_unknown.why);
		text_add(ret, "</p>\n");
	}
	text_add(ret, "</section>\n");
}

static void add_register(const struct report_register *reg, struct text *ret)
{
	// NULL is in every second register, mostly without harm.
	text_add(ret, "<tr%s><td class=\"mono\">",
		 reg->is_bad && reg->value >= 4096 ? " class=\"bad\"" : "");
	html_add(ret, reg->name);
	text_add(ret, "</td><td class=\"mono\">%016" PRIx64 "</td><td>", reg->value);
	html_add(ret, reg->points_to);
	text_add(ret, "</td></tr>\n");
}

static void add_registers(const struct report *report, struct text *ret)
{
	const struct report_registers *all = &report->registers;

	if (!all->count)
		return;
	text_add(ret, "<section id=\"regs\"><h2>Registers</h2>\n"
		      "<div class=\"scroll\"><table>\n");
	for (size_t i = 0; i < all->count; i++) {
		if (all->registers[i].points_to[0])
			add_register(&all->registers[i], ret);
	}
	text_add(ret, "</table></div>\n<div class=\"regs\">");
	for (size_t i = 0; i < all->count; i++) {
		if (all->registers[i].points_to[0])
			continue;
		text_add(ret, "<span><span class=\"dim\">");
		html_add(ret, all->registers[i].name);
		text_add(ret, "</span> %" PRIx64 "</span>\n", all->registers[i].value);
	}
	text_add(ret, "</div></section>\n");
}

/* ---- who hung ---- */

static void add_party(const struct lock_party *party, struct text *ret)
{
	report_html_add_task(party->comm, party->pid, ret);
	if (party->channel[0]) {
		text_add(ret, "<br><code class=\"dim\">in ");
		html_add(ret, party->channel);
		text_add(ret, "</code>");
	}
}

static void add_lock(const struct lock_edge *edge, struct text *ret)
{
	char since[48];

	text_add(ret, "<tr><td>");
	add_party(&edge->waiter, ret);
	text_add(ret, "</td><td class=\"num\">");
	span_format(&edge->since, since, sizeof(since));
	text_add(ret, "%s", since);
	text_add(ret, "</td><td>");
	html_add(ret, edge->kind);
	text_add(ret, "<br><code>");
	if (edge->lock_name[0])
		html_add(ret, edge->lock_name);
	else if (edge->lock_vaddr)
		text_add(ret, "0x%" PRIx64, edge->lock_vaddr);
	text_add(ret, "</code></td><td>");
	if (edge->owner.pid >= 0 || edge->owner.comm[0])
		add_party(&edge->owner, ret);
	html_add(ret, edge->unknown);
	if (edge->readers)
		text_add(ret, "<br>%" PRIu64 " readers, this one came last",
			 edge->readers);
	if (edge->is_deadlock)
		text_add(ret, " <span class=\"pill bad\">deadlock</span>");
	text_add(ret, "</td></tr>\n");
}

static void add_locks(const struct report *report, struct text *ret)
{
	const struct lock_graph *locks = &report->locks;

	if (!locks->count && !report->locks_unknown.why[0])
		return;
	text_add(ret, "<section id=\"locks\"><h2>Locks</h2>\n");
	if (locks->count) {
		text_add(
			ret,
			"<div class=\"scroll\"><table class=\"locks\"><tr><th>waits</th><th>for</th>"
			"<th>a lock</th><th>that is held by</th></tr>\n");
		for (size_t i = 0; i < locks->count; i++)
			add_lock(&locks->edges[i], ret);
		text_add(ret, "</table></div>\n");
	}
	if (locks->left_out)
		text_add(ret, "<p class=\"dim\">and %zu more</p>\n", locks->left_out);
	html_add_in(ret, "p", report->locks_unknown.why);
	text_add(ret, "</section>\n");
}

/* One after the other in a line; with a call below, a line each. */
static void add_member(const struct stack_member *member, bool is_next, struct text *ret)
{
	if (is_next)
		text_add(ret, member->call ? "<br>" : ", ");
	report_html_add_task(member->comm, member->pid, ret);
	if (member->call) {
		text_add(ret, " in <code>");
		html_add(ret, member->call);
		text_add(ret, "</code>");
	}
	if (member->file) {
		text_add(ret, " of <code>");
		html_add(ret, member->file);
		text_add(ret, "</code>");
	}
}

static void add_group(const struct stack_group *group, bool is_open, struct text *ret)
{
	char since[48];

	text_add(ret, "<details%s><summary><b class=\"num\">%zu</b> task%s",
		 is_open ? " open" : "", group->count, group->count == 1 ? "" : "s");
	if (group->channel[0]) {
		text_add(ret, " in <code>");
		html_add(ret, group->channel);
		text_add(ret, "</code>");
	}
	span_format(&group->longest, since, sizeof(since));
	if (since[0])
		text_add(ret, ", %sfor %s", group->count == 1 ? "" : "the longest ",
			 since);
	text_add(ret, "</summary>\n<p>");
	for (size_t i = 0; i < group->member_count; i++)
		add_member(&group->members[i], i > 0, ret);
	if (group->count > group->member_count)
		text_add(ret, " and %zu more", group->count - group->member_count);
	text_add(ret, "</p>\n");
	html_add(ret, group->unknown);
	report_html_add_stack(&group->stack, ret);
	text_add(ret, "</details>\n");
}

static void add_blocked(const struct report *report, struct text *ret)
{
	const struct stack_groups *blocked = &report->blocked;

	if (!stack_groups_tasks(blocked) && !report->blocked_unknown.why[0])
		return;
	text_add(ret,
		 "<section id=\"blocked\"><h2>Blocked tasks <span class=\"dim num\">%zu"
		 "</span></h2>\n",
		 stack_groups_tasks(blocked));
	for (size_t i = 0; i < blocked->count; i++)
		add_group(&blocked->groups[i], i < 3, ret);
	if (blocked->left_out)
		text_add(ret, "<p class=\"dim\">and %zu more</p>\n", blocked->left_out);
	html_add_in(ret, "p", report->blocked_unknown.why);
	text_add(ret, "</section>\n");
}

/* ---- modules, files ---- */

static void add_module(const struct report_module *module, struct text *ret)
{
	text_add(ret, "<tr%s><td class=\"mono\">",
		 strpbrk(module->taints, "POEF") ? " class=\"bad\"" : "");
	html_add(ret, module->name);
	text_add(ret, "</td><td>");
	html_add(ret, module->taints);
	text_add(ret, "</td><td>");
	html_add(ret, module->version);
	text_add(ret,
		 "</td><td class=\"mono\">0x%" PRIx64 "</td><td class=\"r num\">%" PRIu64
		 " KiB</td></tr>\n",
		 module->vaddr, module->size_bytes >> 10);
}

static void add_modules(const struct report *report, struct text *ret)
{
	_cleanup_text struct text line = { 0 };

	report_modules_format_line(&report->modules, &line);
	if (!line.size && !report->modules.unknown.why[0])
		return;
	text_add(ret, "<section id=\"modules\"><h2>Modules</h2>\n<p>");
	html_add(ret, text_get(&line));
	html_addf(ret, "%s%s", line.size && report->modules.unknown.why[0] ? "; " : "",
		  report->modules.unknown.why);
	text_add(ret, "</p>\n");
	if (report->modules.count) {
		text_add(ret,
			 "<details><summary>All of them</summary><div class=\"scroll\">"
			 "<table><tr><th>name</th><th>taints</th><th>version</th>"
			 "<th>address</th><th class=\"r\">size</th></tr>\n");
		for (size_t i = 0; i < report->modules.count; i++)
			add_module(&report->modules.modules[i], ret);
		text_add(ret, "</table></div></details>\n");
	}
	text_add(ret, "</section>\n");
}

static void add_files(const struct report_html_options *options, struct text *ret)
{
	if (options->files && options->files[0]) {
		text_add(ret, "<section id=\"files\"><h2>Files</h2>\n<pre>");
		html_add(ret, options->files);
		text_add(ret, "</pre></section>\n");
	}
	text_add(ret, "<footer>epitaph " EPITAPH_VERSION);
	if (options->source) {
		text_add(ret, ", from ");
		html_add(ret, options->source);
	}
	text_add(ret, "</footer>\n");
}

/* ---- the page ---- */

static void add_head(const struct report *report, struct text *ret)
{
	text_add(ret,
		 "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
		 "'none'; style-src 'unsafe-inline'; script-src '%s'; img-src data:\">\n"
		 "<meta name=\"viewport\" content=\"width=device-width, "
		 "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n<title>",
		 html_script_hash);
	html_add(ret, report->title[0] ? report->title : "A crash");
	if (report->host[0])
		html_addf(ret, " - %s", report->host);
	text_add(ret, "</title>\n<style>\n%s</style></head>\n<body><main>\n", html_style);
}

/* A link to each section that the page has. */
static void add_links(const struct text *sections, struct text *ret)
{
	static const struct {
		const char *id, *name;
	} links[] = {
		{ "code", "Code" },	  { "stack", "Backtrace" },
		{ "regs", "Registers" },  { "locks", "Locks" },
		{ "blocked", "Blocked" }, { "time", "Timeline" },
		{ "cpus", "CPUs" },	  { "tasks", "Tasks" },
		{ "mem", "Memory" },	  { "modules", "Modules" },
		{ "log", "Log" },	  { "files", "Files" },
	};

	text_add(ret, "<nav>");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		char start[48];

		snprintf(start, sizeof(start), "<section id=\"%s\">", links[i].id);
		if (strstr(text_get(sections), start))
			text_add(ret, "<a href=\"#%s\">%s</a>\n", links[i].id,
				 links[i].name);
	}
	text_add(ret, "</nav>\n");
}

int report_format_html(const struct report *report,
		       const struct report_html_options *options, struct text *ret,
		       struct err *err)
{
	static const struct report_html_options none;
	_cleanup_text struct text body = { .limit = REPORT_HTML_MAX };
	int r;

	if (!options)
		options = &none;
	add_code(report, options, &body);
	text_add(&body, report->registers.count ? "<div class=\"cols\">\n" : "");
	add_backtrace(report, &body);
	add_registers(report, &body);
	text_add(&body, report->registers.count ? "</div>\n" : "");
	add_locks(report, &body);
	add_blocked(report, &body);
	report_html_add_timeline(options->panorama, &body);
	report_html_add_cpus(report, &body);
	report_html_add_tasks(report, options->panorama, &body);
	report_html_add_memory(report, &body);
	report_html_add_log(report, options->panorama, &body);
	add_modules(report, &body);
	add_files(options, &body);
	r = text_check(&body, err);
	if (r < 0)
		return r;
	add_head(report, ret);
	add_verdict(report, options, ret);
	add_facts(report, ret);
	add_links(&body, ret);
	text_add_bytes(ret, text_get(&body), body.size);
	text_add(ret, "</main>\n<script>%s</script>\n</body></html>\n", html_script);
	return text_check(ret, err);
}
