// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_html_machine.h"

#include <inttypes.h>
#include <string.h>

#include "explain/html.h"
#include "explain/memory_areas.h"
#include "explain/report_html.h"

#define CPUS_OPEN 4 /* whose stacks are not folded */

static void add_unknown(const char *why, struct text *ret)
{
	if (!why[0])
		return;
	text_add(ret, "<p class=\"dim\">Not all is known: ");
	html_add(ret, why);
	text_add(ret, "</p>\n");
}

/* ---- CPUs ---- */

/* The innermost frame with a name; "" where there is none. */
static const char *function_of(const struct report_task *task)
{
	for (size_t i = 0; i < task->frame_count; i++) {
		if (task->frames[i].is_reliable && task->frames[i].function[0])
			return task->frames[i].function;
	}
	return "";
}

static void add_cpu(uint32_t id, const struct report_task *task, const char *class,
		    const char *what, struct text *ret)
{
	text_add(ret, "<div class=\"cpu %s\"><b>CPU %" PRIu32 "</b> %s<br>", class, id,
		 what);
	if (!strcmp(class, "idle"))
		text_add(ret, "idle");
	else if (task->pid >= 0 || task->comm[0])
		report_html_add_task(task->comm, task->pid, ret);
	else
		text_add(ret, "an unknown task");
	if (strcmp(class, "idle") != 0 && function_of(task)[0]) {
		text_add(ret, "<br><code>");
		html_add(ret, function_of(task));
		text_add(ret, "</code>");
	} else if (!task->frame_count && !strcmp(task->end, "user")) {
		text_add(ret, "<br>in user space");
	}
	text_add(ret, "</div>\n");
}

static void add_cpu_stack(const struct report_cpu *cpu, bool is_open, struct text *ret)
{
	text_add(ret, "<details%s><summary>CPU %" PRIu32 ": ", is_open ? " open" : "",
		 cpu->id);
	report_html_add_task(cpu->task.comm, cpu->task.pid, ret);
	text_add(ret, "</summary>");
	add_unknown(cpu->unknown.why, ret);
	report_html_add_stack(&cpu->task, ret);
	text_add(ret, "</details>\n");
}

static void add_stuck(const struct report_stuck *stuck, struct text *ret)
{
	char line[STUCK_ITEMS_MAX * 220];

	if (stuck->cpu == UINT32_MAX)
		return;
	text_add(ret, "<h3>CPU %" PRIu32 ", which was stuck</h3>\n<dl class=\"stuck\">",
		 stuck->cpu);
	for (int i = 0; i < STUCK_KIND_COUNT; i++) {
		report_stuck_format_list(stuck, (enum stuck_kind)i, line, sizeof(line));
		if (!line[0])
			continue;
		html_add_in(ret, "dt", report_stuck_label((enum stuck_kind)i));
		html_add_in(ret, "dd", line);
	}
	text_add(ret, "</dl>\n");
	add_unknown(stuck->unknown.why, ret);
}

void report_html_add_cpus(const struct report *report, struct text *ret)
{
	const struct report_cpus *cpus = &report->other_cpus;
	size_t shown = 0;

	if (!cpus->count && report->panic_task.cpu == UINT32_MAX && !cpus->unknown.why[0])
		return;
	text_add(ret, "<section id=\"cpus\"><h2>CPUs</h2>\n<div class=\"cpus\">\n");
	if (report->panic_task.cpu != UINT32_MAX)
		add_cpu(report->panic_task.cpu, &report->panic_task, "dead",
			"<span class=\"pill bad\">died here</span>", ret);
	for (size_t i = 0; i < cpus->count; i++) {
		const struct report_cpu *cpu = &cpus->cpus[i];

		add_cpu(cpu->id, &cpu->task, report_cpu_is_idle(cpu) ? "idle" : "busy",
			"", ret);
	}
	text_add(ret, "</div>\n");
	if (cpus->left_out)
		text_add(ret, "<p class=\"dim\">and %zu more</p>\n", cpus->left_out);
	for (size_t i = 0; i < cpus->count; i++) {
		const struct report_cpu *cpu = &cpus->cpus[i];

		if (!report_cpu_is_idle(cpu) &&
		    (cpu->task.frame_count || cpu->unknown.why[0]))
			add_cpu_stack(cpu, shown++ < CPUS_OPEN, ret);
	}
	add_unknown(cpus->unknown.why, ret);
	add_stuck(&report->stuck, ret);
	text_add(ret, "</section>\n");
}

