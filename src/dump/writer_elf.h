/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ELF vmcore being written: kept pages as they are, the rest as what p_filesz lacks to
 * p_memsz.
 *
 *   elfdump_add()		runs of RAM in order of their addresses, kept or not
 *   elfdump_begin()	headers ("incomplete") and notes
 *   elfdump_put()		kept pages, in any order
 *   elfdump_end()		on the disk, then no longer "incomplete"
 *
 * As makedumpfile -E a run of fewer than 256 pages that are not kept splits no segment:
 * gdb and crash search the program headers one by one. Such pages read as zeros.
 */
#ifndef DUMP_WRITER_ELF_H
#define DUMP_WRITER_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/output.h"
#include "image/image.h"

/* Memory [paddr, paddr + memory); the first @file bytes of it are at @offset. */
struct elfdump_segment {
	uint64_t paddr, memory, file, offset;
};

struct elfdump {
	struct output *output; /* borrowed */
	uint32_t page_size;
	struct elfdump_segment *segments;
	size_t count, capacity;
	uint64_t file_size;
};

void elfdump_init(struct elfdump *elf, struct output *output, uint32_t page_size);
void elfdump_done(struct elfdump *elf);

/* @pages page frames of RAM from @pfn on. */
int elfdump_add(struct elfdump *elf, uint64_t pfn, uint64_t pages, bool is_kept,
		struct err *err);

/* Bytes of the file that are for pages. */
uint64_t elfdump_pages_size(const struct elfdump *elf);

/* @loads: where memory is mapped. Each page of RAM is in at least one. */
struct elfdump_facts {
	enum image_machine machine;
	const void *notes;
	size_t notes_size;
	const struct image_load *loads;
	size_t load_count;
};
int elfdump_begin(struct elfdump *elf, const struct elfdump_facts *facts,
		  struct err *err);

/* Kept pages in a row. */
int elfdump_put(struct elfdump *elf, uint64_t pfn, const void *data, size_t pages,
		struct err *err);

/* What was written is on the disk; then the mark "incomplete" goes, or it stays. */
int elfdump_end(struct elfdump *elf, bool is_complete, struct err *err);

/* Marks a file that someone else wrote. False: it is no 64-bit little-endian ELF file. */
bool elfdump_mark_incomplete(int fd);

#endif
