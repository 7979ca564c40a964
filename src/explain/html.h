/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text from outside made part of a page of HTML or of a picture (SVG) in it. What a
 * kernel's memory holds may be written by whoever wants to be seen in a report: nothing
 * of it may become markup, change the direction of text, or hide.
 */
#ifndef EXPLAIN_HTML_H
#define EXPLAIN_HTML_H

#include <stddef.h>

#include "base/text.h"

/*
 * As text or as the value of an attribute in double quotes: printable ASCII with < > & "
 * ' escaped, a newline as it is, a tab as a space, any other byte as \xNN.
 */
void html_add_bytes(struct text *ret, const char *text, size_t size);
void html_add(struct text *ret, const char *text);

/* The same of what @fmt makes, cut after 1 KiB. */
void html_addf(struct text *ret, const char *fmt, ...) PRINTF(2, 3);

/* A tag, its escaped text, its end: html_add_in(t, "td", "x<y") is "<td>x&lt;y</td>". */
void html_add_in(struct text *ret, const char *tag, const char *text);

#endif
