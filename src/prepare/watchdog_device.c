// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/watchdog_device.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define WATCHDOG_MODULES_BYTES ((size_t)1 << 20)
#define WATCHDOG_CLASS	       "/sys/class/watchdog/watchdog0"

void watchdog_device_find(const char *root, struct watchdog_device *ret)
{
	struct watchdog_device device = { 0 };
	char path[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	*ret = device;
	snprintf(path, sizeof(path), "%s" WATCHDOG_CLASS "/identity", root);
	if (file_read_line(AT_FDCWD, path, device.identity, sizeof(device.identity),
			   NULL) < 0 ||
	    strcmp(device.identity, "Software Watchdog") == 0)
		return;
	snprintf(device.name, sizeof(device.name), "watchdog0");
	snprintf(path, sizeof(path), "%s" WATCHDOG_CLASS "/device/driver/module", root);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		slash = strrchr(target, '/');
		snprintf(device.module, sizeof(device.module), "%.63s",
			 slash ? slash + 1 : target);
	}
	*ret = device;
}

/*
 * Some drivers do not tell the class which device is theirs (i6300esb in 6.12). Then it
 * is one of the loaded modules that lie where the kernel has its watchdogs.
 */
static int add_loaded(struct module_set *set, struct err *err)
{
	_cleanup_free char *loaded = NULL;
	char *line, *rest;
	int r = file_read(AT_FDCWD, "/proc/modules", WATCHDOG_MODULES_BYTES, &loaded,
			  NULL, err);

	if (r < 0)
		return r;
	for (line = strtok_r(loaded, "\n", &rest); r == 0 && line;
	     line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, " ")] = '\0';
		if (strcmp(line, "softdog") != 0 &&
		    module_set_is_below(set, line, "/drivers/watchdog/"))
			r = module_set_add(set, line, err);
	}
	return r;
}

int watchdog_device_add_modules(const struct watchdog_device *device,
				struct module_set *set, struct err *err)
{
	return device->module[0] ? module_set_add(set, device->module, err)
				 : add_loaded(set, err);
}
