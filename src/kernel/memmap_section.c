// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SPARSEMEM of Linux (include/linux/mmzone.h, mm/sparse.c), read whole runs of the page
 * tables at once: on x86-64 one entry maps the struct pages of 128 MiB.
 *
 * Of mem_section[] only its EXTREME form is known: an array of pointers to pages of
 * struct mem_section. x86-64 and arm64 have no other.
 */
#include "kernel/memmap_section.h"

#include <inttypes.h>
#include <string.h>

/* Linux mmzone.h: low bits of section_mem_map are flags, ever more of them (5 in v5.10,
 * 7 in v7.2). The array is page aligned, so 12 can't be wrong. */
#define SECTION_FLAGS_MASK UINT64_C(0xfff)
#define SECTION_PRESENT	   1

#define SECTION_BITS_MIN 24
#define SECTION_BITS_MAX 34
#define ROOT_COUNT_MAX	 ((uint64_t)1 << 24)

static int sections_init_roots(struct sections *sections, struct kernel *kernel,
			       struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	uint32_t page_size = kernel_page_size(kernel);
	uint64_t size, map;
	int64_t bits;
	int r = vmcoreinfo_symbol(info, "mem_section", &sections->roots, err);

	if (r == 0)
		r = vmcoreinfo_length(info, "mem_section", &sections->root_count, err);
	if (r == 0)
		r = vmcoreinfo_size(info, "mem_section", &size, err);
	if (r == 0)
		r = vmcoreinfo_offset(info, "mem_section.section_mem_map", &map, err);
	if (r == 0)
		r = vmcoreinfo_number(info, "SECTION_SIZE_BITS", &bits, err);
	if (r < 0)
		return r;
	if (size < 8 || size > page_size || map > size - 8 || bits < SECTION_BITS_MIN ||
	    bits > SECTION_BITS_MAX || sections->root_count > ROOT_COUNT_MAX)
		return err_set(err, ERR_CORRUPT, "mem_section as VMCOREINFO tells it");
	sections->section_size = (uint32_t)size;
	sections->section_map = (uint32_t)map;
	sections->pages_shift =
		(uint32_t)bits - (uint32_t)__builtin_ctz(kernel_page_size(kernel));
	return 0;
}

int sections_init(struct sections *sections, struct kernel *kernel,
		  uint32_t page_struct_size, struct err *err)
{
	*sections = (struct sections){ .page_struct_size = page_struct_size };
	sections->has_vmemmap = vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "vmemmap",
						  &sections->vmemmap, NULL) == 0;
	return sections->has_vmemmap ? 0 : sections_init_roots(sections, kernel, err);
}

/* The address of the struct page of @pfn. ERR_NOTFOUND: its section has none. */
static int sections_find(const struct sections *sections, struct kernel *kernel,
			 uint64_t pfn, uint64_t *ret, struct err *err)
{
	uint64_t section = pfn >> sections->pages_shift;
	uint64_t per_root, root, map;
	int r;

	if (sections->has_vmemmap) {
		*ret = sections->vmemmap + pfn * sections->page_struct_size;
		return 0;
	}
	per_root = kernel_page_size(kernel) / sections->section_size;
	if (section / per_root >= sections->root_count)
		return err_set(err, ERR_NOTFOUND, "no section");
	r = kernel_read_u64(kernel, sections->roots + section / per_root * 8, &root, err);
	if (r < 0)
		return r;
	if (!root)
		return err_set(err, ERR_NOTFOUND, "no section");
	r = kernel_read_u64(kernel,
			    root + section % per_root * sections->section_size +
				    sections->section_map,
			    &map, err);
	if (r < 0)
		return r;
	if (!(map & SECTION_PRESENT))
		return err_set(err, ERR_NOTFOUND, "no section");
	*ret = (map & ~SECTION_FLAGS_MASK) + pfn * sections->page_struct_size;
	return 0;
}

/* One run of virtual memory; @size is cut to what one page table entry maps. */
static void sections_read_run(struct kernel *kernel, uint64_t vaddr, uint8_t *ret,
			      size_t *size, size_t *ret_lost)
{
	uint32_t page_size = kernel_page_size(kernel);
	size_t to_page_end = page_size - (size_t)(vaddr % page_size);
	uint64_t paddr, run;
	int r = kernel_translate(kernel, vaddr, &paddr, &run, NULL);

	*ret_lost = 0;
	if (r == 0) {
		*size = (size_t)MIN((uint64_t)*size, MAX(run, (uint64_t)1));
		if (image_read(kernel_image(kernel), paddr, ret, *size, NULL) == 0)
			return;
	}
	/* Not as a whole: page by page, what can be had. */
	*size = MIN(*size, to_page_end);
	if (r == 0 && image_read(kernel_image(kernel), paddr, ret, *size, NULL) == 0)
		return;
	memset(ret, 0, *size);
	if (r != ERR_FAULT)
		*ret_lost = *size;
}

/*
 * The struct pages of a run of frames in one section. A struct page may lie across two
 * pages of memory: half of one says wrong things, so it is cleared as a whole.
 */
static void sections_read_part(const struct sections *sections, struct kernel *kernel,
			       uint64_t vaddr, size_t count, uint8_t *ret,
			       uint64_t *ret_lost)
{
	size_t each = sections->page_struct_size;
	size_t total = count * each, done = 0;
	size_t cleared_to = 0, lost_bytes = 0;

	while (done < total) {
		size_t size = total - done, lost;

		sections_read_run(kernel, vaddr + done, ret + done, &size, &lost);
		if (done < cleared_to)
			memset(ret + done, 0, MIN(cleared_to - done, size));
		if (lost) {
			memset(ret + done / each * each, 0, done % each);
			cleared_to = (done + size + each - 1) / each * each;
		}
		lost_bytes += lost;
		done += size;
	}
	if (ret_lost)
		*ret_lost += (lost_bytes + each - 1) / each;
}

void sections_read(const struct sections *sections, struct kernel *kernel, uint64_t pfn,
		   size_t count, uint8_t *ret, uint64_t *ret_lost)
{
	while (count) {
		size_t part = count;
		uint64_t vaddr = 0;
		int r;

		if (!sections->has_vmemmap) {
			uint64_t per = (uint64_t)1 << sections->pages_shift;

			part = (size_t)MIN((uint64_t)count, per - (pfn & (per - 1)));
		}
		r = sections_find(sections, kernel, pfn, &vaddr, NULL);
		if (r == 0) {
			sections_read_part(sections, kernel, vaddr, part, ret, ret_lost);
		} else {
			memset(ret, 0, part * sections->page_struct_size);
			if (ret_lost && r != ERR_NOTFOUND)
				*ret_lost += part;
		}
		ret += part * sections->page_struct_size;
		pfn += part;
		count -= part;
	}
}

#define SUBSECTION_BYTES ((uint64_t)2 << 20)

bool sections_any(const struct sections *sections, struct kernel *kernel, uint64_t pfn,
		  size_t count)
{
	size_t step = (size_t)(SUBSECTION_BYTES / kernel_page_size(kernel));

	for (size_t i = 0; i < count; i += step) {
		uint64_t vaddr, paddr, run;
		int r = sections_find(sections, kernel, pfn + i, &vaddr, NULL);

		if (r == 0)
			r = kernel_translate(kernel, vaddr, &paddr, &run, NULL);
		if (r != ERR_NOTFOUND && r != ERR_FAULT)
			return true;
	}
	return false;
}