/* ---- tasks ---- */

/* Colours are for letters that a kernel has; another is as the sleeping ones. */
static char state_class(char letter)
{
	return letter == 't' || letter == 'P'	      ? 'T'
	       : letter == 'X'			      ? 'Z'
	       : letter && strchr("riRSDITZ", letter) ? letter
						      : 'S';
}

static void add_states(const struct panorama *panorama, struct text *ret)
{
	double total = (double)flame_total(&panorama->flame), at = 0;

	text_add(ret, "<svg class=\"bar\" id=\"states\" role=\"img\" width=\"100%%\" "
		      "height=\"26\" aria-label=\"Tasks by state\">\n");
	for (size_t i = 0; i < panorama->state_count; i++) {
		const struct panorama_state *state = &panorama->states[i];
		double width = (double)state->count * 100 / total;

		text_add(ret,
			 "<rect class=\"s-%c\" x=\"%.3f%%\" width=\"%.3f%%\" "
			 "height=\"26\"><title>%s: %zu</title></rect>\n",
			 state_class(state->letter), at, width,
			 panorama_state_name(state->letter), state->count);
		at += width;
	}
	text_add(ret, "</svg>\n<ul class=\"legend\">");
	for (size_t i = 0; i < panorama->state_count; i++) {
		const struct panorama_state *state = &panorama->states[i];

		text_add(ret,
			 "<li><i class=\"s-%c\"></i>%s <b class=\"num\">%zu</b></li>",
			 state_class(state->letter), panorama_state_name(state->letter),
			 state->count);
	}
	text_add(ret, "</ul>\n");
}

void report_html_add_tasks(const struct report *report, const struct panorama *panorama,
			   struct text *ret)
{
	if (!panorama || !flame_total(&panorama->flame)) {
		if (panorama && panorama->tasks_unknown.why[0]) {
			text_add(ret, "<section id=\"tasks\"><h2>Tasks</h2>");
			add_unknown(panorama->tasks_unknown.why, ret);
			text_add(ret, "</section>\n");
		}
		return;
	}
	text_add(ret,
		 "<section id=\"tasks\"><h2>Tasks <span class=\"dim num\">%zu</span>"
		 "</h2>\n",
		 flame_total(&panorama->flame));
	add_states(panorama, ret);
	add_unknown(panorama->tasks_unknown.why, ret);
	text_add(ret,
		 "<h3>All stacks, merged</h3>\n<p class=\"dim\">The outermost function "
		 "is on top, what it called below; a frame is as wide as the tasks "
		 "that are in it. Violet is a module's. A click widens a frame, one "
		 "on the top row shows all again.</p>\n<div class=\"wide\">");
	flame_format_svg(&panorama->flame, ret);
	text_add(ret, "</div></section>\n");
}

/* ---- memory ---- */

