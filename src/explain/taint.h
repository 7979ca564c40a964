/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What made a kernel, or one of its modules, less trustworthy: bits, letters, words.
 * Source: Linux kernel/panic.c (taint_flags[]),
 * Documentation/admin-guide/tainted-kernels.rst.
 */
#ifndef EXPLAIN_TAINT_H
#define EXPLAIN_TAINT_H

#include <stddef.h>
#include <stdint.h>

#define TAINT_SIZE 64

/* As an oops prints them: a column each, 'G' where the first is not set; "none". */
void taint_format(uint64_t mask, char ret[static TAINT_SIZE]);

/* As /proc/modules: only those that are set: "OE", "". */
void taint_format_module(uint64_t mask, char ret[static TAINT_SIZE]);

/* "out-of-tree module"; NULL for a letter that is none. */
const char *taint_meaning(char letter);

#endif
