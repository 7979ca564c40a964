/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The crash that the crash kernel left on a partition without a file system
 * (record/raw.h), brought into the archive as a record like any other. The partition is
 * free for the next crash only when the record is on the disk as a whole.
 */
#ifndef ARCHIVE_RAW_IMPORT_H
#define ARCHIVE_RAW_IMPORT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "record/record.h"

struct raw_import {
	const char *archive;
	enum record_layout layout;
	const char *device;
	const struct log *log;
	/* Makes a file of a flattened dump: @in is read from its start, @out is empty. */
	int (*unflatten)(int in, int out, struct err *err);
};

/* The caller holds archive_lock(). @ret_is_new: there was one. ERR_NOTFOUND: the
 * partition is none of ours. */
int raw_import_run(const struct raw_import *import, bool *ret_is_new, struct err *err);

#endif
