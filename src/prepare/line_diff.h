/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two texts beside each other, as `diff -u` shows them, for a person who is to say yes.
 * The longest common subsequence of lines, by the table; of texts that differ in more
 * than DIFF_LINES_MAX lines all old ones are shown as gone and all new ones as added.
 */
#ifndef PREPARE_LINE_DIFF_H
#define PREPARE_LINE_DIFF_H

#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

#define DIFF_LINES_MAX 2000
#define DIFF_CONTEXT   3

/* The hunks only, without "---" and "+++"; nothing for equal texts. Bytes that no
 * terminal should get are shown as '?'. */
int line_diff(const char *old_text, size_t old_size, const char *new_text,
	      size_t new_size, struct text *ret, struct err *err);

#endif
