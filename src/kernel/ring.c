// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Brent's way to see that a walk runs in circles: a node is remembered at each power of
 * two of steps, and must not come back.
 */
#include "kernel/ring.h"

struct ring ring_init(struct kernel *kernel, uint64_t head, size_t limit)
{
	return (struct ring){
		.kernel = kernel, .head = head, .node = head, .limit = limit
	};
}

struct ring ring_init_chain(struct kernel *kernel, uint64_t first, size_t limit)
{
	struct ring ring = ring_init(kernel, first, limit);

	ring.is_chain = true;
	return ring;
}

int ring_next(struct ring *ring, uint64_t *ret, struct err *err)
{
	uint64_t node;
	int r = kernel_read_u64(ring->kernel, ring->node, &node, err);

	if (r < 0)
		return r;
	if (ring->is_chain ? !node : node == ring->head)
		return 0;
	if (!node)
		return err_set(err, ERR_CORRUPT, "it ends with NULL");
	if (ring->steps && node == ring->remembered)
		return err_set(err, ERR_CORRUPT, "it runs in circles");
	if (ring->steps == ring->limit)
		return err_set(err, ERR_LIMIT, "it has more than %zu entries",
			       ring->limit);
	if (ring->steps++ == ring->next_power) {
		ring->next_power = ring->next_power * 2 + 1;
		ring->remembered = node;
	}
	ring->node = node;
	*ret = node;
	return 1;
}
