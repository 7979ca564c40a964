/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debug symbols of a dead kernel and of its modules: file, line and inlined functions
 * of an address as it was in memory.
 */
#ifndef DEBUGINFO_DEBUGINFO_H
#define DEBUGINFO_DEBUGINFO_H

#include "base/err.h"
#include "debuginfo/source_line.h"
#include "debuginfo/vmlinux.h"
#include "kernel/kernel.h"

struct debuginfo;

/*
 * Needs the vmlinux, errors as vmlinux_find(). A module's file is looked for when an
 * address in it is first asked for. Borrows @kernel; @files is needed no more.
 */
int debuginfo_open(struct kernel *kernel, const struct debug_files *files,
		   struct debuginfo **ret, struct err *err);
void debuginfo_close(struct debuginfo *debuginfo);
static inline void debuginfo_closep(struct debuginfo **debuginfo)
{
	debuginfo_close(*debuginfo);
}

const struct vmlinux *debuginfo_vmlinux(const struct debuginfo *debuginfo);

/*
 * @vaddr: as frame_lookup_vaddr(). Strings are borrowed until debuginfo_close().
 * ERR_NOTFOUND: it is in no code of the kernel's; @ret_module is set where it is in a
 * module whose debug symbols can't be had (another code, or ERR_NOTFOUND), else NULL.
 */
int debuginfo_find(struct debuginfo *debuginfo, uint64_t vaddr, struct source_lines *ret,
		   const char **ret_module, struct err *err);

#define _cleanup_debuginfo _cleanup_(debuginfo_closep)

#endif
