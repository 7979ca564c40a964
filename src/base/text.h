/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing text: reports, command lines, JSON to be written. Out of memory and the limit
 * are remembered and told once, by text_check(), so that a hundred text_add() calls need
 * no hundred tests.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct text {
	char *data; /* NUL-terminated once anything was added; NULL before */
	size_t size;
	size_t capacity;
	size_t limit; /* bytes; 0: TEXT_LIMIT_DEFAULT */
	bool failed;
};

#define TEXT_LIMIT_DEFAULT ((size_t)256 << 20)

void text_add(struct text *t, const char *fmt, ...) PRINTF(2, 3);
void text_vadd(struct text *t, const char *fmt, va_list ap) PRINTF(2, 0);
void text_add_bytes(struct text *t, const void *data, size_t size);
void text_done(struct text *t);

/* "" for an empty text. */
const char *text_get(const struct text *t);

/* 0, or why the text is not whole. */
int text_check(const struct text *t, struct err *err);

#define _cleanup_text _cleanup_(text_done)

#endif
