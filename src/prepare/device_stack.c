// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/device_stack.h"

#include <blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"

#define DM_CONTROL     "/dev/mapper/control"
#define DM_TABLE_BYTES (64 << 10)

static int join(char ret[static PATH_MAX], struct err *err, const char *a, const char *b)
{
	if (snprintf(ret, PATH_MAX, "%s%s", a, b) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "the path '%.64s...' is too long", a);
	return 0;
}

static bool has(const char *sysfs, const char *name)
{
	char path[PATH_MAX];

	return join(path, NULL, sysfs, name) == 0 && access(path, F_OK) == 0;
}

bool device_stack_is(const char *sysfs)
{
	return has(sysfs, "/dm") || has(sysfs, "/md");
}

static int read_line(const char *sysfs, const char *name, char *ret, size_t size,
		     struct err *err)
{
	char path[PATH_MAX];
	int r = join(path, err, sysfs, name);

	return r < 0 ? r : file_read_line(AT_FDCWD, path, ret, size, err);
}

/* ---- what it lies on ---- */

static void probe_freep(blkid_probe *probe)
{
	blkid_free_probe(*probe);
}

/* The UUID of the @type that lies in the device at @sysfs. */
static int member_uuid(const char *root, const char *sysfs, const char *type, char *ret,
		       size_t size, struct err *err)
{
	_cleanup_(probe_freep) blkid_probe probe = NULL;
	const char *uuid = "", *found = "nothing known";
	const char *name = strrchr(sysfs, '/') + 1;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/dev/%s", root, name) >= PATH_MAX)
		return err_set(err, ERR_LIMIT, "the name '%s' is too long", name);
	probe = blkid_new_probe_from_filename(path);
	if (!probe)
		return err_os(err, errno, "unable to open the device '%s'", path);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	if (blkid_do_safeprobe(probe) == 0)
		blkid_probe_lookup_value(probe, "TYPE", &found, NULL);
	if (strcmp(found, type) != 0 ||
	    blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) < 0)
		return err_set(err, ERR_UNSUPPORTED, "'%s' holds %s, and not %s", path,
			       found, type);
	snprintf(ret, size, "%s", uuid);
	return 0;
}

static int member_add(struct device_stack *stack, const char *sysfs, struct err *err)
{
	for (size_t i = 0; i < stack->member_count; i++) {
		if (strcmp(stack->members[i], sysfs) == 0)
			return 0;
	}
	if (stack->member_count >= DEVICE_STACK_MEMBERS)
		return err_set(err, ERR_LIMIT, "it lies on more than %d devices",
			       DEVICE_STACK_MEMBERS);
	snprintf(stack->members[stack->member_count++], PATH_MAX, "%s", sysfs);
	return 0;
}

/* ---- the device mapper ---- */

int device_stack_parse_linear(const char *parameters, unsigned int *ret_major,
			      unsigned int *ret_minor, uint64_t *ret_offset,
			      struct err *err)
{
	unsigned int device_major, device_minor;
	uint64_t offset;
	char rest;

	if (sscanf(parameters, "%u:%u %" SCNu64 "%c", &device_major, &device_minor,
		   &offset, &rest) != 3)
		return err_set(err, ERR_CORRUPT, "'%.64s' is no linear mapping",
			       parameters);
	*ret_major = device_major;
	*ret_minor = device_minor;
	*ret_offset = offset;
	return 0;
}

static int linear_add(const char *root, const struct dm_target_spec *spec,
		      const char *parameters, struct device_stack *stack, struct err *err)
{
	struct orders_device *device = &stack->device;
	struct orders_segment *segment = &device->segments[device->segment_count];
	unsigned int device_major, device_minor;
	char path[PATH_MAX], real[PATH_MAX];
	int r;

	if (strncmp(spec->target_type, "linear", sizeof(spec->target_type)) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is of the type '%.16s', and only linear ones can be "
			       "made in the crash kernel",
			       spec->target_type);
	if (device->segment_count >= ORDERS_SEGMENTS_MAX)
		return err_set(err, ERR_LIMIT, "it has more than %d segments",
			       ORDERS_SEGMENTS_MAX);
	r = device_stack_parse_linear(parameters, &device_major, &device_minor,
				      &segment->offset, err);
	if (r < 0)
		return r;
	segment->start = spec->sector_start;
	segment->length = spec->length;
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", root, device_major,
		 device_minor);
	if (!realpath(path, real))
		return err_os(err, errno, "unable to find '%s'", path);
	r = member_uuid(root, real, "LVM2_member", segment->uuid, sizeof(segment->uuid),
			err);
	if (r == 0)
		r = member_add(stack, real, err);
	if (r == 0)
		device->segment_count++;
	return r;
}

