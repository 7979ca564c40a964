/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file system that the archive lies on, as the crash kernel will find it again, and
 * the drivers between it and the hardware.
 *
 * From /proc/self/mountinfo, the superblock (libblkid) and the device tree of /sys. Names
 * of disks change from boot to boot, so a file system is known by the UUID in its
 * superblock. Refuses what it could not open in the crash kernel: most of the
 * device mapper (device_stack.h), network file systems, several devices under one btrfs.
 */
#ifndef PREPARE_TARGET_H
#define PREPARE_TARGET_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "prepare/device_stack.h"
#include "prepare/module_set.h"
#include "record/orders.h"

#define TARGET_DEVICES_MAX 32

/* One device with a driver, on the way from the disk up to the root of the device tree:
 * what has no driver now isn't needed then. */
struct target_device {
	char module[64];    /* of the driver; "" if it is built in */
	char modalias[512]; /* "" if it has none */
};

struct target {
	struct orders_target where;
	unsigned int device_major, device_minor;
	char mount_point[PATH_MAX];
	char options[1024];	   /* of the superblock, as mountinfo shows them */
	char sysfs_path[PATH_MAX]; /* of the partition or disk, below the root */
	struct target_device devices[TARGET_DEVICES_MAX];
	size_t device_count;
	/* Made by software, each before what it lies on; and their modules. */
	struct orders_device stack[DEVICE_STACK_MAX];
	char stack_modules[DEVICE_STACK_MAX][2][32];
	size_t stack_count;
};

/*
 * Of @archive (absolute; what is missing of it is taken as directories to be made) below
 * @root ("" for this machine, never with a slash at its end). ERR_UNSUPPORTED says what
 * there is, and what would do.
 */
int target_find(const char *root, const char *archive, struct target *ret,
		struct err *err);

/*
 * The partition @device as a raw target (record/raw.h). One that is empty gets its header
 * where @may_make, and that is the only write; without it, it stays as it is and has no
 * UUID yet. ERR_REFUSED for one that holds anything else.
 */
int target_find_raw(const char *root, const char *device, bool may_make,
		    struct target *ret, struct err *err);

/*
 * The modules of the file system (a raw target has none) and of each device, in @set.
 * @is_other_kernel: @set is not of the running kernel, so that what is built in here may
 * be a module there.
 */
int target_add_modules(const struct target *target, bool is_other_kernel,
		       struct module_set *set, const struct log *log, struct err *err);

#endif
