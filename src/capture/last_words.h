/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the dead kernel's log, on the console: what is left to do when there is no
 * disk. Bounded, because a serial line takes 11 KB/s.
 */
#ifndef CAPTURE_LAST_WORDS_H
#define CAPTURE_LAST_WORDS_H

#include "base/err.h"
#include "capture/console.h"
#include "capture/worker.h"

#define LAST_WORDS_RECORDS_MAX 200
#define LAST_WORDS_PAGE_LINES  22
#define LAST_WORDS_PAGES_MAX   32

/* @page_s: after each LAST_WORDS_PAGE_LINES lines it waits so many seconds, for a camera;
 * 0: never. */
int last_words_show(const char *vmcore, const struct console *console, uint32_t page_s,
		    const struct worker_call *call, struct err *err);

#endif
