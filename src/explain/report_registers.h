/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registers of a report: their values, and what these point to. */
#ifndef EXPLAIN_REPORT_REGISTERS_H
#define EXPLAIN_REPORT_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"

struct json_t;

struct report_register {
	char name[12];
	uint64_t value;
	char points_to[256]; /* "" where nothing can be said; see kernel/pointee.h */
	bool is_bad;	     /* whoever follows it faults */
};

struct report_registers {
	struct report_register *registers;
	size_t count;
};

/* Fails only for memory. */
int report_registers_build(struct kernel *kernel, const struct regs *regs,
			   struct report_registers *ret, struct err *err);
void report_registers_done(struct report_registers *registers);

/* NULL: there is none of that name. */
const struct report_register *
report_registers_find(const struct report_registers *registers, const char *name);

/* The values, three on a line, then what is known of some. */
void report_registers_format_text(const struct report_registers *registers,
				  struct text *ret);

struct json_t *report_registers_new_json(const struct report_registers *registers);
int report_registers_parse_json(const struct json_t *array, struct report_registers *ret,
				struct err *err);

#endif
