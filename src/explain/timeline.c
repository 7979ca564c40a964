// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/timeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/ascii.h"
#include "explain/html.h"
#include "explain/survey.h"

#define PLOT_PX	  96
#define HEIGHT_PX (PLOT_PX + 22)
#define TICK_GAP  0.14 /* of the width: closer ones would run into each other */
#define FIRST_MS  10.0 /* up to here before the end the scale is all but linear */

/* Where something so long before the end is, from 0 (the boot) to 1 (the end). */
static double place(uint64_t span_ms, double before_ms)
{
	return 1.0 - log1p(before_ms / FIRST_MS) / log1p((double)span_ms / FIRST_MS);
}

static double before_ms(uint64_t span_ms, double at)
{
	return FIRST_MS * expm1((1.0 - at) * log1p((double)span_ms / FIRST_MS));
}

static enum timeline_kind kind_of(uint8_t level)
{
	return level <= 3   ? TIMELINE_ERROR
	       : level == 4 ? TIMELINE_WARNING
			    : TIMELINE_OTHER;
}

static void add_record(const struct printk_record *record, bool has_levels,
		       struct timeline_bin *bin)
{
	uint8_t level = has_levels ? record->level & 7 : 7;
	size_t lines = 0, size = MIN(record->text_size, (size_t)200);

	for (enum timeline_kind i = 0; i < TIMELINE_KINDS; i++)
		lines += bin->count[i];
	if (!lines || level < bin->worst_level) {
		bin->worst_level = level;
		ascii_escape(record->text, size, bin->worst, sizeof(bin->worst));
	}
	bin->count[kind_of(level)]++;
}

void timeline_make(const struct printk_log *log, bool has_levels, struct timeline *ret)
{
	uint64_t first = UINT64_MAX, last = 0;

	*ret = (struct timeline){ 0 };
	for (size_t i = 0; i < log->count; i++) {
		first = MIN(first, log->records[i].ts_nsec);
		last = MAX(last, log->records[i].ts_nsec);
	}
	if (!log->count || last - first < 1000000)
		return;
	ret->span_ms = (last - first) / 1000000;
	for (size_t i = 0; i < log->count; i++) {
		double before = (double)(last - log->records[i].ts_nsec) / 1e6;
		double at = place(ret->span_ms, before) * TIMELINE_BINS;
		size_t bin = at <= 0 ? 0 : MIN((size_t)at, (size_t)TIMELINE_BINS - 1);

		add_record(&log->records[i], has_levels, &ret->bins[bin]);
		ret->lines++;
	}
}

/* ---- the picture ---- */

static size_t bin_lines(const struct timeline_bin *bin)
{
	return bin->count[TIMELINE_ERROR] + bin->count[TIMELINE_WARNING] +
	       bin->count[TIMELINE_OTHER];
}

static void format_before(double ms, char *ret, size_t size)
{
	if (ms < 1000)
		snprintf(ret, size, "%.0f ms", ms);
	else
		survey_format_ms((uint64_t)ms, ret, size);
}

static void draw_title(const struct timeline *timeline, size_t i, struct text *ret)
{
	const struct timeline_bin *bin = &timeline->bins[i];
	char from[32], to[32];

	format_before(before_ms(timeline->span_ms, (double)i / TIMELINE_BINS), from,
		      sizeof(from));
	format_before(before_ms(timeline->span_ms, (double)(i + 1) / TIMELINE_BINS), to,
		      sizeof(to));
	text_add(ret, "<title>");
	html_addf(ret, "%s to %s before the end: %zu lines, %zu errors, %zu warnings\n%s",
		  from, to, bin_lines(bin), bin->count[TIMELINE_ERROR],
		  bin->count[TIMELINE_WARNING], bin->worst);
	text_add(ret, "</title>");
}

/* By the square root: one line is to be seen beside five hundred. */
static void draw_bin(const struct timeline *timeline, size_t i, double most,
		     struct text *ret)
{
	static const char *const classes[] = { "error", "warn", "calm" };
	const struct timeline_bin *bin = &timeline->bins[i];
	double lines = (double)bin_lines(bin), y = PLOT_PX,
	       height = sqrt(lines / most) * (PLOT_PX - 4);

	if (!bin_lines(bin))
		return;
	text_add(ret, "<g>");
	draw_title(timeline, i, ret);
	for (enum timeline_kind kind = 0; kind < TIMELINE_KINDS; kind++) {
		double part = height * (double)bin->count[kind] / lines;

		if (!bin->count[kind])
			continue;
		part = MAX(part, 2.0);
		y -= part;
		text_add(ret,
			 "<rect class=\"%s\" x=\"%.3f%%\" y=\"%.1f\" width=\"%.3f%%\" "
			 "height=\"%.1f\"/>",
			 classes[kind], (double)i * 100 / TIMELINE_BINS, MAX(y, 0.0),
			 100.0 / TIMELINE_BINS - 0.2, part);
	}
	text_add(ret, "</g>\n");
}

static void draw_ticks(const struct timeline *timeline, struct text *ret)
{
	static const struct {
		double ms;
		const char *label;
	} ticks[] = {
		{ 10, "10 ms" },       { 100, "0.1 s" },       { 1000, "1 s" },
		{ 10000, "10 s" },     { 60000, "1 min" },     { 600000, "10 min" },
		{ 3600000, "1 h" },    { 6 * 3600000, "6 h" }, { 86400000, "1 d" },
		{ 604800000, "1 wk" }, { 2592000000, "30 d" }, { 31536000000, "1 yr" },
	};
	double last = 1.0;

	text_add(ret,
		 "<line class=\"axis\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>\n",
		 PLOT_PX, PLOT_PX);
	text_add(ret,
		 "<text class=\"tick\" x=\"100%%\" y=\"%d\" text-anchor=\"end\">end"
		 "</text>\n",
		 HEIGHT_PX - 6);
	for (size_t i = 0; i < ARRAY_SIZE(ticks); i++) {
		double at;

		if (ticks[i].ms >= (double)timeline->span_ms)
			break;
		at = place(timeline->span_ms, ticks[i].ms);
		if (last - at < TICK_GAP || at < 1.5 * TICK_GAP)
			continue;
		last = at;
		text_add(ret,
			 "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" "
			 "y2=\"%d\"/><text class=\"tick\" x=\"%.2f%%\" y=\"%d\" "
			 "text-anchor=\"middle\">%s</text>\n",
			 at * 100, at * 100, PLOT_PX + 3, at * 100, HEIGHT_PX - 6,
			 ticks[i].label);
	}
	text_add(ret, "<text class=\"tick\" x=\"0\" y=\"%d\">first line</text>\n",
		 HEIGHT_PX - 6);
}

void timeline_format_svg(const struct timeline *timeline, struct text *ret)
{
	size_t most = 0;

	if (!timeline->span_ms)
		return;
	for (size_t i = 0; i < TIMELINE_BINS; i++)
		most = MAX(most, bin_lines(&timeline->bins[i]));
	text_add(ret,
		 "<svg class=\"timeline\" id=\"timeline\" role=\"img\" width=\"100%%\" "
		 "height=\"%d\" data-lines=\"%zu\" aria-label=\"Lines of the log by time "
		 "before the end\">\n",
		 HEIGHT_PX, timeline->lines);
	draw_ticks(timeline, ret);
	for (size_t i = 0; i < TIMELINE_BINS; i++)
		draw_bin(timeline, i, (double)most, ret);
	text_add(ret, "</svg>\n");
}
