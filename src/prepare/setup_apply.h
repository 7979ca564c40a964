/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doing what a plan says, and only that. Each file goes from old to new in one step; what
 * fails takes back all that was done before it; an end in the middle (a power cut) leaves
 * each file old or new, and a journal that knows them all.
 */
#ifndef PREPARE_SETUP_APPLY_H
#define PREPARE_SETUP_APPLY_H

#include "base/err.h"
#include "base/log.h"
#include "prepare/setup_journal.h"
#include "prepare/setup_plan.h"

/* Locks against another setup, until the descriptor is closed. ERR_REFUSED if one runs.
 */
int setup_lock(const char *root, int *ret_fd, struct err *err);

/* @journal is of the same root, and belongs to this call until it returns. */
int setup_apply(const struct setup_plan *plan, struct setup_journal *journal,
		const struct log *log, struct err *err);

/* @plan is of setup_journal_undo_plan(). The journal goes when all is as it was; what
 * stops in the middle can be run again. */
int setup_apply_undo(const struct setup_plan *plan, struct setup_journal *journal,
		     const struct log *log, struct err *err);

#endif
