// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/target_raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/target_disk.h"
#include "record/meta.h"

#define RAW_POLL_MS 200

static bool device_is_it(const char *device, void *context)
{
	const struct orders_target *target = context;
	_cleanup_raw struct raw raw = { .fd = -1 };

	return raw_open(device, false, &raw, NULL) == 0 &&
	       strcmp(raw.header.uuid, target->uuid) == 0;
}

int target_raw_wait(struct assemble *assemble, const struct orders_target *target,
		    const volatile sig_atomic_t *cancel, char ret[static PATH_MAX],
		    struct err *err)
{
	int r;

	for (;;) {
		assemble_try(assemble);
		r = target_disk_search(assemble->root, assemble->is_careful, device_is_it,
				       (void *)target, ret, err);
		if (r != ERR_NOTFOUND || *cancel)
			break;
		poll(NULL, 0, RAW_POLL_MS);
	}
	if (r == ERR_NOTFOUND)
		return err_set(err, r, "the partition %s (it was '%s') did not appear",
			       target->uuid, target->device);
	return r;
}

int target_raw_begin(const char *device, const struct record *record, struct err *err)
{
	_cleanup_raw struct raw raw = { .fd = -1 };
	int r = raw_open(device, true, &raw, err);

	if (r < 0)
		return r;
	if (raw.header.stamp[0])
		return err_set(err, ERR_REFUSED,
			       "'%s' holds the crash %s, which was not collected yet",
			       device, raw.header.stamp);
	return raw_set_stamp(&raw, record->stamp, err);
}

static int store_part(struct raw *raw, const struct record *record, enum record_part part,
		      struct err *err)
{
	const struct record_part_meta *meta = &record->parts[part];
	_cleanup_fd int fd = -1;
	int r;

	if (meta->state == RECORD_ABSENT || raw_find(raw, part))
		return 0;
	r = record_part_open(record, part, &fd, err);
	if (r == 0)
		r = raw_copy_in(raw, part, meta->state, fd, err);
	return r < 0 ? err_in(err, r, "storing the %s", record_part_key(part)) : 0;
}

int target_raw_store(const char *device, struct record *record, struct err *err)
{
	_cleanup_raw struct raw raw = { .fd = -1 };
	_cleanup_fd int meta = openat(record->dirfd, META_NAME, O_RDONLY | O_CLOEXEC);
	int r = raw_open(device, true, &raw, err);

	for (int i = 0; r == 0 && i < RECORD_PART_COUNT; i++)
		r = store_part(&raw, record, (enum record_part)i, err);
	// Behind the parts: until it is there the one before is true.
	if (r == 0 && meta >= 0)
		r = raw_copy_in(&raw, RAW_META, RECORD_COMPLETE, meta, err);
	for (uint32_t i = 0; r == 0 && i < raw.header.part_count; i++) {
		const struct raw_part *part = &raw.header.parts[i];

		if (part->part >= RECORD_PART_COUNT)
			continue;
		record->parts[part->part].state = (enum record_state)part->state;
		record->parts[part->part].size_bytes = part->size;
	}
	return r;
}
