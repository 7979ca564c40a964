/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vmlinux with debug symbols that belongs to a dump: where it is, that it is the
 * right one, and how far KASLR moved the kernel from where it was linked.
 */
#ifndef DEBUGINFO_VMLINUX_H
#define DEBUGINFO_VMLINUX_H

#include <limits.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct vmlinux {
	char path[PATH_MAX];
	uint64_t offset;  /* of the dead kernel's addresses from the file's; wraps */
	bool is_verified; /* the build ids are the same */
};

/*
 * @path, or with NULL the one that is installed: by build id, else by release, below
 * /usr/lib/debug. ERR_NOTFOUND: none is installed; ERR_INVALID: it is another kernel's.
 */
int vmlinux_find(struct kernel *kernel, const char *path, struct vmlinux *ret,
		 struct err *err);

/* One file, whatever its place. @build_id: in hexadecimal, NULL where it is not known. */
int vmlinux_check(const char *path, const char *build_id, uint64_t stext_vaddr,
		  struct vmlinux *ret, struct err *err);

#endif
