/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's log along time, towards its end: how many lines at each moment, how grave.
 * The scale is logarithmic, so that the last milliseconds have as much room as the weeks
 * before.
 */
#ifndef EXPLAIN_TIMELINE_H
#define EXPLAIN_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "kernel/printk.h"

#define TIMELINE_BINS 72

enum timeline_kind {
	TIMELINE_ERROR,	  /* levels 0 to 3 */
	TIMELINE_WARNING, /* 4 */
	TIMELINE_OTHER,	  /* also where levels are not known */
	TIMELINE_KINDS,
};

struct timeline_bin {
	size_t count[TIMELINE_KINDS];
	char worst[120]; /* the first line of the gravest level in it; clean */
	uint8_t worst_level;
};

/* [0] is the boot, the last bin the end. */
struct timeline {
	uint64_t span_ms; /* from the first line to the last; 0: nothing to show */
	size_t lines;
	struct timeline_bin bins[TIMELINE_BINS];
};

/* @has_levels: false where the log was only a text, which has none. */
void timeline_make(const struct printk_log *log, bool has_levels, struct timeline *ret);

/* An SVG element as wide as what it stands in; nothing where there is nothing. */
void timeline_format_svg(const struct timeline *timeline, struct text *ret);

#endif
