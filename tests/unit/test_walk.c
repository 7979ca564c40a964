// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What walks through a dead kernel's memory by BTF: numbers, rings, trees, paths, and the
 * rows of a struct; whole ones, and those that lead in circles or out of the dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "explain/type_rows.h"
#include "fake_types.h"
#include "kernel/path.h"
#include "kernel/rbtree.h"
#include "kernel/ring.h"
#include "kernel/value.h"

static const char types[] =
	"list_head 16 next:*@0 prev:*@8\n"
	"rb_node 24 __rb_parent_color:u64@0 rb_right:*@8 rb_left:*@16\n"
	"qstr 16 hash:u64@0 name:*@8\n"
	"hlist_bl_node 16 next:*@0 pprev:*@8\n"
	"dentry 64 d_hash:hlist_bl_node@0 d_parent:*@16 d_name:qstr@24\n"
	"vfsmount 16 mnt_root:*@0\n"
	"mount 48 mnt_parent:*@0 mnt_mountpoint:*@8 mnt:vfsmount@16\n"
	"path 16 mnt:*@0 dentry:*@8\n"
	"odd 56 list:list_head@0 small:u16@16 low:u3@20.0 high:u4@20.3 below:s32@24 "
	"name:c8@32 bytes:b16@40";

#define AT(i) (TASKS + 0x9000 + (uint64_t)(i)*0x40) /* of the test's own structs */

static void start(struct fake_kernel *f)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_types(f, types);
}

/* --- numbers --------------------------------------------------------------------- */

static void test_values(void **state)
{
	struct fake_kernel f;
	uint64_t value;
	int64_t number;
	struct err err = { 0 };

	start(&f);
	fake_u16(&f.memory, AT(0) + 16, 0xbeef);
	fake_u32(&f.memory, AT(0) + 20, 0x2d); // 5 in bits 0-2, 5 in bits 3-6
	fake_u32(&f.memory, AT(0) + 24, UINT32_MAX - 6);
	fake_u64(&f.memory, AT(0), AT(1));
	fake_kernel_open(&f);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.small", &value, NULL), 0);
	assert_int_equal(value, 0xbeef);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.low", &value, NULL), 0);
	assert_int_equal(value, 5);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.high", &value, NULL), 0);
	assert_int_equal(value, 5);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.list.next", &value, NULL), 0);
	assert_int_equal(value, AT(1));
	assert_int_equal(value_read(f.kernel, AT(0), "odd.below", &value, NULL), 0);
	assert_int_equal(value, UINT32_MAX - 6);
	assert_int_equal(value_read_signed(f.kernel, AT(0), "odd.below", &number, NULL),
			 0);
	assert_int_equal(number, -7);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.none", &value, NULL),
			 ERR_NOTFOUND);
	assert_int_equal(value_read(f.kernel, AT(0), "odd.bytes", &value, NULL),
			 ERR_INVALID);
	assert_int_equal(value_read(f.kernel, NOWHERE, "odd.small", &value, &err),
			 ERR_FAULT);
	assert_non_null(strstr(err_text(&err), "'odd.small'"));
	fake_kernel_done(&f);
}

/* --- rings and trees ------------------------------------------------------------- */

/* 0 to 3 are a ring whose head is 0; @last points to @back. */
static int count_ring(uint64_t back, size_t limit, size_t *ret)
{
	struct fake_kernel f;
	struct ring ring;
	uint64_t node;
	int r;

	start(&f);
	for (int i = 0; i < 3; i++)
		fake_u64(&f.memory, AT(i), AT(i + 1));
	fake_u64(&f.memory, AT(3), back);
	fake_kernel_open(&f);
	ring = back ? ring_init(f.kernel, AT(0), limit)
		    : ring_init_chain(f.kernel, AT(0), limit);
	*ret = 0;
	while ((r = ring_next(&ring, &node, NULL)) > 0) {
		if (*ret < 3)
			assert_int_equal(node, AT(1 + *ret));
		++*ret;
	}
	fake_kernel_done(&f);
	return r;
}

static int count_open_ring(void)
{
	struct fake_kernel f;
	struct ring ring;
	uint64_t node;
	int r;

	start(&f);
	fake_kernel_open(&f);
	ring = ring_init(f.kernel, AT(0), 10);
	r = ring_next(&ring, &node, NULL);
	fake_kernel_done(&f);
	return r;
}

