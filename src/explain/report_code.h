/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of code around the instruction at which a CPU was: of a report, from memory
 * or from the line "Code: ..." of an oops. As raw bytes here; report_listing.h makes
 * instructions of them.
 */
#ifndef EXPLAIN_REPORT_CODE_H
#define EXPLAIN_REPORT_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "kernel/kernel.h"

#define REPORT_CODE_MAX	   96
#define REPORT_CODE_BEFORE 48 /* bytes of them, at most, before the instruction */

struct json_t;

struct report_code {
	uint64_t vaddr; /* of the first byte; 0: not known */
	size_t at;	/* of the instruction, in bytes[] */
	size_t size;	/* 0: nothing is known */
	uint8_t bytes[REPORT_CODE_MAX];
	bool is_start;	 /* the first byte is that of a function */
	char where[256]; /* the instruction: "func+0x12/0x40 [module]" */
};

/* Of what is at @ip. Nothing where there is no code, or where it can't be read. */
void report_code_read(struct kernel *kernel, uint64_t ip, struct report_code *ret);

/* "Code: 0f 1f 44 00 00 <0f> 0b 5b c3"; false: it is none. arm64's has words in (). */
bool report_code_parse(const char *line, struct report_code *ret);

/* As an oops prints it, a line. */
void report_code_format_text(const struct report_code *code, struct text *ret);

struct json_t *report_code_new_json(const struct report_code *code);
int report_code_parse_json(const struct json_t *object, struct report_code *ret,
			   struct err *err);

#endif
