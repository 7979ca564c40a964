/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file with the debug symbols of a module: by the build id that the dump has of it,
 * or by its name among those of the kernel's release.
 */
#ifndef DEBUGINFO_MODULE_FILE_H
#define DEBUGINFO_MODULE_FILE_H

#include <limits.h>

#include "base/err.h"
#include "debuginfo/vmlinux.h"
#include "kernel/kernel.h"
#include "kernel/module.h"

/* ERR_NOTFOUND: there is none; ERR_INVALID: what has its name is another build. */
int module_file_find(struct kernel *kernel, const struct module *module,
		     const struct debug_files *files, char ret_path[static PATH_MAX],
		     struct err *err);

#endif
