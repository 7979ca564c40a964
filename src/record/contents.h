/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in a dump, as its writer counted it: "contents" of a part in meta.json. So
 * that a fleet's tools need not open a dump to know what a first answer from it is worth.
 * A claim, like all of meta.json.
 */
#ifndef RECORD_CONTENTS_H
#define RECORD_CONTENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The words and numbers are those of `epitaph save --json`. */
struct record_contents {
	bool is_known;
	char selection[16];	    /* "memmap", "zero", "core" */
	char selection_reason[128]; /* why it is less than "memmap"; or "" */
	char core_missing[128];	    /* what a first answer needs and could not be found */
	char proof[16];		    /* "done", "none", "failed" */
	char proof_reason[128];	    /* where it is not "done" */
	struct {
		uint64_t total, written, zero, beyond, core, rescued, proved, repaired,
			unreadable;
	} pages;
};

/* NULL without memory. */
json_t *contents_to_json(const struct record_contents *contents);

/* ERR_CORRUPT for wrong types, ERR_INVALID for numbers below 0. */
int contents_parse(const json_t *object, struct record_contents *ret, struct err *err);

#endif
