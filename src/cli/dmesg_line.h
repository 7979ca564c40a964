/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A record of the kernel's log as lines for people: time, caller, text.
 *
 * No byte of a log reaches a terminal as a command: what is not printable is \xNN.
 */
#ifndef CLI_DMESG_LINE_H
#define CLI_DMESG_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "kernel/printk.h"

struct dmesg_style {
	bool callers;
	bool colour;	      /* by level */
	bool wall_clock;      /* UTC, instead of the time since boot */
	int64_t boot_time_ns; /* of wall_clock, since 1970 */
};

/* The further lines of a record are indented by as much as the first one's prefix. */
void dmesg_line_add(const struct printk_record *record, const struct dmesg_style *style,
		    struct text *ret);

void dmesg_line_add_clean(const char *line, size_t size, struct text *ret);

/* "err" or "3" -> 3; -1: neither. */
int dmesg_level_parse(const char *text);

#endif
