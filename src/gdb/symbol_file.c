// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Layout: ELF header | .debug_frame | .symtab | .strtab | .shstrtab | section headers.
 * The sections of code and data have no bytes (SHT_NOBITS): gdb reads memory from the
 * dump, but gives a name only to what lies in a section.
 *
 * Of several symbols at one address the kernel takes the first of its table. gdb prefers
 * one that has a size, so only the first has.
 */
#include "gdb/symbol_file.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"
#include "base/text.h"
#include "gdb/cfi.h"
#include "gdb/gdb_target.h"
#include "kernel/kallsyms.h"
#include "kernel/module.h"

#define SECTIONS_MAX 60000  /* below SHN_LORESERVE */
#define EQUALS_MAX   64	    /* symbols at one address that are turned around */
#define NO_TEXT	     0x1000 /* where a file without code has its section .text */

struct symbol_file {
	struct kernel *kernel;
	Elf64_Shdr *sections; /* of code and data, behind the empty one */
	size_t section_count, last_found;
	struct text section_names, symbols, names;
	struct cfi cfi;
	struct err no_symbols;
};

static void file_done(struct symbol_file *f)
{
	free(f->sections);
	text_done(&f->section_names);
	text_done(&f->symbols);
	text_done(&f->names);
	text_done(&f->cfi.section);
}

static uint32_t add_name(struct text *names, const char *name)
{
	uint32_t offset = (uint32_t)names->size;

	text_add_bytes(names, name, strlen(name) + 1);
	return offset;
}

/* --- sections of code and data -------------------------------------------------------
 */

static void add_section(struct symbol_file *f, const char *owner, const char *name,
			uint64_t start, uint64_t end, bool is_text)
{
	char text[MODULE_NAME_SIZE + 16];

	if (start >= end || f->section_count >= SECTIONS_MAX)
		return;
	snprintf(text, sizeof(text), "%s%s", owner, name);
	f->sections[f->section_count++] = (Elf64_Shdr){
		.sh_name = add_name(&f->section_names, text),
		.sh_type = SHT_NOBITS,
		.sh_flags = SHF_ALLOC | (is_text ? SHF_EXECINSTR : SHF_WRITE),
		.sh_addr = start,
		.sh_size = end - start,
		.sh_addralign = 1,
	};
}

