// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/pstore_unpack.h"

#include <lzo/lzo1x.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/size.h"

/* No codec makes more than so many bytes of one, but deflate 1032. */
#define RATIO_MAX ((size_t)260)
#define STEP	  ((size_t)64 << 10)

static const char ends_early[] = "its compressed data end early";
static const char is_damaged[] = "its compressed data are damaged";
static const char is_too_much[] = "unpacks to too much";

/* ---- the codecs: each leaves what it made before it failed ---- */

/* Makes room for twice as much; it ends at PSTORE_TEXT_MAX. */
static int grow(struct pstore_unpacked *u, size_t *capacity, struct err *err)
{
	size_t next = *capacity ? *capacity * 2 : STEP;
	char *grown = realloc(u->text, next + 1);

	if (!grown)
		return err_nomem(err);
	u->text = grown;
	*capacity = next;
	return 0;
}

/* Of the largest text that such a stream can make. Untouched memory costs nothing. */
static int reserve(struct pstore_unpacked *u, size_t size, size_t *ret_capacity,
		   struct err *err)
{
	size_t capacity = MIN(size, PSTORE_TEXT_MAX / RATIO_MAX) * RATIO_MAX + STEP;

	u->text = malloc(capacity + 1);
	if (!u->text)
		return err_nomem(err);
	*ret_capacity = capacity;
	return 0;
}

static int unpack_deflate(const uint8_t *data, size_t size, struct pstore_unpacked *u,
			  struct err *err)
{
	z_stream stream = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
	size_t capacity = 0;
	int z = inflateInit2(&stream, -15), r = 0;

	if (z != Z_OK)
		return err_nomem(err);
	while (r == 0 && z == Z_OK && u->size < PSTORE_TEXT_MAX) {
		r = grow(u, &capacity, err);
		if (r < 0)
			break;
		stream.next_out = (Bytef *)u->text + u->size;
		stream.avail_out = (uInt)(capacity - u->size);
		z = inflate(&stream, Z_NO_FLUSH);
		u->size = capacity - stream.avail_out;
	}
	inflateEnd(&stream);
	if (r == 0 && z == Z_MEM_ERROR)
		r = err_nomem(err);
	if (z != Z_STREAM_END)
		u->damage = z == Z_OK	       ? is_too_much
			    : z == Z_BUF_ERROR ? ends_early
					       : is_damaged;
	return r;
}

static int unpack_zstd(const uint8_t *data, size_t size, struct pstore_unpacked *u,
		       struct err *err)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = { data, size, 0 };
	size_t capacity = 0, left = 1;
	bool is_stuck = false;
	int r = stream ? 0 : err_nomem(err);

	while (r == 0 && left > 0 && !is_stuck && u->size < PSTORE_TEXT_MAX) {
		ZSTD_outBuffer out = { .pos = u->size };
		size_t was = in.pos;

		if (u->size == capacity)
			r = grow(u, &capacity, err);
		if (r < 0)
			break;
		out.dst = u->text;
		out.size = capacity;
		left = ZSTD_decompressStream(stream, &out, &in);
		if (ZSTD_isError(left))
			break;
		is_stuck = in.pos == was && out.pos == u->size;
		u->size = out.pos;
	}
	ZSTD_freeDStream(stream);
	if (ZSTD_isError(left))
		u->damage = is_damaged;
	else if (left > 0)
		u->damage = is_stuck ? ends_early : is_too_much;
	return r;
}

static int unpack_lzo(const uint8_t *data, size_t size, struct pstore_unpacked *u,
		      struct err *err)
{
	size_t capacity = 0;
	lzo_uint length;
	int lzo, r = reserve(u, size, &capacity, err);

	if (r < 0)
		return r;
	length = capacity;
	lzo = lzo1x_decompress_safe(data, size, (lzo_bytep)u->text, &length, NULL);
	u->size = MIN((size_t)length, capacity);
	if (lzo == LZO_E_INPUT_OVERRUN)
		u->damage = ends_early;
	else if (lzo != LZO_E_OK)
		u->damage = is_damaged;
	return 0;
}

