/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An initramfs while it is being written: a gzipped cpio archive ("newc", Linux
 * Documentation/driver-api/early-userspace/buffer-format.rst). The same calls give the
 * same bytes: owner 0, time 0, inode numbers by counting. gzip, because each kernel that
 * has an initrd at all can unpack it, in less memory than zstd or xz.
 *
 * Names have no leading slash. A directory is added before what lies in it; names are not
 * sorted here.
 */
#ifndef PREPARE_INITRAMFS_H
#define PREPARE_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct initramfs;

/* @fd stays the caller's, and is written from where it stands. */
int initramfs_new(int fd, struct initramfs **ret, struct err *err);
void initramfs_free(struct initramfs *image);
static inline void initramfs_freep(struct initramfs **image)
{
	initramfs_free(*image);
}
#define _cleanup_initramfs _cleanup_(initramfs_freep)

int initramfs_add_directory(struct initramfs *image, const char *name, mode_t mode,
			    struct err *err);
int initramfs_add_file(struct initramfs *image, const char *name, mode_t mode,
		       const void *data, size_t size, struct err *err);
int initramfs_add_link(struct initramfs *image, const char *name, const char *target,
		       struct err *err);
/* @mode with its type: S_IFCHR | 0600. */
int initramfs_add_node(struct initramfs *image, const char *name, mode_t mode,
		       unsigned int device_major, unsigned int device_minor,
		       struct err *err);

/* The trailer, and the last bytes to @fd. @ret_unpacked: bytes of all files. */
int initramfs_finish(struct initramfs *image, uint64_t *ret_unpacked, struct err *err);

#endif
