// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/minimum.h"

/* The next one to try; low_mib if there is none. On the grid of step_mib below high_mib,
 * so that the answer does not depend on where the search began. */
static uint32_t minimum_next(const struct minimum_search *search)
{
	uint32_t step = search->step_mib;
	uint32_t middle = search->low_mib + (search->high_mib - search->low_mib) / 2;
	uint32_t next = middle / step * step;

	if (next <= search->low_mib)
		next += step;
	return next < search->high_mib ? next : search->low_mib;
}

int minimum_find(struct minimum_search *search, uint32_t *ret_mib, struct err *err)
{
	uint32_t next = search->high_mib;
	bool is_enough;
	int r;

	if (search->step_mib == 0 || search->low_mib >= search->high_mib)
		return err_set(err, ERR_INVALID, "nothing to search from %u to %u MiB",
			       search->low_mib, search->high_mib);
	for (int i = 0; i < MINIMUM_PROBES_MAX; i++) {
		r = search->probe(search->context, next, &is_enough, err);
		if (r < 0)
			return r;
		if (i == 0 && !is_enough)
			return err_set(err, ERR_NOTFOUND,
				       "%u MiB are too few already: begin with more",
				       next);
		if (is_enough)
			search->high_mib = next;
		else
			search->low_mib = next;
		next = minimum_next(search);
		if (next <= search->low_mib) {
			*ret_mib = search->high_mib;
			return 0;
		}
	}
	return err_set(err, ERR_LIMIT, "no answer after %d probes", MINIMUM_PROBES_MAX);
}
