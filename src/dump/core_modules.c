// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Modules in the core: each with its struct, its symbols and its unwind table. The symbol
 * and string tables end a range of its data (Linux kernel/module/kallsyms.c,
 * layout_symtab()), so all from the first of them to that range's end is taken.
 *
 * Before v6.4 crash reads all of a module to have its symbols: so the last that were
 * loaded are taken as a whole, as many as are small.
 */
#include <stdint.h>

#include "base/cleanup.h"
#include "dump/core_gather.h"
#include "kernel/module.h"
#include "kernel/orc.h"

#define MODULES_WHOLE_MAX     ((uint64_t)4 << 20) /* all of them together */
#define MODULE_SECTIONS_MAX   512		  /* some 40 */
#define MODULE_NOTES_MAX      16
#define MODULE_NOTE_SIZE      ((uint64_t)4096)
#define MODULE_STRUCT_DEFAULT 2048 /* where there are no types */

static void gather_tables(struct gather *g, const struct module *module)
{
	uint64_t start = MIN(module->symtab_vaddr, module->strtab_vaddr);

	if (module->size_bytes <= MODULES_WHOLE_MAX - g->module_bytes) {
		g->module_bytes += module->size_bytes;
		for (size_t i = 0; i < module->range_count; i++)
			gather_range(g, module->ranges[i].start,
				     module->ranges[i].end - module->ranges[i].start);
		return;
	}
	if (!module->symtab_count)
		return;
	for (size_t i = 0; i < module->range_count; i++) {
		const struct module_range *range = &module->ranges[i];

		if (start >= range->start && start < range->end)
			gather_range(g, start, range->end - start);
	}
}

/*
 * Where a module's sections are, by which drgn finds its unwind table: an array behind
 * struct module_sect_attrs, whose elements begin with a struct bin_attribute, or are
 * pointed to (Linux kernel/module/sysfs.c).
 */
static void gather_sections(struct gather *g, const struct module *module)
{
	struct kernel *kernel = g->kernel;
	uint64_t offset, attrs, size, bins, vaddr, entry, name;

	if (kernel_offset(kernel, "module.sect_attrs", &offset, NULL) < 0 ||
	    kernel_read_u64(kernel, module->vaddr + offset, &vaddr, NULL) < 0 || !vaddr ||
	    kernel_offset(kernel, "module_sect_attrs.attrs", &attrs, NULL) < 0 ||
	    kernel_offset(kernel, "bin_attribute.attr.name", &name, NULL) < 0 ||
	    kernel_offset(kernel, "module_sect_attrs.grp.bin_attrs", &bins, NULL) < 0)
		return;
	if (kernel_sizeof(kernel, "module_sect_attr", &size, NULL) < 0 &&
	    kernel_sizeof(kernel, "bin_attribute", &size, NULL) < 0)
		return;
	gather_range(g, vaddr, attrs);
	if (kernel_read_u64(kernel, vaddr + bins, &vaddr, NULL) < 0 || !vaddr)
		return;
	for (int i = 0; i < MODULE_SECTIONS_MAX; i++) {
		char text[64];
		uint64_t text_vaddr;

		if (kernel_read_u64(kernel, vaddr + (uint64_t)i * 8, &entry, NULL) < 0 ||
		    !entry)
			return;
		gather_range(g, entry, size);
		if (kernel_read_u64(kernel, entry + name, &text_vaddr, NULL) == 0)
			kernel_read_string(kernel, text_vaddr, text, sizeof(text), NULL);
	}
}

/* Its notes, one of which is its build id: struct module_notes_attrs, the same way. */
static void gather_notes(struct gather *g, const struct module *module)
{
	struct kernel *kernel = g->kernel;
	uint64_t offset, attrs, size, name, bytes, private, vaddr;

	if (kernel_offset(kernel, "module.notes_attrs", &offset, NULL) < 0 ||
	    kernel_read_u64(kernel, module->vaddr + offset, &vaddr, NULL) < 0 || !vaddr ||
	    kernel_offset(kernel, "module_notes_attrs.attrs", &attrs, NULL) < 0 ||
	    kernel_offset(kernel, "bin_attribute.attr.name", &name, NULL) < 0 ||
	    kernel_offset(kernel, "bin_attribute.size", &bytes, NULL) < 0 ||
	    kernel_offset(kernel, "bin_attribute.private", &private, NULL) < 0 ||
	    kernel_sizeof(kernel, "bin_attribute", &size, NULL) < 0)
		return;
	gather_range(g, vaddr, attrs);
	for (int i = 0; i < MODULE_NOTES_MAX; i++) {
		uint64_t entry = vaddr + attrs + (uint64_t)i * size, text_vaddr, count;
		char text[64];

		/* They end where no name of a section is any more. */
		if (kernel_read_u64(kernel, entry + name, &text_vaddr, NULL) < 0 ||
		    kernel_read_string(kernel, text_vaddr, text, sizeof(text), NULL) <
			    0 ||
		    text[0] != '.' ||
		    kernel_read_u64(kernel, entry + bytes, &count, NULL) < 0)
			return;
		gather_range(g, entry, size);
		gather_pointer(g, entry + private, MIN(count, MODULE_NOTE_SIZE));
	}
}

static void gather_module(struct gather *g, const struct modules *modules,
			  const struct module *module)
{
	static const char *const texts[] = { "module.version", "module.srcversion" };
	uint64_t size = MODULE_STRUCT_DEFAULT, offset;
	struct kernel_name name;

	kernel_sizeof(g->kernel, "module", &size, NULL);
	gather_range(g, module->vaddr, size);
	gather_range(g, module->orc_ip_vaddr, (uint64_t)module->orc_count * 4);
	gather_range(g, module->orc_entry_vaddr,
		     (uint64_t)module->orc_count * ORC_ENTRY_SIZE);
	gather_tables(g, module);
	gather_sections(g, module);
	gather_notes(g, module);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (kernel_offset(g->kernel, texts[i], &offset, NULL) == 0)
			gather_pointer(g, module->vaddr + offset, 1);
	if (module->range_count)
		modules_lookup(modules, module->ranges[0].start, &name, NULL);
}

void gather_modules(struct gather *g)
{
	const struct modules *modules;
	const struct module *items;
	struct err why = { 0 };
	size_t count;

	if (kernel_modules(g->kernel, &modules, &why) < 0) {
		gather_missed(g, "modules", &why);
		return;
	}
	items = modules_get(modules, &count);
	for (size_t i = 0; i < count && !g->core->pages.failed; i++)
		gather_module(g, modules, &items[i]);
}
