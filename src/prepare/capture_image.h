/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs of the crash kernel:
 *
 *   /init                        epitaph-capture, static, without its symbols
 *   /modules/00-virtio.ko ...    in the order of loading, uncompressed
 *   ORDERS_PATH                  /etc/epitaph/orders.json
 *   /dev/console /dev/null       before devtmpfs is there
 *   /dev /proc /sys /target /tmp
 *
 * No shell, no library, no udev: each byte here is memory that the dump can't use.
 */
#ifndef PREPARE_CAPTURE_IMAGE_H
#define PREPARE_CAPTURE_IMAGE_H

#include <limits.h>
#include <stdint.h>

#include "base/err.h"
#include "prepare/hook_files.h"
#include "prepare/module_set.h"
#include "record/orders.h"

struct capture_image_size {
	uint64_t file_bytes;	 /* compressed, as it is loaded */
	uint64_t unpacked_bytes; /* that it takes in the crash kernel */
};

/*
 * A program of ours that is not started by its name: @name in $EPITAPH_LIBEXEC, else
 * beside this program (a build tree), else in /usr/libexec/epitaph.
 */
int capture_image_find_program(const char *name, char ret[static PATH_MAX],
			       struct err *err);

/*
 * An ELF program without what only debuggers read: bytes up to the end of the last
 * segment. ERR_INVALID for a program that needs a dynamic loader: there is none in the
 * crash kernel.
 */
int capture_image_read_program(const char *path, uint8_t **ret, size_t *ret_size,
			       struct err *err);

/* Writes the image to @fd; fills the list of modules in @orders. @hooks may be NULL. */
int capture_image_write(int fd, const char *program, const struct module_set *modules,
			const struct hook_files *hooks, struct orders *orders,
			struct capture_image_size *ret, struct err *err);

#endif
