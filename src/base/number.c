// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

/* Where the number ends; NULL: @text does not begin with one. No sign, no blanks. */
static const char *parse(const char *text, int base, uint64_t *ret)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return NULL;
	errno = 0;
	*ret = strtoull(text, &end, base);
	return errno ? NULL : end;
}

bool number_parse(const char *text, int base, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	const char *end = parse(text, base, &value);

	if (!end || *end || value < min || value > max)
		return false;
	*ret = value;
	return true;
}

bool size_parse(const char *text, int base, uint64_t *ret)
{
	static const char units[] = "KMGTP";
	const char *unit = NULL;
	uint64_t value;
	const char *end = parse(text, base, &value);

	if (!end)
		return false;
	if (*end) {
		unit = memchr(units, *end & ~0x20, strlen(units));
		if (!unit || end[1])
			return false;
	}
	for (const char *step = units; unit && step <= unit; step++) {
		if (!u64_mul(value, 1024, &value))
			return false;
	}
	*ret = value;
	return true;
}
