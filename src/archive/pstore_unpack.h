/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What pstore packed, and the kernel of now could not unpack (".enc.z"): mostly since the
 * kernel that wrote it packed in another way. Which, no byte of it says, so each way is
 * tried; the right one gives a text that begins with pstore's header.
 *
 * Sources: Linux fs/pstore/platform.c: pstore_compress() up to v6.5 (deflate, lzo, lz4,
 * lz4hc, 842, zstd by CONFIG_PSTORE_*_COMPRESS), only deflate since commit 438b805003a9
 * (in v6.6). The streams are bare, as crypto/{deflate,lzo,lz4,zstd}.c make them. 842 has
 * no library, and was for Power machines alone: it is not known here.
 */
#ifndef ARCHIVE_PSTORE_UNPACK_H
#define ARCHIVE_PSTORE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PSTORE_TEXT_MAX ((size_t)64 << 20) /* of one record, unpacked */

struct pstore_unpacked {
	char *text; /* as far as it goes; the caller's */
	size_t size;
	const char *damage; /* why that is not all; NULL: it is */
};

/* Fails only for memory. */
int pstore_unpack(const void *data, size_t size, struct pstore_unpacked *ret,
		  struct err *err);

/* "Panic#2 Part1", without its newline. */
bool pstore_parse_header(const char *line, size_t size, char ret_reason[static 16],
			 unsigned long long *ret_count, unsigned int *ret_part);

#endif
