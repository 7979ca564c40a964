/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kept pages of an image into an ELF file. */
#ifndef DUMP_ELF_PAGES_H
#define DUMP_ELF_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/size.h"
#include "dump/packer.h"
#include "dump/writer_elf.h"

#define ELF_PAGES_BUFFER (256 * KIB)

/*
 * The pages [pfn, pfn + count) whose bits are set in @kept, where bit 0 is @pfn. Adds to
 * @counts. Those that the source can't give read as zeros and are counted: an ELF file
 * has no mark for them. Ends early, without an error, when the job is over.
 */
int elf_pages_copy(struct elfdump *elf, struct packer_job *job, void *buffer,
		   uint64_t pfn, const uint8_t *kept, size_t count,
		   struct packer_counts *counts, struct err *err);

#endif
