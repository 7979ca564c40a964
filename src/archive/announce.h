/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New crashes told to those who should know: the system log, a message of the day, a
 * mail, a program. Each crash once on each way; where a way fails it is tried again by
 * the next run, ANNOUNCE_TRIES_MAX times in all.
 *
 * What was told is remembered in the record itself, in a file "announced" of lines
 * "WAY done" and "WAY N", N failures; replaced durably after each. So a power cut can
 * tell a crash twice, and loses none.
 */
#ifndef ARCHIVE_ANNOUNCE_H
#define ARCHIVE_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "archive/archive.h"
#include "base/err.h"
#include "base/log.h"

#define ANNOUNCE_NAME "announced"

#define ANNOUNCE_TRIES_MAX   5
#define ANNOUNCE_CRASHES_MAX 16	   /* in one run, the newest; the others in the next */
#define ANNOUNCE_BUDGET_MS   30000 /* of all programs: the machine is booting */
#define ANNOUNCE_AGE_MAX_S   (14 * 86400) /* an older crash is no news */

struct announce_options {
	/* The line, without a newline; a failure is tried again. NULL: this way is off.
	 */
	int (*log_line)(void *context, const char *line, struct err *err);
	void *context;

	const char *motd;     /* path of a file; "": none */
	const char *mail_to;  /* addresses with blanks between them; "": none */
	const char *sendmail; /* NULL: where it usually is */
	const char *notify;   /* path of a program; "": none */
	const struct log *log;
};

struct announce_result {
	size_t told;   /* crashes that were told on at least one way */
	size_t failed; /* ways that failed; a warning each */
};

/* The caller does not hold archive_lock(). Fails only where nothing can be told. */
int announce(const struct archive *archive, const struct announce_options *options,
	     time_t now, struct announce_result *ret, struct err *err);

/* "a@b.c root": letters, digits and ._+-@ only, no word that begins with a dash. */
bool announce_is_address_list(const char *text);

#endif
