// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/assemble.h"

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/dm-ioctl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/console.h"
#include "capture/target_disk.h"

#define DM_CONTROL	 "/dev/mapper/control"
#define DM_TABLE_BYTES	 (64 << 10)
#define DM_LINE_BYTES	 (sizeof(struct dm_target_spec) + 64)
#define MD_DEGRADED_MS	 10000 /* so long the first member waits for the others */
#define ASSEMBLE_MEMBERS 64
_Static_assert(sizeof(struct dm_ioctl) + ORDERS_SEGMENTS_MAX * DM_LINE_BYTES <=
		       DM_TABLE_BYTES,
	       "a table must fit");

/* ---- members ---- */

struct member_search {
	const char *type, *uuid;
	dev_t found[ASSEMBLE_MEMBERS];
	size_t count;
};

static bool member_is_it(const char *device, void *context)
{
	struct member_search *search = context;
	blkid_probe probe = blkid_new_probe_from_filename(device);
	const char *uuid = "", *type = "";
	struct stat st;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	if (blkid_do_safeprobe(probe) == 0 &&
	    blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) == 0 &&
	    blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 &&
	    strcasecmp(uuid, search->uuid) == 0 && strcmp(type, search->type) == 0 &&
	    search->count < ASSEMBLE_MEMBERS && stat(device, &st) == 0)
		search->found[search->count++] = st.st_rdev;
	blkid_free_probe(probe);
	return false; // all of them
}

static void member_find(const struct assemble *assemble, const char *type,
			const char *uuid, struct member_search *ret)
{
	char device[PATH_MAX];

	*ret = (struct member_search){ .type = type, .uuid = uuid };
	target_disk_search(assemble->root, assemble->is_careful, member_is_it, ret,
			   device, NULL);
}

/* ---- the device mapper ---- */

static void dm_init(struct dm_ioctl *io, const struct orders_device *device)
{
	memset(io, 0, DM_TABLE_BYTES);
	io->version[0] = DM_VERSION_MAJOR;
	io->data_size = DM_TABLE_BYTES;
	io->data_start = sizeof(*io);
	snprintf(io->name, sizeof(io->name), "%s", device->name);
}

/* ERR_NOTFOUND: a physical volume is not there yet. */
static int dm_fill_table(const struct assemble *assemble,
			 const struct orders_device *device, struct dm_ioctl *io,
			 struct err *err)
{
	char *at = (char *)io + io->data_start;

	for (size_t i = 0; i < device->segment_count; i++) {
		const struct orders_segment *segment = &device->segments[i];
		struct dm_target_spec spec = { .sector_start = segment->start,
					       .length = segment->length,
					       .next = DM_LINE_BYTES,
					       .target_type = "linear" };
		struct member_search search;

		member_find(assemble, "LVM2_member", segment->uuid, &search);
		if (search.count == 0)
			return err_set(err, ERR_NOTFOUND, "no physical volume %s",
				       segment->uuid);
		memcpy(at, &spec, sizeof(spec));
		snprintf(at + sizeof(spec), DM_LINE_BYTES - sizeof(spec),
			 "%u:%u %" PRIu64, major(search.found[0]), minor(search.found[0]),
			 segment->offset);
		at += DM_LINE_BYTES;
	}
	io->target_count = (uint32_t)device->segment_count;
	return 0;
}

static int dm_make(const struct assemble *assemble, const struct orders_device *device,
		   struct err *err)
{
	_cleanup_free struct dm_ioctl *io = calloc(1, DM_TABLE_BYTES);
	_cleanup_free struct dm_ioctl *table = calloc(1, DM_TABLE_BYTES);
	_cleanup_fd int fd = open(DM_CONTROL, O_RDWR | O_CLOEXEC);
	int r;

	if (!io || !table)
		return err_nomem(err);
	if (fd < 0)
		return err_os(err, errno, "unable to open '" DM_CONTROL "'");
	dm_init(table, device);
	r = dm_fill_table(assemble, device, table, err);
	if (r < 0)
		return r;
	dm_init(io, device);
	if (ioctl(fd, DM_DEV_CREATE, io) < 0) {
		// It is there by a worker before this one, of an earlier target.
		return errno == EBUSY ? 0 : err_os(err, errno, "unable to create it");
	}
	if (ioctl(fd, DM_TABLE_LOAD, table) < 0)
		return err_os(err, errno, "unable to load its table");
	dm_init(io, device);
	if (ioctl(fd, DM_DEV_SUSPEND, io) < 0) // without the flag: resume
		return err_os(err, errno, "unable to start it");
	return 0;
}

