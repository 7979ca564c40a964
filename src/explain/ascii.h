/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from a dead kernel made fit for a terminal and for JSON. */
#ifndef EXPLAIN_ASCII_H
#define EXPLAIN_ASCII_H

#include <stddef.h>

/*
 * Printable ASCII as it is, any other byte as \xNN, as the kernel itself prints them; a
 * tab is a space. Cut where @ret is full, never within a \xNN.
 */
void ascii_escape(const char *text, size_t size, char *ret, size_t ret_size);

/* The same in new memory; NULL without any. */
char *ascii_new(const char *text, size_t size);

#endif
