/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cells of a table on a terminal: texts that a dead kernel may have put there. */
#ifndef CLI_CELL_H
#define CLI_CELL_H

#include <stddef.h>
#include <stdint.h>

#define CELL_TIME_WIDTH 16 /* "2026-11-23 00:42" */

/* Columns of a clean text, as most terminals count: one a character. */
size_t cell_width(const char *text);

/* @text cut to @max columns (0: not at all), padded to @pad, without control characters.
 */
void cell_print(const char *text, size_t pad, size_t max);

/* 0 where lines may be of any length: not a terminal, and $COLUMNS does not say. */
size_t cell_terminal_width(void);

/* Local time; "-" for 0. */
void cell_format_time(int64_t when, char *ret, size_t size);

#endif
