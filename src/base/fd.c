// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* One call moves at most this much; the kernel cuts at 2 GiB anyway. */
#define IO_CHUNK ((size_t)1 << 30)

int fd_read_full(int fd, void *buf, size_t size, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buf + done, MIN(size - done, IO_CHUNK));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read");
		if (n == 0)
			return err_set(err, ERR_TRUNCATED,
				       "%zu of %zu bytes before the end", done, size);
		done += (size_t)n;
	}
	return 0;
}

int fd_pread_full(int fd, void *buf, size_t size, uint64_t offset, struct err *err)
{
	size_t done = 0;

	if (offset > INT64_MAX || size > INT64_MAX - offset)
		return err_set(err, ERR_INVALID, "offset %llu is beyond any file",
			       (unsigned long long)offset);
	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, MIN(size - done, IO_CHUNK),
				  (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read at offset %llu",
				      (unsigned long long)(offset + done));
		if (n == 0)
			return err_set(err, ERR_TRUNCATED,
				       "the file ends before offset %llu",
				       (unsigned long long)(offset + size));
		done += (size_t)n;
	}
	return 0;
}

int fd_write_full(int fd, const void *buf, size_t size, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n =
			write(fd, (const char *)buf + done, MIN(size - done, IO_CHUNK));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to write");
		done += (size_t)n;
	}
	return 0;
}

int fd_pwrite_full(int fd, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)buf + done,
				   MIN(size - done, IO_CHUNK), (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to write at offset %llu",
				      (unsigned long long)(offset + done));
		done += (size_t)n;
	}
	return 0;
}

int fd_close(int *fd, struct err *err)
{
	int old = take_fd(fd);

	// EINTR: on Linux the descriptor is gone all the same, and nothing was lost.
	if (old >= 0 && close(old) < 0 && errno != EINTR)
		return err_os(err, errno, "unable to close");
	return 0;
}

int fd_publish(int fd, int dirfd, const char *temporary, const char *name,
	       struct err *err)
{
	_cleanup_fd int opened = -1;

	if (fsync(fd) < 0)
		return err_os(err, errno, "unable to fsync '%s'", temporary);
	if (renameat(dirfd, temporary, dirfd, name) < 0)
		return err_os(err, errno, "unable to rename '%s' to '%s'", temporary,
			      name);
	// AT_FDCWD and O_PATH descriptors can't be fsynced: open the directory itself.
	opened = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (opened < 0 || fsync(opened) < 0)
		return err_os(err, errno, "unable to fsync the directory of '%s'", name);
	return 0;
}

int fd_read_to_end(int fd, size_t limit, char **ret, size_t *ret_size, struct err *err)
{
	_cleanup_free char *data = NULL;
	size_t size = 0, capacity = 0;

	for (;;) {
		ssize_t n;

		if (size + 1 >= capacity) {
			char *grown;

			capacity = capacity ? capacity * 2 : 4096;
			grown = realloc(data, capacity);
			if (!grown)
				return err_nomem(err);
			data = grown;
		}
		n = read(fd, data + size, capacity - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read");
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > limit)
			return err_set(err, ERR_LIMIT, "larger than %zu bytes", limit);
	}
	data[size] = '\0';
	*ret = take_ptr(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_read(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_size,
	      struct err *err)
{
	_cleanup_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	r = fd_read_to_end(fd, limit, ret, ret_size, err);
	return r < 0 ? err_in(err, r, "'%s'", path) : 0;
}

int file_read_line(int dirfd, const char *path, char *ret, size_t size, struct err *err)
{
	_cleanup_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	char *end;

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	do
		n = read(fd, ret, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_os(err, errno, "unable to read '%s'", path);
	if (n == 0)
		return err_set(err, ERR_NOTFOUND, "'%s' is empty", path);
	ret[n] = '\0';
	end = strchr(ret, '\n');
	if (end)
		*end = '\0';
	return 0;
}

int file_replace(int dirfd, const char *path, const void *data, size_t size, mode_t mode,
		 struct err *err)
{
	_cleanup_fd int fd = -1, parent = -1;
	char temporary[NAME_MAX + 1], directory[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int r;

	if (snprintf(directory, sizeof(directory), "%.*s", (int)(name - path), path) >=
		    (int)sizeof(directory) ||
	    snprintf(temporary, sizeof(temporary), ".%s.tmp", name) >=
		    (int)sizeof(temporary))
		return err_set(err, ERR_INVALID, "the name '%s' is too long", path);
	parent = openat(dirfd, directory[0] ? directory : ".",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return err_os(err, errno, "unable to open the directory of '%s'", path);
	// A leftover of a run that died is ours; O_EXCL after unlink refuses links.
	unlinkat(parent, temporary, 0);
	fd = openat(parent, temporary,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s' beside '%s'", temporary,
			      path);
	r = fd_write_full(fd, data, size, err);
	if (r == 0)
		r = fd_publish(fd, parent, temporary, name, err);
	if (r == 0)
		r = fd_close(&fd, err);
	if (r < 0) {
		unlinkat(parent, temporary, 0);
		return err_in(err, r, "replacing '%s'", path);
	}
	return 0;
}

int file_write_existing(int dirfd, const char *path, const char *value, struct err *err)
{
	_cleanup_fd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_os(err, errno, "unable to write '%s' to '%s'", value, path);
	return 0;
}

int dir_make_path(const char *path, mode_t mode, struct err *err)
{
	char partial[PATH_MAX];
	size_t size = strlen(path);

	if (size == 0 || size >= sizeof(partial))
		return err_set(err, ERR_INVALID, "'%s' is no usable path", path);
	for (size_t i = 1; i <= size; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(partial, path, i);
		partial[i] = '\0';
		if (mkdir(partial, mode) < 0 && errno != EEXIST)
			return err_os(err, errno, "unable to create directory '%s'",
				      partial);
	}
	return 0;
}
