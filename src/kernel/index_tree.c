// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both kinds mark a pointer to a node by its low bits, 2, and a value beyond the ones
 * that are reserved for marks of their own (xa_is_node(), xa_is_internal()).
 */
#include "kernel/index_tree.h"

#include <inttypes.h>

#include "kernel/value.h"

#define INTERNAL_MAX 4096 /* smaller ones are marks, not nodes */

/* enum maple_type, of which a pointer has four bits above its low three */
enum {
	MAPLE_DENSE,
	MAPLE_LEAF_64,
	MAPLE_RANGE_64,
	MAPLE_ARANGE_64,
};
#define MAPLE_NODE_MASK 255
#define MAPLE_TYPE(e)	((e) >> 3 & 15)

static bool is_internal(uint64_t entry)
{
	return (entry & 3) == 2;
}

static bool is_node(uint64_t entry)
{
	return is_internal(entry) && entry > INTERNAL_MAX;
}

static int push_xarray(struct index_tree *tree, uint64_t entry, uint64_t min,
		       struct err *err)
{
	struct index_tree_level level = { .node = entry - 2, .min = min };
	uint64_t shift, count, stride;
	int r = value_read(tree->kernel, level.node, "xa_node.shift", &shift, err);

	if (r == 0)
		r = value_array(tree->kernel, "xa_node.slots", &count, &stride, err);
	if (r == 0)
		r = kernel_offset(tree->kernel, "xa_node.slots", &level.slot_offset, err);
	if (r < 0)
		return r;
	if (shift > 60 || count > INDEX_TREE_SLOTS_MAX || !count ||
	    tree->depth == INDEX_TREE_DEPTH_MAX ||
	    (tree->depth && shift >= tree->levels[tree->depth - 1].shift))
		return err_set(err, ERR_CORRUPT, "node 0x%" PRIx64 " of a tree is none",
			       level.node);
	level.shift = (unsigned int)shift;
	level.slots = (unsigned int)count;
	tree->levels[tree->depth++] = level;
	return 0;
}

static int push_maple(struct index_tree *tree, uint64_t entry, uint64_t min, uint64_t max,
		      struct err *err)
{
	bool is_arange = MAPLE_TYPE(entry) == MAPLE_ARANGE_64;
	struct index_tree_level level = {
		.node = entry & ~(uint64_t)MAPLE_NODE_MASK,
		.min = min,
		.max = max,
		.next_min = min,
		.is_leaf = MAPLE_TYPE(entry) == MAPLE_LEAF_64,
	};
	const char *slot = is_arange ? "maple_arange_64.slot" : "maple_range_64.slot";
	const char *pivot = is_arange ? "maple_arange_64.pivot" : "maple_range_64.pivot";
	uint64_t slots, pivots, stride;
	int r = value_array(tree->kernel, slot, &slots, &stride, err);

	if (r == 0)
		r = value_array(tree->kernel, pivot, &pivots, &stride, err);
	if (r == 0)
		r = kernel_offset(tree->kernel, slot, &level.slot_offset, err);
	if (r == 0)
		r = kernel_offset(tree->kernel, pivot, &level.pivot_offset, err);
	if (r < 0)
		return r;
	if (MAPLE_TYPE(entry) == MAPLE_DENSE || MAPLE_TYPE(entry) > MAPLE_ARANGE_64 ||
	    slots > INDEX_TREE_SLOTS_MAX || pivots >= slots ||
	    tree->depth == INDEX_TREE_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "node 0x%" PRIx64 " of a tree is none",
			       entry);
	level.slots = (unsigned int)slots;
	level.pivots = (unsigned int)pivots;
	tree->levels[tree->depth++] = level;
	return 0;
}

