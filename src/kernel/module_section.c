// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module_section.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/module.h"
#include "kernel/value.h"

#define NOTES_MAX     32
#define NOTE_SIZE_MAX 4096
#define NT_BUILD_ID   3 /* NT_GNU_BUILD_ID, elf.h */

void module_sections_done(struct module_sections *sections)
{
	free(sections->items);
	*sections = (struct module_sections){ 0 };
}

/* The struct behind module.sect_attrs or .notes_attrs. */
static int attrs_of(struct kernel *kernel, const struct module *module, const char *path,
		    uint64_t *ret, struct err *err)
{
	uint64_t vaddr;
	int r = value_read(kernel, module->vaddr, path, &vaddr, err);

	if (r == 0 && !vaddr)
		r = err_set(err, ERR_NOTFOUND, "module '%s' has no %s", module->name,
			    path);
	if (r == 0)
		*ret = vaddr;
	return r;
}

/* The address in a section's attribute: behind the attribute, or private in it. */
static int address_offset(struct kernel *kernel, uint64_t *ret, struct err *err)
{
	uint64_t address, attribute;

	if (kernel_offset(kernel, "module_sect_attr.address", &address, NULL) < 0)
		return kernel_offset(kernel, "bin_attribute.private", ret, err);
	if (kernel_offset(kernel, "module_sect_attr.battr", &attribute, err) < 0)
		return err_in(err, ERR_NOTFOUND, "where sections of modules lie");
	*ret = address - attribute;
	return 0;
}

static int attribute_name(struct kernel *kernel, uint64_t attribute, char *ret,
			  size_t size, struct err *err)
{
	uint64_t name;
	int r = value_read(kernel, attribute, "bin_attribute.attr.name", &name, err);

	return r < 0 ? r : kernel_read_string(kernel, name, ret, size, err);
}

/* @list: bin_attribute *[], which ends with NULL. */
static int sections_walk(struct kernel *kernel, uint64_t list, uint64_t offset,
			 struct module_sections *sections, struct err *err)
{
	for (uint64_t i = 0; i < MODULE_SECTIONS_MAX; i++) {
		struct module_section *section = &sections->items[i];
		uint64_t attribute;
		int r = kernel_read_u64(kernel, list + i * 8, &attribute, err);

		if (r < 0 || !attribute)
			return r;
		r = attribute_name(kernel, attribute, section->name,
				   sizeof(section->name), err);
		if (r == 0)
			r = kernel_read_u64(kernel, attribute + offset, &section->vaddr,
					    err);
		if (r < 0)
			return r;
		sections->count++;
	}
	return err_set(err, ERR_LIMIT, "more than %d sections", MODULE_SECTIONS_MAX);
}

int module_sections_read(struct kernel *kernel, const struct module *module,
			 struct module_sections *ret, struct err *err)
{
	struct module_sections sections = { 0 };
	uint64_t attrs, list, offset;
	int r = attrs_of(kernel, module, "module.sect_attrs", &attrs, err);

	if (r == 0)
		r = value_read(kernel, attrs, "module_sect_attrs.grp.bin_attrs", &list,
			       err);
	if (r == 0)
		r = address_offset(kernel, &offset, err);
	if (r < 0)
		return err_in(err, r, "sections of module '%s'", module->name);
	sections.items = calloc(MODULE_SECTIONS_MAX, sizeof(*sections.items));
	if (!sections.items)
		return err_nomem(err);
	r = sections_walk(kernel, list, offset, &sections, err);
	if (r < 0) {
		module_sections_done(&sections);
		return err_in(err, r, "sections of module '%s'", module->name);
	}
	*ret = sections;
	return 0;
}

/* Elf64_Nhdr, name "GNU", the id. */
static int build_id_from_note(const void *data, size_t size, char *ret, struct err *err)
{
	struct buf note = buf_init(data, size, "a module's build id");
	const uint8_t *name, *id;
	uint32_t name_size, id_size, type;
	int r = buf_u32(&note, &name_size, err);

	if (r == 0)
		r = buf_u32(&note, &id_size, err);
	if (r == 0)
		r = buf_u32(&note, &type, err);
	if (r == 0)
		r = buf_bytes(&note, 4, &name, err);
	if (r == 0 && (name_size != 4 || memcmp(name, "GNU", 4) != 0 ||
		       type != NT_BUILD_ID || id_size > MODULE_BUILD_ID_MAX || !id_size))
		r = err_set(err, ERR_CORRUPT, "a module's build id makes no sense");
	if (r == 0)
		r = buf_bytes(&note, id_size, &id, err);
	for (size_t i = 0; r == 0 && i < id_size; i++)
		snprintf(ret + 2 * i, 3, "%02x", id[i]);
	return r;
}

static int build_id_read(struct kernel *kernel, uint64_t attribute, char *ret,
			 struct err *err)
{
	uint8_t bytes[NOTE_SIZE_MAX];
	uint64_t vaddr, size;
	int r = value_read(kernel, attribute, "bin_attribute.private", &vaddr, err);

	if (r == 0)
		r = value_read(kernel, attribute, "bin_attribute.size", &size, err);
	if (r < 0)
		return r;
	size = MIN(size, (uint64_t)sizeof(bytes));
	r = kernel_read(kernel, vaddr, bytes, size, err);
	return r < 0 ? r : build_id_from_note(bytes, size, ret, err);
}

/* The @i-th attribute: of an array that is counted, or of a list that ends with NULL. */
static int notes_attribute(struct kernel *kernel, uint64_t attrs, uint64_t i,
			   uint64_t *ret, struct err *err)
{
	uint64_t count, start, list, size;
	int r;

	if (!value_has(kernel, "module_notes_attrs.notes")) {
		r = value_read(kernel, attrs, "module_notes_attrs.grp.bin_attrs", &list,
			       err);
		return r < 0 ? r : kernel_read_u64(kernel, list + i * 8, ret, err);
	}
	r = value_read(kernel, attrs, "module_notes_attrs.notes", &count, err);
	if (r == 0)
		r = value_vaddr(kernel, attrs, "module_notes_attrs.attrs", &start, err);
	if (r == 0)
		r = kernel_sizeof(kernel, "bin_attribute", &size, err);
	if (r == 0)
		*ret = i < count ? start + i * size : 0;
	return r;
}

int module_build_id(struct kernel *kernel, const struct module *module,
		    char ret[2 * MODULE_BUILD_ID_MAX + 1], struct err *err)
{
	uint64_t attrs, attribute = 1;
	int r = attrs_of(kernel, module, "module.notes_attrs", &attrs, err);

	for (uint64_t i = 0; r == 0 && i < NOTES_MAX; i++) {
		char name[32];

		r = notes_attribute(kernel, attrs, i, &attribute, err);
		if (r < 0 || !attribute)
			break;
		r = attribute_name(kernel, attribute, name, sizeof(name), err);
		if (r == 0 && strcmp(name, ".note.gnu.build-id") == 0) {
			r = build_id_read(kernel, attribute, ret, err);
			return r < 0 ? err_in(err, r, "module '%s'", module->name) : 0;
		}
	}
	if (r < 0)
		return err_in(err, r, "the build id of module '%s'", module->name);
	return err_set(err, ERR_NOTFOUND, "module '%s' has no build id", module->name);
}
