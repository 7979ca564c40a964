/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One capture, from the orders to the end of the last step. The supervisor (PID 1) starts
 * each step in a worker and watches its deadline; it never touches the disk or the dead
 * kernel's memory itself, so neither can take it down. What a step leaves behind passes
 * to the next through the record on disk.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "capture/console.h"
#include "capture/worker.h"
#include "record/orders.h"
#include "record/record.h"

#define CAPTURE_STEP_PARTS_MAX 2

struct capture {
	const char *root;	 /* "": the real one; tests have their own */
	const char *vmcore;	 /* "/proc/vmcore" */
	const char *mount_point; /* "/target" */
	struct orders orders;
	struct console *console;
	struct log log;		    /* into console */
	char record_path[PATH_MAX]; /* "" until there is one */
	uint32_t grace_ms;	    /* see struct worker */
	uint64_t started_ms;	    /* of console_now_ms() */
	uint64_t memory_kib;	    /* MemTotal */
	uint64_t memory_low_kib;    /* MemAvailable at its lowest */
};

/* What a step does, in its worker. @record is open; parts that it does not finish are
 * marked by the supervisor. */
struct capture_step {
	const char *name;
	enum orders_step deadline; /* which of the orders' */
	enum record_part parts[CAPTURE_STEP_PARTS_MAX];
	size_t part_count;
	int (*run)(const struct capture *capture, struct record *record,
		   const struct worker_call *call, struct err *err);
};

/* dmesg, report and dump, in this order; all but dump in dmesg mode. */
extern const struct capture_step capture_steps[];
size_t capture_step_count(const struct orders *orders);

/* Defaults of a real crash kernel; orders are empty. */
void capture_init(struct capture *capture, struct console *console);
void capture_done(struct capture *capture);

/* The orders of the capture image, ORDERS_PATH below root. */
int capture_read_orders(struct capture *capture, struct err *err);

/* Modules, disk, mount, a new record: in a worker. Sets record_path. */
int capture_open_target(struct capture *capture, struct err *err);

/*
 * Runs @steps, each whatever became of the one before it; then writes the record's log.
 * Returns how many failed.
 */
size_t capture_run_steps(struct capture *capture, const struct capture_step *steps,
			 size_t count);

/* The end of the dead kernel's log to the console: for when there is nowhere else. */
void capture_show_last_words(struct capture *capture);

#endif
