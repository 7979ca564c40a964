/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a dump goes, as something that takes bytes at any offset: a file; a stream of
 * pieces (flat.h), for what can't be sought; or nowhere, for a try.
 *
 * What a stream asks of its writers: a reader such as crash looks pieces up by offset and
 * knows no order among those that overlap, and takes a read that begins where there is no
 * piece as zeros to its end. So no byte is given twice, and what is read at once (a
 * bitmap) has no gaps.
 *
 * output_put() may be called from several threads at once.
 */
#ifndef DUMP_OUTPUT_H
#define DUMP_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum output_kind {
	OUTPUT_FILE,
	OUTPUT_STREAM,
	OUTPUT_NONE,
};

struct output {
	enum output_kind kind;
	int fd;		      /* borrowed */
	uint64_t limit;	      /* no byte from this offset on */
	_Atomic uint64_t end; /* behind the last byte that was put */
	pthread_mutex_t lock; /* of the stream: one piece after the other */
};

/* @limit: 0 for none. */
int output_begin(struct output *output, enum output_kind kind, int fd, uint64_t limit,
		 struct err *err);

/*
 * Puts @size bytes to @offset. On failure some of them may be there: @ret_written (may be
 * NULL) of them. ERR_LIMIT at the limit.
 */
int output_put(struct output *output, const void *data, size_t size, uint64_t offset,
	       size_t *ret_written, struct err *err);

/* What was put; of a file only. */
int output_get(struct output *output, void *data, size_t size, uint64_t offset,
	       struct err *err);

/* The file reaches to @size, with zeros. */
int output_extend(struct output *output, uint64_t size, struct err *err);

/* Takes room on the disk, where the file system can. */
int output_reserve(struct output *output, uint64_t offset, uint64_t size,
		   struct err *err);

/* What was put is on the disk. Of a stream: as far as its end is one. */
int output_sync(struct output *output, struct err *err);

/* After the last byte. */
int output_end(struct output *output, struct err *err);

#endif
