// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/mount.h"

#include <stdio.h>
#include <string.h>

#include "kernel/rbtree.h"
#include "kernel/ring.h"
#include "kernel/value.h"

/* MNT_* of include/linux/mount.h and SB_* of include/linux/fs.h, as shown there. */
static const struct {
	uint64_t bit;
	const char *name;
} mount_flags[] = {
	{ 0x01, ",nosuid" },	{ 0x02, ",nodev" },	 { 0x04, ",noexec" },
	{ 0x08, ",noatime" },	{ 0x10, ",nodiratime" }, { 0x20, ",relatime" },
	{ 0x80, ",nosymfollow" },
}, super_flags[] = {
	{ 0x10, ",sync" },
	{ 0x80, ",dirsync" },
	{ 0x40, ",mand" },
	{ UINT64_C(1) << 25, ",lazytime" },
};

#define MNT_READONLY 0x40
#define SB_RDONLY    0x01

static void format_options(uint64_t mnt_flags, uint64_t s_flags, char *ret, size_t size)
{
	size_t used = (size_t)snprintf(
		ret, size, "%s",
		mnt_flags & MNT_READONLY || s_flags & SB_RDONLY ? "ro" : "rw");

	for (size_t i = 0; i < ARRAY_SIZE(super_flags) && used < size; i++)
		if (s_flags & super_flags[i].bit)
			used += (size_t)snprintf(ret + used, size - used, "%s",
						 super_flags[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(mount_flags) && used < size; i++)
		if (mnt_flags & mount_flags[i].bit)
			used += (size_t)snprintf(ret + used, size - used, "%s",
						 mount_flags[i].name);
}

/* MKDEV() of include/linux/kdev_t.h: 12 bits and 20. */
static void set_device(struct mount_entry *entry, uint64_t dev)
{
	entry->major = (uint32_t)(dev >> 20);
	entry->minor = (uint32_t)(dev & 0xfffff);
}

static int read_super(struct kernel *kernel, uint64_t super, uint64_t mnt_flags,
		      struct mount_entry *ret, struct err *err)
{
	uint64_t type, name, s_flags, dev;
	int r = value_read(kernel, super, "super_block.s_type", &type, err);

	if (r == 0)
		r = value_read(kernel, type, "file_system_type.name", &name, err);
	if (r == 0)
		r = kernel_read_string(kernel, name, ret->type, sizeof(ret->type), err);
	if (r == 0)
		r = value_read(kernel, super, "super_block.s_flags", &s_flags, err);
	if (r == 0)
		r = value_read(kernel, super, "super_block.s_dev", &dev, err);
	if (r < 0)
		return r;
	format_options(mnt_flags, s_flags, ret->options, sizeof(ret->options));
	set_device(ret, dev);
	return 0;
}

static int mount_read(struct kernel *kernel, uint64_t vaddr, struct mount_entry *ret,
		      struct err *err)
{
	struct mount_entry entry = { .vaddr = vaddr };
	uint64_t mnt, root, super, name, flags;
	int r = value_vaddr(kernel, vaddr, "mount.mnt", &mnt, err);

	if (r == 0)
		r = value_read(kernel, mnt, "vfsmount.mnt_root", &root, err);
	if (r == 0)
		r = value_read(kernel, mnt, "vfsmount.mnt_sb", &super, err);
	if (r == 0)
		r = value_read(kernel, mnt, "vfsmount.mnt_flags", &flags, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "mount.mnt_devname", &name, err);
	if (r == 0 && name)
		r = kernel_read_string(kernel, name, entry.device, sizeof(entry.device),
				       err);
	if (r == 0)
		r = path_read(kernel, mnt, root, entry.path, sizeof(entry.path), err);
	if (r == 0)
		r = read_super(kernel, super, flags, &entry, err);
	if (r == 0)
		*ret = entry;
	return r;
}

static int list_add(struct kernel *kernel, struct mount_list *list, uint64_t vaddr,
		    struct err *err)
{
	size_t n = list->count;

	if (n % 64 == 0) {
		struct mount_entry *mounts =
			realloc(list->mounts, (n + 64) * sizeof(*mounts));

		if (!mounts)
			return err_nomem(err);
		list->mounts = mounts;
	}
	if (mount_read(kernel, vaddr, &list->mounts[n], err) < 0)
		return err_in(err, ERR_CORRUPT, "mount %zu", n + 1);
	list->count++;
	return 0;
}

/* A tree since 2eea9ce4310d (v6.8), a ring before. */
static int list_walk(struct kernel *kernel, uint64_t ns, struct mount_list *list,
		     struct err *err)
{
	bool is_tree = value_has(kernel, "mnt_namespace.mounts.rb_node");
	uint64_t head, node, offset;
	struct rbtree tree;
	struct ring ring;
	int r = value_vaddr(kernel, ns,
			    is_tree ? "mnt_namespace.mounts" : "mnt_namespace.list",
			    &head, err);

	if (r == 0)
		r = kernel_offset(kernel, is_tree ? "mount.mnt_node" : "mount.mnt_list",
				  &offset, err);
	if (r < 0)
		return r;
	tree = rbtree_init(kernel, head, MOUNT_COUNT_MAX);
	ring = ring_init(kernel, head, MOUNT_COUNT_MAX);
	while ((r = is_tree ? rbtree_next(&tree, &node, err)
			    : ring_next(&ring, &node, err)) > 0) {
		uint64_t mnt_ns;

		// Someone who reads /proc/mounts stands in the ring with a cursor.
		if (!is_tree &&
		    value_read(kernel, node - offset, "mount.mnt_ns", &mnt_ns, NULL) ==
			    0 &&
		    mnt_ns != ns)
			continue;
		r = list_add(kernel, list, node - offset, err);
		if (r < 0)
			break;
	}
	return r;
}

int mount_list_read(struct kernel *kernel, struct mount_list *ret, struct err *err)
{
	static const char *const way[] = { "task_struct.nsproxy", "nsproxy.mnt_ns",
					   NULL };
	_cleanup_mount_list struct mount_list list = { 0 };
	struct err why = { 0 };
	uint64_t init_task, ns;
	int r = kernel_symbol(kernel, "init_task", &init_task, err);

	if (r == 0)
		r = value_follow(kernel, init_task, way, &ns, err);
	if (r < 0)
		return err_in(err, r, "looking for mounts");
	r = list_walk(kernel, ns, &list, &why);
	if (r < 0 && !list.count)
		return err_set(err, r, "looking for mounts: %.400s", err_text(&why));
	snprintf(list.cut_why, sizeof(list.cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	*ret = list;
	list = (struct mount_list){ 0 };
	return 0;
}

void mount_list_done(struct mount_list *list)
{
	free(list->mounts);
	*list = (struct mount_list){ 0 };
}
