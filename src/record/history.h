/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other crashes of an archive, in few words: enough to see a machine that crashes
 * again and again, and to know which old dump may go when the disk is full. For whoever
 * has little memory and no lock: the crash kernel.
 *
 * Only records of which meta.json can be read are in it; the newest HISTORY_MAX by name.
 */
#ifndef RECORD_HISTORY_H
#define RECORD_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "record/record.h"

#define HISTORY_MAX 256

struct history_crash {
	char name[32]; /* of its directory */
	char key[160]; /* history_key() */
	int64_t time;  /* of the capture, unix seconds */
	bool is_kdump;
	bool has_dump; /* whole or cut */
};

struct history {
	struct history_crash *crashes; /* the oldest first */
	size_t count;
};

/* @but: the name of a record that is left out, or "". No archive: no crashes. */
int history_read(const char *archive, const char *but, struct history *ret,
		 struct err *err);
void history_done(struct history *history);
#define _cleanup_history _cleanup_(history_done)

/* How many crash kernels have begun a record in [@from, @to]. */
size_t history_count(const struct history *history, int64_t from, int64_t to);

/* The same for equal crashes: the signature; of a crash without one, the title. */
const char *history_key(const struct record_crash *crash);

/*
 * Must @keys[i] stay? The first and the last of each key do: the one tells when it began,
 * the other that it goes on; and so the newest of all. Oldest first; NULL for one that is
 * not counted.
 */
bool history_is_needed(const char *const *keys, size_t count, size_t i);

/* The oldest crash from @from on that has a dump and whose dump is not needed; count if
 * none. */
size_t history_spare(const struct history *history, size_t from);

#endif
