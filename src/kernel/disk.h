/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block devices: disks and their partitions. Source: Linux block/bdev.c
 * (blockdev_superblock, whose inodes they are), include/linux/blk_types.h; members by
 * BTF. Until v5.10 only those are known that were open.
 */
#ifndef KERNEL_DISK_H
#define KERNEL_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define DISK_COUNT_MAX 65536

struct disk {
	uint64_t vaddr;	    /* of its struct block_device */
	char disk[33];	    /* "vda": what it is, or is a part of */
	uint32_t partition; /* 0: the whole disk */
	uint32_t major, minor;
	uint64_t size_bytes;
};

struct disk_list {
	struct disk *disks; /* by number */
	size_t count;
	char cut_why[256];
};

int disk_list_read(struct kernel *kernel, struct disk_list *ret, struct err *err);
void disk_list_done(struct disk_list *list);

#define _cleanup_disk_list _cleanup_(disk_list_done)

#endif
