/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of modules, from the BTF that each brings along (CONFIG_DEBUG_INFO_BTF_MODULES).
 * The kernel keeps it in a list of its own; the section that it came in is freed once the
 * module runs. Source: Linux kernel/bpf/btf.c (struct btf, btf_module); members by BTF.
 */
#ifndef KERNEL_MODULE_TYPES_H
#define KERNEL_MODULE_TYPES_H

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/module.h"
#include "kernel/types.h"

/* The caller frees @ret before @kernel. ERR_NOTFOUND: this module brought none. */
int module_types_new(struct kernel *kernel, const struct module *module,
		     struct types **ret, struct err *err);

/*
 * Those of the first module that knows @path, as types_find() has it; @ret_module is its
 * name. ERR_NOTFOUND: none does.
 */
int module_types_find(struct kernel *kernel, const char *path, struct types **ret,
		      const char **ret_module, struct err *err);

#endif
