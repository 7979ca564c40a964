// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/html.h"

#include <stdio.h>
#include <string.h>

/* NULL: the character stands for itself. */
static const char *entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
		return " ";
	default:
		return NULL;
	}
}

void html_add_bytes(struct text *ret, const char *text, size_t size)
{
	size_t plain = 0; // bytes before text[i] that stand for themselves

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *escaped = entity(text[i]);

		if (!escaped && (c == '\n' || (c >= 0x20 && c < 0x7f))) {
			plain++;
			continue;
		}
		text_add_bytes(ret, text + i - plain, plain);
		plain = 0;
		if (escaped)
			text_add(ret, "%s", escaped);
		else
			text_add(ret, "\\x%02x", c);
	}
	text_add_bytes(ret, text + size - plain, plain);
}

void html_add(struct text *ret, const char *text)
{
	html_add_bytes(ret, text, strlen(text));
}

void html_addf(struct text *ret, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	html_add(ret, text);
}

void html_add_in(struct text *ret, const char *tag, const char *text)
{
	text_add(ret, "<%s>", tag);
	html_add(ret, text);
	text_add(ret, "</%s>", tag);
}
