/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Crashes that another tool saved (foreign.h), or systemd-pstore(8) put away (pstore.h),
 * as records of the archive. The originals are copied, shared where the file system can
 * share blocks (FICLONE), and never linked: of a file with two names, the other name's
 * owner could still change what the archive holds.
 *
 * Order: all is written and synced in a hidden directory and revealed by one rename;
 * then, to move, the copies are compared with the originals, which are removed. So a kill
 * or a full disk leaves the originals, and nothing half made under a record's name.
 */
#ifndef ARCHIVE_IMPORT_H
#define ARCHIVE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

#define IMPORT_DEPTH 2 /* of directories below one that was named */

enum import_outcome {
	IMPORT_MADE,
	IMPORT_KNOWN, /* the archive has it, by size and checksum; left alone */
};

struct import_options {
	const char *archive;	   /* locked by the caller, see archive_lock() */
	enum record_layout layout; /* of new records */
	bool is_move; /* originals are removed once their copies are proven */
	const struct log *log;

	/* One crash of @path was dealt with: its record, in the archive. */
	void (*tell)(void *context, const char *path, enum import_outcome outcome,
		     const struct record *record);
	void *context;
};

struct import_result {
	size_t made;
	size_t known;
	size_t failed; /* a warning each; ones that are not readable, or not ours to take
			*/
};

/*
 * A file, a directory of one crash, or one of such directories. Adds to @ret, also on
 * failure. ERR_NOTFOUND: no crash is there.
 */
int import_path(const struct import_options *options, const char *path,
		struct import_result *ret, struct err *err);

#endif
