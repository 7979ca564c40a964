/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the devices of the orders again (record/orders.h): mappings of the device mapper
 * by its table, MD arrays by their members' own metadata. Without lvm, mdadm or udev.
 *
 * An array that lacks disks is started without them after a while, if MD lets it; its
 * resync is held up, because the disk's time is the dump's.
 */
#ifndef CAPTURE_ASSEMBLE_H
#define CAPTURE_ASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "record/orders.h"

struct assemble {
	const char *root;
	const struct orders *orders;
	const struct log *log;
	bool is_careful; /* some disk never answers: see target_disk_search() */
	bool is_made[ORDERS_DEVICES_MAX];
	bool is_given_up[ORDERS_DEVICES_MAX];
	uint64_t seen_ms[ORDERS_DEVICES_MAX]; /* the first member of an array */
};

/* Makes what can be made by now; waits for nothing. To be called again and again. */
void assemble_try(struct assemble *assemble);

#endif
