/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole of a machine's preparation as one plan: memory for the crash kernel, when to
 * panic, what arms it at boot, and what was asked for beside.
 */
#ifndef PREPARE_SETUP_H
#define PREPARE_SETUP_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "prepare/boot_loader.h"
#include "prepare/config.h"
#include "prepare/panic_policy.h"
#include "prepare/setup_plan.h"

struct setup_options {
	const char *root;	 /* "" for this machine, never with a slash at its end */
	const char *crashkernel; /* NULL: measured; "keep", "none", or a value */
	enum panic_preset preset;
	bool has_boot_loader; /* else it is looked for */
	enum boot_loader boot_loader;
};

/* Looks, and changes nothing. */
int setup_make(const struct setup_options *options, const struct config *config,
	       const struct log *log, struct setup_plan **ret, struct err *err);

#endif
