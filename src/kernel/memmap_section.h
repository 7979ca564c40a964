/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the struct pages of a run of page frames lie: in one array in virtual memory
 * (SYMBOL(vmemmap)), or section by section (SYMBOL(mem_section)).
 */
#ifndef KERNEL_MEMMAP_SECTION_H
#define KERNEL_MEMMAP_SECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct sections {
	uint32_t page_struct_size;
	bool has_vmemmap;
	uint64_t vmemmap;
	/* Without vmemmap: */
	uint64_t roots; /* address of an array of pointers, each to a page of mem_section
			 */
	uint64_t root_count;
	uint32_t section_size; /* sizeof(struct mem_section) */
	uint32_t section_map;  /* offset of section_mem_map */
	uint32_t pages_shift;  /* page frames in a section */
};

int sections_init(struct sections *sections, struct kernel *kernel,
		  uint32_t page_struct_size, struct err *err);

/*
 * Copies the struct pages of [pfn, pfn + count) to @ret. Zeros where there is none, or
 * where it can't be read: a struct page of zeros is a page that nobody may drop.
 * @ret_lost (may be NULL) grows by those that exist and could not be read.
 */
void sections_read(const struct sections *sections, struct kernel *kernel, uint64_t pfn,
		   size_t count, uint8_t *ret, uint64_t *ret_lost);

/*
 * Is there a struct page of any of [pfn, pfn + count)? One that can't be read is there.
 * Memory comes in subsections of 2 MiB (Linux include/linux/mmzone.h, SUBSECTION_SHIFT):
 * the first frame of each is asked for.
 */
bool sections_any(const struct sections *sections, struct kernel *kernel, uint64_t pfn,
		  size_t count);

#endif
