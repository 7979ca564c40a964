/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One story of a log read: who, where, at which address, and the functions that can stand
 * for it; and the sentences of its row filled in with these.
 */
#ifndef EXPLAIN_CAUSE_TALE_H
#define EXPLAIN_CAUSE_TALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "explain/cause_table.h"
#include "explain/oops_text.h"
#include "explain/report_code.h"
#include "explain/signature.h"

/* How far a story goes on after the line that begins it. */
#define TALE_LINES	  1000
#define TALE_HEADER_LINES 12 /* further lines of the same trouble, before its trace */

/* A line that a row knows, and what the same caller printed after it. */
struct story {
	const struct cause_row *row;
	size_t line;
	uint32_t caller_id;
};

/* What the lines of one story say. "" where they do not. */
struct tale {
	const struct cause_row *row;
	char rest[256]; /* behind the row's words */
	char word[64];
	char place[128];
	char address[24]; /* "0x20" */
	const char *access;
	struct oops_who who;
	bool has_who;
	struct oops_frame ip, line_frame;
	struct oops_frame lock;	 /* where the lock was taken that the story is about */
	struct oops_frame first; /* of all that is listed the first that is no plumbing */
	struct oops_frame frame; /* of the trace the first that is no plumbing */
	struct oops_frame caller; /* ... nor a checker */
	struct oops_frame waiter; /* ... nor waits by its name */
	struct oops_frame entry;  /* the last before a dispatcher */
	struct oops_frame before; /* the last that is no plumbing */
	struct oops_frame any_frame;
	struct oops_frame guess; /* the first of those that the kernel is not sure of */
	struct signature signature, guess_signature;
	struct report_code code;
	char ip_text[256]; /* "func+0x12/0x40 [module]" */
	bool has_trace;
	bool has_trace_header;
};

/* @any_caller: also what other CPUs and tasks printed between its lines. */
void tale_read(const struct oops_line *lines, size_t count, const struct story *story,
	       bool any_caller, struct tale *ret);

/*
 * The function that a sentence names, chosen in the way that a row asks for; NULL: none.
 * @fallback: one known from elsewhere, or NULL.
 */
const struct oops_frame *tale_frame(const struct tale *tale, enum cause_function function,
				    const struct oops_frame *fallback);

/* @sentence as in struct cause_row; @frame may be NULL. */
void tale_fill_in(const struct tale *tale, const char *sentence,
		  const struct oops_frame *frame, char *ret, size_t size);

#endif
