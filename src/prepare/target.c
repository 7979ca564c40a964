// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/target.h"

#include <blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fd.h"
#include "prepare/mount_table.h"
#include "record/raw.h"

#define SUPPORTED \
	"ext4 (ext3, ext2), xfs, btrfs and vfat on a disk or partition, LVM (linear) or MD"

/* ext4's driver reads ext2 and ext3 too, and goes by their names. */
static const struct file_system {
	const char *type; /* as mountinfo and libblkid say */
	const char *lookups[4];
} file_systems[] = {
	{ "ext4", { "fs-ext4" } },
	{ "ext3", { "fs-ext4" } },
	{ "ext2", { "fs-ext4" } },
	{ "xfs", { "fs-xfs" } },
	{ "btrfs", { "fs-btrfs" } },
	// code pages are loaded when mounting: the kernel would call a modprobe that
	// isn't there
	{ "vfat", { "fs-vfat", "nls_cp437", "nls_ascii", "nls_utf8" } },
};

static const struct {
	const char *type, *what;
} refused[] = {
	{ "overlay", "an overlay" },
	{ "tmpfs", "memory (tmpfs), which a crash loses" },
	{ "ramfs", "memory (ramfs), which a crash loses" },
	{ "rootfs", "memory (the initramfs), which a crash loses" },
	{ "nfs", "NFS" },
	{ "nfs4", "NFS" },
	{ "cifs", "a network share" },
	{ "smb3", "a network share" },
	{ "zfs", "ZFS" },
	{ "9p", "a share of the virtual machine's host" },
	{ "virtiofs", "a share of the virtual machine's host" },
};

