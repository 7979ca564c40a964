/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How the kernel was set to behave when something goes wrong, by its sysctls, and how
 * busy it was. Source: Linux kernel/panic.c, kernel/sysctl.c, kernel/sched/loadavg.c.
 */
#ifndef KERNEL_SETTING_H
#define KERNEL_SETTING_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define SETTING_MAX 32

struct setting {
	const char *name; /* of its sysctl: "kernel.panic_on_oops" */
	int64_t value;
};

struct settings {
	struct setting settings[SETTING_MAX]; /* that this kernel has */
	size_t count;
	char lost[160]; /* why one that it has could not be read; "" all were */
};

void settings_read(struct kernel *kernel, struct settings *ret);

/* Of 1, 5 and 15 minutes, in hundredths, as /proc/loadavg rounds them. */
int setting_load(struct kernel *kernel, uint64_t ret_hundredths[3], struct err *err);

/* Nanoseconds since boot, without suspend, at the last tick of any CPU. */
int setting_uptime_ns(struct kernel *kernel, uint64_t *ret, struct err *err);

#endif
