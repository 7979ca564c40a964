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
#include "capture/watchdog.h"
#include "capture/worker.h"
#include "record/orders.h"
#include "record/record.h"

#define CAPTURE_STEP_PARTS_MAX 2
#define CAPTURE_FORMS_MAX      3

struct capture {
	const char *root;	 /* "": the real one; tests have their own */
	const char *vmcore;	 /* "/proc/vmcore" */
	const char *mount_point; /* "/target": each target is mounted below it */
	struct orders orders;
	struct console *console;
	struct log log;		    /* into console */
	size_t target;		    /* of the orders', in use */
	char record_path[PATH_MAX]; /* "" until there is one */
	char raw_device[PATH_MAX];  /* "" unless the target is one: see target_raw.h */
	bool is_loop;		    /* the machine crashes again and again */
	bool has_mini;		    /* that step has done its work */
	bool has_dmesg;		    /* so has that one, on some target */
	bool is_stuck[ORDERS_TARGETS_MAX]; /* who writes there hangs */
	unsigned int form;		/* of the step that runs: 0, or a smaller one */
	char form_why[WORKER_WHY_SIZE]; /* what became of the form before */
	uint32_t grace_ms;		/* see struct worker */
	uint64_t started_ms;		/* of console_now_ms() */
	uint64_t memory_kib;		/* MemTotal */
	uint64_t memory_low_kib;	/* MemAvailable at its lowest */
	uint64_t data_limit_bytes;	/* of a worker's memory; 0: none */
	struct watchdog watchdog;
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
	/* How many smaller forms it may be tried in, after the first; NULL: none. */
	unsigned int (*smaller_forms)(const struct capture *capture);
	bool is_large; /* left out in a crash loop */
};

/* dmesg, report, mini and dump, in this order; see capture_step_count(). */
extern const struct capture_step capture_steps[];
size_t capture_step_count(const struct orders *orders);

/* Defaults of a real crash kernel; orders are empty. */
void capture_init(struct capture *capture, struct console *console);
void capture_done(struct capture *capture);

/* The orders of the capture image, ORDERS_PATH below root. */
int capture_read_orders(struct capture *capture, struct err *err);

/* A worker of this capture: its progress is shown, its memory bounded, and the watchdog
 * fed as long as it gets on. @context: the function's. */
void capture_work(struct capture *capture, const char *name, uint32_t timeout_ms,
		  worker_function *run, void *context, struct worker_result *ret);

/* What is left of the time for all, at most @seconds. */
uint32_t capture_timeout_ms(const struct capture *capture, uint32_t seconds);

/* Watchdog, memory, drivers: all that comes before the first target. */
void capture_start(struct capture *capture);

/* The disk, its mount, a new record: of target number capture->target. Sets record_path.
 */
int capture_open_target(struct capture *capture, struct err *err);

enum capture_outcome {
	CAPTURE_DONE,	     /* all steps have done their work */
	CAPTURE_INCOMPLETE,  /* some have not, and another target would not help */
	CAPTURE_DISK_FAILED, /* because of the disk: the next target may do better */
};

/*
 * Runs @steps, each whatever became of the one before it; then writes the record's log.
 * @ret_failed (may be NULL): how many failed.
 */
enum capture_outcome capture_run_steps(struct capture *capture,
				       const struct capture_step *steps, size_t count,
				       size_t *ret_failed);

/* All of it: each target in turn until one has taken what there is. False: none has even
 * dmesg. */
bool capture_save(struct capture *capture);

/* The end of the dead kernel's log to the console: for when there is nowhere else
 * (@page_s 0), or page by page for a camera. */
void capture_show_last_words(struct capture *capture, uint32_t page_s);

/* Where target number @i is mounted. */
void capture_mount_path(const struct capture *capture, size_t i,
			char ret[static PATH_MAX]);

#endif
