/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File descriptors: whole reads and writes, and durable publishing.
 *
 * A file is published in three steps, so that a power cut at any moment leaves either the
 * old name or the whole new file: fsync of the file, rename, fsync of the directory.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Exactly @size bytes, or ERR_TRUNCATED at the end of the file. */
int fd_read_full(int fd, void *buf, size_t size, struct err *err);
int fd_pread_full(int fd, void *buf, size_t size, uint64_t offset, struct err *err);
int fd_write_full(int fd, const void *buf, size_t size, struct err *err);
int fd_pwrite_full(int fd, const void *buf, size_t size, uint64_t offset,
		   struct err *err);

/* A close whose result counts: the last chance to hear of a write that failed. */
int fd_close(int *fd, struct err *err);

/* fsync(fd), rename @temporary to @name in @dirfd, fsync(dirfd). @fd stays open. */
int fd_publish(int fd, int dirfd, const char *temporary, const char *name,
	       struct err *err);

/*
 * A whole file into memory, with a NUL behind it that is not counted in @ret_size (may be
 * NULL). Works on /proc and /sys, whose sizes say nothing. ERR_LIMIT past @limit bytes.
 */
int fd_read_to_end(int fd, size_t limit, char **ret, size_t *ret_size, struct err *err);
int file_read(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_size,
	      struct err *err);

/* One line (without its newline) of a small file as in /sys; ERR_NOTFOUND if none. */
int file_read_line(int dirfd, const char *path, char *ret, size_t size, struct err *err);

/* Creates or replaces @path durably, by way of a temporary name beside it. */
int file_replace(int dirfd, const char *path, const void *data, size_t size, mode_t mode,
		 struct err *err);

/* Writes to a file that exists, in one write(): for /proc/sys and /sys. */
int file_write_existing(int dirfd, const char *path, const char *value, struct err *err);

/* mkdir -p with @mode for what is made. */
int dir_make_path(const char *path, mode_t mode, struct err *err);

#endif
