/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a format of image is made of: for image.c and the image_FORMAT.c files only.
 *
 * A new format is one file with a const struct image_ops and one row in the table of
 * image.c. Its open() reads the headers, hands the notes to image_take_notes() and the
 * RAM to image_take_ranges(), fills image->info and keeps what else it needs in
 * image->context.
 */
#ifndef IMAGE_IMAGE_FORMAT_H
#define IMAGE_IMAGE_FORMAT_H

#include "base/buf.h"
#include "image/image.h"
#include "image/image_file.h"

#define IMAGE_HEAD_SIZE	 4096		    /* what a probe sees of a file */
#define IMAGE_NOTES_MAX	 ((size_t)64 << 20) /* 8192 CPUs make 3 MiB */
#define IMAGE_NOTE_COUNT ((size_t)1 << 20)
#define IMAGE_RANGES_MAX ((size_t)16 << 20) /* RAM has some ten ranges */

struct image_ops {
	enum image_format format;

	/* @head: the first bytes of the file, IMAGE_HEAD_SIZE or all of a smaller one. */
	bool (*probe)(const uint8_t *head, size_t size);

	/* On failure close() is called too: image->context may be half made. */
	int (*open)(struct image *image, struct err *err);
	void (*close)(struct image *image);

	/*
	 * Copies the first part of [paddr, paddr + size), as much as lies together:
	 * at least one byte, told in @ret_done. @size > 0, and the sum fits.
	 */
	int (*read)(struct image *image, uint64_t paddr, void *buf, size_t size,
		    size_t *ret_done, struct err *err);

	/* See image_map(). NULL: nothing lies there as it is in memory. */
	struct image_mapping (*map)(struct image *image, uint64_t paddr, size_t size);

	/* See image.h. NULL: the format has no holes. */
	uint64_t (*next_data)(struct image *image, uint64_t paddr);
	bool (*has_page)(struct image *image, uint64_t paddr);

	/* NULL: by has_page() only. */
	uint64_t (*next_page)(struct image *image, uint64_t paddr);

	/* NULL: pages lie as they are. */
	int (*page_storage)(struct image *image, uint64_t paddr,
			    struct image_storage *ret, struct err *err);
};

struct image {
	const struct image_ops *ops;
	char *path;
	struct image_file file;
	struct image_info info;
	void *context; /* the format's own */

	/* One file of a split dump has [part_start, part_end) only. */
	bool is_part;
	uint64_t part_start, part_end;

	struct image_range *ranges;
	size_t range_count;

	struct image_load *loads;
	size_t load_count, load_capacity;

	uint8_t *notes_raw;
	size_t notes_size;
	struct image_note *notes;
	size_t note_count;
	const struct image_note *vmcoreinfo; /* one of the notes, or NULL */
};

extern const struct image_ops image_elf_ops;
extern const struct image_ops image_diskdump_ops;

/* As image_open(), but what belongs to other parts of a split dump is not missed. */
int image_open_part(const char *path, struct image **ret, struct err *err);

/* Are these two parts of the same split dump? */
bool image_diskdump_is_same(const struct image *a, const struct image *b);

/* Marks the image as incomplete; the first reason is kept. */
void image_set_incomplete(struct image *image, const char *fmt, ...) PRINTF(2, 3);

/*
 * Notes whose names and descriptors are padded to 8 bytes (System V gABI, 64-bit), padded
 * to 4 instead, in place, as all others are. Returns their size. Where they make no sense
 * so they are padded to 4 already, and left alone.
 */
size_t image_repack_notes(uint8_t *raw, size_t size);

/*
 * Room for @before bytes of notes and, behind them, the header of a VMCOREINFO note and
 * @text_size bytes of zeros at @ret_at for its text; @ret_size in all. To be freed; NULL
 * without memory.
 */
uint8_t *image_new_vmcoreinfo_note(size_t before, size_t text_size, size_t *ret_at,
				   size_t *ret_size);

/* Are these whole notes to the last byte, one of them of this name and type? */
bool image_notes_end_at(const uint8_t *raw, size_t size, const char *name, uint32_t type);

/* Takes over @raw (also on failure), @size bytes of notes one after the other. */
int image_take_notes(struct image *image, uint8_t *raw, size_t size, struct err *err);

/*
 * Takes over @ranges (also on failure): sorts and merges them. No range is empty or ends
 * beyond 2^64 - 1.
 */
void image_take_ranges(struct image *image, struct image_range *ranges, size_t count);

#endif
