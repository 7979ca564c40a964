// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/buf.h"

#include <string.h>

static int buf_short(const struct buf *b, size_t count, struct err *err)
{
	return err_set(err, ERR_TRUNCATED, "%s ends at byte %zu, %zu bytes needed at %zu",
		       b->name ? b->name : "data", b->size, count, b->pos);
}

int buf_seek(struct buf *b, size_t pos, struct err *err)
{
	if (pos > b->size)
		return err_set(err, ERR_TRUNCATED,
			       "%s ends at byte %zu, offset %zu wanted",
			       b->name ? b->name : "data", b->size, pos);
	b->pos = pos;
	return 0;
}

int buf_skip(struct buf *b, size_t count, struct err *err)
{
	if (count > buf_left(b))
		return buf_short(b, count, err);
	b->pos += count;
	return 0;
}

int buf_bytes(struct buf *b, size_t count, const uint8_t **ret, struct err *err)
{
	if (count > buf_left(b))
		return buf_short(b, count, err);
	*ret = b->data + b->pos;
	b->pos += count;
	return 0;
}

int buf_string(struct buf *b, const char **ret, struct err *err)
{
	const uint8_t *start = b->data + b->pos;
	const uint8_t *end = buf_left(b) ? memchr(start, 0, buf_left(b)) : NULL;

	if (!end)
		return err_set(err, ERR_CORRUPT, "%s: string at byte %zu has no end",
			       b->name ? b->name : "data", b->pos);
	*ret = (const char *)start;
	b->pos += (size_t)(end - start) + 1;
	return 0;
}

static int buf_number(struct buf *b, unsigned int width, uint64_t *ret, struct err *err)
{
	const uint8_t *p;
	uint64_t v = 0;
	int r = buf_bytes(b, width, &p, err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < width; i++)
		v |= (uint64_t)p[i] << 8 * (b->big_endian ? width - 1 - i : i);
	*ret = v;
	return 0;
}

int buf_u8(struct buf *b, uint8_t *ret, struct err *err)
{
	uint64_t v;
	int r = buf_number(b, 1, &v, err);

	if (r == 0)
		*ret = (uint8_t)v;
	return r;
}

int buf_u16(struct buf *b, uint16_t *ret, struct err *err)
{
	uint64_t v;
	int r = buf_number(b, 2, &v, err);

	if (r == 0)
		*ret = (uint16_t)v;
	return r;
}

int buf_u32(struct buf *b, uint32_t *ret, struct err *err)
{
	uint64_t v;
	int r = buf_number(b, 4, &v, err);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

int buf_u64(struct buf *b, uint64_t *ret, struct err *err)
{
	return buf_number(b, 8, ret, err);
}
