/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a kernel died, as its log tells: one plain sentence, and a title that is the same
 * for equal crashes (no addresses, offsets, process names or versions in it).
 *
 * What it recognises is data: the rows of cause_table.c. It believes words, never
 * lengths, and says where it found nothing.
 */
#ifndef EXPLAIN_CAUSE_H
#define EXPLAIN_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "explain/cause_next.h"
#include "explain/oops_text.h"
#include "explain/report_code.h"
#include "explain/signature.h"
#include "kernel/printk.h"

enum cause_certainty {
	CAUSE_UNKNOWN,
	CAUSE_LIKELY,
	CAUSE_SURE, /* the kernel itself says that it died of this */
};

struct cause {
	char text[256];	   /* the sentence; "" unknown */
	char title[160];   /* "" unknown */
	char unknown[256]; /* why; "" where text is known */
	enum cause_certainty certainty;
	const char *certainty_why; /* what the sentence stands on */
	enum cause_next next;

	/* Errors of disks and file systems that the log has, and the last of them. */
	size_t disk_errors;
	char disk_error[160];

	/* What the story names itself; "" and UINT32_MAX where it does not. */
	char function[OOPS_NAME_SIZE];
	char module[64];
	char at[OOPS_NAME_SIZE];    /* where the CPU was: of the registers of the story */
	struct signature signature; /* of the story's trace; no frames without one */
	char comm[17];
	int32_t pid; /* -1 */
	uint32_t cpu;
	char hardware[256];
	struct report_code code; /* of the line "Code: ..." of the story */
	size_t lines_back; /* from the line that begins the story to the log's end; 0 none
			    */
};

enum cause_pick {
	CAUSE_LAST,  /* of a dead kernel: the panic, and what led to it */
	CAUSE_FIRST, /* the first trouble of any kind, be it a warning */
};

/*
 * @fallback (may be NULL): a function known from elsewhere (the backtrace), for a story
 * that names none. Fails only for memory.
 */
int cause_find(const struct printk_log *log, enum cause_pick pick,
	       const struct oops_frame *fallback, struct cause *ret, struct err *err);

#endif
