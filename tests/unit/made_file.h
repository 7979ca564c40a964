/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file made of bytes by a test, in memory; opened as an image, nothing stays behind. */
#ifndef MADE_FILE_H
#define MADE_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/image.h"

#define MADE_PATH_SIZE 64

/* A file of @size bytes, its path (good while the descriptor is open) in @ret_path. */
static inline int made_file(const void *data, size_t size, char ret_path[MADE_PATH_SIZE])
{
	int fd = memfd_create("made", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
		perror("made file");
		abort();
	}
	snprintf(ret_path, MADE_PATH_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

static inline int made_open(const void *data, size_t size, struct image **ret,
			    struct err *err)
{
	char path[MADE_PATH_SIZE];
	int fd = made_file(data, size, path);
	int r = image_open(path, ret, err);

	close(fd);
	return r;
}

#endif
