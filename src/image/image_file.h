/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of an image's file, for several threads at once. Three ways, the best that
 * the file allows:
 *   - a regular file or a disk is read: small reads through a few blocks that are kept
 *     (image_blocks.h), large ones at once
 *   - /proc/vmcore is mapped in windows: its mmap() makes all page table entries at once
 *     (2 MiB per GiB), and a crash kernel has little memory. Its read() maps, copies and
 *     unmaps a single page at a time on x86: about twenty times slower.
 *   - what can't be mapped is read with pread()
 * Source: Linux fs/proc/vmcore.c, arch/x86/kernel/crash_dump_64.c.
 *
 * A flattened dump (image_flat.h) is read as the file inside it: offsets and size are
 * that one's, once image_file_unflatten() was called.
 *
 * A file that shrinks while it is open gives ERR_TRUNCATED.
 */
#ifndef IMAGE_IMAGE_FILE_H
#define IMAGE_IMAGE_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image_mapping.h"

struct image_blocks;
struct image_flat;

#define IMAGE_WINDOW_SIZE  ((uint64_t)64 << 20) /* page tables: 128 KiB */
#define IMAGE_WINDOW_COUNT 16

struct image_window {
	const uint8_t *data; /* NULL: unused */
	uint64_t number;     /* of IMAGE_WINDOW_SIZE bytes each, from the file's start */
	uint64_t size;
	uint64_t last_use;
};

struct image_file {
	int fd;
	uint64_t size;
	uint64_t raw_size;	 /* as it is on disk */
	struct image_flat *flat; /* NULL: the file is read as it is */
	bool can_map;
	struct image_blocks *blocks; /* NULL: windows */

	/* The rest is for windows. Reading holds the lock shared, mapping alone. */
	pthread_rwlock_t lock;
	bool has_lock;
	unsigned int map_failures;
	uint64_t clock;
	struct image_window windows[IMAGE_WINDOW_COUNT];
	uint64_t missed[IMAGE_WINDOW_COUNT]; /* numbers + 1 of the last misses */
};

int image_file_open(struct image_file *file, const char *path, struct err *err);
void image_file_close(struct image_file *file);

/* The file is a flattened dump: from now on what is inside it is read. */
int image_file_unflatten(struct image_file *file, struct err *err);

/* Exactly @size bytes; ERR_TRUNCATED where they are not all in the file. */
int image_file_read(struct image_file *file, uint64_t offset, void *buf, size_t size,
		    struct err *err);

/*
 * Some bytes of /proc/vmcore where they are: of the dead kernel's memory, and none of
 * ours. NULL for any other file (a regular one that shrinks under a mapping kills its
 * reader), or if it can't be mapped; read it then. To be ended with image_mapping_done().
 */
struct image_mapping image_file_map(const struct image_file *file, uint64_t offset,
				    size_t size);

/* The same of the file as it is on disk: for image_flat.c. */
int image_file_read_raw(struct image_file *file, uint64_t offset, void *buf, size_t size,
			struct err *err);

/*
 * The smallest offset >= @offset where the file may hold something other than zeros; the
 * file's size if there is none.
 */
uint64_t image_file_next_data(struct image_file *file, uint64_t offset);

/* Are all of [offset, offset + size) in the file? */
static inline bool image_file_has(const struct image_file *file, uint64_t offset,
				  uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

#endif
