/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long something lasted, as well as it is known: between two bounds, either of which
 * may be missing.
 */
#ifndef EXPLAIN_SPAN_H
#define EXPLAIN_SPAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct span {
	bool has_least, has_most;
	uint64_t least_ms, most_ms;
};

/* The longer one of two, bound by bound. */
struct span span_max(struct span a, struct span b);

/*
 * "12.3 s" where the bounds are as good as equal, else "at least 12.3 s"; "at most 12.3
 * s" where only that is known, "" where nothing is.
 */
void span_format(const struct span *span, char *ret, size_t size);

/* The members NAME_ms, the upper bound, and NAME_at_least_ms. */
int span_put_json(const struct span *span, json_t *object, const char *name);
int span_get_json(const json_t *object, const char *name, struct span *ret,
		  struct err *err);

#endif
