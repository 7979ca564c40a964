/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What capture says: each line goes to the console of the crash kernel at once, and into
 * a bounded memory that becomes the record's log part. A console that does not take bytes
 * (a serial line whose flow control stands still) costs lines there, never time.
 */
#ifndef CAPTURE_CONSOLE_H
#define CAPTURE_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/text.h"

#define CONSOLE_LINES_MAX 512
#define CONSOLE_LINE_SIZE 256

struct console_line {
	uint64_t at_ms; /* since console_init() */
	char text[CONSOLE_LINE_SIZE];
};

struct console {
	int fd; /* -1: nowhere */
	uint64_t started_ms;
	size_t count;
	size_t dropped; /* lines that came when the memory was full */
	struct console_line lines[CONSOLE_LINES_MAX];
};

/* Milliseconds of CLOCK_BOOTTIME: nothing sets it. */
uint64_t console_now_ms(void);

void console_init(struct console *console, int fd);

/* Opens @path, and speaks there from now on; leaves all as it was where that fails. */
void console_open(struct console *console, const char *path);

/* Debug messages are kept, not shown. Control characters become '?'. */
void console_say(struct console *console, enum log_level level, const char *message);

/* Shown, not kept: progress, and the dead kernel's words. */
void console_show(const struct console *console, const char *prefix, const char *line);

/* Waits, for a short time at most, until a serial line has sent what it was given. */
void console_drain(const struct console *console);

/* A log into @console, which it borrows. */
struct log console_log(struct console *console);

/* "[   1.234] text" a line; says at the end how many were dropped. */
void console_format(const struct console *console, struct text *ret);

#endif
