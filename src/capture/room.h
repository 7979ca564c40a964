/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room for a dump, before it is written: old crashes lose their dumps, the oldest first,
 * until the file system has as much free as the new one may take. Only those that
 * retention would let go as a whole (record/history.h: never the first and the last of a
 * signature, so never the only one); and only their dumps: what they tell in dmesg,
 * report and mini dump is small, and stays. Their meta.json says why the dump is gone.
 */
#ifndef CAPTURE_ROOM_H
#define CAPTURE_ROOM_H

#include <stdint.h>

#include "base/log.h"
#include "record/record.h"

/*
 * What a dump of @memory_bytes may take: an eighth of it without pages of user space and
 * caches, half of it with them; not more than @size_limit (0: none).
 */
uint64_t room_wanted(uint64_t memory_bytes, int level, uint64_t size_limit);

/* In the archive of @record, which is not touched itself. Whatever fails is a warning. */
void room_make(const struct record *record, uint64_t wanted_bytes, const struct log *log);

#endif
