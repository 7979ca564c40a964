/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A partition as a target (record/raw.h): the record is made in memory, and each part of
 * it is on the partition before the next step begins. A dump goes there directly.
 *
 * Writes only where a header of ours with the ordered UUID lies, and not over a crash
 * that no boot has collected yet: the first one tells more than those that follow.
 */
#ifndef CAPTURE_TARGET_RAW_H
#define CAPTURE_TARGET_RAW_H

#include <limits.h>
#include <signal.h>

#include "base/err.h"
#include "capture/assemble.h"
#include "record/orders.h"
#include "record/raw.h"
#include "record/record.h"

/* As target_disk_wait(). */
int target_raw_wait(struct assemble *assemble, const struct orders_target *target,
		    const volatile sig_atomic_t *cancel, char ret[static PATH_MAX],
		    struct err *err);

/* The crash of @record begins on @device. */
int target_raw_begin(const char *device, const struct record *record, struct err *err);

/* Those parts of @record, and its meta.json, that lie in memory and not there yet. What
 * lies only there (a dump) is then in record->parts as well. */
int target_raw_store(const char *device, struct record *record, struct err *err);

#endif
