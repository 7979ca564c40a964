/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Words while dying, for who has a port or a second computer: a serial console, or
 * netconsole, whose packets need interface, addresses and the MAC of the next hop in
 * advance: a dying kernel asks nobody. They are looked up in the routes and the ARP table
 * below /proc/net.
 */
#ifndef PREPARE_CONSOLE_SETUP_H
#define PREPARE_CONSOLE_SETUP_H

#include "base/err.h"
#include "prepare/parameter_edit.h"
#include "prepare/setup_plan.h"

/* "serial", "serial:ttyS1", "serial:ttyS0,57600n8", "netconsole:192.0.2.1[:6666]". */
int console_plan(const char *wanted, const char *cmdline, struct parameters *parameters,
		 struct setup_plan *plan, struct err *err);

#endif
