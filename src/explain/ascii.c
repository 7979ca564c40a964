// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/ascii.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void ascii_escape(const char *text, size_t size, char *ret, size_t ret_size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		size_t need = (c >= 0x20 && c < 0x7f) || c == '\t' ? 1 : 4;

		if (used + need >= ret_size)
			break;
		if (need == 1)
			ret[used] = c == '\t' ? ' ' : (char)c;
		else
			snprintf(ret + used, ret_size - used, "\\x%02x", c);
		used += need;
	}
	ret[used] = '\0';
}

char *ascii_new(const char *text, size_t size)
{
	char *ret = NULL;

	if (size < SIZE_MAX / 4)
		ret = malloc(4 * size + 1);
	if (ret)
		ascii_escape(text, size, ret, 4 * size + 1);
	return ret;
}
