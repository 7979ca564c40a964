// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/taint.h"

#include <stdio.h>

#include "base/cleanup.h"

static const char letters[] = "PFSRMBUDAWCIOELKXTNJ"; /* by bit */

void taint_format(uint64_t mask, char ret[static TAINT_SIZE])
{
	size_t used = 0;

	if (!mask) {
		snprintf(ret, TAINT_SIZE, "none");
		return;
	}
	for (size_t i = 0; letters[i]; i++)
		ret[used++] = mask >> i & 1 ? letters[i] : i ? ' ' : 'G';
	while (used && ret[used - 1] == ' ')
		used--;
	ret[used] = '\0';
}

void taint_format_module(uint64_t mask, char ret[static TAINT_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; letters[i]; i++) {
		if (mask >> i & 1)
			ret[used++] = letters[i];
	}
	ret[used] = '\0';
}

const char *taint_meaning(char letter)
{
	static const char *const meanings[] = {
		['P'] = "proprietary module",	  ['F'] = "module was forced",
		['S'] = "out of specification",	  ['R'] = "module was forced out",
		['M'] = "earlier machine check",  ['B'] = "earlier bad page",
		['U'] = "set by user space",	  ['D'] = "earlier oops",
		['A'] = "ACPI table overridden",  ['W'] = "earlier warning",
		['C'] = "staging driver",	  ['I'] = "firmware bug worked around",
		['O'] = "out-of-tree module",	  ['E'] = "unsigned module",
		['L'] = "earlier soft lockup",	  ['K'] = "live patched",
		['X'] = "set by the distributor", ['T'] = "randomised structs",
		['N'] = "an in-kernel test ran",  ['J'] = "firmware control used",
	};
	unsigned char c = (unsigned char)letter;

	return c < ARRAY_SIZE(meanings) ? meanings[c] : NULL;
}
