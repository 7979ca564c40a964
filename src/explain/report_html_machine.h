/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sections of the page of report_html.h that show the machine in pictures. */
#ifndef EXPLAIN_REPORT_HTML_MACHINE_H
#define EXPLAIN_REPORT_HTML_MACHINE_H

#include "base/text.h"
#include "explain/panorama.h"
#include "explain/report.h"

/* @panorama may be NULL. */
void report_html_add_cpus(const struct report *report, struct text *ret);
void report_html_add_tasks(const struct report *report, const struct panorama *panorama,
			   struct text *ret);
void report_html_add_memory(const struct report *report, struct text *ret);
void report_html_add_timeline(const struct panorama *panorama, struct text *ret);
void report_html_add_log(const struct report *report, const struct panorama *panorama,
			 struct text *ret);

#endif
