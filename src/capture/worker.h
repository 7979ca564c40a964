/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step in a process of its own, with a deadline. What goes wrong in it (a crash, no
 * memory, a disk that never answers) ends there: the caller hears of it and goes on.
 * A process in uninterruptible sleep can't be killed; it is left behind, not waited for.
 */
#ifndef CAPTURE_WORKER_H
#define CAPTURE_WORKER_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define WORKER_REPLY_SIZE 1024
#define WORKER_WHY_SIZE	  256

/* What both sides see, in a page that they share. */
struct worker_shared {
	volatile sig_atomic_t cancel;
	_Atomic uint32_t beats;
};

/* What the function of a step gets beside its context. */
struct worker_call {
	struct log log;			     /* to the caller's log */
	const volatile sig_atomic_t *cancel; /* becomes 1 when the time is up */
	int pipe_fd;
	struct worker_shared *shared;
};

typedef int worker_function(void *context, const struct worker_call *call,
			    struct err *err);

struct worker {
	const char *name;
	uint32_t timeout_ms;
	/* From the deadline, when cancel is set, to the kill; and from there until it is
	 * left behind. */
	uint32_t grace_ms;
	/* Without any movement (a message, a beat, time of a CPU, bytes to a disk) for so
	 * long its time is up as well; 0: never. */
	uint32_t stall_ms;
	const char *proc;	   /* NULL: "/proc" */
	uint64_t data_limit_bytes; /* of its memory; 0: none */
	worker_function *run;
	void *context;
	const struct log *log;
	void (*show)(void *context, const char *line); /* progress; may be NULL */
	/* A few times a second: for how long nothing has moved. May be NULL. */
	void (*tick)(void *context, uint64_t idle_ms);
	void *caller; /* context of show and tick */
};

enum worker_end {
	WORKER_DONE,
	WORKER_FAILED,	  /* said so itself */
	WORKER_CRASHED,	  /* a signal, or an exit without a word */
	WORKER_TIMED_OUT, /* was killed at its deadline, or stopped in its grace */
	WORKER_STALLED,	  /* the same, because nothing moved */
	WORKER_STUCK,	  /* could not be killed */
};

struct worker_result {
	enum worker_end end;
	int code;		   /* of struct err where it failed */
	char why[WORKER_WHY_SIZE]; /* "" for WORKER_DONE */
	uint64_t duration_ms;
	char reply[WORKER_REPLY_SIZE]; /* of worker_reply(), "" if none */
};

/* In the step: a short text for the caller's result. */
void worker_reply(const struct worker_call *call, const char *text);
/* In the step: a line of progress, shown and not kept. */
void worker_show(const struct worker_call *call, const char *line);

/* In the step: it goes on. For what moves without a message, as a wait that is meant. */
void worker_beat(const struct worker_call *call);

/* Runs @worker to its end. Reaps whatever other child ends meanwhile. */
void worker_run(const struct worker *worker, struct worker_result *ret);

#endif
