/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flattened dump, as makedumpfile -F and QEMU write it to a pipe: the pieces of a file
 * in the order in which they were written, each with its place. Here: an index that reads
 * the file inside, without writing it down again.
 * Source: makedumpfile's IMPLEMENTATION ("The flattened format"), makedumpfile.h; QEMU's
 * dump/dump.c. All integers are big endian, whatever the machine.
 *
 *	0      "makedumpfile\0\0\0\0", i64 type = 1, i64 version = 1, zeros up to 4096
 *	4096   i64 offset, i64 size, the bytes; again and again
 *	       i64 -1, i64 -1: the end
 *
 * Records come in any order and may overlap: the later one wins. What no record has is a
 * hole, zeros. Where the stream was cut, it may as well be what is missing:
 *ERR_TRUNCATED.
 *
 * The index takes 16 bytes a record (and as much again while it is made): 0.5 GiB for a
 * dump of a TiB. What the file inside is, is known to the formats.
 */
#ifndef IMAGE_IMAGE_FLAT_H
#define IMAGE_IMAGE_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct image_file;
struct image_flat;

#define IMAGE_FLAT_HEADER_SIZE 4096
#define IMAGE_FLAT_RECORDS_MAX ((uint64_t)1 << 25) /* about 32 KiB each */

bool image_flat_probe(const uint8_t *head, size_t size);

/* @raw: the file as it is, not yet with this index. */
int image_flat_new(struct image_file *raw, struct image_flat **ret, struct err *err);
void image_flat_free(struct image_flat *flat);

/* The end of the last piece. */
uint64_t image_flat_size(const struct image_flat *flat);

/* NULL: it is whole. Else why its records break off. */
const char *image_flat_broken_why(const struct image_flat *flat);

/* As image_file_read() and image_file_next_data(); the range is inside the size. */
int image_flat_read(const struct image_flat *flat, struct image_file *raw,
		    uint64_t offset, void *buf, size_t size, struct err *err);
uint64_t image_flat_next_data(const struct image_flat *flat, uint64_t offset);

#endif