static void add_kernel_sections(struct symbol_file *f)
{
	static const struct {
		const char *name, *start, *end;
		bool is_text;
	} parts[] = {
		{ ".text", "_stext", "_etext", true },
		{ ".data", "_etext", "_sinittext", false },
		{ ".init.text", "_sinittext", "_einittext", true },
		{ ".bss", "_einittext", "_end", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t start, end;

		if (kernel_symbol(f->kernel, parts[i].start, &start, NULL) == 0 &&
		    kernel_symbol(f->kernel, parts[i].end, &end, NULL) == 0)
			add_section(f, "", parts[i].name, start, end, parts[i].is_text);
	}
}

static void add_module_sections(struct symbol_file *f, const struct module *module)
{
	for (size_t i = 0; i < module->range_count; i++) {
		const struct module_range *range = &module->ranges[i];

		add_section(f, module->name, range->is_text ? ".text" : ".data",
			    range->start, range->end, range->is_text);
	}
}

/* The number of the section that @vaddr is in; SHN_ABS: none. */
static uint16_t find_section(struct symbol_file *f, uint64_t vaddr)
{
	for (size_t n = 0; n < f->section_count; n++) {
		size_t i = (f->last_found + n) % f->section_count; // most often the last
		const Elf64_Shdr *section = &f->sections[i];

		if (vaddr >= section->sh_addr &&
		    vaddr - section->sh_addr < section->sh_size) {
			f->last_found = i;
			return (uint16_t)i;
		}
	}
	return SHN_ABS;
}

/* --- symbols -------------------------------------------------------------------------
 */

struct symbol {
	const char *name;
	uint64_t vaddr;
};

static void add_symbol(struct symbol_file *f, const struct symbol *symbol, uint64_t end)
{
	uint16_t number = find_section(f, symbol->vaddr);
	const Elf64_Shdr *section = number == SHN_ABS ? NULL : &f->sections[number];
	bool is_text = section && (section->sh_flags & SHF_EXECINSTR);
	Elf64_Sym sym = {
		.st_name = add_name(&f->names, symbol->name),
		.st_info = ELF64_ST_INFO(STB_LOCAL, is_text ? STT_FUNC : STT_OBJECT),
		.st_shndx = number,
		.st_value = symbol->vaddr,
	};

	if (section)
		sym.st_size =
			MIN(end, section->sh_addr + section->sh_size) - symbol->vaddr;
	text_add_bytes(&f->symbols, &sym, sizeof(sym));
}

/* Symbols come in order. Those at one address wait here for the next one: it is the end.
 */
struct equals {
	struct symbol items[EQUALS_MAX];
	size_t count;
};

static void equals_flush(struct symbol_file *f, struct equals *equals, uint64_t next)
{
	for (size_t i = 0; i < equals->count; i++)
		add_symbol(f, &equals->items[i], i == 0 ? next : equals->items[i].vaddr);
	equals->count = 0;
}

static void equals_add(struct symbol_file *f, struct equals *equals,
		       const struct symbol *symbol)
{
	if (equals->count && equals->items[0].vaddr != symbol->vaddr)
		equals_flush(f, equals, symbol->vaddr);
	if (equals->count < EQUALS_MAX)
		equals->items[equals->count++] = *symbol;
}

static int add_kernel_symbols(struct symbol_file *f, struct err *err)
{
	const struct kallsyms *kallsyms;
	struct equals equals = { .count = 0 };
	struct symbol symbol;
	int r = kernel_kallsyms(f->kernel, &kallsyms, err);

	for (size_t i = 0; r == 0 && i < kallsyms_count(kallsyms); i++) {
		r = kallsyms_get(kallsyms, i, &symbol.name, &symbol.vaddr, err);
		if (r == 0)
			equals_add(f, &equals, &symbol);
	}
	equals_flush(f, &equals, UINT64_MAX);
	return r;
}

static int add_module_symbols(struct symbol_file *f, const struct modules *modules,
			      const struct module *module, struct err *err)
{
	struct equals equals = { .count = 0 };
	struct symbol symbol;
	int r = 0;

	for (size_t i = 0; r == 0; i++) {
		r = modules_symbol(modules, module, i, &symbol.name, &symbol.vaddr, err);
		if (r == 0 && symbol.name[0])
			equals_add(f, &equals, &symbol);
	}
	equals_flush(f, &equals, UINT64_MAX);
	return r == ERR_NOTFOUND ? 0 : r;
}

static void add_all_symbols(struct symbol_file *f, enum symbol_file_kind kind)
{
	const struct modules *modules = NULL;
	const struct module *items = NULL;
	size_t count = 0;
	struct err *err = &f->no_symbols;

	if (kind == SYMBOL_FILE_WHOLE) {
		add_kernel_sections(f);
		add_kernel_symbols(f, err);
	} else {
		add_section(f, "", ".text", NO_TEXT, NO_TEXT + 1, true);
	}
	if (kind == SYMBOL_FILE_BEFORE)
		return;
	if (kernel_modules(f->kernel, &modules, NULL) == 0)
		items = modules_get(modules, &count);
	for (size_t i = 0; i < count; i++) {
		add_module_sections(f, &items[i]);
		add_module_symbols(f, modules, &items[i], err);
	}
}

/* --- the file ------------------------------------------------------------------------
 */

static void add_bytes_section(struct symbol_file *f, const char *name, uint32_t type,
			      uint64_t size, uint64_t *offset, Elf64_Shdr *ret)
{
	*ret = (Elf64_Shdr){
		.sh_name = add_name(&f->section_names, name),
		.sh_type = type,
		.sh_offset = *offset,
		.sh_size = size,
		.sh_addralign = 1,
	};
	*offset += size;
}

static int write_file(struct symbol_file *f, uint16_t machine, int fd, struct err *err)
{
	static const uint8_t padding[8];
	uint64_t offset = sizeof(Elf64_Ehdr);
	uint16_t first = (uint16_t)f->section_count;
	Elf64_Shdr tail[4];
	Elf64_Ehdr ehdr = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = (uint16_t)(first + ARRAY_SIZE(tail)),
		.e_shstrndx = (uint16_t)(first + 3),
	};
	int r = 0;

	add_bytes_section(f, ".debug_frame", SHT_PROGBITS, f->cfi.section.size, &offset,
			  &tail[0]);
	add_bytes_section(f, ".symtab", SHT_SYMTAB, f->symbols.size, &offset, &tail[1]);
	tail[1].sh_entsize = sizeof(Elf64_Sym);
	tail[1].sh_link = first + 2u;
	tail[1].sh_info = (uint32_t)(f->symbols.size / sizeof(Elf64_Sym));
	add_bytes_section(f, ".strtab", SHT_STRTAB, f->names.size, &offset, &tail[2]);
	add_name(&f->section_names, ".shstrtab");
	add_bytes_section(f, "", SHT_STRTAB, f->section_names.size + 1, &offset,
			  &tail[3]);
	tail[3].sh_name -= sizeof(".shstrtab");
	tail[3].sh_size = f->section_names.size;
	ehdr.e_shoff = align_up(tail[3].sh_offset + tail[3].sh_size, sizeof(padding));

	const struct {
		const void *data;
		size_t size;
	} parts[] = {
		{ &ehdr, sizeof(ehdr) },
		{ text_get(&f->cfi.section), f->cfi.section.size },
		{ text_get(&f->symbols), f->symbols.size },
		{ text_get(&f->names), f->names.size },
		{ text_get(&f->section_names), f->section_names.size },
		{ padding, ehdr.e_shoff - tail[3].sh_offset - tail[3].sh_size },
		{ f->sections, f->section_count * sizeof(*f->sections) },
		{ tail, sizeof(tail) },
	};
	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
		r = fd_write_full(fd, parts[i].data, parts[i].size, err);
	return r;
}

