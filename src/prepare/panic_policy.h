/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a kernel gives up, and what it says then: the sysctls kernel.panic* and their
 * like, as presets. Each value stands in /etc/sysctl.d with its reason; what this kernel
 * does not have is left out, and said.
 */
#ifndef PREPARE_PANIC_POLICY_H
#define PREPARE_PANIC_POLICY_H

#include "base/err.h"
#include "prepare/setup_plan.h"

#define PANIC_POLICY_FILE "/etc/sysctl.d/90-epitaph.conf"

enum panic_preset {
	PANIC_SERVER,
	PANIC_DESKTOP,
	PANIC_DEBUGGING,
	PANIC_PRESETS,
};

const char *panic_preset_name(enum panic_preset preset);
int panic_preset_parse(const char *name, enum panic_preset *ret, struct err *err);

int panic_policy_plan(enum panic_preset preset, struct setup_plan *plan, struct err *err);

#endif
