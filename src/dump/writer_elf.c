// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/writer_elf.h"

#include <elf.h>
#include <string.h>

#include "base/fd.h"

#define ELF_INCOMPLETE 1u /* in e_flags, as makedumpfile's DUMP_ELF_INCOMPLETE */

bool elf_mark_incomplete(int fd)
{
	Elf64_Ehdr header;

	if (fd_pread_full(fd, &header, sizeof(header), 0, NULL) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	header.e_flags |= ELF_INCOMPLETE;
	return fd_pwrite_full(fd, &header, sizeof(header), 0, NULL) == 0;
}
