/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded reader over bytes from outside. Nothing moves on failure; every message names
 * what was read and where. Invariant: pos <= size.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct buf {
	const uint8_t *data;
	size_t size;
	size_t pos;
	bool big_endian;
	const char *name; /* of the thing read, for messages; borrowed */
};

static inline struct buf buf_init(const void *data, size_t size, const char *name)
{
	return (struct buf){ .data = data, .size = size, .name = name };
}

static inline size_t buf_left(const struct buf *b)
{
	return b->size - b->pos;
}

int buf_seek(struct buf *b, size_t pos, struct err *err);
int buf_skip(struct buf *b, size_t count, struct err *err);
int buf_u8(struct buf *b, uint8_t *ret, struct err *err);
int buf_u16(struct buf *b, uint16_t *ret, struct err *err);
int buf_u32(struct buf *b, uint32_t *ret, struct err *err);
int buf_u64(struct buf *b, uint64_t *ret, struct err *err);

/* @ret borrows from the underlying bytes. */
int buf_bytes(struct buf *b, size_t count, const uint8_t **ret, struct err *err);

/* A NUL-terminated string, with its end inside the buffer; moves behind the NUL. */
int buf_string(struct buf *b, const char **ret, struct err *err);

/* Unaligned loads from memory that is known to hold them, in little endian. */
static inline uint16_t load_le16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t load_le32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static inline uint64_t load_le64(const void *p)
{
	return (uint64_t)load_le32(p) | (uint64_t)load_le32((const uint8_t *)p + 4) << 32;
}

#endif
