/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCOREINFO: what the dead kernel says of itself in a text of KEY=value lines.
 * Source: Linux kernel/vmcore_info.c (kernel/crash_core.c before v6.9) and
 * Documentation/admin-guide/kdump/vmcoreinfo.rst.
 */
#ifndef KERNEL_VMCOREINFO_H
#define KERNEL_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VMCOREINFO_SIZE_MAX (64 * 1024) /* the kernel's limit is one page */

struct vmcoreinfo_entry {
	const char *key; /* "SYMBOL(prb)" */
	const char *value;
};

struct vmcoreinfo {
	char *text;
	struct vmcoreinfo_entry *entries; /* sorted by key; the last of equal keys wins */
	size_t count;
};

/* Copies @text (no NUL needed). Lines without '=' are passed over. */
int vmcoreinfo_init(struct vmcoreinfo *info, const char *text, size_t size,
		    struct err *err);
void vmcoreinfo_done(struct vmcoreinfo *info);

/* NULL if there is no such key. */
const char *vmcoreinfo_get(const struct vmcoreinfo *info, const char *key);

/* SYMBOL(@name), hexadecimal; ERR_NOTFOUND */
int vmcoreinfo_symbol(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		      struct err *err);
/* OFFSET(@path), SIZE(@name), LENGTH(@name): decimal */
int vmcoreinfo_offset(const struct vmcoreinfo *info, const char *path, uint64_t *ret,
		      struct err *err);
int vmcoreinfo_size(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		    struct err *err);
int vmcoreinfo_length(const struct vmcoreinfo *info, const char *name, uint64_t *ret,
		      struct err *err);
/* NUMBER(@name): decimal, maybe negative, or 0x... as on arm64 */
int vmcoreinfo_number(const struct vmcoreinfo *info, const char *name, int64_t *ret,
		      struct err *err);

#endif
