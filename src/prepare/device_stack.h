/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices that software makes of others: what the crash kernel must know to make
 * them again. A logical volume of LVM that is linear (the table of the device mapper) and
 * MD arrays with metadata of their own. Refuses all else that the device mapper makes:
 * LUKS needs a key, thin volumes, snapshots and caches need programs, multipath a daemon.
 */
#ifndef PREPARE_DEVICE_STACK_H
#define PREPARE_DEVICE_STACK_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "record/orders.h"

#define DEVICE_STACK_MAX     4
#define DEVICE_STACK_MEMBERS 32

/* One of them, and the devices that it lies on: paths in /sys/devices. */
struct device_stack {
	struct orders_device device;
	char modules[2][32]; /* names; "" for none */
	char members[DEVICE_STACK_MEMBERS][PATH_MAX];
	size_t member_count;
};

/* Is the device at @sysfs one of those? */
bool device_stack_is(const char *sysfs);

/* ERR_UNSUPPORTED says what it is. Needs root: it asks the device mapper. */
int device_stack_read(const char *root, const char *sysfs, struct device_stack *ret,
		      struct err *err);

/* "8:2 2048", the parameters of a linear line. ERR_CORRUPT where they are not. */
int device_stack_parse_linear(const char *parameters, unsigned int *ret_major,
			      unsigned int *ret_minor, uint64_t *ret_offset,
			      struct err *err);

#endif
