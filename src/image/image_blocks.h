/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small reads of a file: page tables, lists, the heads and the packed pages of a dump. It
 * is read in blocks of 8 KiB, of which the last 64 are kept: 512 KiB, whatever the kernel
 * has in its page cache. (Mapped, a read of 8 bytes makes up to 2 MiB of page cache
 * resident, where that is in large folios; and a file that is cut meanwhile kills the
 * reader with SIGBUS.) A block that is kept costs a lock that nobody else holds, one that
 * is not a pread(): half a microsecond from the page cache.
 *
 * For several threads at once. Error codes are fd_pread_full()'s.
 */
#ifndef IMAGE_IMAGE_BLOCKS_H
#define IMAGE_IMAGE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct image_blocks;

/* @fd is borrowed. */
int image_blocks_new(int fd, uint64_t file_size, struct image_blocks **ret,
		     struct err *err);
void image_blocks_free(struct image_blocks *blocks);

/* All of [offset, offset + size) must be below the file's size. */
int image_blocks_read(struct image_blocks *blocks, uint64_t offset, void *buf,
		      size_t size, struct err *err);

#endif
