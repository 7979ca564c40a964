// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/flat.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "dump/writer_diskdump.h"
#include "dump/writer_elf.h"

#define FLAT_HEADER_SIZE 4096
#define FLAT_SIGNATURE	 "makedumpfile\0\0\0"
#define FLAT_TYPE	 1
#define FLAT_VERSION	 1
#define FLAT_END	 UINT64_MAX
#define COPY_BYTES	 (256 * KIB)

struct flat_piece {
	uint64_t offset, size; /* big endian in the stream */
};

/* --- writing -------------------------------------------------------------------------
 */

int flat_write_header(int fd, struct err *err)
{
	uint8_t header[FLAT_HEADER_SIZE] = FLAT_SIGNATURE;
	const uint64_t numbers[] = { htobe64(FLAT_TYPE), htobe64(FLAT_VERSION) };

	memcpy(header + sizeof(FLAT_SIGNATURE), numbers, sizeof(numbers));
	return fd_write_full(fd, header, sizeof(header), err);
}

int flat_write_piece(int fd, uint64_t offset, const void *data, size_t size,
		     struct err *err)
{
	const struct flat_piece piece = { htobe64(offset), htobe64(size) };
	int r;

	/* A piece of none would be taken for the end of the stream. */
	if (!size)
		return 0;
	r = fd_write_full(fd, &piece, sizeof(piece), err);
	return r == 0 ? fd_write_full(fd, data, size, err) : r;
}

int flat_write_end(int fd, struct err *err)
{
	const struct flat_piece end = { FLAT_END, FLAT_END };

	return fd_write_full(fd, &end, sizeof(end), err);
}

/* --- a file again --------------------------------------------------------------------
 */

static int flat_read_header(int in, struct err *err)
{
	uint8_t header[FLAT_HEADER_SIZE];
	uint64_t numbers[2];
	int r = fd_read_full(in, header, sizeof(header), err);

	if (r < 0)
		return err_in(err, r, "reading the header of the stream");
	memcpy(numbers, header + sizeof(FLAT_SIGNATURE), sizeof(numbers));
	if (memcmp(header, FLAT_SIGNATURE, sizeof(FLAT_SIGNATURE)) != 0)
		return err_set(err, ERR_CORRUPT, "the stream is no flattened dump");
	if (be64toh(numbers[0]) != FLAT_TYPE)
		return err_set(err, ERR_UNSUPPORTED,
			       "the stream is of a type %" PRIu64 " that is not known",
			       be64toh(numbers[0]));
	return 0;
}

/* 1: there is one; 0: the end is marked. */
static int flat_read_piece(int in, struct flat_piece *ret, struct err *err)
{
	int r = fd_read_full(in, ret, sizeof(*ret), err);

	if (r < 0)
		return err_in(err, r, "the end of the stream is not there");
	if (ret->offset == FLAT_END && ret->size == FLAT_END)
		return 0;
	ret->offset = be64toh(ret->offset);
	ret->size = be64toh(ret->size);
	if (ret->size == 0 || ret->offset > INT64_MAX ||
	    ret->size > INT64_MAX - ret->offset)
		return err_set(err, ERR_CORRUPT,
			       "the stream has a piece of %" PRIu64
			       " bytes at offset %" PRIu64,
			       ret->size, ret->offset);
	return 1;
}

/* As much of a piece as comes is put into the file. */
static int flat_copy(int in, int out, struct flat_piece piece, uint8_t *buffer,
		     struct err *err)
{
	while (piece.size) {
		size_t part = (size_t)MIN(piece.size, COPY_BYTES);
		ssize_t n = read(in, buffer, part);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read the stream");
		if (n == 0)
			return err_set(err, ERR_TRUNCATED, "the stream ends in a piece");
		r = fd_pwrite_full(out, buffer, (size_t)n, piece.offset, err);
		if (r < 0)
			return r;
		piece.offset += (uint64_t)n;
		piece.size -= (uint64_t)n;
	}
	return 0;
}

static int flat_copy_all(int in, int out, uint64_t *bytes, struct err *err)
{
	_cleanup_free uint8_t *buffer = malloc(COPY_BYTES);
	struct flat_piece piece;
	int r;

	if (!buffer)
		return err_nomem(err);
	r = flat_read_header(in, err);
	if (r < 0)
		return r;
	while ((r = flat_read_piece(in, &piece, err)) == 1) {
		r = flat_copy(in, out, piece, buffer, err);
		if (r < 0)
			return r;
		*bytes += piece.size;
	}
	return r;
}

int flat_rearrange(int in, int out, uint64_t *ret_bytes, struct err *err)
{
	uint64_t bytes = 0;
	int r = flat_copy_all(in, out, &bytes, err);

	if (r < 0 && !diskdump_mark_incomplete(out))
		elfdump_mark_incomplete(out);
	if (fsync(out) < 0 && r == 0)
		r = err_os(err, errno, "unable to bring the dump to the disk");
	*ret_bytes = bytes;
	return r;
}
