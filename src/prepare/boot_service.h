/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crash kernel is loaded until the next boot only: what loads it then, by systemd, by
 * OpenRC or by SysV's scripts; and what keeps another tool from loading its own.
 */
#ifndef PREPARE_BOOT_SERVICE_H
#define PREPARE_BOOT_SERVICE_H

#include "base/err.h"
#include "prepare/setup_plan.h"

/* epitaph's own service is started at each boot. */
int boot_service_enable(struct setup_plan *plan, struct err *err);

/* @unit ("kdump-tools.service"), or SysV's script of that name, is not any more. */
int boot_service_disable(const char *unit, struct setup_plan *plan, struct err *err);

#endif
