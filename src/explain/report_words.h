/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts of a report in words, for each of its renderers. */
#ifndef EXPLAIN_REPORT_WORDS_H
#define EXPLAIN_REPORT_WORDS_H

#include <stddef.h>

#include "explain/report.h"

/* "2026-11-24 21:32:14 UTC, 4.3 s after boot" */
void report_words_when(const struct report *report, char *ret, size_t size);

/* "O (out-of-tree module), E (unsigned module)"; "" where there are none. */
void report_words_taints(const struct report *report, char *ret, size_t size);

/* "1 of 4 online", "unknown" */
void report_words_cpu(const struct report *report, char *ret, size_t size);

/* "141, 12 of them blocked (state D)"; "" where there are none. */
void report_words_tasks(const struct report *report, char *ret, size_t size);

#endif
