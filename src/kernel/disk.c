// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/disk.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/ring.h"
#include "kernel/value.h"

/* The low 8 bits of __bd_flags since 1116b9fa15c0 (v6.10), a member before. */
static int read_partition(struct kernel *kernel, uint64_t vaddr, uint32_t *ret,
			  struct err *err)
{
	static const char *const paths[] = { "block_device.bd_partno",
					     "block_device.__bd_flags.counter", NULL };
	uint64_t value;
	int r = value_read_any(kernel, vaddr, paths, &value, err);

	if (r == 0)
		*ret = (uint8_t)value;
	return r;
}

/* 1: it is a device that exists. */
static int disk_read(struct kernel *kernel, uint64_t inode, uint64_t inode_offset,
		     struct disk *ret, struct err *err)
{
	struct disk disk = { 0 };
	uint64_t offset, gendisk, name, dev;
	int r = kernel_offset(kernel, "bdev_inode.bdev", &offset, err);

	disk.vaddr = inode - inode_offset + offset;
	if (r == 0)
		r = value_read(kernel, disk.vaddr, "block_device.bd_disk", &gendisk, err);
	if (r < 0 || !gendisk)
		return r;
	r = value_read(kernel, disk.vaddr, "block_device.bd_dev", &dev, err);
	if (r == 0)
		r = value_vaddr(kernel, gendisk, "gendisk.disk_name", &name, err);
	if (r == 0)
		r = kernel_read_string(kernel, name, disk.disk, sizeof(disk.disk), err);
	if (r == 0)
		r = value_read(kernel, inode, "inode.i_size", &disk.size_bytes, err);
	if (r == 0)
		r = read_partition(kernel, disk.vaddr, &disk.partition, err);
	if (r < 0)
		return r;
	disk.major = (uint32_t)(dev >> 20); // MKDEV()
	disk.minor = (uint32_t)(dev & 0xfffff);
	*ret = disk;
	return 1;
}

static int list_walk(struct kernel *kernel, struct disk_list *list, struct err *err)
{
	uint64_t super, head, link, node, inode_offset;
	struct ring ring;
	int r = value_symbol(kernel, "blockdev_superblock", 8, &super, err);

	if (r == 0)
		r = value_vaddr(kernel, super, "super_block.s_inodes", &head, err);
	if (r == 0)
		r = kernel_offset(kernel, "inode.i_sb_list", &link, err);
	if (r == 0)
		r = kernel_offset(kernel, "bdev_inode.vfs_inode", &inode_offset, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, DISK_COUNT_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		size_t n = list->count;

		if (n % 64 == 0) {
			struct disk *disks =
				realloc(list->disks, (n + 64) * sizeof(*disks));

			if (!disks)
				return err_nomem(err);
			list->disks = disks;
		}
		r = disk_read(kernel, node - link, inode_offset, &list->disks[n], err);
		if (r < 0)
			break;
		list->count += (size_t)r;
	}
	return r;
}

static int disk_compare(const void *a, const void *b)
{
	const struct disk *x = a, *y = b;

	if (x->major != y->major)
		return x->major < y->major ? -1 : 1;
	return x->minor < y->minor ? -1 : x->minor > y->minor;
}

int disk_list_read(struct kernel *kernel, struct disk_list *ret, struct err *err)
{
	struct disk_list list = { 0 };
	struct err why = { 0 };
	int r = list_walk(kernel, &list, &why);

	if (r < 0 && (!list.count || r == ERR_NOMEM)) {
		disk_list_done(&list);
		return err_set(err, r, "looking for block devices: %.400s",
			       err_text(&why));
	}
	snprintf(list.cut_why, sizeof(list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	if (list.count)
		qsort(list.disks, list.count, sizeof(*list.disks), disk_compare);
	*ret = list;
	return 0;
}

void disk_list_done(struct disk_list *list)
{
	free(list->disks);
	*list = (struct disk_list){ 0 };
}
