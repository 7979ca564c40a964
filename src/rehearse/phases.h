/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A serial console, byte by byte, and the phases of a rehearsal that its lines tell of.
 * Knows the lines of guest_lines.h and record/progress.h; everything else there (both
 * kernels' own words) is passed over.
 */
#ifndef REHEARSE_PHASES_H
#define REHEARSE_PHASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "rehearse/rehearse.h"

#define PHASES_LINE_SIZE 512

struct phases {
	struct rehearse_phase_result results[PHASE_COUNT];
	char failed[256]; /* what the guest said when it gave up; "" */
	bool is_halted;	  /* the kernel said so: the machine does nothing any more */
	bool wants_nmi;	  /* the guest waits for one */
	/* What the crash kernel had at the least, of what; -1: it did not say. */
	int64_t memory_low_kib, memory_total_kib;
	char line[PHASES_LINE_SIZE]; /* so far */
	size_t line_size;
	const struct log *log; /* each line, as a debug message */
	void (*reached)(void *context, enum rehearse_phase phase,
			const struct rehearse_phase_result *result);
	void *context;
};

/* Of a machine that was not started yet; the callback is the caller's to set. */
void phases_init(struct phases *phases, const struct log *log);

/* Takes what came from the console @seconds after the start. */
void phases_feed(struct phases *phases, const char *data, size_t size, double seconds);

/* The last phase reached, or -1. */
int phases_last(const struct phases *phases);

/* "lowest free memory 10.5 MiB of 40.8 MiB": false if it is not that, or none. */
bool phases_parse_memory(const char *text, int64_t *ret_low_kib, int64_t *ret_total_kib);

#endif
