// SPDX-License-Identifier: GPL-2.0-or-later
/* Can the record be written: is the disk one that the crash kernel finds and opens, are
 * its drivers there, and is there room? */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "base/size.h"
#include "base/text.h"
#include "prepare/mount_table.h"
#include "prepare/requirement.h"

#define MEMINFO_MAX_BYTES ((size_t)1 << 16)

/* Devices below devices: a file system on LVM on LUKS on RAID is three. */
#define SLAVES_DEPTH_MAX 8

/* ---- the target ---- */

/* Was it this machine's words that were missing, rather than a target? */
static bool target_is_unseen(const struct check_subject *subject)
{
	int os_errno = subject->target_err.os_errno;

	return !check_subject_has(subject, "/proc/self/mountinfo") ||
	       !check_subject_has(subject, "/sys/devices") || os_errno == EACCES ||
	       os_errno == EPERM;
}

void probe_target(const struct check_subject *subject, const struct requirement *row,
		  struct finding *finding)
{
	const struct orders_target *where = &subject->target.where;

	if (subject->target_result == 0)
		finding_set(finding, REQUIREMENT_OK, "/proc/self/mountinfo", NULL,
			    "%s %s on '%s'", where->fstype, where->uuid, where->device);
	else if (target_is_unseen(subject))
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    subject->root[0]
				    ? "record /proc/self/mountinfo, /sys/devices "
				      "and the device too"
			    : geteuid() == 0 ? "check where the device can be opened"
					     : "check as root",
			    "%s", err_text(&subject->target_err));
	else
		finding_set(finding, row->missing, "/proc/self/mountinfo", NULL, "%s",
			    err_text(&subject->target_err));
}

/* ---- encryption ---- */

/* Is @sysfs (of a block device, with the root) dm-crypt, or does it lie on such? */
static bool device_is_encrypted(const char *sysfs, unsigned int depth, char *ret,
				size_t size)
{
	char path[PATH_MAX], uuid[160];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	// "CRYPT-LUKS2-<uuid>-<name>": cryptsetup's, in the name that dm knows
	if (snprintf(path, sizeof(path), "%s/dm/uuid", sysfs) < (int)sizeof(path) &&
	    file_read_line(AT_FDCWD, path, uuid, sizeof(uuid), NULL) == 0 &&
	    strncmp(uuid, "CRYPT-", 6) == 0) {
		snprintf(ret, size, "%.*s", (int)strcspn(uuid + 6, "-"), uuid + 6);
		return true;
	}
	if (depth == 0 ||
	    snprintf(path, sizeof(path), "%s/slaves", sysfs) >= (int)sizeof(path))
		return false;
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' &&
		    snprintf(path, sizeof(path), "%s/slaves/%s", sysfs, entry->d_name) <
			    (int)sizeof(path))
			found = device_is_encrypted(path, depth - 1, ret, size);
	}
	if (dir)
		closedir(dir);
	return found;
}

void probe_encryption(const struct check_subject *subject, const struct requirement *row,
		      struct finding *finding)
{
	_cleanup_free char *table = NULL;
	char path[PATH_MAX], kind[64] = "";
	struct mount mount;

	if (subject->target_result == 0) {
		finding_set(finding, REQUIREMENT_OK, "", NULL, "not encrypted");
		return;
	}
	if (mount_find(subject->root, subject->config->archive, &table, &mount, NULL) <
		    0 ||
	    snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u", subject->root,
		     mount.device_major, mount.device_minor) >= (int)sizeof(path) ||
	    access(path, F_OK) < 0) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "see the row 'target' first",
			    "the disk behind the archive is not known");
		return;
	}
	if (device_is_encrypted(path, SLAVES_DEPTH_MAX, kind, sizeof(kind)))
		finding_set(finding, row->missing, path + strlen(subject->root), NULL,
			    "'%s' is encrypted (%s)", mount.source, kind);
	else
		finding_set(finding, REQUIREMENT_OK, path + strlen(subject->root), NULL,
			    "not encrypted");
}

/* ---- modules ---- */

void probe_modules(const struct check_subject *subject, const struct requirement *row,
		   struct finding *finding)
{
	_cleanup_module_set struct module_set *set = NULL;
	_cleanup_text struct text names = { 0 };
	const char *release =
		subject->image_result == 0 ? subject->image.release : subject->release;
	char path[PATH_MAX];
	struct err err = { 0 };
	int r;

