/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file system that the record goes to: its drivers, the disk that it lies on, the
 * mount. Names of disks change between two kernels, so it is known by the UUID in its
 * superblock (read by libblkid), and the name that it had is only a tie break.
 *
 * Never repairs a file system, and never mounts one of another UUID or type.
 */
#ifndef CAPTURE_TARGET_DISK_H
#define CAPTURE_TARGET_DISK_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "capture/assemble.h"
#include "record/orders.h"

/*
 * Inserts the modules that @orders lists, in that order. One that can't be inserted is a
 * warning: whether it was needed shows when the disk appears, or does not.
 */
void target_disk_load_modules(const char *root, const struct orders *orders,
			      const struct log *log);

/* The same of the watchdog's own ones, which the call above leaves out. */
void target_disk_load_watchdog(const char *root, const struct orders *orders,
			       const struct log *log);

/* Those of last resort; what is loaded already is fine. */
void target_disk_load_last_resort(const char *root, const struct orders *orders,
				  const struct log *log);

/* Any block device that @is_it says yes to: "/dev/vda". ERR_NOTFOUND if none is.
 * @is_careful: one that never answers is passed over, after some seconds; it is not asked
 * for otherwise. */
int target_disk_search(const char *root, bool is_careful,
		       bool (*is_it)(const char *device, void *context), void *context,
		       char ret[static PATH_MAX], struct err *err);

/* The device that holds @target now: "/dev/vda". ERR_NOTFOUND: none does, yet. */
int target_disk_find(const char *root, const struct orders_target *target,
		     bool is_careful, const struct log *log, char ret[static PATH_MAX],
		     struct err *err);

/* Waits, and makes what the disk lies on, until it is there, or *@cancel. The error then
 * lists the disks that there are. */
int target_disk_wait(struct assemble *assemble, const struct orders_target *target,
		     const volatile sig_atomic_t *cancel, const struct log *log,
		     char ret[static PATH_MAX], struct err *err);

int target_disk_mount(const char *device, const struct orders_target *target,
		      const char *mount_point, const struct log *log, struct err *err);

#endif
