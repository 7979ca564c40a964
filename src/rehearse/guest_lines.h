/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the first system of a rehearsal (epitaph-guest) and its host know of each other:
 * lines on the serial console, and files on the disk.
 */
#ifndef REHEARSE_GUEST_LINES_H
#define REHEARSE_GUEST_LINES_H

/* Each line: GUEST_PREFIX, one of these, maybe a blank and more. */
#define GUEST_PREFIX  "rehearsal: "
#define GUEST_BOOTED  "booted"
#define GUEST_ARMED   "armed"
#define GUEST_PANIC   "panic"
#define GUEST_NMI     "waiting for an NMI"
#define GUEST_AGAIN   "rebooted"
#define GUEST_FOUND   "record found"
#define GUEST_FAILED  "failed"		   /* and why */
#define GUEST_MESSAGE "epitaph rehearsal " /* and the marker: in the kernel's log */

#define GUEST_HOST "rehearsal"

/* Of the task that brings the kernel down. */
#define GUEST_TRIGGER_COMM "rehearsal"

/* In the initramfs: modules for the disk, in the order of their names. */
#define GUEST_MODULES_DIR "/modules"

/* On the disk. */
#define GUEST_DIR    "/rehearsal"
#define GUEST_JOB    GUEST_DIR "/job"	 /* KEY=VALUE lines, see guest.c */
#define GUEST_STATE  GUEST_DIR "/state"	 /* one byte for each boot that panicked */
#define GUEST_PS     GUEST_DIR "/ps.txt" /* "PID COMM" of each task before the panic */
#define GUEST_STATUS GUEST_DIR "/status.json"
#define GUEST_LIST   GUEST_DIR "/list.json" /* epitaph list --json, in the next boot */
#define GUEST_MODULE GUEST_DIR "/trigger.ko"

/* On the disk, where the user put them: programs that run before arming, and first in the
 * next boot. */
#define GUEST_BEFORE GUEST_DIR "/before"
#define GUEST_AFTER  GUEST_DIR "/after"

#define GUEST_EPITAPH "/usr/bin/epitaph"
#define GUEST_CAPTURE "/usr/libexec/epitaph/epitaph-capture"

#endif
