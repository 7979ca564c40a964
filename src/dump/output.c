// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/fd.h"
#include "dump/flat.h"

int output_begin(struct output *output, enum output_kind kind, int fd, uint64_t limit,
		 struct err *err)
{
	*output = (struct output){ .kind = kind,
				   .fd = fd,
				   .limit = limit ? limit : UINT64_MAX,
				   .lock = PTHREAD_MUTEX_INITIALIZER };
	return kind == OUTPUT_STREAM ? flat_write_header(fd, err) : 0;
}

static void output_set_end(struct output *output, uint64_t end)
{
	uint64_t old = atomic_load_explicit(&output->end, memory_order_relaxed);

	while (old < end && !atomic_compare_exchange_weak(&output->end, &old, end))
		;
}

static int output_put_file(struct output *output, const uint8_t *data, size_t size,
			   uint64_t offset, size_t *ret_done, struct err *err)
{
	size_t done = 0;
	int r = 0;

	while (done < size && r == 0) {
		ssize_t n = pwrite(output->fd, data + done, size - done,
				   (off_t)(offset + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = err_os(err, n == 0 ? EIO : errno, "unable to write");
	}
	*ret_done = done;
	return r;
}

static int output_put_stream(struct output *output, const void *data, size_t size,
			     uint64_t offset, size_t *ret_done, struct err *err)
{
	int r;

	pthread_mutex_lock(&output->lock);
	r = flat_write_piece(output->fd, offset, data, size, err);
	pthread_mutex_unlock(&output->lock);
	*ret_done = r == 0 ? size : 0;
	return r;
}

int output_put(struct output *output, const void *data, size_t size, uint64_t offset,
	       size_t *ret_written, struct err *err)
{
	uint64_t room = output->limit > offset ? output->limit - offset : 0;
	size_t part = (size_t)MIN((uint64_t)size, room), done = part;
	int r = 0;

	if (output->kind == OUTPUT_FILE)
		r = output_put_file(output, data, part, offset, &done, err);
	else if (output->kind == OUTPUT_STREAM)
		r = output_put_stream(output, data, part, offset, &done, err);
	if (r == 0 && part < size)
		r = err_set(err, ERR_LIMIT, "the limit of %" PRIu64 " bytes is reached",
			    output->limit);
	if (done)
		output_set_end(output, offset + done);
	if (ret_written)
		*ret_written = done;
	return r;
}

int output_get(struct output *output, void *data, size_t size, uint64_t offset,
	       struct err *err)
{
	if (output->kind != OUTPUT_FILE)
		return err_set(err, ERR_INVALID, "a stream can't be read again");
	return fd_pread_full(output->fd, data, size, offset, err);
}

int output_extend(struct output *output, uint64_t size, struct err *err)
{
	if (output->kind == OUTPUT_FILE && ftruncate(output->fd, (off_t)size) < 0)
		return err_os(err, errno, "unable to make room for %" PRIu64 " bytes",
			      size);
	return 0;
}

int output_reserve(struct output *output, uint64_t offset, uint64_t size, struct err *err)
{
	if (output->kind == OUTPUT_FILE &&
	    fallocate(output->fd, 0, (off_t)offset, (off_t)size) < 0 &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		return err_os(err, errno, "unable to make room for %" PRIu64 " bytes",
			      size);
	return 0;
}

int output_sync(struct output *output, struct err *err)
{
	if (output->kind == OUTPUT_NONE || fsync(output->fd) == 0)
		return 0;
	/* A pipe, a socket, a terminal. */
	if (output->kind == OUTPUT_STREAM &&
	    (errno == EINVAL || errno == EROFS || errno == ENOTSUP))
		return 0;
	return err_os(err, errno, "unable to bring the dump to the disk");
}

int output_end(struct output *output, struct err *err)
{
	if (output->kind == OUTPUT_STREAM) {
		int r = flat_write_end(output->fd, err);

		if (r < 0)
			return r;
	}
	return output_sync(output, err);
}
