/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * File and line of an address of code, and the functions that were inlined there, from
 * the DWARF of one file: a vmlinux or the debug file of a module.
 *
 * Only the units of compilation that hold an address which was asked for are read; what
 * was read of them stays until source_map_close(), as do all strings.
 */
#ifndef DEBUGINFO_SOURCE_LINE_H
#define DEBUGINFO_SOURCE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/module_section.h"

#define SOURCE_LINES_MAX 64 /* functions inlined into each other */

struct source_line {
	const char *function; /* "": not known */
	const char *file;     /* as the compiler was given it; "": not known */
	uint32_t line;	      /* 0: not known */
	bool is_inlined;
};

/*
 * Innermost first: where the address is, then each call of an inlined function. The last
 * is the function that has code of its own.
 */
struct source_lines {
	struct source_line items[SOURCE_LINES_MAX];
	size_t count;
};

struct source_map;

/*
 * @sections: where those of a relocatable file lie; NULL for a vmlinux, whose addresses
 * are those that it was linked to. ERR_NOTFOUND: it has no debug symbols.
 */
int source_map_open(const char *path, const struct module_sections *sections,
		    struct source_map **ret, struct err *err);
void source_map_close(struct source_map *map);
static inline void source_map_closep(struct source_map **map)
{
	source_map_close(*map);
}

/* ERR_NOTFOUND: @address is in no code of this file. */
int source_map_find(struct source_map *map, uint64_t address, struct source_lines *ret,
		    struct err *err);

#define _cleanup_source_map _cleanup_(source_map_closep)

#endif
