/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One record as one file, for a bug report: a tar archive, compressed by zstd, with all
 * below one directory "epitaph-STAMP/", and behind it SHA256SUMS, which sha256sum -c
 * takes.
 */
#ifndef ARCHIVE_BUNDLE_H
#define ARCHIVE_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/record.h"

#define BUNDLE_SUMS "SHA256SUMS"

struct bundle_result {
	size_t file_count;   /* in it, without SHA256SUMS */
	uint64_t size_bytes; /* of the file */
	bool left_dump;	     /* there was one, and it was not asked for */
};

/*
 * Made without a name, synced, then given @path: what has the name is whole, and a kill
 * leaves nothing (but PATH.partial on a file system that knows no files without a name).
 * ERR_REFUSED if @path exists. meta.json, all parts but the dump, which @with_dump takes
 * along, and the files of pstore/.
 */
int bundle_write(const struct record *record, const char *path, bool with_dump,
		 struct bundle_result *ret, struct err *err);

#endif
