/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the sections of a module's file lie in memory, and the file's build id: what it
 * takes to lay the module's debug file over the dump.
 * Source: Linux kernel/module/sysfs.c (module.sect_attrs and .notes_attrs, which /sys
 * shows below /sys/module/NAME); members by BTF. Up to 6.12 the address stands behind a
 * section's attribute, in 7.2 the attribute itself holds it.
 */
#ifndef KERNEL_MODULE_SECTION_H
#define KERNEL_MODULE_SECTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define MODULE_SECTIONS_MAX 512 /* large modules have about a hundred */
#define MODULE_BUILD_ID_MAX 64	/* bytes; sha1 has 20 */

struct module;

struct module_section {
	char name[96];
	uint64_t vaddr;
};

struct module_sections {
	struct module_section *items;
	size_t count;
};

/* ERR_NOTFOUND: this kernel does not note them (no CONFIG_KALLSYMS or CONFIG_SYSFS). */
int module_sections_read(struct kernel *kernel, const struct module *module,
			 struct module_sections *ret, struct err *err);
void module_sections_done(struct module_sections *sections);

/* In hexadecimal. ERR_NOTFOUND: the module has none, or none is noted. */
int module_build_id(struct kernel *kernel, const struct module *module,
		    char ret[2 * MODULE_BUILD_ID_MAX + 1], struct err *err);

#endif
