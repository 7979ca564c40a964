/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stacks of all tasks merged into one picture: a row for each depth, the outermost
 * function on top; as wide as the tasks that are in it.
 */
#ifndef EXPLAIN_FLAME_H
#define EXPLAIN_FLAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define FLAME_NAME_SIZE	    128
#define FLAME_DEPTH_MAX	    64	 /* of a deeper stack the innermost frames are left out */
#define FLAME_NODES_MAX	    4096 /* past these a stack ends where the picture has no more */
#define FLAME_PER_MILLE_MIN 1 /* of all tasks: what is narrower is not drawn, a pixel */

struct flame_node {
	char name[FLAME_NAME_SIZE];
	size_t count;	      /* tasks that are in it or in what it called */
	uint32_t child, next; /* the first below, the next beside it; 0: none */
};

struct flame {
	struct flame_node *nodes; /* [0] is the root: all tasks; NULL: empty */
	size_t count;
};

/*
 * One task more. @names are "func" or "func [module]", the outermost first. Fails only
 * for memory.
 */
int flame_add(struct flame *flame, const char *const *names, size_t count,
	      struct err *err);
void flame_done(struct flame *flame);

/* All tasks. */
static inline size_t flame_total(const struct flame *flame)
{
	return flame->nodes ? flame->nodes[0].count : 0;
}

/* An SVG element as wide as what it stands in; nothing for an empty one. */
void flame_format_svg(const struct flame *flame, struct text *ret);

#define _cleanup_flame _cleanup_(flame_done)

#endif