static int make_file(struct symbol_file *f, enum symbol_file_kind kind, int fd,
		     struct symbol_file_facts *facts, struct err *err)
{
	static const Elf64_Sym none;
	const struct gdb_target *target;
	struct err why = { 0 };
	int r = gdb_target_find(kernel_arch(f->kernel), &target, err);

	if (r < 0)
		return r;
	f->sections = calloc(SECTIONS_MAX, sizeof(*f->sections));
	if (!f->sections)
		return err_nomem(err);
	f->section_count = 1;
	add_name(&f->section_names, "");
	add_name(&f->names, "");
	text_add_bytes(&f->symbols, &none, sizeof(none));
	add_all_symbols(f, kind);
	f->cfi.is_preferred_only = kind == SYMBOL_FILE_BEFORE;
	if (target->add_cfi(f->kernel, &f->cfi, &why) < 0)
		snprintf(facts->no_cfi, sizeof(facts->no_cfi), "%s", err_text(&why));
	cfi_finish(&f->cfi);
	if (f->no_symbols.code && f->no_symbols.code != ERR_NOTFOUND)
		snprintf(facts->no_symbols, sizeof(facts->no_symbols), "%s",
			 err_text(&f->no_symbols));
	r = text_check(&f->symbols, err);
	if (r == 0)
		r = text_check(&f->names, err);
	if (r == 0)
		r = text_check(&f->cfi.section, err);
	return r == 0 ? write_file(f, target->elf_machine, fd, err) : r;
}

int symbol_file_write(struct kernel *kernel, enum symbol_file_kind kind, int fd,
		      struct symbol_file_facts *ret_facts, struct err *err)
{
	struct symbol_file *f = calloc(1, sizeof(*f));
	struct symbol_file_facts facts = { 0 };
	int r;

	if (!f)
		return err_nomem(err);
	f->kernel = kernel;
	r = make_file(f, kind, fd, &facts, err);
	file_done(f);
	free(f);
	if (r < 0)
		return err_in(err, r, "writing symbols for gdb");
	*ret_facts = facts;
	return 0;
}
