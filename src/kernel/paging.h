/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk through a kernel's page tables, for any architecture: how many levels, how
 * wide and how an entry is read is the architecture's, the rest is the same everywhere.
 * Entries are 8 bytes, little-endian.
 *
 * Remembers the translations and the parts of tables that were used last.
 */
#ifndef KERNEL_PAGING_H
#define KERNEL_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

enum paging_entry {
	PAGING_NOTHING,	   /* not mapped */
	PAGING_TABLE,	   /* of the next level */
	PAGING_PAGE,	   /* or a block of pages: at most the last level's size */
	PAGING_IMPOSSIBLE, /* no processor takes that */
};

/*
 * What an entry says that maps 1 << @shift bytes, and the address in it: not yet aligned
 * to the size of what it maps.
 */
typedef enum paging_entry paging_decode(const void *context, uint64_t entry,
					unsigned int shift, uint64_t *ret_paddr);

#define PAGING_TLB_COUNT   256
#define PAGING_BLOCK_COUNT 32
#define PAGING_BLOCK_SIZE  4096

struct paging_translation {
	uint64_t tag; /* vaddr / page size, + 1: 0 is empty */
	uint64_t paddr;
	uint64_t size_bytes; /* of the mapping that this page is part of */
};

/* An aligned part of a table, or all of it. */
struct paging_block {
	bool is_valid;
	uint64_t paddr;
	uint8_t bytes[PAGING_BLOCK_SIZE];
};

/* The architecture sets the upper part, and the rest to 0. */
struct paging {
	uint64_t root_paddr;
	unsigned int page_shift;
	unsigned int level_bits; /* of an address that index one table */
	unsigned int root_shift; /* an entry of the root maps 1 << root_shift bytes */
	unsigned int root_bits;	 /* that index it: fewer than level_bits, maybe */
	paging_decode *decode;
	const void *decode_context;

	/*
	 * [start, end) lies as a whole from @own_paddr on: the kernel's image. For where
	 * a dump has lost the tables.
	 */
	uint64_t own_start, own_end, own_paddr;

	struct paging_translation tlb[PAGING_TLB_COUNT];
	struct paging_block blocks[PAGING_BLOCK_COUNT];
};

/* As kernel_translate(). Bits above those that the tables translate are not looked at. */
int paging_translate(struct paging *paging, struct kernel *kernel, uint64_t vaddr,
		     uint64_t *ret_paddr, uint64_t *ret_run, struct err *err);

/*
 * Once through the tables at @root_paddr, of a process maybe; @ret_size: of the page or
 * block that @vaddr lies in.
 */
int paging_walk(struct paging *paging, struct kernel *kernel, uint64_t root_paddr,
		uint64_t vaddr, uint64_t *ret_paddr, uint64_t *ret_size, struct err *err);

/* See kernel_next_mapping(); by @paging->root_paddr. */
int paging_next(struct paging *paging, struct kernel *kernel, uint64_t vaddr,
		struct kernel_mapping *ret, struct err *err);

#endif
