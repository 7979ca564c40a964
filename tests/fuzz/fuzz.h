/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fuzz target is: one function that takes any bytes, and must neither crash, hang,
 * leak, nor take more memory than its reader is allowed. libFuzzer calls it, or main.c
 * with each file of the corpus.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_PATH_SIZE 64

/* What must be so whatever the input is. */
#define fuzz_check(condition)                                                           \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* A file in memory that holds @data, and the path to open it by. Close it. */
static inline int fuzz_file(const void *data, size_t size, char ret_path[FUZZ_PATH_SIZE])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	fuzz_check(lseek(fd, 0, SEEK_SET) == 0);
	snprintf(ret_path, FUZZ_PATH_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

/* The bytes are looked at, so that a sanitizer sees where they lie. */
static inline void fuzz_touch(const void *data, size_t size)
{
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
}

/* Bytes taken off the front of an input; zeros behind its end. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

static inline void fuzz_take(struct fuzz_input *input, void *ret, size_t size)
{
	size_t part = MIN(size, input->size);

	memset(ret, 0, size);
	if (part)
		memcpy(ret, input->data, part);
	input->data += part;
	input->size -= part;
}

static inline uint8_t fuzz_u8(struct fuzz_input *input)
{
	uint8_t value;

	fuzz_take(input, &value, 1);
	return value;
}

static inline uint16_t fuzz_u16(struct fuzz_input *input)
{
	uint8_t bytes[2];

	fuzz_take(input, bytes, 2);
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

/* A copy of @size bytes of the input, in memory that ends where they end. */
static inline void *fuzz_copy(struct fuzz_input *input, size_t size)
{
	void *copy = malloc(size ? size : 1);

	fuzz_check(copy);
	fuzz_take(input, copy, size);
	return copy;
}

#endif
