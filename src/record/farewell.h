/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a crash kernel leaves where no target would take the record: the short report and
 * the end of the dead kernel's log, in the region of ramoops or in an EFI variable. The
 * next boot makes a record of it (archive/pstore.h).
 *
 * Lines of text. FAREWELL_SAID or FAREWELL_LOGGED stands somewhere in each, and what is
 * behind it is the line: ramoops keeps them among the crash kernel's own messages, with
 * the time before, and may have only the end of them.
 *
 *	<13>[    9.120934] epitaph| panic	BUG: kernel NULL pointer dereference
 *	<13>[    9.120961] epitaph> [   45.600123] Kernel panic - not syncing
 */
#ifndef RECORD_FAREWELL_H
#define RECORD_FAREWELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define FAREWELL_SAID	"epitaph| " /* the report's */
#define FAREWELL_LOGGED "epitaph> " /* the log's */
#define FAREWELL_TIME	"time " /* a line of the report's: unix seconds of the crash */

/* The one variable. All of it, with the attributes, is no larger than this. */
#define FAREWELL_EFI_PATH  "/sys/firmware/efi/efivars"
#define FAREWELL_EFI_FILE  "EpitaphLastWords-7b0e7b3c-54f5-4d62-a7c1-2f3f0f6c9a51"
#define FAREWELL_EFI_BYTES ((size_t)16 << 10)

/* A record of /dev/kmsg takes no more: Linux kernel/printk/internal.h, PRINTK_MESSAGE_MAX
 * and LOG_LINE_MAX. */
#define FAREWELL_LINE_BYTES ((size_t)900)

/* The first lines of @report and the last ones of @log in no more than @limit bytes;
 * either may be without any. A third of the room is the report's at most. */
int farewell_format(const struct text *report, const struct text *log, size_t limit,
		    struct text *ret, struct err *err);

/* The lines of the log that are in there, to @ret. False: none, this is another text. */
bool farewell_find_log(const char *data, size_t size, struct text *ret);

/* Is a line of ours in there, of the report or the log? */
bool farewell_is_in(const char *data, size_t size);

/* 0: it is not told. */
int64_t farewell_find_time(const char *data, size_t size);

#endif
