/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end: everything to the disk, then what was ordered. No call here may hold the end
 * up: each is made by a worker with a deadline, and where the kernel does not follow, the
 * next harder way is taken.
 */
#ifndef CAPTURE_FINISH_H
#define CAPTURE_FINISH_H

#include "base/log.h"
#include "record/orders.h"

/* sync, then umount, or read-only where it is busy. Nothing if nothing is mounted there.
 */
void finish_target(const char *mount_point, const struct log *log);

/*
 * Reboots, powers off or halts. If the machine is still there after FINISH_WAIT_MS: sysrq
 * b, and again; a halt just stays, for that is what it is.
 */
#define FINISH_WAIT_MS 10000
_Noreturn void finish_machine(enum orders_end end, const struct log *log);

#endif
