/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removing records. A record is renamed to ".NAME.removed" first, so that what is half
 * deleted is no crash to anybody; what a kill leaves is swept by the next run.
 *
 * Works on descriptors: no link is followed, no other file system is entered.
 */
#ifndef ARCHIVE_REMOVAL_H
#define ARCHIVE_REMOVAL_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

/* ERR_REFUSED if the directory is not the one that was opened, or holds a mount. */
int removal_remove(const struct record *record, const struct log *log, struct err *err);

/*
 * What killed runs left in the archive: records half made or half removed. The caller
 * holds archive_lock(). Problems are warnings: it is tried again the next time.
 */
void removal_sweep(const char *archive, const struct log *log);

/* The bytes of all files in a record. */
uint64_t removal_size(const struct record *record);

#endif
