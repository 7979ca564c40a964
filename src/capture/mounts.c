// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

static const struct {
	const char *type, *path;
	unsigned long flags;
} mounts[] = {
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC },
};

int mounts_make(const char *root, struct err *err)
{
	int result = 0;

	// One that fails costs what is in it; the others may still carry the day.
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s%s", root, mounts[i].path);
		if (mkdir(path, 0755) < 0 && errno != EEXIST && result == 0)
			result = err_os(err, errno, "unable to create '%s'", path);
		// EBUSY: it is mounted there.
		if (mount(mounts[i].type, path, mounts[i].type, mounts[i].flags, NULL) <
			    0 &&
		    errno != EBUSY && result == 0)
			result = err_os(err, errno, "unable to mount '%s'", path);
	}
	return result;
}
