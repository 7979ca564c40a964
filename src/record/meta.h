/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meta.json, both ways. It is a claim about a directory: the record weighs it against
 * what lies there. No name of a file is taken from it.
 */
#ifndef RECORD_META_H
#define RECORD_META_H

#include <jansson.h>

#include "base/text.h"
#include "record/record.h"

#define META_NAME	 "meta.json"
#define META_LIMIT_BYTES ((size_t)1 << 20)

struct meta {
	struct record_crash crash;
	struct record_part_meta parts[RECORD_PART_COUNT]; /* "file" is always "" */
};

/* {"schema_version":1, "tool":..., "crash":{...}, "parts":{...}}; for other renderers
 * too. */
int meta_to_json(const struct record *record, json_t **ret, struct err *err);

int meta_format(const struct record *record, struct text *ret, struct err *err);

/* Takes unknown keys. ERR_CORRUPT for anything that is not as meta_format() writes it,
 * ERR_UNSUPPORTED for a later schema. */
int meta_parse(const char *json, size_t size, struct meta *ret, struct err *err);

/* Of the directory; ERR_NOTFOUND where there is none. */
int meta_read(int dirfd, struct meta *ret, struct err *err);

#endif
