// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/path.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernel/value.h"

#define NAME_BYTES 256 /* NAME_MAX with its NUL */

struct walk {
	struct kernel *kernel;
	uint64_t mnt, mount; /* struct vfsmount, and struct mount around it */
	uint64_t dentry;
	uint64_t mnt_offset; /* of mount.mnt */
	char path[PATH_SIZE];
	size_t start; /* the path is from here to the end */
	bool is_cut;
};

static void prepend(struct walk *walk, const char *name)
{
	size_t size = strlen(name);

	if (size + 1 > walk->start) {
		walk->is_cut = true;
		return;
	}
	walk->start -= size + 1;
	walk->path[walk->start] = '/';
	memcpy(walk->path + walk->start + 1, name, size);
}

static int prepend_dentry(struct walk *walk, struct err *err)
{
	char name[NAME_BYTES];
	uint64_t vaddr;
	int r = value_read(walk->kernel, walk->dentry, "dentry.d_name.name", &vaddr, err);

	if (r == 0)
		r = kernel_read_string(walk->kernel, vaddr, name, sizeof(name), err);
	if (r == 0)
		prepend(walk, name);
	return r;
}

/* 1: went up one step; 0: this is the root. */
static int step(struct walk *walk, struct err *err)
{
	uint64_t root, parent, mountpoint;
	int r = value_read(walk->kernel, walk->mnt, "vfsmount.mnt_root", &root, err);

	if (r < 0)
		return r;
	if (walk->dentry == root) {
		r = value_read(walk->kernel, walk->mount, "mount.mnt_parent", &parent,
			       err);
		if (r == 0)
			r = value_read(walk->kernel, walk->mount, "mount.mnt_mountpoint",
				       &mountpoint, err);
		if (r < 0 || parent == walk->mount)
			return r;
		walk->mount = parent;
		walk->mnt = parent + walk->mnt_offset;
		walk->dentry = mountpoint;
		return 1;
	}
	r = value_read(walk->kernel, walk->dentry, "dentry.d_parent", &parent, err);
	if (r < 0 || parent == walk->dentry)
		return r;
	r = prepend_dentry(walk, err);
	walk->dentry = parent;
	return r < 0 ? r : 1;
}

static int is_deleted(struct kernel *kernel, uint64_t dentry, bool *ret, struct err *err)
{
	uint64_t pprev, parent;
	int r = value_read(kernel, dentry, "dentry.d_hash.pprev", &pprev, err);

	if (r == 0)
		r = value_read(kernel, dentry, "dentry.d_parent", &parent, err);
	if (r == 0)
		*ret = !pprev && parent != dentry;
	return r;
}

/* Only pipes and their like: their root is no directory that has a name. */
static int bare_name(struct walk *walk, char *ret, size_t size, struct err *err)
{
	int r = prepend_dentry(walk, err);

	if (r == 0)
		snprintf(ret, size, "%.*s", (int)(PATH_SIZE - 1 - walk->start - 1),
			 walk->path + walk->start + 1);
	return r;
}

int path_read(struct kernel *kernel, uint64_t mnt_vaddr, uint64_t dentry_vaddr, char *ret,
	      size_t size, struct err *err)
{
	struct walk walk = { .kernel = kernel, .mnt = mnt_vaddr, .dentry = dentry_vaddr };
	bool deleted = false;
	int r = kernel_offset(kernel, "mount.mnt", &walk.mnt_offset, err);

	walk.start = PATH_SIZE - 1;
	walk.mount = mnt_vaddr - walk.mnt_offset;
	if (r == 0)
		r = is_deleted(kernel, dentry_vaddr, &deleted, err);
	for (int steps = 0; r == 0; steps++) {
		if (steps == PATH_STEPS_MAX)
			return err_set(err, ERR_CORRUPT,
				       "the path of dentry 0x%" PRIx64 " has no end",
				       dentry_vaddr);
		r = step(&walk, err);
		if (r == 0)
			break;
		r = r > 0 ? 0 : r;
	}
	if (r == 0 && walk.start == PATH_SIZE - 1) {
		uint64_t parent = 0, root = 0;

		// The root of a file system that is mounted nowhere.
		if (value_read(kernel, mnt_vaddr, "vfsmount.mnt_root", &root, NULL) ==
			    0 &&
		    value_read(kernel, dentry_vaddr, "dentry.d_parent", &parent, NULL) ==
			    0 &&
		    root != dentry_vaddr && parent == dentry_vaddr)
			return bare_name(&walk, ret, size, err);
		prepend(&walk, "");
	}
	if (r < 0)
		return err_in(err, r, "path of dentry 0x%" PRIx64, dentry_vaddr);
	snprintf(ret, size, "%s%.*s%s", walk.is_cut ? "..." : "",
		 (int)(PATH_SIZE - 1 - walk.start), walk.path + walk.start,
		 deleted ? " (deleted)" : "");
	return 0;
}

int path_read_struct(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size,
		     struct err *err)
{
	uint64_t mnt, dentry;
	int r = value_read(kernel, vaddr, "path.mnt", &mnt, err);

	if (r == 0)
		r = value_read(kernel, vaddr, "path.dentry", &dentry, err);
	if (r == 0 && (!mnt || !dentry))
		r = err_set(err, ERR_NOTFOUND, "it has no path");
	return r < 0 ? r : path_read(kernel, mnt, dentry, ret, size, err);
}
