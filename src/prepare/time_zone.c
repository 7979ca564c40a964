// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/time_zone.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

#define TZIF_HEADER_BYTES 44
#define TZIF_MAX_BYTES	  ((size_t)1 << 20)

void time_zone_read(const char *root, char *ret, size_t size)
{
	_cleanup_free char *data = NULL;
	const char *line;
	char path[PATH_MAX];
	size_t length;

	ret[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/etc/localtime", root) >= (int)sizeof(path) ||
	    file_read(AT_FDCWD, path, TZIF_MAX_BYTES, &data, &length, NULL) < 0)
		return;
	// version 1 has no footer: its last bytes are numbers
	if (length < TZIF_HEADER_BYTES + 2 || memcmp(data, "TZif", 4) != 0 ||
	    data[4] < '2' || data[length - 1] != '\n')
		return;
	data[--length] = '\0';
	line = memrchr(data, '\n', length);
	if (!line || (size_t)(data + length - line) > size)
		return;
	for (const char *c = ++line; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return;
	}
	snprintf(ret, size, "%s", line);
}
