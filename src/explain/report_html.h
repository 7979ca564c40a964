/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The report as one page of HTML that needs nothing else: no network, no other file, and
 * a script only for comfort. All that is from the dead kernel is escaped (html.h).
 */
#ifndef EXPLAIN_REPORT_HTML_H
#define EXPLAIN_REPORT_HTML_H

#include "base/err.h"
#include "base/text.h"
#include "explain/panorama.h"
#include "explain/report.h"

#define REPORT_HTML_MAX ((size_t)64 << 20)

struct report_html_options {
	const char *alike; /* as in struct report_text_options; each may be NULL */
	const char *code;
	const char *files;
	const char *source; /* "the dump /var/crash/...": what it was made from */
	const struct panorama *panorama;
};

int report_format_html(const struct report *report,
		       const struct report_html_options *options, struct text *ret,
		       struct err *err);

/* A stack as a list; nothing for one without frames. */
void report_html_add_stack(const struct report_task *task, struct text *ret);

/* "comm (pid 71)", escaped. */
void report_html_add_task(const char *comm, int32_t pid, struct text *ret);

#endif