	if (subject->target_result < 0 || (!release[0] && !subject->config->modules[0])) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "see the row 'target' first",
			    "it is not known for which disk or kernel");
		return;
	}
	if (subject->config->modules[0])
		r = snprintf(path, sizeof(path), "%s%s", subject->root,
			     subject->config->modules);
	else
		r = snprintf(path, sizeof(path), "%s/lib/modules/%s", subject->root,
			     release);
	r = r >= (int)sizeof(path)
		    ? err_set(&err, ERR_INVALID, "the path of the modules is too long")
		    : module_set_new(path, &set, &err);
	if (r == 0)
		r = target_add_modules(&subject->target,
				       strcmp(release, subject->release) != 0, set, NULL,
				       &err);
	if (r < 0) {
		finding_set(finding, row->missing, path + strlen(subject->root), NULL,
			    "%s", err_text(&err));
		return;
	}
	for (size_t i = 0; i < module_set_count(set); i++)
		text_add(&names, "%s%s", i ? " " : "", module_set_name(set, i));
	finding_set(finding, REQUIREMENT_OK, path + strlen(subject->root), NULL, "%s",
		    names.size ? text_get(&names) : "all are built in");
}

/* ---- room ---- */

/* What a panic would leave, by the level (makedumpfile's: 2 and 4 leave out the page
 * cache, 8 the memory of programs, 16 what is free). */
struct memory {
	uint64_t total, unused, cache, programs;
};

/* "MemFree:  16338044 kB" */
static uint64_t meminfo_bytes(const char *meminfo, const char *name)
{
	const char *at = meminfo;
	size_t length = strlen(name);
	uint64_t kib = 0;

	while (at) {
		if (strncmp(at, name, length) == 0 && at[length] == ':') {
			sscanf(at + length + 1, "%" SCNu64, &kib);
			break;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return MIN(kib, UINT64_MAX / KIB) * KIB;
}

static bool memory_read(const struct check_subject *subject, struct memory *ret)
{
	_cleanup_free char *meminfo = NULL;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/proc/meminfo", subject->root) >=
		    (int)sizeof(path) ||
	    file_read(AT_FDCWD, path, MEMINFO_MAX_BYTES, &meminfo, NULL, NULL) < 0)
		return false;
	ret->total = meminfo_bytes(meminfo, "MemTotal");
	ret->unused = meminfo_bytes(meminfo, "MemFree");
	ret->cache = meminfo_bytes(meminfo, "Cached") + meminfo_bytes(meminfo, "Buffers");
	ret->programs = meminfo_bytes(meminfo, "AnonPages");
	return ret->total > 0;
}

static uint64_t subtract(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

/*
 * Log, report and dump of now: the memory that the level keeps, by half where it is
 * packed, and 16 MiB for what is small. MemTotal is without the kernel itself and what it
 * took at boot: 64 MiB, and a 64th for the descriptors of pages. Measured: 118 MiB were
 * kept of an idle guest with 1 GiB and 6.12, and 45 MiB written. A guess: a kernel that
 * dies of using memory uses more then.
 */
static uint64_t guess_record_bytes(const struct config *config, const struct memory *now)
{
	const uint64_t small = 16 * MIB;
	uint64_t kept = now->total + now->total / 64 + 64 * MIB;

	if (config->mode == ORDERS_DMESG)
		return small;
	if (config->dump_level & (2 | 4))
		kept = subtract(kept, now->cache);
	if (config->dump_level & 8)
		kept = subtract(kept, now->programs);
	if (config->dump_level & 16)
		kept = subtract(kept, now->unused);
	if (strcmp(config->codec, "none") != 0)
		kept /= 2;
	return kept + small;
}

static void probe_room_on(const struct check_subject *subject,
			  const struct requirement *row, struct finding *finding)
{
	const char *point = subject->target.mount_point;
	struct memory memory = { 0 };
	struct statvfs st;
	uint64_t free_bytes, wanted;

	if (statvfs(point, &st) < 0) {
		finding_set(finding, REQUIREMENT_UNKNOWN, point, NULL,
			    "its free space can't be read: %s", strerror(errno));
		return;
	}
	free_bytes = (uint64_t)st.f_bfree * st.f_frsize; // epitaph-capture is root
	if (!memory_read(subject, &memory)) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "/proc/meminfo", NULL,
			    "%llu MiB are free; how much a dump takes is not known",
			    (unsigned long long)(free_bytes / MIB));
		return;
	}
	wanted = guess_record_bytes(subject->config, &memory);
	finding_set(finding,
		    free_bytes < MIB	  ? row->missing
		    : free_bytes < wanted ? REQUIREMENT_WARNING
					  : REQUIREMENT_OK,
		    point, NULL,
		    "%llu MiB are free; a record of now would take about %llu MiB",
		    (unsigned long long)(free_bytes / MIB),
		    (unsigned long long)(wanted / MIB));
}

void probe_room(const struct check_subject *subject, const struct requirement *row,
		struct finding *finding)
{
	if (subject->root[0])
		finding_set(finding, REQUIREMENT_UNKNOWN, "", "check on the machine",
			    "the free space of a recorded machine is not recorded");
	else if (subject->target_result < 0)
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "see the row 'target' first",
			    "the disk behind the archive is not known");
	else
		probe_room_on(subject, row, finding);
}