static int path_join(char ret[static PATH_MAX], struct err *err, const char *a,
		     const char *b)
{
	if (snprintf(ret, PATH_MAX, "%s%s", a, b) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", b);
	return 0;
}

/* ---- the path, without links ---- */

/* The longest part of @wanted that exists, resolved; its length in @wanted. It stops at
 * @stop bytes, which must exist. */
static int resolve_existing(const char *wanted, size_t stop, char ret[static PATH_MAX],
			    size_t *ret_length, struct err *err)
{
	char part[PATH_MAX];
	size_t length = strlen(wanted);

	for (;;) {
		snprintf(part, sizeof(part), "%.*s", (int)length, length ? wanted : "/");
		if (realpath(length ? part : "/", ret)) {
			*ret_length = length;
			return 0;
		}
		if (errno != ENOENT || length <= stop)
			return err_os(err, errno, "unable to find '%s'", part);
		while (length > stop && wanted[--length] != '/')
			;
	}
}

/* Where @archive leads below @root; what is missing of it will be made as it is named. */
static int archive_resolve(const char *root, const char *archive,
			   char ret[static PATH_MAX], struct err *err)
{
	char wanted[PATH_MAX], real[PATH_MAX], real_root[PATH_MAX];
	size_t length, root_length;
	const char *below;
	int r = path_join(wanted, err, root, archive);

	if (r == 0 && (archive[0] != '/' || strstr(archive, "/..")))
		r = err_set(err, ERR_INVALID, "is no absolute path without '..'");
	if (r == 0)
		r = resolve_existing(root, strlen(root), real_root, &length, err);
	if (r == 0)
		r = resolve_existing(wanted, strlen(root), real, &length, err);
	if (r < 0)
		return r;
	root_length = strcmp(real_root, "/") ? strlen(real_root) : 0;
	if (strncmp(real, real_root, root_length) != 0)
		return err_set(err, ERR_INVALID, "it leads out of '%s'", root);
	below = strcmp(real, "/") ? real + root_length : "";
	r = path_join(ret, err, below, wanted + length);
	length = r < 0 ? 0 : strlen(ret);
	while (length > 1 && ret[length - 1] == '/')
		ret[--length] = '\0';
	if (r == 0 && length == 0)
		strcpy(ret, "/");
	return r;
}

/* ---- the device ---- */

static void read_link_name(const char *path, char *ret, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	ret[0] = '\0';
	if (n <= 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(ret, size, "%.*s", (int)size - 1, slash ? slash + 1 : target);
}

static bool exists_in(const char *directory, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", directory, name) <
		       (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

/* A partition's disk tells what the disk is. */
static int device_refuse(const char *sysfs, const char *device, struct err *err)
{
	static const struct {
		const char *name, *what;
	} kinds[] = {
		{ "dm", "a partition of a device of device-mapper" },
		{ "md", "a partition of md (software RAID)" },
		{ "loop", "a loop device" },
		{ "bcache", "bcache" },
	};
	char disk[PATH_MAX];

	snprintf(disk, sizeof(disk), "%s", sysfs);
	if (exists_in(disk, "partition"))
		*strrchr(disk, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (exists_in(disk, kinds[i].name))
			return err_set(
				err, ERR_UNSUPPORTED,
				"'%s' is %s, which is not supported yet; supported: " SUPPORTED,
				device, kinds[i].what);
	}
	if (strstr(disk, "/session"))
		return err_set(
			err, ERR_UNSUPPORTED,
			"'%s' is an iSCSI disk, which is not supported yet; supported: " SUPPORTED,
			device);
	if (strstr(disk, "/virtual/") && !strstr(disk, "/nvme-subsystem/"))
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is no disk of this machine, but made by software; "
			       "supported: " SUPPORTED,
			       device);
	return 0;
}

static int device_name(const char *sysfs, char *ret, size_t size, struct err *err)
{
	char path[PATH_MAX];
	_cleanup_free char *uevent = NULL;
	const char *name;
	int r = path_join(path, err, sysfs, "/uevent");

	if (r == 0)
		r = file_read(AT_FDCWD, path, 1 << 16, &uevent, NULL, err);
	if (r < 0)
		return r;
	name = strstr(uevent, "DEVNAME=");
	if (!name || (name != uevent && name[-1] != '\n'))
		return err_set(err, ERR_NOTFOUND, "'%s' names no device", path);
	name += strlen("DEVNAME=");
	if (snprintf(ret, size, "/dev/%.*s", (int)strcspn(name, "\n"), name) >= (int)size)
		return err_set(err, ERR_LIMIT, "the name of the device '%s' is too long",
			       sysfs);
	return 0;
}

/* Is the driver of a disk reached by another way than PCI and its like? */
static int nvme_refuse(const char *controller, struct err *err)
{
	char path[PATH_MAX], transport[32];
	int r = path_join(path, err, controller, "/transport");

	if (r < 0)
		return r;
	if (file_read_line(AT_FDCWD, path, transport, sizeof(transport), NULL) < 0 ||
	    strcmp(transport, "pcie") == 0 || strcmp(transport, "apple-nvme") == 0)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "the disk is reached by NVMe over %s, which is not supported yet; "
		       "supported: " SUPPORTED,
		       transport);
}

/* From @start up to the root of the device tree. */
static int target_walk(const char *devices, const char *start, struct target *target,
		       struct err *err)
{
	char at[PATH_MAX], path[PATH_MAX];

	snprintf(at, sizeof(at), "%s", start);
	while (strlen(at) > strlen(devices)) {
		struct target_device device = { 0 };
		int r;

		if (exists_in(at, "transport")) {
			r = nvme_refuse(at, err);
			if (r < 0)
				return r;
		}
		r = path_join(path, err, at, "/modalias");
		if (r < 0)
			return r;
		file_read_line(AT_FDCWD, path, device.modalias, sizeof(device.modalias),
			       NULL);
		r = path_join(path, err, at, "/driver/module");
		if (r < 0)
			return r;
		read_link_name(path, device.module, sizeof(device.module));
		if (exists_in(at, "driver")) {
			if (target->device_count >= TARGET_DEVICES_MAX)
				return err_set(err, ERR_LIMIT,
					       "more than %d devices above '%s'",
					       TARGET_DEVICES_MAX, start);
			target->devices[target->device_count++] = device;
		}
		*strrchr(at, '/') = '\0';
	}
	return 0;
}

/* With NVMe's own multipath the disk hangs below a virtual subsystem, which has a link to
 * each controller. */
static int target_walk_nvme(const char *devices, const char *sysfs, struct target *target,
			    struct err *err)
{
	char subsystem[PATH_MAX], path[PATH_MAX], real[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	char *end;
	int r = 0;

	snprintf(subsystem, sizeof(subsystem), "%s", sysfs);
	end = strstr(subsystem, "/nvme-subsystem/") + strlen("/nvme-subsystem/");
	end[strcspn(end, "/")] = '\0';
	dir = opendir(subsystem);
	if (!dir)
		return err_os(err, errno, "unable to open '%s'", subsystem);
	while (r == 0 && (entry = readdir(dir))) {
		unsigned int number;
		char rest;

		if (sscanf(entry->d_name, "nvme%u%c", &number, &rest) != 1)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", subsystem, entry->d_name) <
			    (int)sizeof(path) &&
		    realpath(path, real))
			r = target_walk(devices, real, target, err);
	}
	closedir(dir);
	return r;
}

/*
 * From @start down to the disks: what is made by software is told in the stack, what lies
 * below it is looked at in turn. No recursion, and never more than the limits.
 */
static int target_walk_down(const char *root, const char *devices, const char *start,
			    struct target *target, struct err *err)
{
	_cleanup_free struct device_stack *stack = calloc(1, sizeof(*stack));
	_cleanup_free char(*queue)[PATH_MAX] =
		calloc(DEVICE_STACK_MAX * DEVICE_STACK_MEMBERS + 1, PATH_MAX);
	size_t count = 1;
	char name[64];
	int r = 0;

	if (!stack || !queue)
		return err_nomem(err);
	snprintf(queue[0], PATH_MAX, "%s", start);
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!device_stack_is(queue[i])) {
			r = device_name(queue[i], name, sizeof(name), err);
			if (r == 0)
				r = device_refuse(queue[i], name, err);
			if (r == 0)
				r = strstr(queue[i], "/nvme-subsystem/")
					    ? target_walk_nvme(devices, queue[i], target,
							       err)
					    : target_walk(devices, queue[i], target, err);
			continue;
		}
		if (target->stack_count >= DEVICE_STACK_MAX)
			return err_set(err, ERR_LIMIT,
				       "more than %d devices are made by software",
				       DEVICE_STACK_MAX);
		r = device_stack_read(root, queue[i], stack, err);
		if (r < 0)
			return r;
		target->stack[target->stack_count] = stack->device;
		memcpy(target->stack_modules[target->stack_count++], stack->modules,
		       sizeof(stack->modules));
		for (size_t j = 0; j < stack->member_count; j++)
			snprintf(queue[count++], PATH_MAX, "%s", stack->members[j]);
	}
	return r;
}

