/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUs were running when the machine died, with their stacks: a part of a report. */
#ifndef EXPLAIN_REPORT_CPUS_H
#define EXPLAIN_REPORT_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "explain/report_task.h"
#include "kernel/kernel.h"

#define REPORT_CPUS_MAX 256 /* the rest is counted */

struct report_cpu {
	uint32_t id;
	struct report_task task;
	struct report_unknown unknown; /* why there is no stack; "" there is */
};

struct report_cpus {
	struct report_cpu *cpus;
	size_t count;
	size_t left_out;
	struct report_unknown unknown; /* why there are none; "" there are */
};

/* All but @except. Fails only for memory. */
int report_cpus_build(struct kernel *kernel, uint32_t except, struct report_cpus *ret,
		      struct err *err);
void report_cpus_done(struct report_cpus *cpus);

/* The idle task, and in no interrupt either. */
bool report_cpu_is_idle(const struct report_cpu *cpu);

/* Those that were idle in one line, of the others what they ran and its stack. */
void report_cpus_format_text(const struct report_cpus *cpus, struct text *ret);

struct json_t *report_cpus_new_json(const struct report_cpus *cpus);
int report_cpus_parse_json(const struct json_t *array, struct report_cpus *ret,
			   struct err *err);

#endif