/* The kernel's answer: targets, each with the offset of the next from the first. */
static int table_read(const char *root, const struct dm_ioctl *io,
		      struct device_stack *stack, struct err *err)
{
	const char *data = (const char *)io + io->data_start;
	size_t size = io->data_size - io->data_start, at = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < io->target_count; i++) {
		struct dm_target_spec spec;
		const char *parameters = data + at + sizeof(spec);

		if (at > size || size - at <= sizeof(spec))
			return err_set(err, ERR_CORRUPT, "the table is cut");
		memcpy(&spec, data + at, sizeof(spec));
		if (!memchr(parameters, 0, size - at - sizeof(spec)))
			return err_set(err, ERR_CORRUPT, "the table is cut");
		r = linear_add(root, &spec, parameters, stack, err);
		at = spec.next;
	}
	return r;
}

static int dm_read(const char *root, const char *sysfs, struct device_stack *stack,
		   struct err *err)
{
	_cleanup_free struct dm_ioctl *io = calloc(1, DM_TABLE_BYTES);
	_cleanup_fd int fd = open(DM_CONTROL, O_RDWR | O_CLOEXEC);
	struct orders_device *device = &stack->device;
	int r;

	if (!io)
		return err_nomem(err);
	// The kernel is asked, and that of a recorded machine is not here.
	if (root[0])
		return err_set(err, ERR_UNSUPPORTED,
			       "it is device-mapper's; whether it is linear (LVM), which "
			       "is supported, only the machine itself can tell");
	r = read_line(sysfs, "/dm/name", device->name, sizeof(device->name), err);
	if (r < 0)
		return r;
	if (fd < 0)
		return err_os(err, errno, "unable to open '" DM_CONTROL "'");
	io->version[0] = DM_VERSION_MAJOR;
	io->data_size = DM_TABLE_BYTES;
	io->data_start = sizeof(*io);
	io->flags = DM_STATUS_TABLE_FLAG;
	snprintf(io->name, sizeof(io->name), "%s", device->name);
	if (ioctl(fd, DM_TABLE_STATUS, io) < 0)
		return err_os(err, errno, "unable to read its table");
	if (io->flags & DM_BUFFER_FULL_FLAG)
		return err_set(err, ERR_LIMIT, "its table is larger than %d bytes",
			       DM_TABLE_BYTES);
	device->kind = ORDERS_LINEAR;
	snprintf(stack->modules[0], sizeof(stack->modules[0]), "dm_mod");
	return table_read(root, io, stack, err);
}

/* ---- MD ---- */

static int md_members(const char *root, const char *sysfs, struct device_stack *stack,
		      struct err *err)
{
	char path[PATH_MAX], real[PATH_MAX];
	struct dirent *entry;
	int r = join(path, err, sysfs, "/slaves");
	DIR *dir = r < 0 ? NULL : opendir(path);

	if (!dir)
		return err_os(err, errno, "unable to open '%s'", path);
	while (r == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/slaves/%s", sysfs, entry->d_name) >=
			    PATH_MAX ||
		    !realpath(path, real))
			r = err_os(err, errno, "unable to find '%s'", entry->d_name);
		if (r == 0)
			r = member_uuid(root, real, "linux_raid_member",
					stack->device.uuid, sizeof(stack->device.uuid),
					err);
		if (r == 0)
			r = member_add(stack, real, err);
	}
	closedir(dir);
	if (r == 0 && stack->member_count == 0)
		r = err_set(err, ERR_NOTFOUND, "it lies on nothing");
	return r;
}

static int md_read(const char *root, const char *sysfs, struct device_stack *stack,
		   struct err *err)
{
	struct orders_device *device = &stack->device;
	char level[16], version[32], disks[16];
	char rest;
	int r = read_line(sysfs, "/md/level", level, sizeof(level), err);

	if (r == 0)
		r = read_line(sysfs, "/md/metadata_version", version, sizeof(version),
			      err);
	if (r == 0)
		r = read_line(sysfs, "/md/raid_disks", disks, sizeof(disks), err);
	if (r < 0)
		return r;
	if (sscanf(version, "%u.%u%c", &device->metadata_major, &device->metadata_minor,
		   &rest) != 2 ||
	    sscanf(disks, "%u", &device->disks) != 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "its metadata are '%s', which is not MD's own", version);
	device->kind = ORDERS_MD;
	snprintf(device->name, sizeof(device->name), "%s", strrchr(sysfs, '/') + 1);
	snprintf(stack->modules[0], sizeof(stack->modules[0]), "md_mod");
	snprintf(stack->modules[1], sizeof(stack->modules[1]), "%s",
		 strcmp(level, "raid4") == 0 || strcmp(level, "raid5") == 0 ||
				 strcmp(level, "raid6") == 0
			 ? "raid456"
			 : level);
	return md_members(root, sysfs, stack, err);
}

int device_stack_read(const char *root, const char *sysfs, struct device_stack *ret,
		      struct err *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = has(sysfs, "/dm") ? dm_read(root, sysfs, ret, err)
			      : md_read(root, sysfs, ret, err);
	return r < 0 ? err_in(err, r, "the device '%s'", strrchr(sysfs, '/') + 1) : 0;
}