static int target_find_devices(const char *root, struct target *target, struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX], devices[PATH_MAX], real[PATH_MAX];
	int r;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", target->device_major,
		 target->device_minor);
	r = path_join(path, err, root, link);
	if (r == 0)
		r = path_join(link, err, root, "/sys/devices");
	if (r < 0)
		return r;
	if (!realpath(path, real) || !realpath(link, devices))
		return err_os(err, errno, "unable to find the device %u:%u in '%s'",
			      target->device_major, target->device_minor, path);
	if (strncmp(real, devices, strlen(devices)) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' leads out of '%s'", path, devices);
	memcpy(target->sysfs_path, real, sizeof(real));
	r = device_name(real, target->where.device, sizeof(target->where.device), err);
	return r < 0 ? r : target_walk_down(root, devices, real, target, err);
}

/* ---- the file system ---- */

static const struct file_system *file_system_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++) {
		if (strcmp(file_systems[i].type, type) == 0)
			return &file_systems[i];
	}
	return NULL;
}

static int file_system_refuse(const char *type, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (strcmp(refused[i].type, type) == 0)
			return err_set(err, ERR_UNSUPPORTED,
				       "it is %s; supported: " SUPPORTED,
				       refused[i].what);
	}
	return err_set(
		err, ERR_UNSUPPORTED,
		"its file system is '%s', which is not supported yet; supported: " SUPPORTED,
		type);
}

static void probe_freep(blkid_probe *probe)
{
	blkid_free_probe(*probe);
}

/* What libblkid sees is what the crash kernel looks for, with libblkid: a file system can
 * be mounted by another name. */
