/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A red-black tree in a dead kernel's memory, in its order.
 * Source: Linux include/linux/rbtree_types.h, lib/rbtree.c (rb_first(), rb_next()).
 *
 *	struct rbtree tree = rbtree_init(kernel, root_vaddr, LIMIT);
 *	while ((r = rbtree_next(&tree, &node, err)) > 0)
 *		...
 */
#ifndef KERNEL_RBTREE_H
#define KERNEL_RBTREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define RBTREE_DEPTH_MAX 64 /* twice the logarithm of the nodes in 64 bits of memory */

struct rbtree {
	struct kernel *kernel;
	uint64_t root; /* of struct rb_root */
	uint64_t node; /* the last that was told; 0: none yet */
	size_t steps, limit;
};

struct rbtree rbtree_init(struct kernel *kernel, uint64_t root, size_t limit);

/* 1 and the address of a struct rb_node, 0 at the end; ERR_LIMIT, ERR_CORRUPT. */
int rbtree_next(struct rbtree *tree, uint64_t *ret, struct err *err);

#endif
