// SPDX-License-Identifier: GPL-2.0-or-later
#include "debuginfo/debug_elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>

#define SECTIONS_MAX (64 << 10)
#define SYMBOLS_MAX  (16 << 20)

static void elf_endp(Elf **elf)
{
	elf_end(*elf);
}

/* "gnu"'s note of the build id in one section, in hexadecimal. */
static void read_build_id(Elf_Scn *section, char ret[DEBUG_ELF_BUILD_ID_MAX * 2 + 1])
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t offset = 0, name, desc;
	GElf_Nhdr note;

	while (data && (offset = gelf_getnote(data, offset, &note, &name, &desc)) > 0) {
		const uint8_t *bytes = (const uint8_t *)data->d_buf + desc;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp((const char *)data->d_buf + name, "GNU", sizeof("GNU")) != 0 ||
		    note.n_descsz > DEBUG_ELF_BUILD_ID_MAX)
			continue;
		for (size_t i = 0; i < note.n_descsz; i++)
			snprintf(ret + i * 2, 3, "%02x", bytes[i]);
		return;
	}
}

static bool read_stext(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t *ret)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; data && i < MIN(count, (size_t)SYMBOLS_MAX); i++) {
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol))
			return false;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name && strcmp(name, "_stext") == 0) {
			*ret = symbol.st_value;
			return true;
		}
	}
	return false;
}

int debug_elf_read(const char *path, bool wants_stext, struct debug_elf *ret,
		   struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(elf_endp) Elf *elf = NULL;
	struct debug_elf facts = { 0 };
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Ehdr file;

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &file))
		return err_set(err, ERR_CORRUPT, "'%s' is no ELF file", path);
	facts.is_relocatable = file.e_type == ET_REL;
	for (int i = 0; i < SECTIONS_MAX && (section = elf_nextscn(elf, section)); i++) {
		if (!gelf_getshdr(section, &header))
			continue;
		if (header.sh_type == SHT_NOTE && !facts.build_id[0])
			read_build_id(section, facts.build_id);
		if (header.sh_type == SHT_SYMTAB && wants_stext)
			facts.has_stext = read_stext(elf, section, &header, &facts.stext);
	}
	*ret = facts;
	return 0;
}

bool debug_elf_is_build_id(const char *text)
{
	size_t size = strlen(text);

	return size > 2 && size <= (size_t)DEBUG_ELF_BUILD_ID_MAX * 2 &&
	       strspn(text, "0123456789abcdef") == size;
}