static int superblock_read(const char *root, struct target *target, struct err *err)
{
	_cleanup_(probe_freep) blkid_probe probe = NULL;
	struct orders_target *where = &target->where;
	const char *uuid = "", *type = "";
	char path[PATH_MAX];
	int r = path_join(path, err, root, where->device);

	if (r < 0)
		return r;
	probe = blkid_new_probe_from_filename(path);
	if (!probe)
		return err_os(err, errno, "unable to open the device '%s'", path);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	if (blkid_do_safeprobe(probe) != 0 ||
	    blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0 ||
	    blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) < 0 || !uuid[0])
		return err_set(
			err, ERR_NOTFOUND,
			"no UUID of a file system in '%s': the crash kernel could not "
			"find it",
			path);
	if (!file_system_find(type))
		return file_system_refuse(type, err);
	if (snprintf(where->fstype, sizeof(where->fstype), "%s", type) >=
		    (int)sizeof(where->fstype) ||
	    snprintf(where->uuid, sizeof(where->uuid), "%s", uuid) >=
		    (int)sizeof(where->uuid))
		return err_set(err, ERR_LIMIT, "the UUID '%s' is too long", uuid);
	return 0;
}

/* btrfs has device numbers of its own: those of the disk are behind the mount's source.
 */
static int btrfs_find_device(const char *root, const char *source, struct target *target,
			     struct err *err)
{
	struct btrfs_ioctl_fs_info_args info = { 0 };
	_cleanup_fd int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int r = path_join(path, err, root, source);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return err_os(err, errno, "unable to look at the device '%s'", path);
	target->device_major = major(st.st_rdev);
	target->device_minor = minor(st.st_rdev);
	r = path_join(path, err, root, target->mount_point);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0)
		return err_os(err, errno,
			      "unable to ask the btrfs at '%s' for its devices", path);
	if (info.num_devices != 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "the btrfs at '%s' has %llu devices; one is supported",
			       path, (unsigned long long)info.num_devices);
	return 0;
}

static int target_fill(const char *root, const char *path, const struct mount *mount,
		       struct target *target, struct err *err)
{
	const char *base = strcmp(mount->root, "/") == 0 ? "" : mount->root;
	const char *below = mount_path_below(path, mount->point);

	if (!file_system_find(mount->type))
		return file_system_refuse(mount->type, err);
	if (!base[0] && !below[0])
		below = "/";
	if (snprintf(target->where.path, sizeof(target->where.path), "%s%s", base,
		     below) >= (int)sizeof(target->where.path))
		return err_set(err, ERR_LIMIT, "its path in the file system is too long");
	snprintf(target->mount_point, sizeof(target->mount_point), "%s", mount->point);
	snprintf(target->options, sizeof(target->options), "%s", mount->options);
	target->device_major = mount->device_major;
	target->device_minor = mount->device_minor;
	if (strcmp(mount->type, "btrfs") == 0)
		return btrfs_find_device(root, mount->source, target, err);
	return 0;
}

int target_find(const char *root, const char *archive, struct target *ret,
		struct err *err)
{
	_cleanup_free char *table = NULL;
	_cleanup_free struct target *target = calloc(1, sizeof(*target));
	char path[PATH_MAX];
	struct mount mount = { 0 };
	int r;

	if (!target)
		return err_nomem(err);
	r = archive_resolve(root, archive, path, err);
	if (r == 0)
		r = mount_find(root, path, &table, &mount, err);
	if (r == 0)
		r = target_fill(root, path, &mount, target, err);
	if (r == 0)
		r = target_find_devices(root, target, err);
	if (r == 0)
		r = superblock_read(root, target, err);
	if (r < 0)
		return err_in(err, r, "the archive '%s'", archive);
	*ret = *target;
	return 0;
}

/* ---- a partition ---- */

