// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/memory_map.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/size.h"

#define MAP_MAX_BYTES  ((size_t)4 << 20)
#define MAP_RANGES_MAX 16384

void memory_map_done(struct memory_map *map)
{
	free(take_ptr(map->ranges));
	map->count = 0;
}

/* "  00100000-bffdffff : System RAM" */
static bool line_parse(const char *line, struct memory_range *ret)
{
	unsigned long long start, end;
	int blanks = (int)strspn(line, " "), at = 0;

	if (sscanf(line + blanks, "%llx-%llx :%n", &start, &end, &at) != 2 || !at ||
	    end < start || end == UINT64_MAX)
		return false;
	line += blanks + at;
	line += *line == ' ';
	*ret = (struct memory_range){ .start = start,
				      .end = end + 1,
				      .depth = (unsigned int)blanks / 2 };
	snprintf(ret->name, sizeof(ret->name), "%.*s", (int)strcspn(line, "\n"), line);
	ret->is_ram = strcmp(ret->name, "System RAM") == 0;
	return true;
}

int memory_map_read(const char *root, struct memory_map *ret, struct err *err)
{
	_cleanup_memory_map struct memory_map map = { 0 };
	_cleanup_free char *text = NULL;
	char path[PATH_MAX];
	bool is_hidden = true;
	int r;

	if (snprintf(path, sizeof(path), "%s/proc/iomem", root) >= (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	r = file_read(AT_FDCWD, path, MAP_MAX_BYTES, &text, NULL, err);
	if (r < 0)
		return r;
	map.ranges = calloc(MAP_RANGES_MAX, sizeof(*map.ranges));
	if (!map.ranges)
		return err_nomem(err);
	for (char *line = text; line && map.count < MAP_RANGES_MAX;) {
		char *next = strchr(line, '\n');

		if (line_parse(line, &map.ranges[map.count])) {
			is_hidden &= map.ranges[map.count].end <= 1;
			map.count++;
		}
		line = next ? next + 1 : NULL;
	}
	if (is_hidden)
		return err_set(err, ERR_REFUSED, "'%s' shows addresses to root only",
			       path);
	*ret = map;
	map = (struct memory_map){ 0 };
	return 0;
}

uint64_t memory_map_largest(const struct memory_map *map, uint64_t limit)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct memory_range *range = &map->ranges[i];

		if (range->is_ram && range->depth == 0 && range->start < limit)
			largest = MAX(largest, MIN(range->end, limit) - range->start);
	}
	return largest;
}

/* The highest range within [start, end) that [at, at + size) touches; NULL if none. */
static const struct memory_range *occupied_by(const struct memory_map *map, uint64_t at,
					      uint64_t size)
{
	const struct memory_range *found = NULL;

	for (size_t i = 0; i < map->count; i++) {
		const struct memory_range *range = &map->ranges[i];

		if (range->is_ram && range->depth == 0)
			continue;
		if (range->start < at + size && range->end > at &&
		    (!found || range->start < found->start))
			found = range;
	}
	return found;
}

static bool place_in(const struct memory_map *map, const struct memory_range *ram,
		     uint64_t size, uint64_t align, uint64_t limit, uint64_t *ret)
{
	uint64_t end = MIN(ram->end, limit);

	// each turn goes below one range: there are MAP_RANGES_MAX at most
	while (end >= size && align_down(end - size, align) >= ram->start) {
		uint64_t at = align_down(end - size, align);
		const struct memory_range *by = occupied_by(map, at, size);

		if (!by) {
			*ret = at;
			return true;
		}
		end = by->start;
	}
	return false;
}

int memory_map_place(const struct memory_map *map, uint64_t size, uint64_t align,
		     uint64_t limit, uint64_t *ret, struct err *err)
{
	for (size_t i = map->count; i-- > 0;) {
		const struct memory_range *range = &map->ranges[i];

		if (range->is_ram && range->depth == 0 && range->start < limit &&
		    place_in(map, range, size, align, limit, ret))
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "no free %llu KiB of memory below %llu MiB",
		       (unsigned long long)(size / KIB),
		       (unsigned long long)(limit / MIB));
}