static int init(struct kernel *kernel, uint64_t root, bool is_maple, size_t limit,
		struct index_tree *ret, struct err *err)
{
	*ret = (struct index_tree){ .kernel = kernel,
				    .is_maple = is_maple,
				    .limit = limit };
	if (!is_node(root)) {
		ret->single = is_internal(root) ? 0 : root;
		return 0;
	}
	return is_maple ? push_maple(ret, root, 0, UINT64_MAX, err)
			: push_xarray(ret, root, 0, err);
}

int index_tree_init_xarray(struct kernel *kernel, uint64_t vaddr, size_t limit,
			   struct index_tree *ret, struct err *err)
{
	uint64_t root;
	int r = value_read(kernel, vaddr, "xarray.xa_head", &root, err);

	return r < 0 ? r : init(kernel, root, false, limit, ret, err);
}

int index_tree_init_maple(struct kernel *kernel, uint64_t vaddr, size_t limit,
			  struct index_tree *ret, struct err *err)
{
	uint64_t root;
	int r = value_read(kernel, vaddr, "maple_tree.ma_root", &root, err);

	return r < 0 ? r : init(kernel, root, true, limit, ret, err);
}

/* The range of the level's next slot; false: there is none anymore. */
static int next_range(struct index_tree *tree, struct index_tree_level *level,
		      uint64_t *ret_min, uint64_t *ret_max, struct err *err)
{
	uint64_t pivot = level->max;
	int r = 0;

	if (level->slot == level->slots)
		return 0;
	if (!tree->is_maple) {
		*ret_min = level->min + ((uint64_t)level->slot << level->shift);
		*ret_max = *ret_min;
		return 1;
	}
	if (level->slot && level->next_min > level->max)
		return 0;
	if (level->slot < level->pivots) {
		r = kernel_read_u64(tree->kernel,
				    level->node + level->pivot_offset + level->slot * 8,
				    &pivot, err);
		if (r == 0 && level->slot && !pivot) // the rest was never set
			pivot = level->max;
	}
	if (r < 0)
		return r;
	if (pivot < level->next_min || pivot > level->max)
		return err_set(err, ERR_CORRUPT, "node 0x%" PRIx64 " is not in order",
			       level->node);
	*ret_min = level->next_min;
	*ret_max = pivot;
	if (pivot == level->max)
		level->slot = level->slots - 1; // the last
	level->next_min = pivot + 1;
	return 1;
}

/* 1: an entry; 0: go on. */
static int visit(struct index_tree *tree, struct index_tree_level *level,
		 unsigned int slot, uint64_t min, uint64_t max, uint64_t *ret_index,
		 uint64_t *ret_entry, struct err *err)
{
	uint64_t entry;
	int r = kernel_read_u64(tree->kernel, level->node + level->slot_offset + slot * 8,
				&entry, err);

	if (r < 0 || !entry)
		return r;
	if (tree->is_maple && !level->is_leaf)
		return push_maple(tree, entry, min, max, err);
	if (!tree->is_maple && is_node(entry))
		return level->shift ? push_xarray(tree, entry, min, err) : 0;
	if (is_internal(entry)) // another slot's double, or a mark
		return 0;
	*ret_index = min;
	*ret_entry = entry;
	return 1;
}

int index_tree_next(struct index_tree *tree, uint64_t *ret_index, uint64_t *ret_entry,
		    struct err *err)
{
	if (tree->single) {
		*ret_index = 0;
		*ret_entry = tree->single;
		tree->single = 0;
		return 1;
	}
	while (tree->depth) {
		struct index_tree_level *level = &tree->levels[tree->depth - 1];
		unsigned int slot = level->slot;
		uint64_t min = 0, max = 0;
		int r = next_range(tree, level, &min, &max, err);

		if (r < 0)
			return r;
		if (r == 0) {
			tree->depth--;
			continue;
		}
		level->slot++;
		if (tree->steps++ == tree->limit)
			return err_set(err, ERR_LIMIT, "a tree has more than %zu slots",
				       tree->limit);
		r = visit(tree, level, slot, min, max, ret_index, ret_entry, err);
		if (r != 0)
			return r;
	}
	return 0;
}
