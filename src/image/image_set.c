// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A dump that was split: several files, each one an image of its own with the headers and
 * bitmaps of all and the pages of a part. Here: which part has an address, and whether
 * they belong together. What is inside a part is known to image_diskdump.c.
 */
#include <stdlib.h>
#include <string.h>

#include "image/image_format.h"

#define SET_PARTS_MAX 1024

struct set {
	struct image **parts; /* by their part_start */
	size_t count;
};

static struct image *find_part(const struct set *set, uint64_t paddr)
{
	size_t low = 0, high = set->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (set->parts[middle]->part_start <= paddr)
			low = middle;
		else
			high = middle;
	}
	return set->parts[low];
}

/* Where no part has it, any can tell by its bitmaps whether it is missed. */
static int set_read(struct image *image, uint64_t paddr, void *buf, size_t size,
		    size_t *ret_done, struct err *err)
{
	struct image *part = find_part(image->context, paddr);

	return part->ops->read(part, paddr, buf, size, ret_done, err);
}

static bool set_has_page(struct image *image, uint64_t paddr)
{
	return image_has_page(find_part(image->context, paddr), paddr);
}

static int set_page_storage(struct image *image, uint64_t paddr,
			    struct image_storage *ret, struct err *err)
{
	struct image *part = find_part(image->context, paddr);

	return part->ops->page_storage(part, paddr, ret, err);
}

static void set_close(struct image *image)
{
	struct set *set = image->context;

	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		image_close(set->parts[i]);
	free(set->parts);
	free(set);
}

static const struct image_ops set_ops = {
	.format = IMAGE_FORMAT_DISKDUMP,
	.close = set_close,
	.read = set_read,
	.has_page = set_has_page,
	.page_storage = set_page_storage,
};

/* --- opening ---------------------------------------------------------------------- */

static int compare_parts(const void *a, const void *b)
{
	const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;

	if (x->part_start != y->part_start)
		return x->part_start < y->part_start ? -1 : 1;
	return (x->part_end > y->part_end) - (x->part_end < y->part_end);
}

static int open_parts(struct set *set, const char *const paths[], size_t count,
		      struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct image *part;
		int r = image_open_part(paths[i], &part, err);

		if (r < 0)
			return r;
		set->parts[set->count++] = part;
		if (!part->is_part)
			return err_set(err, ERR_INVALID,
				       "'%s' is not a part of a split dump", paths[i]);
		if (!image_diskdump_is_same(set->parts[0], part))
			return err_set(err, ERR_INVALID,
				       "'%s' and '%s' are parts of different dumps",
				       paths[0], paths[i]);
	}
	qsort(set->parts, count, sizeof(struct image *), compare_parts);
	return 0;
}

static void missing(struct image *image, uint64_t start, uint64_t end)
{
	if (start < end)
		image_set_incomplete(
			image, "no part of the split dump has physical 0x%llx to 0x%llx",
			(unsigned long long)start, (unsigned long long)end);
}

/* The parts one after the other: nothing twice; what is in none, or not whole, is told.
 */
static int check_parts(struct image *image, struct err *err)
{
	const struct set *set = image->context;
	uint64_t covered = 0;

	for (size_t i = 0; i < set->count; i++) {
		const struct image *part = set->parts[i];

		if (part->part_start < covered)
			return err_set(err, ERR_INVALID,
				       "'%s' and '%s' both have the memory from physical "
				       "0x%llx on",
				       set->parts[i - 1]->path, part->path,
				       (unsigned long long)part->part_start);
		missing(image, covered, part->part_start);
		covered = part->part_end;
		if (part->info.is_incomplete)
			image_set_incomplete(image, "its part '%.40s': %.80s", part->path,
					     part->info.incomplete_why);
	}
	missing(image, covered, image->info.max_paddr);
	return 0;
}

/* What all parts have in common is taken from the first one. */
static int take_facts(struct image *image, struct err *err)
{
	const struct set *set = image->context;
	const struct image *first = set->parts[0];
	struct image_range *ranges = NULL;
	uint8_t *notes = NULL;

	image->info = first->info;
	image->info.is_incomplete = false;
	image->info.file_size = 0;
	for (size_t i = 0; i < set->count; i++)
		image->info.file_size += set->parts[i]->info.file_size;
	if (first->range_count) {
		ranges = malloc(first->range_count * sizeof(*ranges));
		if (!ranges)
			return err_nomem(err);
		memcpy(ranges, first->ranges, first->range_count * sizeof(*ranges));
	}
	image_take_ranges(image, ranges, first->range_count);
	if (first->notes_size == 0)
		return 0;
	notes = malloc(first->notes_size);
	if (!notes)
		return err_nomem(err);
	memcpy(notes, first->notes_raw, first->notes_size);
	return image_take_notes(image, notes, first->notes_size, err);
}

int image_open_set(const char *const paths[], size_t count, struct image **ret,
		   struct err *err)
{
	_cleanup_image struct image *image = NULL;
	struct set *set;
	int r;

	if (count == 0 || count > SET_PARTS_MAX)
		return err_set(err, count ? ERR_LIMIT : ERR_INVALID,
			       "a split dump of %zu files", count);
	if (count == 1)
		return image_open(paths[0], ret, err);
	image = calloc(1, sizeof(*image));
	if (!image)
		return err_nomem(err);
	image->file.fd = -1;
	image->ops = &set_ops;
	image->context = set = calloc(1, sizeof(*set));
	image->path = strdup(paths[0]);
	if (!set || !image->path)
		return err_nomem(err);
	set->parts = calloc(count, sizeof(struct image *));
	if (!set->parts)
		return err_nomem(err);
	r = open_parts(set, paths, count, err);
	if (r == 0)
		r = take_facts(image, err);
	if (r == 0)
		r = check_parts(image, err);
	if (r < 0)
		return r;
	*ret = take_ptr(image);
	return 0;
}
