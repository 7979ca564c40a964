/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's flattened format: a file as a stream of pieces, for what can't be sought
 * (pipes, ssh, tapes). Written here piece by piece, and made a file again.
 *
 *	0	"makedumpfile" and 4 NULs, u64 type (1), u64 version (1), zeros
 *	4096	pieces: s64 offset, s64 size, then size bytes
 *	end	s64 -1, s64 -1
 *
 * Integers are big endian. Source: makedumpfile's IMPLEMENTATION and makedumpfile.h
 * (struct makedumpfile_header, makedumpfile_data_header).
 */
#ifndef DUMP_FLAT_H
#define DUMP_FLAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

int flat_write_header(int fd, struct err *err);
int flat_write_piece(int fd, uint64_t offset, const void *data, size_t size,
		     struct err *err);
int flat_write_end(int fd, struct err *err);

/*
 * Reads a stream from @in and puts its pieces into @out, an empty file that is open for
 * reading and writing. Where pieces overlap the later one wins. @out is on the disk
 * afterwards.
 *
 * ERR_TRUNCATED: the stream ends before its end is marked; ERR_CORRUPT: it is none. What
 * came before is in @out, and marked as incomplete if it is a dump.
 */
int flat_rearrange(int in, int out, uint64_t *ret_bytes, struct err *err);

#endif
