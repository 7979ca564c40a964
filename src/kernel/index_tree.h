/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's trees of pointers by number: xarrays (and with them radix trees and idr)
 * and maple trees. Source: Linux include/linux/{xarray,maple_tree}.h, lib/maple_tree.c;
 * members by BTF.
 *
 *	struct index_tree tree;
 *	r = index_tree_init_xarray(kernel, vaddr, LIMIT, &tree, err);
 *	while (r == 0 && (r = index_tree_next(&tree, &index, &entry, err)) > 0)
 *		...
 */
#ifndef KERNEL_INDEX_TREE_H
#define KERNEL_INDEX_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define INDEX_TREE_DEPTH_MAX 16	 /* 64 bits of 6 each: 11; of maple trees fewer */
#define INDEX_TREE_SLOTS_MAX 256 /* of a node; there are 16 or 64 */

struct index_tree_level {
	uint64_t node;	   /* its address, without marks */
	uint64_t min, max; /* indexes that it is for */
	unsigned int slot; /* the next to look at */
	unsigned int slots;
	unsigned int shift;   /* xarray: bits below it */
	uint64_t slot_offset; /* of its array of pointers */
	uint64_t pivot_offset;
	unsigned int pivots;
	uint64_t next_min; /* maple: where its next slot begins */
	bool is_leaf;
};

struct index_tree {
	struct kernel *kernel;
	bool is_maple;
	struct index_tree_level levels[INDEX_TREE_DEPTH_MAX];
	unsigned int depth;
	uint64_t single; /* an entry at index 0 that needs no node; 0: none */
	size_t steps, limit;
};

/* @vaddr: a struct xarray, which a struct idr begins with. */
int index_tree_init_xarray(struct kernel *kernel, uint64_t vaddr, size_t limit,
			   struct index_tree *ret, struct err *err);
/* @vaddr: a struct maple_tree. */
int index_tree_init_maple(struct kernel *kernel, uint64_t vaddr, size_t limit,
			  struct index_tree *ret, struct err *err);

/*
 * 1, an index (of a range its first) and the pointer there, in ascending order; 0 at the
 * end. @limit bounds the slots looked at. ERR_LIMIT, ERR_CORRUPT
 */
int index_tree_next(struct index_tree *tree, uint64_t *ret_index, uint64_t *ret_entry,
		    struct err *err);

#endif
