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
#include "prepare/pstore_setup.h"
#include "prepare/setup_plan.h"

struct setup_options {
	const char *root;	 /* "" for this machine, never with a slash at its end */
	const char *crashkernel; /* NULL: measured; "keep", "none", or a value */
	enum panic_preset preset;
	bool has_boot_loader; /* else it is looked for */
	enum boot_loader boot_loader;
	enum pstore_choice pstore;
	bool post_notifiers; /* pstore is written before the crash kernel starts */
	const char *console; /* NULL: as it is */
	const char *from;    /* another tool's file, as that machine names it */
	bool give_back;	     /* what is reserved beyond what is needed, now */
};

/* Looks, and changes nothing. */
int setup_make(const struct setup_options *options, const struct config *config,
	       const struct log *log, struct setup_plan **ret, struct err *err);

#endif
