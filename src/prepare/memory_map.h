/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/iomem: which physical addresses are memory, and what lies in it. Only root sees
 * the addresses; for others all are 0 (Linux kernel/resource.c, r_show()).
 */
#ifndef PREPARE_MEMORY_MAP_H
#define PREPARE_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct memory_range {
	uint64_t start, end; /* [start, end) */
	unsigned int depth;  /* 0: not within another one */
	bool is_ram;
	char name[64];
};

struct memory_map {
	struct memory_range *ranges;
	size_t count;
};

void memory_map_done(struct memory_map *map);
#define _cleanup_memory_map _cleanup_(memory_map_done)

/* ERR_REFUSED where the addresses are hidden. */
int memory_map_read(const char *root, struct memory_map *ret, struct err *err);

/* The largest piece of memory below @limit. */
uint64_t memory_map_largest(const struct memory_map *map, uint64_t limit);

/* The highest @size bytes of memory below @limit that nothing lies in; a power of two
 * @align. ERR_NOTFOUND. */
int memory_map_place(const struct memory_map *map, uint64_t size, uint64_t align,
		     uint64_t limit, uint64_t *ret, struct err *err);

#endif
