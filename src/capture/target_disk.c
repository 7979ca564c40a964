// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/target_disk.h"

#include <blkid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

#define TARGET_POLL_MS	   200
#define TARGET_DISKS_MAX   4096
#define TARGET_UEVENT_MAX  4096
#define TARGET_MOUNT_TRIES 3
#define TARGET_MOUNT_MS	   1000
#define TARGET_SECTOR	   4096
#define TARGET_HANGS_MS	   3000
#define TARGET_PROBE_MS	   10

/* ---- drivers ---- */

static int module_insert(const char *path, const char *arguments)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, arguments, 0) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/* Nothing configures a module there but its own defaults; ramoops has none. */
static const char *module_arguments(const struct orders *orders, const char *path)
{
	static const char name[] = "-ramoops.ko";
	size_t length = strlen(path);

	return length >= sizeof(name) - 1 &&
			       strcmp(path + length - (sizeof(name) - 1), name) == 0
		       ? orders->ramoops
		       : "";
}

static void modules_load(const char *root, const struct orders *orders, size_t from,
			 size_t to, const char *lack, const struct log *log)
{
	size_t loaded = 0;

	for (size_t i = from; i < to; i++) {
		char path[PATH_MAX];
		int r;

		snprintf(path, sizeof(path), "%s%s", root, orders->modules[i]);
		r = module_insert(path, module_arguments(orders, path));
		if (r == 0)
			loaded++;
		else if (r == -ENODEV)
			// A driver that found nothing to drive: it was for other
			// machines.
			log_debug(log, "module '%s': %s", path, strerror(-r));
		else
			log_warning(log, "unable to load '%s': %s; %s", path,
				    strerror(-r), lack);
		// It lies in RAM, of which there is little, and nobody reads it again.
		unlink(path);
	}
	if (to > from)
		log_info(log, "%zu of %zu modules loaded", loaded, to - from);
}

void target_disk_load_modules(const char *root, const struct orders *orders,
			      const struct log *log)
{
	modules_load(root, orders, 0,
		     orders->module_count - orders->watchdog_module_count -
			     orders->last_resort_module_count,
		     "the disk may not appear", log);
}

void target_disk_load_last_resort(const char *root, const struct orders *orders,
				  const struct log *log)
{
	size_t end = orders->module_count - orders->watchdog_module_count;

	modules_load(root, orders, end - orders->last_resort_module_count, end,
		     "last words may have no place", log);
}

void target_disk_load_watchdog(const char *root, const struct orders *orders,
			       const struct log *log)
{
	modules_load(root, orders, orders->module_count - orders->watchdog_module_count,
		     orders->module_count, "no watchdog then", log);
}

/* ---- disks ---- */

/* "/dev/vda1" of the DEVNAME in a uevent file of /sys/class/block/NAME. */
static int disk_device(const char *root, const char *name, char ret[static PATH_MAX])
{
	_cleanup_free char *uevent = NULL;
	char path[PATH_MAX];
	char *line, *rest;

	snprintf(path, sizeof(path), "%s/sys/class/block/%s/uevent", root, name);
	if (file_read(AT_FDCWD, path, TARGET_UEVENT_MAX, &uevent, NULL, NULL) < 0)
		return ERR_NOTFOUND;
	for (line = strtok_r(uevent, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "DEVNAME=", 8) == 0) {
			int n = snprintf(ret, PATH_MAX, "%s/dev/%s", root, line + 8);

			return n < PATH_MAX ? 0 : ERR_LIMIT;
		}
	}
	return ERR_NOTFOUND;
}

/*
 * Does whoever reads there never come back? Asked of a child that is left behind then.
 * The first sector is in no cache if it is read with O_DIRECT.
 */
static bool disk_hangs(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		void *sector = aligned_alloc(TARGET_SECTOR, TARGET_SECTOR);
		int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

		if (sector && fd >= 0 && read(fd, sector, TARGET_SECTOR) < 0)
			_exit(1);
		_exit(0);
	}
	for (int waited = 0; pid > 0 && waited < TARGET_HANGS_MS;
	     waited += TARGET_PROBE_MS) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return false;
		poll(NULL, 0, TARGET_PROBE_MS);
	}
	return pid > 0;
}

/* Has the device at @path a superblock of that type and UUID? */
static bool disk_is_target(const char *path, const struct orders_target *target)
{
	blkid_probe probe = blkid_new_probe_from_filename(path);
	const char *uuid = NULL, *type = NULL;
	bool is_it;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_UUID | BLKID_SUBLKS_TYPE);
	is_it = blkid_do_safeprobe(probe) == 0 &&
		blkid_probe_lookup_value(probe, "UUID", &uuid, NULL) == 0 &&
		blkid_probe_lookup_value(probe, "TYPE", &type, NULL) == 0 &&
		strcasecmp(uuid, target->uuid) == 0 && strcmp(type, target->fstype) == 0;
	blkid_free_probe(probe);
	return is_it;
}

