/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No target has taken the crash: what can be said of it in a few KiB goes where no disk
 * is needed (record/farewell.h), and the next boot finds it there.
 *
 * The region of ramoops: its driver is loaded now, with the place that the running kernel
 * had it at; the text goes into this kernel's own log, the end of which the driver writes
 * down when the machine is restarted (KMSG_DUMP_SHUTDOWN; that it does so for other than
 * panics is printk.always_kmsg_dump). Not where it has a record already: the kernel that
 * died has written it, or an earlier one, and the first tells more.
 *
 * An EFI variable: one, of at most FAREWELL_EFI_BYTES, only while half of the store is
 * free and would be after it, for firmware was seen that does not start with a full one.
 * It is the last that is tried: what hangs in the firmware hangs the machine.
 */
#ifndef CAPTURE_LAST_RESORT_H
#define CAPTURE_LAST_RESORT_H

#include "capture/capture.h"

/* Each in a worker; what came of it is said. */
void last_resort(struct capture *capture);

/* May @wanted_bytes more be stored where @free_bytes of @total_bytes are free? */
bool last_resort_has_room(uint64_t total_bytes, uint64_t free_bytes,
			  uint64_t wanted_bytes);

#endif
