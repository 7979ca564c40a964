/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory by what it was used for, as areas of one rectangle. */
#ifndef EXPLAIN_MEMORY_AREAS_H
#define EXPLAIN_MEMORY_AREAS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "kernel/memory_stat.h"

#define MEMORY_USES_MAX 9

struct memory_use {
	const char *name;  /* "anonymous memory of processes" */
	const char *class; /* of its colour in a page */
	uint64_t bytes;
};

struct memory_areas {
	uint64_t total_bytes;
	struct memory_use uses[MEMORY_USES_MAX]; /* the largest first, none of them 0 */
	size_t count;
};

/*
 * Uses that do not overlap, with "everything else" for what no counter tells. No uses
 * where the total is not known.
 */
void memory_areas_make(const struct memory_stat *stat, struct memory_areas *ret);

/* An SVG element as wide as what it stands in; nothing without uses. */
void memory_areas_format_svg(const struct memory_areas *map, struct text *ret);

#endif
