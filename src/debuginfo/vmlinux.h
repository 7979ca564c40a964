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

/* Where files with debug symbols may be. Borrowed. */
struct debug_files {
	const char *vmlinux;   /* this one and no other; NULL: looked for */
	const char *directory; /* NULL: /usr/lib/debug */
	bool may_fetch;	       /* by debuginfod, where none is installed */
};

struct vmlinux {
	char path[PATH_MAX];
	uint64_t offset;  /* of the dead kernel's addresses from the file's; wraps */
	bool is_verified; /* the build ids are the same */
};

/*
 * The file that was named, or the one that is installed: by build id, else by release, or
 * one that debuginfod has. ERR_NOTFOUND: there is none; ERR_INVALID: it is another
 * kernel's.
 */
int vmlinux_find(struct kernel *kernel, const struct debug_files *files,
		 struct vmlinux *ret, struct err *err);

/* One file, whatever its place. @build_id: in hexadecimal, NULL where it is not known. */
int vmlinux_check(const char *path, const char *build_id, uint64_t stext_vaddr,
		  struct vmlinux *ret, struct err *err);

/* @files' directory, or the usual one. */
const char *debug_files_directory(const struct debug_files *files);

#endif
