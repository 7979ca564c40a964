/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of the crash kernel. It starts from nothing, not from the running
 * kernel's: what is there for a system with a root file system, a user space and all of
 * the memory (root=, init=, crashkernel=, hugepages=, ...) kills or starves a crash
 * kernel. Only what a machine may need to come up at all is taken over.
 */
#ifndef PREPARE_CRASH_CMDLINE_H
#define PREPARE_CRASH_CMDLINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct crash_cmdline {
	const char *running;	  /* /proc/cmdline */
	uint32_t panic_timeout_s; /* of the crash kernel itself */
	const char *append;	  /* what the user adds: last, so it wins */
	size_t size_max;	  /* with the NUL */
};

/* ERR_LIMIT if it gets too long: nothing is cut. */
int crash_cmdline_build(const struct crash_cmdline *from, struct text *ret,
			struct err *err);

#endif
