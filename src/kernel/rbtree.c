// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/rbtree.h"

#include <inttypes.h>

#include "kernel/value.h"

struct rbtree rbtree_init(struct kernel *kernel, uint64_t root, size_t limit)
{
	return (struct rbtree){ .kernel = kernel, .root = root, .limit = limit };
}

static int too_deep(const struct rbtree *tree, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "the tree at 0x%" PRIx64 " is too deep",
		       tree->root);
}

/* Down to the left from @node, which may be 0: then so is *ret. */
static int leftmost(struct rbtree *tree, uint64_t node, uint64_t *ret, struct err *err)
{
	uint64_t left = node;

	for (int depth = 0; left; depth++) {
		int r;

		if (depth == RBTREE_DEPTH_MAX)
			return too_deep(tree, err);
		node = left;
		r = value_read(tree->kernel, node, "rb_node.rb_left", &left, err);
		if (r < 0)
			return r;
	}
	*ret = node;
	return 0;
}

/* The first ancestor that @node is left of; 0: there is none. */
static int up_right(struct rbtree *tree, uint64_t node, uint64_t *ret, struct err *err)
{
	for (int depth = 0; depth < RBTREE_DEPTH_MAX; depth++) {
		uint64_t parent, right;
		int r = value_read(tree->kernel, node, "rb_node.__rb_parent_color",
				   &parent, err);

		parent &= ~UINT64_C(3);
		if (r == 0 && !parent) {
			*ret = 0;
			return 0;
		}
		if (r == 0)
			r = value_read(tree->kernel, parent, "rb_node.rb_right", &right,
				       err);
		if (r < 0)
			return r;
		if (right != node) {
			*ret = parent;
			return 0;
		}
		node = parent;
	}
	return too_deep(tree, err);
}

int rbtree_next(struct rbtree *tree, uint64_t *ret, struct err *err)
{
	uint64_t node = 0, right = 0;
	int r;

	if (!tree->node) {
		r = kernel_read_u64(tree->kernel, tree->root, &node, err);
		if (r == 0)
			r = leftmost(tree, node, &node, err);
	} else {
		r = value_read(tree->kernel, tree->node, "rb_node.rb_right", &right, err);
		if (r == 0)
			r = right ? leftmost(tree, right, &node, err)
				  : up_right(tree, tree->node, &node, err);
	}
	if (r < 0 || !node)
		return r;
	if (tree->steps++ == tree->limit)
		return err_set(err, ERR_LIMIT, "the tree has more than %zu nodes",
			       tree->limit);
	tree->node = node;
	*ret = node;
	return 1;
}
