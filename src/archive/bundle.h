/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One record as one file, for a bug report: a tar archive, compressed by zstd, with all
 * below one directory "epitaph-STAMP/", and behind it XXH128SUMS, which xxhsum -c takes.
 */
#ifndef ARCHIVE_BUNDLE_H
#define ARCHIVE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/record.h"

#define BUNDLE_SUMS "XXH128SUMS"

struct bundle_result {
	size_t file_count;   /* in it, without XXH128SUMS */
	uint64_t size_bytes; /* of the file */
	bool left_dump;	     /* there was one, and it was not asked for */
};

/*
 * Made beside @path, synced, then renamed: what has the name is whole. ERR_REFUSED
 * if @path exists. meta.json, all parts but the dump, which @with_dump takes along, and
 * the files of pstore/.
 */
int bundle_write(const struct record *record, const char *path, bool with_dump,
		 struct bundle_result *ret, struct err *err);

#endif