/* ---- MD ---- */

static int md_open(const struct orders_device *device, int *ret_fd, struct err *err)
{
	unsigned int number = 0;
	char path[PATH_MAX];

	if (sscanf(device->name, "md%u", &number) != 1)
		number = 127;
	snprintf(path, sizeof(path), "/dev/epitaph-%s", device->name);
	// Opening it makes it: the number is all that MD needs.
	if (mknod(path, S_IFBLK | 0600, makedev(MD_MAJOR, number)) < 0 && errno != EEXIST)
		return err_os(err, errno, "unable to create '%s'", path);
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? err_os(err, errno, "unable to open '%s'", path) : 0;
}

static int md_start(const struct orders_device *device,
		    const struct member_search *members, const struct log *log,
		    struct err *err)
{
	mdu_array_info_t array = { .major_version = (int)device->metadata_major,
				   .minor_version = (int)device->metadata_minor };
	_cleanup_fd int fd = -1;
	char path[PATH_MAX];
	int r = md_open(device, &fd, err);

	if (r < 0)
		return r;
	if (ioctl(fd, SET_ARRAY_INFO, &array) < 0)
		return err_os(err, errno, "unable to begin it");
	for (size_t i = 0; i < members->count; i++) {
		mdu_disk_info_t disk = { .major = (int)major(members->found[i]),
					 .minor = (int)minor(members->found[i]) };

		if (ioctl(fd, ADD_NEW_DISK, &disk) < 0)
			log_warning(log, "%s: a disk (%d:%d) can't be added: %s",
				    device->name, disk.major, disk.minor,
				    strerror(errno));
	}
	if (ioctl(fd, RUN_ARRAY, NULL) < 0)
		return err_os(err, errno, "unable to start it");
	snprintf(path, sizeof(path), "/sys/block/%s/md/sync_action", device->name);
	file_write_existing(AT_FDCWD, path, "frozen", NULL);
	return 0;
}

/* By a worker before this one: of an earlier target. */
static bool md_is_there(const struct orders_device *device)
{
	char path[PATH_MAX], state[32];

	snprintf(path, sizeof(path), "/sys/block/%s/md/array_state", device->name);
	return file_read_line(AT_FDCWD, path, state, sizeof(state), NULL) == 0 &&
	       strcmp(state, "clear") != 0 && strcmp(state, "inactive") != 0;
}

static int md_make(struct assemble *assemble, size_t i, struct err *err)
{
	const struct orders_device *device = &assemble->orders->devices[i];
	struct member_search members;
	uint64_t now = console_now_ms();

	if (md_is_there(device))
		return 0;
	member_find(assemble, "linux_raid_member", device->uuid, &members);
	if (members.count == 0)
		return err_set(err, ERR_NOTFOUND, "no disk of it");
	if (!assemble->seen_ms[i])
		assemble->seen_ms[i] = now;
	if (members.count < device->disks && now - assemble->seen_ms[i] < MD_DEGRADED_MS)
		return err_set(err, ERR_NOTFOUND, "%zu of its %u disks", members.count,
			       device->disks);
	if (members.count < device->disks)
		log_warning(assemble->log, "%s: started with %zu of its %u disks",
			    device->name, members.count, device->disks);
	return md_start(device, &members, assemble->log, err);
}

/* ---- */

void assemble_try(struct assemble *assemble)
{
	for (size_t i = 0; i < assemble->orders->device_count; i++) {
		const struct orders_device *device = &assemble->orders->devices[i];
		struct err err = { 0 };
		int r;

		if (assemble->is_made[i] || assemble->is_given_up[i])
			continue;
		r = device->kind == ORDERS_MD ? md_make(assemble, i, &err)
					      : dm_make(assemble, device, &err);
		assemble->is_made[i] = r == 0;
		assemble->is_given_up[i] = r < 0 && r != ERR_NOTFOUND;
		if (r == 0)
			log_info(assemble->log, "'%s' is made again", device->name);
		else if (r != ERR_NOTFOUND)
			log_warning(assemble->log, "'%s': %s", device->name,
				    err_text(&err));
	}
}
