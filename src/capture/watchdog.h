/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hardware watchdog: ends what the supervisor can't, a kernel that hangs. Its driver
 * is loaded and its device opened as one step, because a driver that is loaded and not
 * opened stops a watchdog that the dead kernel had running (seen with i6300esb). It is
 * fed while a worker gets on (movement.h), and not merely while time goes by.
 */
#ifndef CAPTURE_WATCHDOG_H
#define CAPTURE_WATCHDOG_H

#include <stdint.h>

#include "base/log.h"
#include "record/orders.h"

struct watchdog {
	int fd; /* -1: there is none */
	uint64_t fed_ms;
	uint64_t patience_ms; /* so long it is fed though nothing moves */
};

void watchdog_init(struct watchdog *watchdog);

/* Whatever fails here is a warning: a capture without a watchdog is a capture. */
void watchdog_start(struct watchdog *watchdog, const char *root,
		    const struct orders *orders, const struct log *log);

/* Once a second at most. */
void watchdog_feed(struct watchdog *watchdog, uint64_t idle_ms);

/*
 * Before the end. A reboot that hangs is ended by the watchdog: it stays on, fed for the
 * last time. With any other end it is stopped ("magic close").
 */
void watchdog_end(struct watchdog *watchdog, enum orders_end end, const struct log *log);

#endif
