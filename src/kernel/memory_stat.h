/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory there was, how much of it was free, and what the rest was used for.
 * Source: Linux mm/vmstat.c (vm_zone_stat, vm_node_stat: sums over all zones and nodes),
 * include/linux/mmzone.h (enum zone_stat_item, node_stat_item; their values by BTF).
 *
 * What a CPU has counted and not yet added to the sums is not asked for: up to 125 pages
 * a CPU and zone.
 */
#ifndef KERNEL_MEMORY_STAT_H
#define KERNEL_MEMORY_STAT_H

#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

/* In the order in which a report tells them. */
enum memory_stat_item {
	MEMORY_TOTAL,		 /* that the kernel manages: MemTotal of /proc/meminfo */
	MEMORY_FREE,		 /* MemFree */
	MEMORY_ANON,		 /* AnonPages: of processes */
	MEMORY_FILE,		 /* page cache with shmem: Cached, Buffers, SwapCached */
	MEMORY_SHMEM,		 /* Shmem: tmpfs, shared anonymous memory */
	MEMORY_DIRTY,		 /* Dirty */
	MEMORY_WRITEBACK,	 /* Writeback */
	MEMORY_SLAB_RECLAIMABLE, /* SReclaimable */
	MEMORY_SLAB_UNRECLAIMABLE, /* SUnreclaim */
	MEMORY_PAGE_TABLES,	   /* PageTables */
	MEMORY_KERNEL_STACKS,	   /* KernelStack */
	MEMORY_STAT_COUNT,
};

struct memory_stat {
	uint64_t bytes[MEMORY_STAT_COUNT];
	uint32_t known; /* bit i: bytes[i] is */
};

static inline int memory_stat_has(const struct memory_stat *stat, enum memory_stat_item i)
{
	return stat->known >> i & 1;
}

/* Fails, with the first reason, where nothing at all is known. */
int memory_stat_read(struct kernel *kernel, struct memory_stat *ret, struct err *err);

/* "total", "free", "anon", "file", ...: stable, for JSON. */
const char *memory_stat_name(enum memory_stat_item item);

#endif
