/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path of a file in a dead kernel, from its directory entries up through mounts.
 * Source: Linux fs/d_path.c; members by BTF. Names of files are bytes: escape them.
 */
#ifndef KERNEL_PATH_H
#define KERNEL_PATH_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define PATH_STEPS_MAX 1024 /* directories and mounts */
#define PATH_SIZE      1024 /* of what is told; a longer path begins with "..." */

/*
 * From the root of its mount namespace; @mnt_vaddr is a struct vfsmount, @dentry_vaddr a
 * struct dentry. An entry that was removed ends with " (deleted)"; what lies on no
 * mounted file system (a pipe, a socket) is its bare name.
 */
int path_read(struct kernel *kernel, uint64_t mnt_vaddr, uint64_t dentry_vaddr, char *ret,
	      size_t size, struct err *err);

/* Of a struct path at @vaddr. */
int path_read_struct(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size,
		     struct err *err);

#endif
