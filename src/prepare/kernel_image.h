/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file that becomes the crash kernel: where it lies, and whether kexec_file_load()
 * will take it. All is asked before anything is loaded, because a load that fails costs
 * the crash kernel that was loaded before it.
 *
 * Knows x86-64's bzImage: Linux Documentation/arch/x86/boot.rst, and the probe of
 * arch/x86/kernel/kexec-bzimage64.c. Refuses to know: signatures (only the kernel can
 * tell).
 */
#ifndef PREPARE_KERNEL_IMAGE_H
#define PREPARE_KERNEL_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct kernel_image {
	char path[PATH_MAX];
	char release[65];	  /* as the image itself says: "6.1.0-56-cloud-amd64" */
	uint64_t size_bytes;	  /* of the file */
	uint64_t init_size_bytes; /* that it needs in memory to unpack itself and start */
	uint32_t cmdline_max;	  /* bytes with the NUL that we can give it */
	uint16_t protocol;	  /* of the boot header: 0x20f is 2.15 */
	bool has_5level;	  /* can be started from five levels of page tables */
	bool has_signature;	  /* of an EFI program; whether it is trusted, only the
				     kernel can tell */
};

/* Reads the header of an open file. ERR_UNSUPPORTED names what the file is instead, where
 * that can be seen; ERR_TRUNCATED for a copy that was cut off. */
int kernel_image_read(int fd, const char *path, struct kernel_image *ret,
		      struct err *err);

/*
 * The image of @release below @root ("" for this machine): @configured if it is not
 * empty, else the first that exists of /boot/vmlinuz-RELEASE,
 * /usr/lib/modules/RELEASE/vmlinuz and /lib/modules/RELEASE/vmlinuz. What is found by its
 * name must be of that release.
 */
int kernel_image_find(const char *root, const char *configured, const char *release,
		      struct kernel_image *ret, struct err *err);

#endif
