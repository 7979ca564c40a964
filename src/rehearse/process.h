/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another program, run without a shell; it dies with us. */
#ifndef REHEARSE_PROCESS_H
#define REHEARSE_PROCESS_H

#include <limits.h>
#include <signal.h>
#include <sys/types.h>

#include "base/err.h"

/* In $PATH, /usr/sbin or /sbin. ERR_NOTFOUND tells which package has it. */
int process_find(const char *program, const char *package, char ret[static PATH_MAX],
		 struct err *err);

/* Starts @argv (argv[0] is its path) with no stdin; stdout and stderr go where told. */
int process_start(const char *const *argv, int stdout_fd, int stderr_fd, pid_t *ret,
		  struct err *err);

/* Ends it by its id: SIGTERM, then SIGKILL. 0: it has been waited for already. */
void process_end(pid_t pid);

/* Runs @argv to its end; what it said is part of the error. *@cancel ends it. */
int process_run(const char *const *argv, const volatile sig_atomic_t *cancel,
		struct err *err);

#endif
