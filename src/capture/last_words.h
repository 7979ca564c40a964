/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the dead kernel's log, on the console: what is left to do when there is no
 * disk. Bounded, because a serial line takes 11 KB/s.
 */
#ifndef CAPTURE_LAST_WORDS_H
#define CAPTURE_LAST_WORDS_H

#include "base/err.h"
#include "capture/console.h"

#define LAST_WORDS_RECORDS_MAX 200

int last_words_show(const char *vmcore, const struct console *console, struct err *err);

#endif
