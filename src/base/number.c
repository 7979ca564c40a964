// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	/* strtoull() takes spaces and signs. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end || errno || value < min || value > max)
		return false;
	*ret = value;
	return true;
}
