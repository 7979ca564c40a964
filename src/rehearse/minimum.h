/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The smallest reservation with which the whole record is written: a bisection, each
 * probe of which is a rehearsal. Knows nothing of machines: a function is asked.
 *
 *   too small                                  enough
 *   |-----------------|. . . . . . . . . . . .|---------|
 *   0              low_mib    (unknown)    high_mib
 */
#ifndef REHEARSE_MINIMUM_H
#define REHEARSE_MINIMUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define MINIMUM_PROBES_MAX 32

/* One attempt at @mib. 0: *ret_is_enough says whether it was; below 0: it could not be
 * held, and the search ends. */
typedef int minimum_probe(void *context, uint32_t mib, bool *ret_is_enough,
			  struct err *err);

struct minimum_search {
	uint32_t low_mib;  /* known, or held, to be too small */
	uint32_t high_mib; /* the first probe; from then on the smallest that works */
	uint32_t step_mib; /* as exact as this; at least 1 */
	minimum_probe *probe;
	void *context;
};

/*
 * The first probe is of high_mib: ERR_NOTFOUND if even that is too small. Then the middle
 * until there is no multiple of the step between the two. At most MINIMUM_PROBES_MAX.
 */
int minimum_find(struct minimum_search *search, uint32_t *ret_mib, struct err *err);

#endif
