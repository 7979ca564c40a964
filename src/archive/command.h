/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program of the administrator's, told of something: by its environment and its
 * standard input, never by a shell's line. It has a deadline, and goes with all of its
 * process group when that has passed.
 */
#ifndef ARCHIVE_COMMAND_H
#define ARCHIVE_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct command_run {
	const char *const *argv;	/* [0] an absolute path; ends with NULL */
	const char *const *environment; /* "NAME=value"; ends with NULL; all there is */
	const void *input;
	size_t input_size;
};

/*
 * Takes what it needed off @budget_ms. ERR_REFUSED: someone other than root or us may
 * change the program, or the way to it, so it is not run. ERR_LIMIT: it had not ended
 * when the budget had. ERR_OS: it could not be started, or ended with something other
 * than 0.
 */
int command_run(const struct command_run *command, uint32_t *budget_ms, struct err *err);

#endif
