// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/raw_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/meta.h"
#include "record/raw.h"

/* What the crash kernel said of the crash; it may have died before it said anything. */
static int import_meta(const struct raw_import *import, const struct raw *raw,
		       struct meta *ret, struct err *err)
{
	const struct raw_part *part = raw_find(raw, RAW_META);
	_cleanup_free char *json = NULL;
	struct err why = { 0 };
	int r;

	if (!part || part->size > META_LIMIT_BYTES) {
		log_warning(import->log, "'%s': the crash says nothing of itself",
			    import->device);
		return 0;
	}
	json = malloc(part->size + 1);
	if (!json)
		return err_nomem(err);
	r = fd_pread_full(raw->fd, json, part->size, part->offset, err);
	if (r < 0)
		return r;
	if (meta_parse(json, part->size, ret, &why) < 0)
		log_warning(import->log, "'%s': what the crash says of itself: %s",
			    import->device, err_text(&why));
	return 0;
}

/* By way of a file without a name beside it: a flattened dump comes in any order. */
static int import_dump(const struct raw_import *import, const struct raw *raw,
		       const struct raw_part *part, int dirfd, int fd, struct err *err)
{
	_cleanup_fd int flat = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r;

	if (flat < 0)
		return err_os(err, errno, "unable to make room for a dump");
	r = raw_copy_out(raw, part, flat, err);
	if (r == 0 && lseek(flat, 0, SEEK_SET) < 0)
		r = err_os(err, errno, "unable to seek");
	return r < 0 ? r : import->unflatten(flat, fd, err);
}

/* What can't be had of a part leaves it partial, and says why; ERR_OS: the disk here is
 * at fault, and the partition must keep it. */
static int import_part(const struct raw_import *import, const struct raw *raw,
		       const struct raw_part *part, const struct meta *meta,
		       struct record *record, struct err *err)
{
	enum record_part which = (enum record_part)part->part;
	const struct record_part_meta *claim = &meta->parts[which];
	enum record_state state = (enum record_state)part->state;
	bool is_dump = which == RECORD_DUMP || which == RECORD_MINI;
	struct err why = { 0 };
	int fd, r;

	r = record_part_begin(record, which, &fd, err);
	if (r < 0)
		return r;
	r = is_dump ? import_dump(import, raw, part, record->dirfd, fd, &why)
		    : raw_copy_out(raw, part, fd, &why);
	if (r == ERR_OS || r == ERR_NOMEM) {
		if (err)
			*err = why;
		return r;
	}
	if (r < 0) {
		log_warning(import->log, "the %s of '%s': %s", record_part_key(which),
			    import->device, err_text(&why));
		state = RECORD_PARTIAL;
	}
	record_part_note(record, which, claim->note);
	record_part_contents(record, which, &claim->contents);
	return record_part_publish(record, which, state,
				   r < 0 ? err_text(&why) : claim->reason,
				   claim->duration_ms, err);
}

/* Reasons of what is not there. */
static void import_absent(const struct meta *meta, struct record *record)
{
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		struct record_part_meta *part = &record->parts[i];

		if (part->state != RECORD_ABSENT || meta->parts[i].state != RECORD_ABSENT)
			continue;
		memcpy(part->reason, meta->parts[i].reason, sizeof(part->reason));
		part->duration_ms = meta->parts[i].duration_ms;
	}
}

static int import_record(const struct raw_import *import, const struct raw *raw,
			 struct err *err)
{
	_cleanup_record struct record *record = NULL;
	struct meta meta = { 0 };
	time_t when;
	int r = import_meta(import, raw, &meta, err);

	if (r < 0)
		return r;
	when = meta.crash.capture_time ? (time_t)meta.crash.capture_time : time(NULL);
	r = record_create_hidden(import->archive, import->layout, when, &record, err);
	if (r < 0)
		return r;
	record->crash = meta.crash;
	for (uint32_t i = 0; r == 0 && i < raw->header.part_count; i++) {
		if (raw->header.parts[i].part != RAW_META)
			r = import_part(import, raw, &raw->header.parts[i], &meta, record,
					err);
	}
	if (r < 0)
		return r;
	import_absent(&meta, record);
	r = record_save_meta(record, err);
	if (r == 0)
		r = record_reveal(record, err);
	if (r == 0)
		log_info(import->log, "the crash on '%s' is now '%s'", import->device,
			 record->path);
	return r;
}

int raw_import_run(const struct raw_import *import, bool *ret_is_new, struct err *err)
{
	_cleanup_raw struct raw raw = { .fd = -1 };
	int r = raw_open(import->device, true, &raw, err);

	if (r < 0)
		return r;
	if (!raw.header.stamp[0]) {
		*ret_is_new = false;
		return 0;
	}
	r = import_record(import, &raw, err);
	if (r == 0)
		r = raw_set_stamp(&raw, "", err);
	if (r < 0)
		return err_in(err, r, "taking over the crash on '%s'", import->device);
	*ret_is_new = true;
	return 0;
}
