/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a record that was taken off the rehearsal's disk is worth, by what really lies
 * there: never by what the machine said of itself.
 */
#ifndef REHEARSE_VERDICT_H
#define REHEARSE_VERDICT_H

#include "base/err.h"
#include "rehearse/rehearse.h"

/* The newest record below @archive; ERR_NOTFOUND. */
int verdict_find_record(const char *archive, char ret[static PATH_MAX], struct err *err);

/* The one of the newest records whose log has @marker; ERR_NOTFOUND. */
int verdict_find_marked(const char *archive, const char *marker,
			char ret[static PATH_MAX], struct err *err);

/*
 * Are all parts that @mode asks for complete, do their checksums hold, and is @marker in
 * the dead kernel's log? @ret_why says what is not so.
 */
int verdict_judge(const char *record, enum orders_mode mode, const char *marker,
		  enum rehearsed_verdict *ret, char *ret_why, size_t why_size,
		  struct err *err);

#endif
