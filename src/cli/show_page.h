/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the page of `epitaph show --html` has besides the report: all tasks, the log. */
#ifndef CLI_SHOW_PAGE_H
#define CLI_SHOW_PAGE_H

#include "base/err.h"
#include "base/text.h"
#include "cli/crash.h"
#include "explain/report_html.h"

/* @options: all but the panorama. Fails only for memory. */
int show_page_format(const struct crash *crash, const struct report *report,
		     enum crash_source source, struct report_html_options *options,
		     struct text *ret, struct err *err);

#endif
