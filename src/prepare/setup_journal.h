/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /var/lib/epitaph/setup.json: what setup changed, run by run, with the bytes that were
 * there before: enough to take all of it back, byte for byte, at any time, and after an
 * end in the middle. It is written before the first file is touched.
 */
#ifndef PREPARE_SETUP_JOURNAL_H
#define PREPARE_SETUP_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "prepare/setup_plan.h"

#define SETUP_STATE_DIR	     "/var/lib/epitaph"
#define SETUP_JOURNAL	     SETUP_STATE_DIR "/setup.json"
#define SETUP_SCHEMA_VERSION 1

struct setup_journal {
	const char *root; /* borrowed */
	json_t *runs;	  /* an array, the oldest first */
	json_t *made;	  /* directories that were made for the journal itself */
};

void setup_journal_done(struct setup_journal *journal);
#define _cleanup_setup_journal _cleanup_(setup_journal_done)

/* An empty one where there is no file. */
int setup_journal_load(const char *root, struct setup_journal *ret, struct err *err);
int setup_journal_save(struct setup_journal *journal, struct err *err);
/* Takes the file away, and the directories that were made for it, if they are empty. */
int setup_journal_remove(struct setup_journal *journal, struct err *err);

bool setup_journal_is_empty(const struct setup_journal *journal);
/* Did the last run come to its end? true for an empty journal. */
bool setup_journal_is_complete(const struct setup_journal *journal);

int setup_journal_begin(struct setup_journal *journal, const struct setup_plan *plan,
			struct err *err);
int setup_journal_complete(struct setup_journal *journal, struct err *err);
/* Forgets the last run: all of it was taken back. */
void setup_journal_forget(struct setup_journal *journal);

/* The programs that a run which was cut off still owes, added to @plan. */
int setup_journal_owed(const struct setup_journal *journal, struct setup_plan *plan,
		       struct err *err);

/*
 * The plan that takes everything back. A name that is neither as a run left it nor as one
 * found it was changed since: ERR_REFUSED names all such, unless @is_forced.
 */
int setup_journal_undo_plan(const struct setup_journal *journal, bool is_forced,
			    struct setup_plan *plan, struct err *err);

#endif
