/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which records go when there are too many, too old or too large ones, or the disk has
 * not enough room for the next: the oldest first.
 *
 * Never the newest, and never the first and the last of a signature (of a title, where a
 * crash has none): the one tells when it began, the other that it goes on. Records that
 * other tools wrote, or of which meta.json can't be read, are neither counted nor
 * removed. So more may stay than a limit says.
 */
#ifndef ARCHIVE_RETENTION_H
#define ARCHIVE_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "archive/archive.h"
#include "base/err.h"

/* 0: no limit. */
struct retention {
	uint32_t keep;
	uint32_t keep_days;
	uint64_t keep_size_bytes;
	uint64_t keep_free_bytes; /* on the archive's disk */
};

struct retention_choice {
	const struct record *record; /* borrowed from the archive */
	uint64_t size_bytes;
	const char *why; /* "older than keep_days", "the newest", ... */
};

struct retention_plan {
	struct retention_choice *choices; /* the oldest first */
	size_t count;
	uint64_t freed_bytes;

	/* The others, and what keeps each: also the oldest first. */
	struct retention_choice *kept;
	size_t kept_count;
};

int retention_choose(const struct archive *archive, const struct retention *retention,
		     time_t now, struct retention_plan *ret, struct err *err);

/* Removes what the plan says; what can't be removed is a warning, and is not counted. The
 * caller holds archive_lock(). */
size_t retention_apply(const struct retention_plan *plan, const struct log *log);
void retention_plan_done(struct retention_plan *plan);
#define _cleanup_retention_plan _cleanup_(retention_plan_done)

#endif
