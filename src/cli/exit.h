/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit codes of every command; epitaph(1) documents them. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INCOMPLETE = 3, /* a result was made, but it is not whole */
	EXIT_NOT_READY = 4,  /* status, check: a panic now would be lost */
};

#endif
