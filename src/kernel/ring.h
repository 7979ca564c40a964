/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A list in a dead kernel's memory, walked from link to link: a ring that comes back to
 * its head (struct list_head) or a chain that ends with NULL (struct hlist_node,
 * llist_node). What lies around a link is not known here.
 *
 *	struct ring ring = ring_init(kernel, head_vaddr, LIMIT);
 *	while ((r = ring_next(&ring, &node, err)) > 0)
 *		...
 */
#ifndef KERNEL_RING_H
#define KERNEL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct ring {
	struct kernel *kernel;
	uint64_t head, node;
	uint64_t remembered; /* a node that must not come back */
	size_t steps, next_power, limit;
	bool is_chain;
};

/* @head is the address of the struct list_head that is no entry. */
struct ring ring_init(struct kernel *kernel, uint64_t head, size_t limit);

/* @first is the address of the pointer to the first entry: hlist_head.first. */
struct ring ring_init_chain(struct kernel *kernel, uint64_t first, size_t limit);

/*
 * 1 and the address of the next link, 0 at the end. ERR_CORRUPT: it runs in circles that
 * the head is no part of, or a ring is open; ERR_LIMIT: there are more than the limit.
 */
int ring_next(struct ring *ring, uint64_t *ret, struct err *err);

#endif
