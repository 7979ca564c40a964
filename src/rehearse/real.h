/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rehearsal on this very machine, which is really crashed. What is expected is on the
 * disk before that; the next boot judges what came of it, and the verdict is kept as any
 * rehearsal's (prepare/rehearsed.h).
 */
#ifndef REHEARSE_REAL_H
#define REHEARSE_REAL_H

#include "base/err.h"
#include "base/log.h"
#include "prepare/armed.h"
#include "prepare/rehearsed.h"
#include "rehearse/trigger.h"

#define REAL_FILE	    ARMED_STATE_DIR "/rehearsal-expected.json"
#define REAL_SCHEMA_VERSION 1

struct real_expectation {
	char marker[TRIGGER_MARKER_SIZE]; /* in the kernel's log, just before the crash */
	char boot_id[37];		  /* of the boot that is to crash */
	enum orders_mode mode;		  /* what was armed */
	struct rehearsed rehearsed;	  /* of what it is; its verdict is not yet one */
};

/* Of what is loaded now; @armed says that something is. */
int real_expect(const struct armed *armed, enum rehearse_trigger trigger,
		struct real_expectation *ret, struct err *err);

/*
 * Notes what is expected, logs the marker, and crashes this machine. Returns only where
 * it is still alive, with the error that says why; then nothing is expected any more.
 */
int real_crash(const struct real_expectation *expectation, enum rehearse_trigger trigger,
	       struct err *err);

int real_parse(const char *json, size_t size, struct real_expectation *ret,
	       struct err *err);

/*
 * At boot, when all that the crash left is in @archive: judges what is expected, keeps
 * the verdict below @root and forgets the expectation. *ret_is_judged is false where
 * nothing is expected, or only of the boot that still lasts.
 */
int real_judge(const char *root, const char *archive, const struct log *log,
	       bool *ret_is_judged, struct rehearsed *ret, struct err *err);

/* Is a crash expected that was not judged yet? */
bool real_is_pending(const char *root);

#endif