static void test_rings(void **state)
{
	size_t count;

	assert_int_equal(count_ring(AT(0), 100, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(count_ring(0, 3, &count), 0); // a chain
	assert_int_equal(count, 3);
	assert_int_equal(count_ring(AT(0), 2, &count), ERR_LIMIT);
	assert_int_equal(count, 2);
	assert_int_equal(count_ring(AT(1), 1000, &count), ERR_CORRUPT);
	assert_in_range(count, 3, 16);
	assert_int_equal(count_open_ring(), ERR_CORRUPT);
	assert_int_equal(count_ring(NOWHERE, 1000, &count), ERR_FAULT);
	assert_int_equal(count, 4); // the link to it was there
}

/* Seven nodes: 3 is the root, 1 and 5 below it. */
static void fake_tree(struct fake_kernel *f)
{
	static const struct {
		int parent, left, right;
	} nodes[7] = { { 1, -1, -1 }, { 3, 0, 2 }, { 1, -1, -1 }, { -1, 1, 5 },
		       { 5, -1, -1 }, { 3, 4, 6 }, { 5, -1, -1 } };

	fake_u64(&f->memory, AT(10), AT(3));
	for (int i = 0; i < 7; i++) {
		fake_u64(&f->memory, AT(i),
			 nodes[i].parent < 0 ? 1 : AT(nodes[i].parent) | (i & 1));
		fake_u64(&f->memory, AT(i) + 8,
			 nodes[i].right < 0 ? 0 : AT(nodes[i].right));
		fake_u64(&f->memory, AT(i) + 16,
			 nodes[i].left < 0 ? 0 : AT(nodes[i].left));
	}
}

static int count_tree(uint64_t at, uint64_t value, size_t limit, size_t *ret)
{
	struct fake_kernel f;
	struct rbtree tree;
	uint64_t node;
	int r;

	start(&f);
	fake_tree(&f);
	if (at)
		fake_u64(&f.memory, at, value);
	fake_kernel_open(&f);
	tree = rbtree_init(f.kernel, AT(10), limit);
	*ret = 0;
	while ((r = rbtree_next(&tree, &node, NULL)) > 0) {
		if (!at)
			assert_int_equal(node, AT(*ret));
		++*ret;
	}
	fake_kernel_done(&f);
	return r;
}

static void test_trees(void **state)
{
	size_t count;

	assert_int_equal(count_tree(0, 0, 7, &count), 0);
	assert_int_equal(count, 7);
	assert_int_equal(count_tree(0, 0, 6, &count), ERR_LIMIT);
	assert_int_equal(count, 6);
	assert_int_equal(count_tree(AT(10), 0, 7, &count), 0); // an empty one
	assert_int_equal(count, 0);
	// left for ever, and in other circles, out of the dump
	assert_int_equal(count_tree(AT(0) + 16, AT(1), 1000, &count), ERR_CORRUPT);
	assert_int_equal(count_tree(AT(3), AT(5), 1000, &count), ERR_LIMIT);
	assert_int_equal(count_tree(AT(6) + 8, AT(3), 1000, &count), ERR_LIMIT);
	assert_int_equal(count_tree(AT(3) + 8, NOWHERE, 1000, &count), ERR_FAULT);
	assert_int_equal(count, 4);
}

/* --- paths ----------------------------------------------------------------------- */

static void fake_dentry(struct fake_kernel *f, int i, int parent, const char *name)
{
	fake_u64(&f->memory, AT(i) + 8, 1); // it is hashed
	fake_u64(&f->memory, AT(i) + 16, AT(parent));
	fake_u64(&f->memory, AT(i) + 32, AT(i) + 0x30);
	fake_string(&f->memory, AT(i) + 0x30, name);
}

static void fake_mount(struct fake_kernel *f, int i, int parent, int mountpoint, int root)
{
	fake_u64(&f->memory, AT(i), AT(parent));
	fake_u64(&f->memory, AT(i) + 8, AT(mountpoint));
	fake_u64(&f->memory, AT(i) + 16, AT(root));
}

/* / with mnt in it, and on that another file system with a/b: 0, 1; 2, 3, 4. */
static void fake_file_systems(struct fake_kernel *f)
{
	start(f);
	fake_dentry(f, 0, 0, "/");
	fake_dentry(f, 1, 0, "mnt");
	fake_dentry(f, 2, 2, "/");
	fake_dentry(f, 3, 2, "a");
	fake_dentry(f, 4, 3, "b");
	fake_mount(f, 8, 8, 0, 0);
	fake_mount(f, 9, 8, 1, 2);
}

static void check_path(struct fake_kernel *f, int mount, int dentry, const char *want)
{
	char path[PATH_SIZE];
	struct err err = { 0 };

	fake_kernel_open(f);
	if (path_read(f->kernel, AT(mount) + 16, AT(dentry), path, sizeof(path), &err) <
	    0)
		snprintf(path, sizeof(path), "%s", err_text(&err));
	assert_non_null(strstr(path, want));
	if (want[0] == '/')
		assert_string_equal(path, want);
	fake_kernel_done(f);
}

static void test_paths(void **state)
{
	struct fake_kernel f;

	fake_file_systems(&f);
	check_path(&f, 9, 4, "/mnt/a/b");
	fake_file_systems(&f);
	check_path(&f, 9, 2, "/mnt");
	fake_file_systems(&f);
	check_path(&f, 8, 0, "/");
	fake_file_systems(&f);
	fake_u64(&f.memory, AT(4) + 8, 0);
	check_path(&f, 9, 4, "/mnt/a/b (deleted)");
	fake_file_systems(&f); // a is in b, which is in a
	fake_u64(&f.memory, AT(3) + 16, AT(4));
	check_path(&f, 9, 4, "has no end");
	fake_file_systems(&f); // a mount on itself, by way of another
	fake_mount(&f, 8, 9, 2, 0);
	check_path(&f, 9, 4, "has no end");
	fake_file_systems(&f);
	fake_u64(&f.memory, AT(3) + 16, NOWHERE);
	check_path(&f, 9, 4, "is not mapped");
}

/* --- rows ------------------------------------------------------------------------ */

static void test_rows(void **state)
{
	struct type_rows rows = { 0 };
	struct text text = { 0 };
	struct fake_kernel f;

	start(&f);
	fake_u64(&f.memory, AT(0), AT(1));
	fake_u16(&f.memory, AT(0) + 16, 300);
	fake_u32(&f.memory, AT(0) + 20, 0x2d);
	fake_u32(&f.memory, AT(0) + 24, UINT32_MAX);
	fake_string(&f.memory, AT(0) + 32, "a\x1b\"");
	fake_uint(&f.memory, AT(0) + 41, 7, 1);
	fake_kernel_open(&f);
	assert_int_equal(type_rows_read(f.kernel, "odd", 0, &rows, NULL), 0);
	assert_int_equal(rows.count, 8);
	assert_null(rows.rows[2].value);
	type_rows_done(&rows);
	assert_int_equal(type_rows_read(f.kernel, "odd", AT(0), &rows, NULL), 0);
	type_rows_format_text(&rows, &text);
	assert_string_equal(rows.lost, "");
	for (size_t i = 0; i < 6; i++) {
		static const char *const want[] = {
			"void * next = 0xffff888000009040",
			"u16 small = 300",
			"0x14:3  ",
			"s32 below = -1",
			"char [8] name = \"a\\x1b\"\"",
			"u8 [16] bytes = {0, 7, 0 (14 times)}",
		};

		if (!strstr(text_get(&text), want[i]))
			fail_msg("no '%s' in:\n%s", want[i], text_get(&text));
	}
	type_rows_done(&rows);
	assert_int_equal(type_rows_read(f.kernel, "odd.list", AT(0), &rows, NULL), 0);
	assert_int_equal(rows.count, 3);
	type_rows_done(&rows);
	assert_int_equal(type_rows_read(f.kernel, "odd", NOWHERE, &rows, NULL), 0);
	assert_non_null(strstr(rows.lost, "is not mapped"));
	type_rows_done(&rows);
	assert_int_equal(type_rows_read(f.kernel, "none", 0, &rows, NULL), ERR_NOTFOUND);
	text_done(&text);
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_rings),
		cmocka_unit_test(test_trees),  cmocka_unit_test(test_paths),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
