/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All the crashes of this machine: the directories of one archive, newest last. */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

struct archive {
	char *path;
	struct record **records; /* by name, which is by time */
	size_t count;
};

/*
 * Directories that hold no crash are passed over (a debug message); one that can't be read
 * is a warning. An archive that does not exist has no crashes.
 */
int archive_open(const char *path, const struct log *log, struct archive *ret,
		 struct err *err);
void archive_done(struct archive *archive);

/*
 * The record that a user means by @name: "last", "-1" (the last), "-2", a stamp
 * "202611230042", the start of one if only one record starts so, or a path.
 */
int archive_find(const struct archive *archive, const char *name, struct record **ret,
		 struct err *err);

/*
 * Appends one line to @log_path for each record that is not noted there yet:
 * "2026-11-23T00:42:07+0300 HOST KERNEL: CAUSE (PATH)". @ret_count may be NULL. What was
 * noted is remembered in the record itself ("noted" in its directory).
 */
int archive_note(const struct archive *archive, const char *log_path, size_t *ret_count,
		 struct err *err);

#define _cleanup_archive _cleanup_(archive_done)

#endif
