// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/room.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/size.h"
#include "record/history.h"

#define ROOM_LEVEL_SMALL (2 | 8) /* of -d: cache and user space left out */

uint64_t room_wanted(uint64_t memory_bytes, int level, uint64_t size_limit)
{
	bool is_small = level < 0 || (level & ROOM_LEVEL_SMALL) == ROOM_LEVEL_SMALL;
	uint64_t wanted = memory_bytes / (is_small ? 8 : 2);

	return size_limit ? MIN(wanted, size_limit) : wanted;
}

static bool room_is_free(const char *path, uint64_t wanted_bytes)
{
	struct statvfs st;
	uint64_t bytes;

	return statvfs(path, &st) < 0 || !u64_mul(st.f_bfree, st.f_frsize, &bytes) ||
	       bytes >= wanted_bytes;
}

static void room_take(const char *archive, const char *name, const char *for_whom,
		      const struct log *log)
{
	_cleanup_record struct record *record = NULL;
	char path[PATH_MAX], reason[128];
	struct err err = { 0 };
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/%s", archive, name) >= (int)sizeof(path))
		return;
	snprintf(reason, sizeof(reason), "removed to make room for the crash %.31s",
		 for_whom);
	r = record_open(path, &record, &err);
	if (r == 0)
		r = record_part_remove(record, RECORD_DUMP, reason, &err);
	if (r < 0)
		log_warning(log, "making room: %s", err_text(&err));
	else
		log_info(log, "the dump of %s is removed, to make room", name);
}

void room_make(const struct record *record, uint64_t wanted_bytes, const struct log *log)
{
	_cleanup_history struct history history = { 0 };
	const char *slash = strrchr(record->path, '/');
	char archive[PATH_MAX];
	struct err err = { 0 };

	if (room_is_free(record->path, wanted_bytes))
		return;
	snprintf(archive, sizeof(archive), "%.*s", (int)(slash - record->path),
		 record->path);
	if (history_read(archive, slash + 1, &history, &err) < 0) {
		log_warning(log, "making room: %s", err_text(&err));
		return;
	}
	for (size_t i = history_spare(&history, 0);
	     i < history.count && !room_is_free(record->path, wanted_bytes);
	     i = history_spare(&history, i + 1))
		room_take(archive, history.crashes[i].name, record->stamp, log);
	if (!room_is_free(record->path, wanted_bytes))
		log_warning(log,
			    "%.1f MiB would be good to have free; the dump may be cut",
			    (double)wanted_bytes / (double)MIB);
}
