// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/show_page.h"

#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/log_text.h"
#include "explain/panorama.h"

/* The kernel's own ring has levels; the text that the record keeps of it has not. */
static int add_log(const struct crash *crash, size_t lines, struct panorama *panorama,
		   struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_free char *text = NULL;
	size_t size;

	if (crash->kernel && printk_read(crash->kernel, &log, NULL) == 0)
		return panorama_add_log(&log, true, lines, panorama, err);
	if (crash->record &&
	    crash_read_part(crash, RECORD_DMESG, &text, &size, NULL) == 0 &&
	    log_text_parse(text, size, &log, NULL) == 0)
		return panorama_add_log(&log, false, lines, panorama, err);
	return 0;
}

static int add_tasks(const struct crash *crash, struct panorama *panorama,
		     struct err *err)
{
	if (crash->kernel)
		return panorama_add_tasks(crash->kernel, panorama, err);
	ascii_escape(crash->no_kernel, strlen(crash->no_kernel),
		     panorama->tasks_unknown.why, sizeof(panorama->tasks_unknown.why));
	return 0;
}

int show_page_format(const struct crash *crash, const struct report *report,
		     enum crash_source source, struct report_html_options *options,
		     struct text *ret, struct err *err)
{
	_cleanup_panorama struct panorama panorama = { 0 };
	char from[600];
	int r = add_log(crash, MAX(report->log_tail_count, (size_t)REPORT_LOG_TAIL_LINES),
			&panorama, err);

	if (r == 0)
		r = add_tasks(crash, &panorama, err);
	if (r < 0)
		return r;
	snprintf(from, sizeof(from), "%s%s%.500s", crash_source_name(source),
		 source == CRASH_SOURCE_DUMP ? " " : " of ",
		 source == CRASH_SOURCE_DUMP ? crash->dump_path : crash_path(crash));
	options->source = from;
	options->panorama = &panorama;
	r = report_format_html(report, options, ret, err);
	options->source = NULL;
	options->panorama = NULL;
	return r;
}
