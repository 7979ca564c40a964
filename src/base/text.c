// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Room for @extra more bytes and a NUL. */
static bool text_grow(struct text *t, size_t extra)
{
	size_t limit = t->limit ? t->limit : TEXT_LIMIT_DEFAULT;
	size_t capacity = t->capacity ? t->capacity : 256;
	char *data;

	if (t->failed)
		return false;
	if (extra > limit || t->size > limit - extra) {
		t->failed = true;
		return false;
	}
	while (capacity < t->size + extra + 1)
		capacity *= 2;
	if (capacity == t->capacity)
		return true;
	data = realloc(t->data, capacity);
	if (!data) {
		t->failed = true;
		return false;
	}
	t->data = data;
	t->capacity = capacity;
	return true;
}

void text_add_bytes(struct text *t, const void *data, size_t size)
{
	if (!text_grow(t, size))
		return;
	if (size)
		memcpy(t->data + t->size, data, size);
	t->size += size;
	t->data[t->size] = '\0';
}

void text_vadd(struct text *t, const char *fmt, va_list ap)
{
	va_list again;
	int need;

	va_copy(again, ap);
	need = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (need < 0)
		t->failed = true;
	if (need < 0 || !text_grow(t, (size_t)need))
		return;
	vsnprintf(t->data + t->size, (size_t)need + 1, fmt, ap);
	t->size += (size_t)need;
}

void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(t, fmt, ap);
	va_end(ap);
}

void text_done(struct text *t)
{
	free(t->data);
	*t = (struct text){ 0 };
}

const char *text_get(const struct text *t)
{
	return t->data ? t->data : "";
}

int text_check(const struct text *t, struct err *err)
{
	if (!t->failed)
		return 0;
	return err_set(err, ERR_NOMEM, "no memory for a text of more than %zu bytes",
		       t->size);
}
