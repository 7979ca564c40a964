/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The modules that were loaded, with what each tainted: a part of a report. */
#ifndef EXPLAIN_REPORT_MODULES_H
#define EXPLAIN_REPORT_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/report_task.h"
#include "explain/taint.h"
#include "kernel/kernel.h"

struct report_module {
	char name[65];
	char version[65]; /* "" it has none */
	char state[12];	  /* module_state_name() */
	char taints[TAINT_SIZE];
	uint64_t vaddr; /* of its code; 0 unknown */
	uint64_t size_bytes;
};

struct report_modules {
	struct report_module *modules; /* the last loaded first */
	size_t count;
	struct report_unknown
		unknown; /* why there are none, or no more; "" all are here */
};

/* Fails only for memory. */
int report_modules_build(struct kernel *kernel, struct report_modules *ret,
			 struct err *err);
void report_modules_done(struct report_modules *modules);

/* A line each, under a heading. */
void report_modules_format_text(const struct report_modules *modules, struct text *ret);

/* "62 loaded, of them tainted: name (OE), ..."; "" where nothing is known. */
void report_modules_format_line(const struct report_modules *modules, struct text *ret);

struct json_t *report_modules_new_json(const struct report_modules *modules);
int report_modules_parse_json(const struct json_t *array, struct report_modules *ret,
			      struct err *err);

#endif
