/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failure is a value: a negative code that a caller acts on, and a text that grows
 * outwards. The innermost function says the cause, each level above prepends what IT was
 * doing, nobody prints. The text lives in the caller's struct: no heap, so an error can
 * be told when memory is gone. Where the text is full the outer words are dropped and the
 * cause stays.
 *
 * Every `struct err *` may be NULL: probing and hot paths pay nothing.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/cleanup.h"

enum err_code {
	ERR_OS = -1,	      /* a system call failed; err.os_errno says how */
	ERR_NOMEM = -2,	      /* out of memory */
	ERR_FAULT = -3,	      /* no such address in that kernel or machine */
	ERR_FILTERED = -4,    /* the page was left out of the dump: normal */
	ERR_CORRUPT = -5,     /* the bytes contradict themselves */
	ERR_TRUNCATED = -6,   /* the bytes end too early, or the page was lost */
	ERR_UNSUPPORTED = -7, /* right, but not something that we can do */
	ERR_NOTFOUND = -8,    /* there is no such thing */
	ERR_LIMIT = -9,	      /* more than a named limit allows */
	ERR_INVALID = -10,    /* the caller or the user asked for nonsense */
	ERR_REFUSED = -11,    /* possible, but policy or permission forbids it */
};

#define ERR_TEXT_MAX 512

struct err {
	int code;
	int os_errno;
	char text[ERR_TEXT_MAX];
};

/* Sets the cause; returns @code, so `return err_set(err, ERR_CORRUPT, "...")` works. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

/* Sets ERR_OS (ERR_NOMEM for ENOMEM); appends ": " and the text of @os_errno. */
int err_os(struct err *err, int os_errno, const char *fmt, ...) PRINTF(3, 4);

int err_nomem(struct err *err);

/* Prepends "context: "; returns @code unchanged. */
int err_in(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

/* The text, never NULL, never empty for a failure: falls back to the code's name. */
const char *err_text(const struct err *err);

/* "fault", "filtered", ...: stable, for JSON. */
const char *err_code_name(int code);

#endif
