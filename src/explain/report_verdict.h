/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to think of a report's cause: how sure it is and from what, who is suspected of it
 * besides, and what to look at or do next.
 */
#ifndef EXPLAIN_REPORT_VERDICT_H
#define EXPLAIN_REPORT_VERDICT_H

#include "base/err.h"

struct cause;
struct report;
struct json_t;

struct report_verdict {
	char certainty[8]; /* "sure", "likely"; "unknown": the cause is not known */
	char certainty_why[160];
	char suspect[512]; /* "" nobody */
	char next[640];	   /* a few sentences; "" nothing can be said */
};

/* Of a report in which all else is: it looks at its frames, modules and registers. */
void report_verdict_make(const struct cause *cause, struct report *report);

/* {"certainty": ..., "certainty_why": ..., "suspect": ..., "next": ...} */
struct json_t *report_verdict_new_json(const struct report_verdict *verdict);
int report_verdict_parse_json(const struct json_t *object, struct report_verdict *ret,
			      struct err *err);

#endif
