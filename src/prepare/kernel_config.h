/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel was built with: the text of its .config (Linux scripts/kconfig/confdata.c
 * writes it), from wherever a distribution keeps it. An option that depends on something
 * which is off does not appear at all: that, and "is not set", are both "not set" here.
 *
 * Where there is no such file, a kernel with CONFIG_IKCONFIG carries it in its image.
 */
#ifndef PREPARE_KERNEL_CONFIG_H
#define PREPARE_KERNEL_CONFIG_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

struct kernel_config {
	char *text;
	char where[PATH_MAX]; /* below the root, for messages */
};

/* Bits: a set of them says for which ones something holds. */
enum kernel_arch {
	ARCH_X86_64 = 1 << 0,
	ARCH_X86_32 = 1 << 1,
	ARCH_ARM64 = 1 << 2,
	ARCH_OTHER = 1 << 3,
	ARCH_X86 = ARCH_X86_64 | ARCH_X86_32,
	ARCH_ANY = ARCH_X86 | ARCH_ARM64 | ARCH_OTHER,
};

void kernel_config_done(struct kernel_config *config);
#define _cleanup_kernel_config _cleanup_(kernel_config_done)

/* A file, gzipped or not, at @path below @root; @ret is zero before. ERR_INVALID for what
 * is no configuration. */
int kernel_config_read(const char *root, const char *path, struct kernel_config *ret,
		       struct err *err);

/*
 * The first that can be had of: /proc/config.gz (if @is_running), /boot/config-RELEASE,
 * /usr/lib/modules/RELEASE/config, /lib/modules/RELEASE/config, the one in the image at
 * @image (below @root; may be ""). ERR_NOTFOUND names the places.
 */
int kernel_config_find(const char *root, const char *release, bool is_running,
		       const char *image, struct kernel_config *ret, struct err *err);

/* 'y', 'm', 'n' if not set, 's' for a string or a number. @option is without "CONFIG_".
 */
char kernel_config_get(const struct kernel_config *config, const char *option);

enum kernel_arch kernel_config_arch(const struct kernel_config *config);

/* By the name of uname -m; ARCH_OTHER for what is not known here. */
enum kernel_arch kernel_arch_parse(const char *machine);
const char *kernel_arch_name(enum kernel_arch arch);

#endif