/* 15 in the token: bytes follow that are added, up to one below 255. False at the end. */
static bool lz4_length(const uint8_t *data, size_t size, size_t *at, size_t *length)
{
	uint8_t more = 255;

	if (*length < 15)
		return true;
	while (more == 255) {
		if (*at >= size)
			return false;
		more = data[(*at)++];
		*length += more;
	}
	return true;
}

/*
 * One LZ4 block (its format is described in the LZ4 project's lz4_Block_format.md):
 *
 *   token: literals << 4 | match - 4     more of literals    literals
 *   offset, 2 bytes, little endian       more of match
 *
 * and so on; the last has literals alone. Here and not by the library, which tells
 * nothing of a block that is damaged.
 */
static int unpack_lz4(const uint8_t *data, size_t size, struct pstore_unpacked *u,
		      struct err *err)
{
	size_t capacity = 0, at = 0;
	int r = reserve(u, size, &capacity, err);

	if (r < 0)
		return r;
	u->damage = ends_early;
	while (at < size) {
		uint8_t token = data[at++];
		size_t literals = token >> 4, match = token & 15, offset;

		if (!lz4_length(data, size, &at, &literals))
			return 0;
		if (literals > capacity - u->size) {
			u->damage = is_damaged;
			return 0;
		}
		memcpy(u->text + u->size, data + at, MIN(literals, size - at));
		u->size += MIN(literals, size - at);
		if (literals >= size - at) {
			// With less than 5 of them no block ends, but a cut one may.
			u->damage = literals == size - at ? NULL : ends_early;
			return 0;
		}
		at += literals;
		if (size - at < 2)
			return 0;
		offset = data[at] | (size_t)data[at + 1] << 8;
		at += 2;
		if (!lz4_length(data, size, &at, &match))
			return 0;
		match += 4;
		if (offset == 0 || offset > u->size || match > capacity - u->size) {
			u->damage = is_damaged;
			return 0;
		}
		for (; match > 0; match--, u->size++) // it may overlap itself
			u->text[u->size] = u->text[u->size - offset];
	}
	return 0;
}

/* ---- which one it was ---- */

bool pstore_parse_header(const char *line, size_t size, char ret_reason[static 16],
			 unsigned long long *ret_count, unsigned int *ret_part)
{
	unsigned long long count;
	unsigned int part;
	char copy[64], reason[16];
	int end = 0;

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, line, size);
	copy[size] = '\0';
	if (sscanf(copy, "%15[A-Za-z ]#%9llu Part%9u%n", reason, &count, &part, &end) !=
		    3 ||
	    copy[end] || part == 0)
		return false;
	memcpy(ret_reason, reason, sizeof(reason));
	*ret_count = count;
	*ret_part = part;
	return true;
}

static bool has_header(const struct pstore_unpacked *u)
{
	const char *end = memchr(u->text, '\n', u->size);
	unsigned long long count;
	unsigned int part;
	char reason[16];

	return end && pstore_parse_header(u->text, (size_t)(end - u->text), reason,
					  &count, &part);
}

int pstore_unpack(const void *data, size_t size, struct pstore_unpacked *ret,
		  struct err *err)
{
	static int (*const codecs[])(const uint8_t *, size_t, struct pstore_unpacked *,
				     struct err *) = { unpack_deflate, unpack_zstd,
						       unpack_lzo, unpack_lz4 };
	struct pstore_unpacked first = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		struct pstore_unpacked u = { 0 };
		int r = codecs[i](data, size, &u, err);

		if (r == 0 && u.text && has_header(&u)) {
			free(first.text);
			*ret = u;
			return 0;
		}
		if (r == 0 && i == 0) {
			first = u; // the usual way: its beginning may be broken
			continue;
		}
		free(u.text);
		if (r < 0) {
			free(first.text);
			return r;
		}
	}
	*ret = first;
	return 0;
}
