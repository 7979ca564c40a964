/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel that a fast reboot starts, without firmware and boot loader: which image,
 * which initramfs, which command line; and loading it for kexec.
 */
#ifndef PREPARE_NEXT_KERNEL_H
#define PREPARE_NEXT_KERNEL_H

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "prepare/kernel_image.h"

struct next_kernel {
	struct kernel_image kernel;
	char initrd[PATH_MAX]; /* "" without one */
	struct text cmdline;
};

void next_kernel_done(struct next_kernel *next);
#define _cleanup_next_kernel _cleanup_(next_kernel_done)

/*
 * @kernel: a release, or the path of an image; NULL: the running one. @initrd: a path,
 * "none", or NULL: the one beside the kernel. @cmdline: NULL: as it is now, without what
 * the boot loader or an older kexec put there. Below @root.
 */
int next_kernel_find(const char *root, const char *kernel, const char *initrd,
		     const char *cmdline, struct next_kernel *ret, struct err *err);

/* Loads it; where kexec_file_load(2) is missing, by kexec(8). */
int next_kernel_load(const struct next_kernel *next, const struct log *log,
		     struct err *err);

/*
 * Goes there: by systemd, which stops the services first (systemctl kexec); else at once,
 * after sync(2). Returns only on failure, or when systemd has taken over.
 */
int next_kernel_start(const struct log *log, struct err *err);

#endif
