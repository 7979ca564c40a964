/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which records of pstore tell of one panic, and the log that they make together.
 *
 * A kernel that dies writes its log from the end: "Panic#2 Part1" has the last lines,
 * Part2 what stands before them. All with one reason, one count and about one time are
 * one writing. An oops that becomes a panic is written twice, "Oops#1" and "Panic#2":
 * two writings, one crash. So may be the panic and the restart after it. What was written
 * when the machine was shut down is none.
 */
#ifndef ARCHIVE_PSTORE_PANIC_H
#define ARCHIVE_PSTORE_PANIC_H

#include "archive/pstore_entry.h"
#include "base/text.h"
#include "explain/log_text.h"

/* Parts of one writing, and an oops and its panic, are no further apart. */
#define PSTORE_SAME_S 60

#define PSTORE_WRITINGS_MAX 8 /* of one crash: an oops, another, the panic */

/* Entries are borrowed. */
struct pstore_writing {
	struct pstore_entry **parts; /* the highest part, which is the oldest, first */
	size_t count;
};

struct pstore_panic {
	struct pstore_writing writings[PSTORE_WRITINGS_MAX]; /* the oldest first */
	size_t writing_count;
	struct pstore_entry **others; /* console, pmsg, ftrace: with the last panic */
	size_t other_count;
	int64_t time; /* of the last; 0 unknown */
};

struct pstore_panics {
	struct pstore_panic *panics; /* by time */
	size_t count;
	size_t left; /* entries that are of none: a shutdown, a console without a crash */
};

/* Fails only for memory. */
int pstore_panics_find(struct pstore_entries *entries, struct pstore_panics *ret,
		       struct err *err);
void pstore_panics_done(struct pstore_panics *panics);

/*
 * The lines of all of it, without the "<6>" that stands before each. @ret_damage: what is
 * missing in it, one line; "" if nothing is known to be.
 */
int pstore_panic_text(const struct pstore_panic *panic, struct text *ret,
		      char ret_damage[static 256], struct err *err);

/*
 * Is this the same crash of the same boot? The last lines of @log, which carry the time
 * since the boot in microseconds, are looked for in @other: most of them have to be
 * there.
 */
bool pstore_panic_is_same(const struct printk_log *log, const struct printk_log *other);

/* The release, out of the line of an oops or the first of the log; "" without. */
void pstore_panic_release(const struct printk_log *log, char *ret, size_t size);

#define _cleanup_pstore_panics _cleanup_(pstore_panics_done)

#endif
