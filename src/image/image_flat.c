// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/image_flat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "image/image_file.h"

#define SIGNATURE	  "makedumpfile\0\0\0\0"
#define SIGNATURE_SIZE	  16
#define RECORD_SIZE	  16
#define FLAT_TYPE	  1
#define FLAT_VERSION	  1
#define NO_POSITION	  0 /* of a hole: the file's own header is there */
#define SEGMENTS_AT_FIRST 1024

/* The bytes [start, the next segment's start) are at this position of the raw file. */
struct segment {
	uint64_t start;
	uint64_t position;
};

struct segments {
	struct segment *items;
	size_t count, capacity;
};

struct image_flat {
	/* Sorted. The first starts at 0, the last one is a hole, where the file ends. */
	struct segments map;
	bool is_broken;
	char broken_why[96];
};

static int segments_add(struct segments *s, uint64_t start, uint64_t position,
			struct err *err)
{
	if (s->count == s->capacity) {
		size_t capacity = s->capacity ? s->capacity * 2 : SEGMENTS_AT_FIRST;
		struct segment *grown = realloc(s->items, capacity * sizeof(*s->items));

		if (!grown)
			return err_nomem(err);
		s->items = grown;
		s->capacity = capacity;
	}
	s->items[s->count++] = (struct segment){ start, position };
	return 0;
}

/* --- the records, as they come ---------------------------------------------------- */

static uint64_t load_be64(const uint8_t *p)
{
	return __builtin_bswap64(load_le64(p));
}

bool image_flat_probe(const uint8_t *head, size_t size)
{
	return size >= SIGNATURE_SIZE && memcmp(head, SIGNATURE, SIGNATURE_SIZE) == 0;
}

static int check_header(struct image_file *raw, struct err *err)
{
	uint8_t head[SIGNATURE_SIZE + 16];
	int r = image_file_read(raw, 0, head, sizeof(head), err);

	if (r < 0)
		return err_in(err, r, "reading the header of a flattened dump");
	if (load_be64(head + 16) != FLAT_TYPE || load_be64(head + 24) != FLAT_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "a flattened dump of type %lld and version %lld: only 1 "
			       "and 1 are known",
			       (long long)load_be64(head + 16),
			       (long long)load_be64(head + 24));
	return 0;
}

static void set_broken(struct image_flat *flat, const char *what, uint64_t position)
{
	flat->is_broken = true;
	snprintf(flat->broken_why, sizeof(flat->broken_why),
		 "its flattened records %s at byte %llu", what,
		 (unsigned long long)position);
}

/* A record that was read once, with a position of @position: how many bytes are there? */
static int record_size(struct image_file *raw, uint64_t position, uint64_t *ret,
		       struct err *err)
{
	uint8_t size[8];
	int r = image_file_read(raw, position - sizeof(size), size, sizeof(size), err);

	if (r == 0)
		*ret = MIN(load_be64(size), raw->size - position);
	return r;
}

/* Fills @records up to the end mark, or to where the stream makes no sense any more. */
static int read_records(struct image_file *raw, struct image_flat *flat,
			struct segments *records, struct err *err)
{
	uint64_t position = IMAGE_FLAT_HEADER_SIZE;

	for (uint64_t i = 0; i < IMAGE_FLAT_RECORDS_MAX; i++) {
		uint64_t offset, size;
		uint8_t head[RECORD_SIZE];
		int r;

		if (!image_file_has(raw, position, RECORD_SIZE)) {
			set_broken(flat, "end without their end mark", raw->size);
			return 0;
		}
		r = image_file_read(raw, position, head, sizeof(head), err);
		if (r < 0)
			return err_in(err, r, "reading its flattened records");
		offset = load_be64(head);
		size = load_be64(head + 8);
		if (offset == UINT64_MAX && size == UINT64_MAX)
			return 0;
		if (offset > INT64_MAX || size > (uint64_t)INT64_MAX - offset) {
			set_broken(flat, "make no sense", position);
			return 0;
		}
		position += RECORD_SIZE;
		r = size ? segments_add(records, offset, position, err) : 0;
		if (r < 0)
			return r;
		if (!image_file_has(raw, position, size)) {
			set_broken(flat, "end without their end mark", raw->size);
			return 0;
		}
		position += size;
	}
	set_broken(flat, "are more than can be kept, from the one", position);
	return 0;
}

/* --- the map: what of each record counts ------------------------------------------ */

