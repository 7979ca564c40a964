/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does a worker get on? Time passes for one that hangs as well, so time says nothing.
 * What counts as movement: a message, a beat of its own, CPU time that it used
 * (/proc/PID/stat), and bytes that went to any disk (pgpgout of /proc/vmstat): a long
 * fsync() uses no CPU and says nothing.
 */
#ifndef CAPTURE_MOVEMENT_H
#define CAPTURE_MOVEMENT_H

#include <stdint.h>
#include <sys/types.h>

struct movement {
	const char *proc;   /* "/proc" */
	uint64_t moved_ms;  /* of console_now_ms() */
	uint64_t looked_ms; /* /proc was asked */
	uint32_t beats;
	uint64_t cpu_ticks, out_kib;
};

/* @proc is borrowed. */
void movement_init(struct movement *movement, const char *proc);

/* It moved: for what the caller sees for himself. */
void movement_note(struct movement *movement);

/* Looks at @pid, about once a second. Takes nothing from the heap. */
void movement_look(struct movement *movement, pid_t pid, uint32_t beats);

/* Since when nothing moves. */
uint64_t movement_idle_ms(const struct movement *movement);

/* utime + stime of the text of /proc/PID/stat; 0 if it makes no sense. */
uint64_t movement_parse_stat(const char *text);

#endif
