/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounted file systems, as /proc/mounts lists them.
 * Source: Linux fs/mount.h (struct mount, mnt_namespace), fs/proc_namespace.c; members by
 * BTF. What a file system itself adds to its options is not known here.
 */
#ifndef KERNEL_MOUNT_H
#define KERNEL_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/path.h"

#define MOUNT_COUNT_MAX 100000 /* fs.mount-max */

struct mount_entry {
	uint64_t vaddr; /* of its struct mount */
	char device[256];
	char path[PATH_SIZE];
	char type[32];
	char options[96]; /* "rw,nosuid,relatime" */
	uint32_t major, minor;
};

struct mount_list {
	struct mount_entry *mounts; /* in the kernel's order */
	size_t count;
	char cut_why[256]; /* "" the list is whole */
};

/* Of the first process's mount namespace. */
int mount_list_read(struct kernel *kernel, struct mount_list *ret, struct err *err);
void mount_list_done(struct mount_list *list);

#define _cleanup_mount_list _cleanup_(mount_list_done)

#endif
