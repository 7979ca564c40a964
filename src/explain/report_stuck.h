/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU that did not get on, by a lockup or an RCU stall: what waited for it. A part of a
 * report.
 */
#ifndef EXPLAIN_REPORT_STUCK_H
#define EXPLAIN_REPORT_STUCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/report_task.h"
#include "kernel/kernel.h"

#define STUCK_ITEMS_MAX 6 /* of a list; the rest is counted */

enum stuck_kind {
	STUCK_SOFTIRQS,	  /* raised, not run; number: how often it had run before */
	STUCK_TIMERS,	  /* of the wheel, overdue; number: jiffies */
	STUCK_HRTIMERS,	  /* overdue; number: microseconds */
	STUCK_WORKS,	  /* queued for this CPU, not begun; number: 0 */
	STUCK_INTERRUPTS, /* that came to it; number: how often */
	STUCK_KIND_COUNT,
};

struct stuck_item {
	char name[160];
	uint64_t number;
};

struct stuck_list {
	struct stuck_item items[STUCK_ITEMS_MAX]; /* the largest number first */
	size_t count;
	size_t total;
};

struct report_stuck {
	uint32_t cpu; /* UINT32_MAX: there is none */
	struct stuck_list lists[STUCK_KIND_COUNT];
	struct report_unknown unknown; /* the first thing that could not be read */
};

/* Of CPU @id. Never fails: see ret->unknown. */
void report_stuck_build(struct kernel *kernel, uint32_t id, struct report_stuck *ret);

/* What a list holds, in words; and its items, in one line: "TIMER, RCU", "a (9), b (2)".
 */
const char *report_stuck_label(enum stuck_kind kind);
void report_stuck_format_list(const struct report_stuck *stuck, enum stuck_kind kind,
			      char *ret, size_t size);

void report_stuck_format_text(const struct report_stuck *stuck, struct text *ret);
struct json_t *report_stuck_new_json(const struct report_stuck *stuck);
int report_stuck_parse_json(const struct json_t *object, struct report_stuck *ret,
			    struct err *err);

#endif
