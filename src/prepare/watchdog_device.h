/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware watchdog of this machine: /sys/class/watchdog/watchdog0, the one that
 * /dev/watchdog is, and the driver behind it. None of the software ones: what hangs the
 * kernel hangs them.
 */
#ifndef PREPARE_WATCHDOG_DEVICE_H
#define PREPARE_WATCHDOG_DEVICE_H

#include "base/err.h"
#include "prepare/module_set.h"

struct watchdog_device {
	char name[32];	   /* "watchdog0"; "" if there is none */
	char identity[64]; /* "i6300ESB timer" */
	char module[64];   /* of its driver; "" if that is built in, or not known */
};

void watchdog_device_find(const char *root, struct watchdog_device *ret);

/* Fine if the driver is built in. Where it is not known: the drivers of watchdogs that
 * are loaded. */
int watchdog_device_add_modules(const struct watchdog_device *device,
				struct module_set *set, struct err *err);

#endif
