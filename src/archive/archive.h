/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All the crashes of this machine: the directories of one archive, newest last. */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

/*
 * More than these are not opened, and a warning says so: each holds a descriptor. The
 * ones with the greatest names are, which are the newest.
 */
#define ARCHIVE_RECORDS_MAX 512

struct archive {
	char *path;
	struct record **records; /* by archive_record_time(), then by name */
	size_t count;
};

/*
 * Directories that hold no crash are passed over (a debug message); one that can't be
 * read is a warning, and so is one that neither root, we, nor the owner of the archive
 * made, or that all may change: it is no crash. An archive that does not exist has none.
 */
int archive_open(const char *path, const struct log *log, struct archive *ret,
		 struct err *err);
void archive_done(struct archive *archive);

/* Puts a record at the end, that was made meanwhile; takes it where that succeeds. */
int archive_add(struct archive *archive, struct record **record, struct err *err);

/*
 * Who changes the archive waits for the others here. Makes it where it is missing. The
 * lock goes with the descriptor.
 */
int archive_lock(const char *path, int *ret_fd, struct err *err);

/*
 * When it happened, in unix seconds: by its meta.json (of the crash, else of the
 * capture), else by its name, which is local time; 0 if nothing tells.
 */
int64_t archive_record_time(const struct record *record);

/* The name of its directory; borrowed from @record. */
const char *archive_record_name(const struct record *record);

/*
 * The record that a user means by @name: "last", "-1" (the last), "-2", a stamp
 * "202611230042", the start of one if only one record starts so, or a path. Opened anew:
 * the caller closes it. ERR_NOTFOUND if there is none, ERR_INVALID if several could be
 * meant.
 */
int archive_find(const struct archive *archive, const char *name, struct record **ret,
		 struct err *err);

/*
 * Appends one line to @log_path for each record that is not noted yet, the oldest first:
 * "2026-11-23T00:42:07+0300 HOST KERNEL: CAUSE (PATH)", "-" for a host or kernel that is
 * not known. The log is made (0600) if it is missing, its directory is not. What was
 * noted is remembered in the record itself: the file "noted" in its directory, made after
 * the line is on the disk. So a power cut between the two can give a line twice, and
 * never loses one. Two at a time wait for each other, so the caller must not hold
 * archive_lock(). @ret_count, of the lines written,
 * may be NULL; it is set on failure too.
 */
int archive_note(const struct archive *archive, const char *log_path, size_t *ret_count,
		 struct err *err);

#define _cleanup_archive _cleanup_(archive_done)

#endif
