/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's log as lines, and the shapes of those that an oops prints: a frame, where
 * the CPU was, who ran. Knows how they look, nothing of what they mean.
 * Source: Linux arch/x86/kernel/dumpstack.c, lib/dump_stack.c,
 * arch/arm64/kernel/process.c.
 */
#ifndef EXPLAIN_OOPS_TEXT_H
#define EXPLAIN_OOPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/printk.h"

#define OOPS_LINE_SIZE 512	   /* more of a line says nothing of a cause */
#define OOPS_LINES_MAX (20 * 1000) /* of the log, the last: some 600 KiB */
#define OOPS_NAME_SIZE 128

/* One line of a record, borrowed from the log. */
struct oops_line {
	const char *text;
	size_t size;
	uint32_t caller_id; /* 0 unknown */
};

/* The last lines of @log; *ret is freed with free(). */
int oops_lines_new(const struct printk_log *log, struct oops_line **ret,
		   size_t *ret_count, struct err *err);

/* Both by one task or CPU, as far as can be told. */
bool oops_same_caller(uint32_t a, uint32_t b);

/* As one printable ASCII string: any other byte is a "?", what is too long is cut. */
void oops_line_copy(const struct oops_line *line, char ret[static OOPS_LINE_SIZE]);

struct oops_frame {
	char function[OOPS_NAME_SIZE];
	char module[64]; /* "" for the kernel itself */
	bool is_reliable;
};

/*
 * " ? func+0x12/0x40 [module]", "[<ffffffff81000000>] func+0x12/0x40", what a symbolizer
 * makes of an inlined one: "func file.c:12 [inline]", and the called one of 32-bit ARM's
 * "[<80242464>] (func) from [<802426bc>] (caller+0x12/0x40)".
 */
bool oops_parse_frame(const char *line, struct oops_frame *ret);

/* "Call Trace:", "stack backtrace:": the frames follow. */
bool oops_is_trace_header(const char *line);

/* Names of one function that differ by compiler and architecture made equal. */
void oops_plain_function(const char *function, char *ret, size_t size);

/* "RIP: 0010:func+0x12/0x40", "pc : func+...": where the CPU was, in the kernel. */
bool oops_parse_ip(const char *line, struct oops_frame *ret);

struct oops_who {
	char comm[17];
	int32_t pid;
	uint32_t cpu;
};

/* "CPU: 0 UID: 0 PID: 247 Comm: insmod Kdump: loaded Tainted: G  OE  6.12.0 #1" */
bool oops_parse_who(const char *line, struct oops_who *ret);

/* "comm:pid" or "comm/pid" at @text, the comm being any text without a NUL. */
bool oops_parse_task(const char *text, size_t size, struct oops_who *ret);

#endif