/* What libblkid knows, by name; no more than that is asked of it. */
static int raw_refuse_known(const char *path, struct err *err)
{
	_cleanup_(probe_freep) blkid_probe probe = blkid_new_probe_from_filename(path);
	const char *type = "something unknown";

	if (!probe)
		return err_os(err, errno, "unable to open the device '%s'", path);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(probe, 1);
	if (blkid_do_safeprobe(probe) == 0 &&
	    blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
		blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL);
	return err_set(err, ERR_REFUSED,
		       "'%s' is not empty: it holds %s. If nobody wants that any more, "
		       "clear it, as with `wipefs -a` and `blkdiscard -z`",
		       path, type);
}

static int raw_prepare(const char *path, bool may_make, struct orders_target *where,
		       struct err *err)
{
	_cleanup_raw struct raw raw = { .fd = -1 };
	bool is_empty = false;
	int r = raw_open(path, may_make, &raw, err);

	if (r == ERR_NOTFOUND) {
		r = raw_is_empty(&raw, &is_empty, err);
		if (r == 0 && !is_empty)
			r = raw_refuse_known(path, err);
		if (r == 0 && may_make)
			r = raw_make(&raw, err);
	}
	if (r == 0)
		snprintf(where->uuid, sizeof(where->uuid), "%s", raw.header.uuid);
	return r;
}

int target_find_raw(const char *root, const char *device, bool may_make,
		    struct target *ret, struct err *err)
{
	_cleanup_free struct target *target = calloc(1, sizeof(*target));
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (!target)
		return err_nomem(err);
	target->where.kind = ORDERS_RAW;
	r = path_join(path, err, root, device);
	if (r == 0 && stat(path, &st) < 0)
		r = err_os(err, errno, "unable to look at '%s'", path);
	if (r == 0 && !S_ISBLK(st.st_mode))
		r = err_set(err, ERR_INVALID, "'%s' is no block device", path);
	if (r < 0)
		return r;
	target->device_major = major(st.st_rdev);
	target->device_minor = minor(st.st_rdev);
	r = target_find_devices(root, target, err);
	if (r == 0)
		r = raw_prepare(path, may_make, &target->where, err);
	if (r < 0)
		return err_in(err, r, "the raw target '%s'", device);
	*ret = *target;
	return 0;
}

/* ---- modules ---- */

/* A driver without a module is built into the running kernel, and so is what it needs. */
static int device_add_modules(const struct target_device *device, bool is_other_kernel,
			      struct module_set *set, const struct log *log,
			      struct err *err)
{
	struct err why = { 0 };
	int r = ERR_NOTFOUND;

	if (device->module[0])
		r = module_set_add(set, device->module, &why);
	else if (!is_other_kernel)
		return 0;
	if (r == ERR_NOTFOUND && device->modalias[0])
		r = module_set_add(set, device->modalias, &why);
	if (r == ERR_NOTFOUND && device->module[0]) {
		log_warning(log, "%s; the crash kernel may not see the disk",
			    err_text(&why));
		return 0;
	}
	if (r < 0 && r != ERR_NOTFOUND && err)
		*err = why;
	return r == ERR_NOTFOUND ? 0 : r;
}

int target_add_modules(const struct target *target, bool is_other_kernel,
		       struct module_set *set, const struct log *log, struct err *err)
{
	const struct file_system *file_system = file_system_find(target->where.fstype);
	int r;

	// From the hardware to the disk: the order in which they come to life.
	for (size_t i = target->device_count; i-- > 0;) {
		r = device_add_modules(&target->devices[i], is_other_kernel, set, log,
				       err);
		if (r < 0)
			return err_in(err, r, "modules for '%s'", target->where.device);
	}
	for (size_t i = 0; i < 2 * target->stack_count; i++) {
		const char *module = target->stack_modules[i / 2][i % 2];

		r = module[0] ? module_set_add(set, module, err) : 0;
		if (r < 0)
			return err_in(err, r, "modules for '%s'",
				      target->stack[i / 2].name);
	}
	for (size_t i = 0; file_system && i < ARRAY_SIZE(file_system->lookups) &&
			   file_system->lookups[i];
	     i++) {
		r = module_set_add(set, file_system->lookups[i], err);
		if (r == ERR_NOTFOUND && i > 0)
			continue;
		if (r < 0)
			return err_in(err, r, "modules for the file system %s",
				      target->where.fstype);
	}
	return 0;
}