/* The last word of a path: the tie break knows "/dev/vda", or "vda". */
static const char *disk_name(const char *device)
{
	const char *slash = strrchr(device, '/');

	return slash ? slash + 1 : device;
}

int target_disk_find(const char *root, const struct orders_target *target,
		     bool is_careful, const struct log *log, char ret[static PATH_MAX],
		     struct err *err)
{
	char path[PATH_MAX], found[PATH_MAX] = "";
	struct dirent *entry;
	int seen = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/block", root);
	dir = opendir(path);
	if (!dir)
		return err_os(err, errno, "unable to open '%s'", path);
	while ((entry = readdir(dir)) && seen++ < TARGET_DISKS_MAX) {
		if (entry->d_name[0] == '.' ||
		    disk_device(root, entry->d_name, path) < 0 ||
		    (is_careful && disk_hangs(path)) || !disk_is_target(path, target))
			continue;
		if (found[0])
			log_warning(log,
				    "'%s' and '%s' have the same UUID; that which is "
				    "called '%s' is taken, else the first",
				    found, path, target->device);
		if (!found[0] || strcmp(disk_name(path), disk_name(target->device)) == 0)
			memcpy(found, path, sizeof(found));
	}
	closedir(dir);
	if (!found[0])
		return err_set(err, ERR_NOTFOUND, "no disk has the %s file system %s",
			       target->fstype, target->uuid);
	memcpy(ret, found, sizeof(found));
	return 0;
}

int target_disk_search(const char *root, bool is_careful,
		       bool (*is_it)(const char *device, void *context), void *context,
		       char ret[static PATH_MAX], struct err *err)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int r = ERR_NOTFOUND, seen = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/block", root);
	dir = opendir(path);
	if (!dir)
		return err_os(err, errno, "unable to open '%s'", path);
	while (r != 0 && (entry = readdir(dir)) && seen++ < TARGET_DISKS_MAX) {
		if (entry->d_name[0] == '.' ||
		    disk_device(root, entry->d_name, path) < 0 ||
		    (is_careful && disk_hangs(path)) || !is_it(path, context))
			continue;
		memcpy(ret, path, PATH_MAX);
		r = 0;
	}
	closedir(dir);
	return r < 0 ? err_set(err, r, "no disk is it") : 0;
}

/* " vda vdb", or " none". */
static void disk_list(const char *root, char *ret, size_t size)
{
	char path[PATH_MAX];
	struct dirent *entry;
	size_t at = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/block", root);
	snprintf(ret, size, " none");
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && at < size) {
		int n = 0;

		if (entry->d_name[0] != '.')
			n = snprintf(ret + at, size - at, " %s", entry->d_name);
		at += n > 0 ? (size_t)n : 0;
	}
	if (dir)
		closedir(dir);
}

int target_disk_wait(struct assemble *assemble, const struct orders_target *target,
		     const volatile sig_atomic_t *cancel, const struct log *log,
		     char ret[static PATH_MAX], struct err *err)
{
	const char *root = assemble->root;
	char disks[256];
	int r;

	for (;;) {
		assemble_try(assemble);
		r = target_disk_find(root, target, assemble->is_careful, log, ret, err);
		if (r != ERR_NOTFOUND || *cancel)
			break;
		poll(NULL, 0, TARGET_POLL_MS);
	}
	if (r == ERR_NOTFOUND) {
		disk_list(root, disks, sizeof(disks));
		return err_set(err, r,
			       "the %s file system %s (it was '%s') did not appear; the "
			       "disks are:%s",
			       target->fstype, target->uuid, target->device, disks);
	}
	return r;
}

int target_disk_mount(const char *device, const struct orders_target *target,
		      const char *mount_point, const struct log *log, struct err *err)
{
	// The path of the orders is from the top of the file system; a btrfs may have
	// another subvolume as its default.
	const char *options = strcmp(target->fstype, "btrfs") == 0 ? "subvolid=5" : NULL;
	int why = 0;

	if (mkdir(mount_point, 0700) < 0 && errno != EEXIST)
		return err_os(err, errno, "unable to create '%s'", mount_point);
	for (int i = 0; i < TARGET_MOUNT_TRIES; i++) {
		if (mount(device, mount_point, target->fstype,
			  MS_NOATIME | MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0) {
			log_info(log, "'%s' (%s) mounted", device, target->fstype);
			return 0;
		}
		why = errno;
		log_debug(log, "mounting '%s': %s", device, strerror(why));
		poll(NULL, 0, TARGET_MOUNT_MS);
	}
	return err_os(err, why, "unable to mount '%s' as %s", device, target->fstype);
}
