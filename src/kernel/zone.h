/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Zones of memory: what is free in each, in which orders, and from where on the kernel
 * looks for more; and swap. Source: Linux include/linux/{mmzone,swap}.h, mm/vmstat.c
 * (/proc/zoneinfo); members by BTF.
 */
#ifndef KERNEL_ZONE_H
#define KERNEL_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/path.h"

#define ZONE_NODES_MAX	1024
#define ZONE_COUNT_MAX	8192
#define ZONE_ORDERS_MAX 32
#define ZONE_SWAPS_MAX	32 /* MAX_SWAPFILES */

struct zone {
	int32_t node;
	char name[16]; /* "DMA", "DMA32", "Normal", ... */
	uint64_t start_pfn;
	uint64_t spanned, present, managed; /* pages */
	uint64_t free;
	uint64_t min, low, high; /* watermarks, with what was added for a while */
	uint64_t free_blocks[ZONE_ORDERS_MAX]; /* of 1 << i pages */
	uint32_t order_count;
};

struct zone_swap {
	char path[PATH_SIZE]; /* "" unknown */
	uint64_t pages, used;
	int16_t priority;
};

struct zone_list {
	struct zone *zones; /* that have memory */
	size_t count;
	char cut_why[256];
	struct zone_swap swaps[ZONE_SWAPS_MAX];
	size_t swap_count;
	char no_swaps[160]; /* why they are unknown; "" they are all here */
};

int zone_list_read(struct kernel *kernel, struct zone_list *ret, struct err *err);
void zone_list_done(struct zone_list *list);

#define _cleanup_zone_list _cleanup_(zone_list_done)

#endif
