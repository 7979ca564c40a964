/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's log that is only a text anymore, as dmesg(1), makedumpfile or a serial
 * console wrote it: cut into records again, for those who look for a cause in it.
 */
#ifndef EXPLAIN_LOG_TEXT_H
#define EXPLAIN_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "kernel/printk.h"

#define LOG_TEXT_LINES_MAX (1u << 20)

/*
 * A record a line, with its time and caller where they stand before it:
 * "[   12.345678][  T247] text", "[   12.345678] [    C1] text". Levels are unknown (0).
 * Borrows @text; printk_log_done() afterwards. ERR_LIMIT past LOG_TEXT_LINES_MAX lines.
 */
int log_text_parse(const char *text, size_t size, struct printk_log *ret,
		   struct err *err);

#endif