void report_html_add_memory(const struct report *report, struct text *ret)
{
	const struct memory_stat *stat = &report->memory;
	struct memory_areas map;

	if (!stat->known && !report->memory_unknown.why[0])
		return;
	memory_areas_make(stat, &map);
	text_add(ret, "<section id=\"mem\"><h2>Memory");
	if (memory_stat_has(stat, MEMORY_TOTAL))
		text_add(ret, " <span class=\"dim num\">%" PRIu64 " MiB</span>",
			 stat->bytes[MEMORY_TOTAL] >> 20);
	text_add(ret, "</h2>\n");
	memory_areas_format_svg(&map, ret);
	text_add(ret, "<ul class=\"legend\">");
	for (size_t i = 0; i < map.count; i++)
		text_add(ret,
			 "<li><i class=\"%s\"></i>%s <b class=\"num\">%.1f MiB</b> "
			 "<span class=\"dim num\">%.1f %%</span></li>",
			 map.uses[i].class, map.uses[i].name,
			 (double)map.uses[i].bytes / (1 << 20),
			 (double)map.uses[i].bytes * 100 / (double)map.total_bytes);
	if (memory_stat_has(stat, MEMORY_DIRTY))
		text_add(ret,
			 "<li class=\"dim\">dirty <b class=\"num\">%.1f MiB</b></li>",
			 (double)stat->bytes[MEMORY_DIRTY] / (1 << 20));
	text_add(ret, "</ul>\n");
	add_unknown(report->memory_unknown.why, ret);
	text_add(ret, "</section>\n");
}

/* ---- the log ---- */

void report_html_add_timeline(const struct panorama *panorama, struct text *ret)
{
	if (!panorama || !panorama->timeline.span_ms)
		return;
	text_add(ret,
		 "<section id=\"time\"><h2>The log before the end</h2>\n"
		 "<p class=\"dim\">Lines of the log by the time before the last one, on "
		 "a logarithmic scale; heights go by the square root of the number.</p>"
		 "\n");
	timeline_format_svg(&panorama->timeline, ret);
	if (panorama->has_levels)
		text_add(ret,
			 "<ul class=\"legend\"><li><i class=\"c-error\"></i>errors</li>"
			 "<li><i class=\"c-warn\"></i>warnings</li>"
			 "<li><i class=\"c-calm\"></i>the rest</li></ul>\n");
	text_add(ret, "</section>\n");
}

/* "[    4.618278] text": the time apart from the text. */
static void add_log_text(const char *text, struct text *ret)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : NULL;

	if (end) {
		text_add(ret, "<span class=\"t\">");
		html_add_bytes(ret, text, (size_t)(end + 1 - text));
		text_add(ret, "</span>");
		text = end + 1;
	}
	html_add(ret, text);
}

static void add_line(const struct panorama_line *line, struct text *ret)
{
	static const char *const names[] = { "emerg", "alert", "crit", "err", "warn" };
	const char *class = line->level <= 3   ? " class=\"e\""
			    : line->level == 4 ? " class=\"w\""
			    : line->level == 7 ? " class=\"d\""
					       : "";

	text_add(ret, "<div%s>", class);
	if (line->level <= 4)
		text_add(ret, "<span class=\"l\">%s</span>", names[line->level]);
	add_log_text(line->text, ret);
	text_add(ret, "</div>\n");
}

void report_html_add_log(const struct report *report, const struct panorama *panorama,
			 struct text *ret)
{
	if (!report->log_count && !report->log_unknown.why[0])
		return;
	text_add(ret,
		 "<section id=\"log\"><h2>Last lines of the log <span class=\"dim num\">"
		 "of %zu</span></h2>\n",
		 report->log_count);
	add_unknown(report->log_unknown.why, ret);
	text_add(ret, "<div class=\"log\">\n");
	for (size_t i = 0; panorama && i < panorama->tail_count; i++) {
		struct panorama_line line = panorama->tail[i];

		if (!panorama->has_levels)
			line.level = 6; // plain: it is not known to be a debug message
		add_line(&line, ret);
	}
	for (size_t i = 0;
	     (!panorama || !panorama->tail_count) && i < report->log_tail_count; i++) {
		text_add(ret, "<div>");
		add_log_text(report->log_tail[i], ret);
		text_add(ret, "</div>\n");
	}
	text_add(ret, "</div></section>\n");
}
