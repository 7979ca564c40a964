/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rehearsal's machine boots from, made without root and without a mount: an
 * initramfs with epitaph-guest, and an ext4 disk with epitaph, its libraries, a kernel
 * and its modules, and the configuration.
 */
#ifndef REHEARSE_GUEST_DISK_H
#define REHEARSE_GUEST_DISK_H

#include <limits.h>

#include "base/err.h"
#include "rehearse/rehearse.h"

struct guest_disk {
	char kernel[PATH_MAX];	/* the image to boot */
	char modules[PATH_MAX]; /* its /lib/modules/RELEASE */
	char release[65];
	char disk[PATH_MAX];   /* made in the work directory */
	char initrd[PATH_MAX]; /* too */
};

/* Which kernel is meant; the error says what to do where there is none. */
int guest_disk_find_kernel(const char *root, struct guest_disk *ret, struct err *err);

/* Makes disk and initrd in @work, an empty directory. */
int guest_disk_make(const struct rehearse_options *options, const char *work,
		    const char *marker, struct guest_disk *disk, struct err *err);

/* Copies the directory @path of the disk into @to (which gets an entry of its last name),
 * by debugfs. A path that does not exist copies nothing. */
int guest_disk_take(const char *disk, const char *path, const char *to,
		    const volatile sig_atomic_t *cancel, struct err *err);

/* rm -r, of what we made. */
void guest_disk_remove_tree(const char *path);

#endif
