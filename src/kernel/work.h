/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workqueues: what was queued and had not begun, and what ran.
 * Source: Linux kernel/workqueue.c, kernel/workqueue_internal.h; members by BTF.
 *
 * Work that is held back by its workqueue's limit, or by a delay, is not looked for.
 */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define WORK_POOLS_MAX 65536
#define WORK_ITEMS_MAX 65536 /* of one pool */

struct work_item {
	uint64_t vaddr;	    /* of its struct work_struct */
	char function[128]; /* "flush_to_ldisc", "func [module]" */
	bool is_running;
	int32_t pid;	/* of the worker that runs it; -1 none, or unknown */
	char queue[40]; /* of a running one; "" unknown */
};

struct work_pool {
	int32_t id;
	int32_t cpu; /* -1: of any CPU */
	int32_t nice;
	uint32_t workers, idle;
	struct work_item *items; /* those that run first */
	size_t item_count;
};

struct work_pools {
	struct work_pool *pools; /* by id */
	size_t count;
	char cut_why[256];
};

int work_pools_read(struct kernel *kernel, struct work_pools *ret, struct err *err);
void work_pools_done(struct work_pools *pools);

#define _cleanup_work_pools _cleanup_(work_pools_done)

#endif
