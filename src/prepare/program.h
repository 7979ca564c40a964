/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another program, run to its end: with a clean environment, nothing on its stdin, and
 * what it says kept for the message.
 */
#ifndef PREPARE_PROGRAM_H
#define PREPARE_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

/* Looks for @name in the directories of root's PATH; as it is if it has a slash. */
bool program_find(const char *name, char ret[static PATH_MAX]);

/* @argv[0] is the path of the program. @ret_said: the first bytes of its stdout and
 * stderr, PROGRAM_SAID_MAX_BYTES at most. @ret_status as of waitpid(2). */
#define PROGRAM_SAID_MAX_BYTES 16384
int program_run(char *const *argv, struct text *ret_said, int *ret_status,
		struct err *err);

/* The same, found by its name; ERR_OS with what it said last if it fails. */
int program_run_or_fail(char *const *argv, struct text *ret_said, struct err *err);

#endif
