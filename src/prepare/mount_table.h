/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which mount a path lies: /proc/self/mountinfo. Its lines are
 *
 *   ID PARENT MAJOR:MINOR ROOT MOUNT_POINT OPTIONS [TAG...] - TYPE SOURCE SUPER_OPTIONS
 *
 * (Linux Documentation/filesystems/proc.rst, 3.5). ROOT is what of the file system is
 * mounted: "/" but for a bind mount or a subvolume.
 */
#ifndef PREPARE_MOUNT_TABLE_H
#define PREPARE_MOUNT_TABLE_H

#include "base/err.h"

/* The strings are borrowed from the table that mount_find() gives. */
struct mount {
	unsigned int id, device_major, device_minor;
	char *root, *point, *type, *source, *options;
};

/*
 * Of @path (resolved; it need not exist yet), below @root ("" for this machine). The
 * caller frees @ret_table. ERR_NOTFOUND if it lies on none that is listed.
 */
int mount_find(const char *root, const char *path, char **ret_table, struct mount *ret,
	       struct err *err);

/* Where a device ("/dev/sda3", "UUID=...", "LABEL=...") is mounted now. ERR_NOTFOUND. */
int mount_point_of(const char *root, const char *device, char *ret, size_t size,
		   struct err *err);

/* The rest of @path behind @point, with its slash; NULL if it is not below. */
const char *mount_path_below(const char *path, const char *point);

#endif