static int compare_starts(const void *a, const void *b)
{
	const struct segment *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

/* A record that reaches over the place where the sweep is. */
struct live {
	uint64_t start, end, position;
};

/* A heap: the latest record, which is the one with the highest position, on top. */
struct live_heap {
	struct live *items;
	size_t count, capacity;
};

static int heap_push(struct live_heap *h, struct live item, struct err *err)
{
	size_t i = h->count;

	if (h->count == h->capacity) {
		size_t capacity = h->capacity ? h->capacity * 2 : 16;
		struct live *grown = realloc(h->items, capacity * sizeof(*h->items));

		if (!grown)
			return err_nomem(err);
		h->items = grown;
		h->capacity = capacity;
	}
	h->count++;
	for (; i > 0 && h->items[(i - 1) / 2].position < item.position; i = (i - 1) / 2)
		h->items[i] = h->items[(i - 1) / 2];
	h->items[i] = item;
	return 0;
}

static void heap_pop(struct live_heap *h)
{
	struct live last = h->items[--h->count];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < h->count; i = child) {
		if (child + 1 < h->count &&
		    h->items[child + 1].position > h->items[child].position)
			child++;
		if (h->items[child].position <= last.position)
			break;
		h->items[i] = h->items[child];
	}
	h->items[i] = last;
}

/* Does a segment at @start and @position only go on with the last one? */
static bool goes_on(const struct segments *map, uint64_t start, uint64_t position)
{
	const struct segment *last = map->count ? &map->items[map->count - 1] : NULL;

	if (!last || position == NO_POSITION || last->position == NO_POSITION)
		return last && position == last->position;
	return position - last->position == start - last->start;
}

/*
 * Goes through the sorted records from one start or end to the next, with those that
 * reach over the place in a heap. Each record is pushed once and popped once, each step
 * makes at most one segment.
 */
static int make_map(struct image_file *raw, const struct segments *records,
		    struct segments *map, struct err *err)
{
	struct live_heap heap = { 0 };
	uint64_t at = 0;
	size_t next = 0;
	int r = 0;

	while (r == 0) {
		uint64_t to, position = NO_POSITION, size;

		while (heap.count && heap.items[0].end <= at)
			heap_pop(&heap);
		if (next < records->count && records->items[next].start <= at) {
			const struct segment *s = &records->items[next++];

			r = record_size(raw, s->position, &size, err);
			if (r == 0)
				r = heap_push(&heap,
					      (struct live){ s->start, s->start + size,
							     s->position },
					      err);
			continue;
		}
		if (heap.count == 0 && next == records->count)
			break;
		to = next < records->count ? records->items[next].start : UINT64_MAX;
		if (heap.count) {
			position = heap.items[0].position + (at - heap.items[0].start);
			to = MIN(to, heap.items[0].end);
		}
		if (!goes_on(map, at, position))
			r = segments_add(map, at, position, err);
		at = to;
	}
	free(heap.items);
	if (r == 0)
		r = segments_add(map, at, NO_POSITION, err);
	return r;
}

int image_flat_new(struct image_file *raw, struct image_flat **ret, struct err *err)
{
	struct image_flat *flat = calloc(1, sizeof(*flat));
	struct segments records = { 0 };
	int r;

	if (!flat)
		return err_nomem(err);
	r = check_header(raw, err);
	if (r == 0)
		r = read_records(raw, flat, &records, err);
	if (r == 0 && records.count) // only few are out of order
		qsort(records.items, records.count, sizeof(*records.items),
		      compare_starts);
	if (r == 0)
		r = make_map(raw, &records, &flat->map, err);
	free(records.items);
	if (r < 0) {
		image_flat_free(flat);
		return r;
	}
	*ret = flat;
	return 0;
}

void image_flat_free(struct image_flat *flat)
{
	if (!flat)
		return;
	free(flat->map.items);
	free(flat);
}

/* --- reading ---------------------------------------------------------------------- */

uint64_t image_flat_size(const struct image_flat *flat)
{
	return flat->map.items[flat->map.count - 1].start;
}

const char *image_flat_broken_why(const struct image_flat *flat)
{
	return flat->is_broken ? flat->broken_why : NULL;
}

/* The segment that @offset, which is below the size, is in. The next one is there too. */
static const struct segment *find(const struct image_flat *flat, uint64_t offset)
{
	size_t low = 0, high = flat->map.count - 1;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (flat->map.items[middle].start <= offset)
			low = middle;
		else
			high = middle;
	}
	return &flat->map.items[low];
}

int image_flat_read(const struct image_flat *flat, struct image_file *raw,
		    uint64_t offset, void *buf, size_t size, struct err *err)
{
	const struct segment *s = size ? find(flat, offset) : NULL;
	uint8_t *out = buf;

	for (; size > 0; s++) {
		size_t part = (size_t)MIN((uint64_t)size, s[1].start - offset);

		if (s->position != NO_POSITION) {
			int r = image_file_read_raw(
				raw, s->position + (offset - s->start), out, part, err);

			if (r < 0)
				return r;
		} else if (flat->is_broken) {
			return err_set(err, ERR_TRUNCATED,
				       "%s, before bytes %llu to %llu of the dump",
				       flat->broken_why, (unsigned long long)offset,
				       (unsigned long long)(offset + part));
		} else {
			memset(out, 0, part);
		}
		offset += part;
		out += part;
		size -= part;
	}
	return 0;
}

uint64_t image_flat_next_data(const struct image_flat *flat, uint64_t offset)
{
	const struct segment *s = find(flat, offset);

	return s->position == NO_POSITION && !flat->is_broken ? s[1].start : offset;
}
