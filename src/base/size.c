// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool size_parse(const char *text, int base, uint64_t *ret)
{
	static const char units[] = "KMGTP";
	const char *unit = NULL;
	uint64_t value;
	char *end;

	if (*text < '0' || *text > '9') // no sign, no blanks
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno)
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
