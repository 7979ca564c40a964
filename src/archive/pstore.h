/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Crashes that the firmware or a piece of RAM kept, brought into the archive: a record of
 * its own for each, or, where a crash kernel has recorded the same crash, beside it.
 *
 *   202611230042/pstore/dmesg-ramoops-0     the files as they were, in the record
 *
 * Order: all is written, synced and revealed under its name, then the source's copy is
 * removed. After a kill in between the next run finds the same bytes in a record of the
 * archive, and only removes. What can't be removed is remembered in the archive's file
 * ".collected", so that it does not come back when its record is removed.
 */
#ifndef ARCHIVE_PSTORE_H
#define ARCHIVE_PSTORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

#define PSTORE_PATH	    "/sys/fs/pstore"
#define PSTORE_SYSTEMD_PATH "/var/lib/systemd/pstore"

#define PSTORE_DIRECTORY "pstore" /* in a record */

struct pstore_options {
	const char *archive;	   /* locked by the caller, see archive_lock() */
	enum record_layout layout; /* of new records */
	const char *source;
	bool keep_source; /* nothing is removed there */
	int depth;	  /* of directories below it that are read too */
	const struct log *log;
};

struct pstore_result {
	size_t made;   /* new records */
	size_t joined; /* crashes that a record had already, from a crash kernel */
	size_t known;  /* files that an earlier run had kept */
	size_t left;   /* files that stay: no crash, too large, not removable */
	size_t failed; /* crashes that could not be kept: a warning each */
};

/* Mounts pstore there if it is missing; whether it worked is seen later. */
void pstore_mount(const char *path, const struct log *log);

/* A source that does not exist holds nothing. @ret is set on failure too. */
int pstore_collect(const struct pstore_options *options, struct pstore_result *ret,
		   struct err *err);

#endif
