// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places and widths are in per cent, so that the picture fits any page without a script;
 * each frame is an svg of its own, which cuts its label off at its edge.
 */
#include "explain/flame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/html.h"

#define ROW_PX	      18
#define LABEL_PERCENT 2.5 /* of the width: a narrower frame has no room for a letter */

void flame_done(struct flame *flame)
{
	free(flame->nodes);
	*flame = (struct flame){ 0 };
}

/* 0: no memory. Nodes are moved: pointers to them do not stay. */
static uint32_t new_node(struct flame *flame, const char *name)
{
	struct flame_node *nodes = flame->nodes;

	if (flame->count % 64 == 0) {
		nodes = realloc(nodes, (flame->count + 64) * sizeof(*nodes));
		if (!nodes)
			return 0;
		flame->nodes = nodes;
	}
	nodes[flame->count] = (struct flame_node){ 0 };
	snprintf(nodes[flame->count].name, sizeof(nodes[0].name), "%s", name);
	return (uint32_t)flame->count++;
}

/* The child of that name; UINT32_MAX: there is none. */
static uint32_t find_child(const struct flame *flame, uint32_t parent, const char *name)
{
	for (uint32_t i = flame->nodes[parent].child; i; i = flame->nodes[i].next) {
		if (!strncmp(flame->nodes[i].name, name, FLAME_NAME_SIZE - 1))
			return i;
	}
	return UINT32_MAX;
}

int flame_add(struct flame *flame, const char *const *names, size_t count,
	      struct err *err)
{
	uint32_t at = 0;

	if (!flame->nodes) {
		new_node(flame, "all tasks");
		if (!flame->nodes)
			return err_nomem(err);
	}
	flame->nodes[0].count++;
	for (size_t i = 0; i < MIN(count, (size_t)FLAME_DEPTH_MAX); i++) {
		uint32_t child = find_child(flame, at, names[i]);

		if (child == UINT32_MAX && flame->count >= FLAME_NODES_MAX)
			break;
		if (child == UINT32_MAX) {
			child = new_node(flame, names[i]);
			if (!child)
				return err_nomem(err);
			flame->nodes[child].next = flame->nodes[at].child;
			flame->nodes[at].child = child;
		}
		flame->nodes[child].count++;
		at = child;
	}
	return 0;
}

/* ---- the picture ---- */

/* A node with its place: tasks to the left of it, rows above it. */
struct place {
	const struct flame_node *node;
	size_t start, depth;
};

/* The widest first: what most tasks do is at the left. */
static int compare_places(const void *a, const void *b)
{
	const struct flame_node *x = ((const struct place *)a)->node,
				*y = ((const struct place *)b)->node;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* All nodes wide enough, a row after the other: each is in its parent's list once. */
static size_t place_nodes(const struct flame *flame, struct place *places)
{
	size_t count = 1, least = flame_total(flame) * FLAME_PER_MILLE_MIN / 1000;

	places[0] = (struct place){ .node = &flame->nodes[0] };
	for (size_t i = 0; i < count; i++) {
		size_t first = count, start = places[i].start;

		for (uint32_t n = places[i].node->child; n; n = flame->nodes[n].next) {
			if (flame->nodes[n].count >= least)
				places[count++].node = &flame->nodes[n];
		}
		qsort(&places[first], count - first, sizeof(*places), compare_places);
		for (size_t j = first; j < count; j++) {
			places[j].start = start;
			places[j].depth = places[i].depth + 1;
			start += places[j].node->count;
		}
	}
	return count;
}

/* The same function has the same shade everywhere; those of modules have their own hue.
 */
static void format_class(const struct place *place, char *ret, size_t size)
{
	const char *name = place->node->name;
	uint32_t hash = 2166136261u;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	if (!place->depth)
		snprintf(ret, size, "root");
	else if (name[0] == '(')
		snprintf(ret, size, "none");
	else
		snprintf(ret, size, "%c%u", strchr(name, '[') ? 'm' : 'k',
			 (unsigned int)hash % 4);
}

static void draw(const struct place *place, size_t total, struct text *ret)
{
	const struct flame_node *node = place->node;
	double percent = 100.0 / (double)total;
	char class[8];

	format_class(place, class, sizeof(class));
	text_add(ret,
		 "<svg class=\"f %s%s\" x=\"%.4f%%\" y=\"%zu\" width=\"%.4f%%\" "
		 "height=\"%d\" data-n=\"%zu\"><title>",
		 class, (double)node->count * percent < LABEL_PERCENT ? " n" : "",
		 (double)place->start * percent, place->depth * ROW_PX,
		 (double)node->count * percent, ROW_PX - 1, node->count);
	html_addf(ret, "%s: %zu of %zu tasks, %.1f %%", node->name, node->count, total,
		  (double)node->count * percent);
	text_add(ret, "</title><rect width=\"100%%\" height=\"%d\"/>", ROW_PX - 1);
	text_add(ret, "<text x=\"4\" y=\"12.5\">");
	html_add(ret, node->name);
	text_add(ret, "</text></svg>\n");
}

void flame_format_svg(const struct flame *flame, struct text *ret)
{
	_cleanup_free struct place *places = NULL;
	size_t total = flame_total(flame), count;

	if (!total)
		return;
	places = calloc(flame->count, sizeof(*places));
	if (!places) {
		ret->failed = true;
		return;
	}
	count = place_nodes(flame, places);
	text_add(ret,
		 "<svg class=\"flame\" id=\"flame\" role=\"img\" width=\"100%%\" "
		 "height=\"%zu\" data-total=\"%zu\" aria-label=\"The stacks of %zu tasks "
		 "merged, the outermost function on top\">\n",
		 (places[count - 1].depth + 1) * ROW_PX, total, total);
	for (size_t i = 0; i < count; i++)
		draw(&places[i], total, ret);
	text_add(ret, "</svg>\n");
}
