// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A squarified treemap (Bruls, Huizing, van Wijk, 2000): rows of areas, each row along
 * the shorter side of what is left, ended where one more would make the areas longer.
 * Places are in per cent, so the picture fits any page; sides are compared as on a wide
 * one.
 */
#include "explain/memory_areas.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/html.h"

#define HEIGHT_PX 220
#define ASPECT	  3.2 /* the width that is assumed for a height of 1 */

static void add_use(struct memory_areas *map, const char *name, const char *class,
		    uint64_t bytes)
{
	if (bytes && map->count < MEMORY_USES_MAX)
		map->uses[map->count++] = (struct memory_use){ name, class, bytes };
}

static int compare_uses(const void *a, const void *b)
{
	const struct memory_use *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return strcmp(x->name, y->name);
}

void memory_areas_make(const struct memory_stat *stat, struct memory_areas *ret)
{
	static const struct {
		enum memory_stat_item item;
		const char *name, *class;
	} items[] = {
		{ MEMORY_FREE, "free", "u-free" },
		{ MEMORY_ANON, "processes (anonymous)", "u-anon" },
		{ MEMORY_SHMEM, "tmpfs and shared memory", "u-shmem" },
		{ MEMORY_SLAB_RECLAIMABLE, "slab, reclaimable", "u-slab" },
		{ MEMORY_SLAB_UNRECLAIMABLE, "slab, not reclaimable", "u-kslab" },
		{ MEMORY_PAGE_TABLES, "page tables", "u-table" },
		{ MEMORY_KERNEL_STACKS, "kernel stacks", "u-stack" },
	};
	uint64_t file = stat->bytes[MEMORY_FILE], shmem = stat->bytes[MEMORY_SHMEM];
	uint64_t told = 0;

	*ret = (struct memory_areas){ 0 };
	if (!memory_stat_has(stat, MEMORY_TOTAL))
		return;
	ret->total_bytes = stat->bytes[MEMORY_TOTAL];
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		if (memory_stat_has(stat, items[i].item))
			add_use(ret, items[i].name, items[i].class,
				stat->bytes[items[i].item]);
	}
	// What is shared memory is counted as page cache too.
	if (memory_stat_has(stat, MEMORY_FILE))
		add_use(ret, "page cache", "u-file", file > shmem ? file - shmem : 0);
	for (size_t i = 0; i < ret->count; i++) {
		if (ret->uses[i].bytes > ret->total_bytes - told) {
			ret->count = 0; // counters that make no sense together
			return;
		}
		told += ret->uses[i].bytes;
	}
	add_use(ret, "everything else", "u-else", ret->total_bytes - told);
	qsort(ret->uses, ret->count, sizeof(ret->uses[0]), compare_uses);
}

/* ---- the picture ---- */

/* In units in which the whole is ASPECT wide and 1 high. */
struct area {
	double x, y, width, height;
};

static double larger_ratio(double a, double b)
{
	return a > b ? a / b : b / a;
}

/* The worst ratio of sides in a row of @sum along @side, its least being @least. */
static double worst_ratio(double sum, double most, double least, double side)
{
	double depth = sum / side;

	return MAX(larger_ratio(most / depth, depth), larger_ratio(least / depth, depth));
}

static void draw_use(const struct memory_areas *map, const struct memory_use *use,
		     const struct area *area, struct text *ret)
{
	double percent = (double)use->bytes * 100 / (double)map->total_bytes;

	text_add(ret,
		 "<svg x=\"%.3f%%\" y=\"%.3f%%\" width=\"%.3f%%\" height=\"%.3f%%\">"
		 "<title>",
		 area->x * 100 / ASPECT, area->y * 100, area->width * 100 / ASPECT,
		 area->height * 100);
	html_addf(ret, "%s: %.1f MiB, %.1f %%", use->name, (double)use->bytes / (1 << 20),
		  percent);
	text_add(ret, "</title><rect class=\"%s\" width=\"100%%\" height=\"100%%\"/>",
		 use->class);
	if (area->width > 0.28 && area->height > 0.2) {
		text_add(ret, "<text x=\"8\" y=\"18\">");
		html_add(ret, use->name);
		text_add(ret, "</text><text class=\"num\" x=\"8\" y=\"34\">");
		html_addf(ret, "%.0f MiB", (double)use->bytes / (1 << 20));
		text_add(ret, "</text>");
	}
	text_add(ret, "</svg>\n");
}

/* Takes a row of uses from @i on off @left; returns the first that is not in it. */
static size_t draw_row(const struct memory_areas *map, size_t i, struct area *left,
		       struct text *ret)
{
	double unit = ASPECT / (double)map->total_bytes;
	bool is_wide = left->width > left->height;
	double side = is_wide ? left->height : left->width;
	double most = (double)map->uses[i].bytes * unit, sum = most, at = 0, depth;
	double ratio = worst_ratio(sum, most, most, side);
	size_t end = i + 1;

	for (; end < map->count; end++) {
		double next = (double)map->uses[end].bytes * unit,
		       with_it = worst_ratio(sum + next, most, next, side);

		if (with_it > ratio)
			break;
		sum += next;
		ratio = with_it;
	}
	depth = sum / side;
	for (; i < end; i++) {
		double length = (double)map->uses[i].bytes * unit / depth;
		struct area area =
			is_wide ? (struct area){ left->x, left->y + at, depth, length }
				: (struct area){ left->x + at, left->y, length, depth };

		draw_use(map, &map->uses[i], &area, ret);
		at += length;
	}
	if (is_wide) {
		left->x += depth;
		left->width -= depth;
	} else {
		left->y += depth;
		left->height -= depth;
	}
	return end;
}

void memory_areas_format_svg(const struct memory_areas *map, struct text *ret)
{
	struct area left = { 0, 0, ASPECT, 1 };

	if (!map->count)
		return;
	text_add(ret,
		 "<svg class=\"memory\" id=\"memory\" role=\"img\" width=\"100%%\" "
		 "height=\"%d\" data-total=\"%" PRIu64
		 "\" aria-label=\"Memory by use\">\n",
		 HEIGHT_PX, map->total_bytes);
	for (size_t i = 0; i < map->count && left.width > 1e-9 && left.height > 1e-9;)
		i = draw_row(map, i, &left, ret);
	text_add(ret, "</svg>\n");
}
