// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/paging.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/size.h"

static int not_mapped(uint64_t vaddr, struct err *err)
{
	return err_set(err, ERR_FAULT, "address 0x%" PRIx64 " is not mapped", vaddr);
}

static int table_entry(struct paging *paging, struct kernel *kernel, uint64_t paddr,
		       uint64_t *ret, struct err *err)
{
	uint64_t start = align_down(paddr, PAGING_BLOCK_SIZE);
	struct paging_block *block =
		&paging->blocks[start / PAGING_BLOCK_SIZE % PAGING_BLOCK_COUNT];

	if (!block->is_valid || block->paddr != start) {
		int r;

		block->is_valid = false;
		r = image_read(kernel_image(kernel), start, block->bytes,
			       PAGING_BLOCK_SIZE, err);
		if (r < 0)
			return r;
		block->is_valid = true;
		block->paddr = start;
	}
	*ret = load_le64(block->bytes + (paddr - start));
	return 0;
}

/* What an entry says of @vaddr: 0 it is a table, 1 a page, both at @ret_paddr. */
static int follow(const struct paging *paging, uint64_t vaddr, uint64_t entry,
		  unsigned int shift, uint64_t *ret_paddr, struct err *err)
{
	switch (paging->decode(paging->decode_context, entry, shift, ret_paddr)) {
	case PAGING_TABLE:
		return 0;
	case PAGING_PAGE:
		*ret_paddr = align_down(*ret_paddr, (uint64_t)1 << shift) +
			     (vaddr & (((uint64_t)1 << shift) - 1));
		return 1;
	case PAGING_NOTHING:
		return not_mapped(vaddr, err);
	case PAGING_IMPOSSIBLE:
		break;
	}
	return err_set(err, ERR_CORRUPT,
		       "page table for address 0x%" PRIx64
		       " has the impossible entry 0x%" PRIx64,
		       vaddr, entry);
}

/* From the root down, a step less to go each time, whatever the entries say. */
int paging_walk(struct paging *paging, struct kernel *kernel, uint64_t root_paddr,
		uint64_t vaddr, uint64_t *ret_paddr, uint64_t *ret_size, struct err *err)
{
	uint64_t paddr = root_paddr;
	unsigned int bits = paging->root_bits;

	for (unsigned int shift = paging->root_shift; shift >= paging->page_shift;
	     shift -= paging->level_bits, bits = paging->level_bits) {
		uint64_t index = vaddr >> shift & (((uint64_t)1 << bits) - 1), entry;
		int r;

		r = table_entry(paging, kernel, paddr + index * 8, &entry, err);
		if (r < 0 && vaddr >= paging->own_start && vaddr < paging->own_end) {
			*ret_paddr = vaddr - paging->own_start + paging->own_paddr;
			*ret_size = (uint64_t)1 << paging->page_shift;
			return 0;
		}
		if (r < 0)
			return err_in(err, r, "page table for address 0x%" PRIx64, vaddr);
		r = follow(paging, vaddr, entry, shift, &paddr, err);
		if (r < 0)
			return r;
		if (r == 1) {
			*ret_paddr = paddr;
			*ret_size = (uint64_t)1 << shift;
			return 0;
		}
	}
	return not_mapped(vaddr, err);
}

int paging_translate(struct paging *paging, struct kernel *kernel, uint64_t vaddr,
		     uint64_t *ret_paddr, uint64_t *ret_run, struct err *err)
{
	uint64_t page_size = (uint64_t)1 << paging->page_shift;
	uint64_t page = vaddr >> paging->page_shift;
	struct paging_translation *entry = &paging->tlb[page % PAGING_TLB_COUNT];

	if (entry->tag != page + 1) {
		uint64_t paddr = 0, size = 0;
		int r = paging_walk(paging, kernel, paging->root_paddr, vaddr, &paddr,
				    &size, err);

		if (r < 0)
			return r;
		*entry = (struct paging_translation){ .tag = page + 1,
						      .paddr = align_down(paddr,
									  page_size),
						      .size_bytes = size };
	}
	*ret_paddr = entry->paddr + (vaddr & (page_size - 1));
	if (ret_run)
		*ret_run = entry->size_bytes - (vaddr & (entry->size_bytes - 1));
	return 0;
}

#define NEXT_STEPS_MAX (4u << 20) /* entries in a row that map nothing */

/* Does the entry before it, of the same table, lead to the same table? */
static bool is_repeated(struct paging *paging, struct kernel *kernel,
			uint64_t entry_paddr, unsigned int shift, uint64_t table_paddr)
{
	uint64_t before, paddr;

	return table_entry(paging, kernel, entry_paddr - 8, &before, NULL) == 0 &&
	       paging->decode(paging->decode_context, before, shift, &paddr) ==
		       PAGING_TABLE &&
	       paddr == table_paddr;
}

/*
 * From the root down: true, and what is mapped at @vaddr; or false, and in @ret_size how
 * large, aligned, the part of the address space is in which there is nothing.
 */
static bool walk_or_skip(struct paging *paging, struct kernel *kernel, uint64_t vaddr,
			 uint64_t *ret_paddr, uint64_t *ret_size)
{
	uint64_t paddr = paging->root_paddr;
	unsigned int bits = paging->root_bits;

	for (unsigned int shift = paging->root_shift; shift >= paging->page_shift;
	     shift -= paging->level_bits, bits = paging->level_bits) {
		uint64_t index = vaddr >> shift & (((uint64_t)1 << bits) - 1);
		uint64_t at = paddr + index * 8, entry;
		int r;

		*ret_size = (uint64_t)1 << shift;
		if (table_entry(paging, kernel, at, &entry, NULL) < 0)
			return false;
		r = follow(paging, vaddr, entry, shift, &paddr, NULL);
		if (r == 1)
			*ret_paddr = paddr;
		if (r != 0)
			return r == 1;
		if (index > 0 && is_repeated(paging, kernel, at, shift, paddr))
			return false;
	}
	return false;
}

int paging_next(struct paging *paging, struct kernel *kernel, uint64_t vaddr,
		struct kernel_mapping *ret, struct err *err)
{
	for (unsigned int i = 0; i < NEXT_STEPS_MAX; i++) {
		uint64_t paddr = 0, size = 0;

		if (walk_or_skip(paging, kernel, vaddr, &paddr, &size)) {
			*ret = (struct kernel_mapping){
				.vaddr = vaddr,
				.paddr = paddr,
				.size_bytes = size - (vaddr & (size - 1)),
			};
			return 0;
		}
		if (!u64_add(align_down(vaddr, size), size, &vaddr))
			return err_set(err, ERR_NOTFOUND, "nothing more is mapped");
	}
	return err_set(err, ERR_LIMIT,
		       "up to 0x%" PRIx64 " more than %u page table entries map nothing",
		       vaddr, NEXT_STEPS_MAX);
}
