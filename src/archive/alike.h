/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Crashes of one archive that have the same signature. */
#ifndef ARCHIVE_ALIKE_H
#define ARCHIVE_ALIKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "base/err.h"

#define ALIKE_SIGNATURE_SIZE (sizeof(((struct record_crash *)0)->signature))

/* The signature of each record of an archive, "" unknown; borrows the archive. */
struct alike {
	const struct archive *archive;
	char (*signatures)[ALIKE_SIGNATURE_SIZE];
};

/*
 * By meta.json; of a record whose meta.json has none, as older versions left it, by its
 * report.json.
 */
int alike_open(const struct archive *archive, struct alike *ret, struct err *err);
void alike_close(struct alike *alike);

/* How many have that of the @i-th record, itself included; 0 where it is unknown. */
size_t alike_count(const struct alike *alike, size_t i);

struct alike_place {
	size_t count;	/* in all; 0 where the signature is unknown */
	size_t number;	/* which of them this one is, from 1, the oldest first */
	int64_t first;	/* unix seconds of the oldest; 0 unknown */
	int64_t latest; /* of the newest */
};

/* The place of the record of that path among those like it; all 0 if it is not here. */
void alike_find(const struct alike *alike, const char *path, struct alike_place *ret);

/* Crashes that are alike; those without a signature are, if their titles are. */
struct alike_group {
	size_t first, latest; /* records of the archive */
	size_t count;
};

/* Is the @j-th record in the group of the @i-th? */
bool alike_is_same(const struct alike *alike, size_t i, size_t j);

/* The one that was seen latest, last. Free @ret. */
int alike_find_groups(const struct alike *alike, struct alike_group **ret,
		      size_t *ret_count, struct err *err);

#define _cleanup_alike _cleanup_(alike_close)

#endif
