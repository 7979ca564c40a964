// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trees of pointers by number, and what is found by them and by lists: interrupts, works,
 * slab caches. Whole ones, and those that lead in circles, out of order, out of the dump.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_types.h"
#include "kernel/index_tree.h"
#include "kernel/slab.h"
#include "kernel/work.h"

/* Small nodes: 4 slots and 3 pivots. */
static const char types[] =
	"list_head 16 next:*@0 prev:*@8\n"
	"xarray 16 xa_head:*@8\n"
	"idr 24 idr_rt:xarray@0\n"
	"xa_node 40 shift:u8@0 slots:a4@8\n"
	"maple_tree 16 ma_root:*@8\n"
	"maple_range_64 64 pivot:q3@8 slot:a4@32\n"
	"maple_arange_64 64 pivot:q1@8 slot:a2@16\n"
	"hlist_node 16 next:*@0 pprev:*@8\n"
	"work_struct 32 data:u64@0 entry:list_head@8 func:*@24\n"
	"worker 64 hentry:hlist_node@0 current_work:*@16 current_func:*@24 "
	"current_pwq:*@32 task:*@40\n"
	"worker_pool 64 cpu:s32@0 id:s32@4 nr_workers:s32@8 nr_idle:s32@12 "
	"worklist:list_head@16 busy_hash:a2@32\n"
	"task_struct 16 pid:s32@8\n"
	"oo 4 x:u32@0\n"
	"atomic 8 counter:u64@0\n"
	"slab 32 slab_list:list_head@0 inuse:u16@16 objects:u16@18\n"
	"kmem_cache_node 48 nr_partial:u64@0 partial:list_head@8 nr_slabs:atomic@24 "
	"total_objects:atomic@32\n"
	"kmem_cache 64 size:u32@0 oo:oo@4 name:*@8 list:list_head@16 node:a2@32";

#define AT(i) (TASKS + 0x9000 + (uint64_t)(i)*0x100)

static void start(struct fake_kernel *f)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_types(f, types);
}

/* Walks it; @ret_sum has each index added, times a hundred, and each entry. */
static int walk(struct fake_kernel *f, bool is_maple, size_t limit, size_t *ret_count,
		uint64_t *ret_sum)
{
	struct index_tree tree;
	uint64_t index, entry;
	int r;

	fake_kernel_open(f);
	*ret_count = *ret_sum = 0;
	r = is_maple ? index_tree_init_maple(f->kernel, AT(0), limit, &tree, NULL)
		     : index_tree_init_xarray(f->kernel, AT(0), limit, &tree, NULL);
	while (r == 0 && (r = index_tree_next(&tree, &index, &entry, NULL)) > 0) {
		++*ret_count;
		*ret_sum += index * 100 + entry;
		r = 0;
	}
	fake_kernel_done(f);
	return r;
}

/* --- xarrays --------------------------------------------------------------------- */

/* The root has two nodes below it: entries 8 at 0, 12 at 5, 16 at 7. */
static void fake_xarray(struct fake_kernel *f)
{
	start(f);
	fake_u64(&f->memory, AT(0) + 8, AT(1) + 2);
	fake_uint(&f->memory, AT(1), 2, 1); // shift
	fake_u64(&f->memory, AT(1) + 8, AT(2) + 2);
	fake_u64(&f->memory, AT(1) + 16, AT(3) + 2);
	fake_u64(&f->memory, AT(2) + 8, 8);
	fake_u64(&f->memory, AT(3) + 16, 12);
	fake_u64(&f->memory, AT(3) + 24, 2); // a sibling's mark
	fake_u64(&f->memory, AT(3) + 32, 16);
}

static void test_xarrays(void **state)
{
	struct fake_kernel f;
	uint64_t sum;
	size_t count;

	fake_xarray(&f);
	assert_int_equal(walk(&f, false, 100, &count, &sum), 0);
	assert_int_equal(count, 3);
	assert_int_equal(sum, 100 * (0 + 5 + 7) + 8 + 12 + 16);
	fake_xarray(&f);
	assert_int_equal(walk(&f, false, 5, &count, &sum), ERR_LIMIT);
	start(&f); // one entry needs no node, none neither
	fake_u64(&f.memory, AT(0) + 8, 44);
	assert_int_equal(walk(&f, false, 100, &count, &sum), 0);
	assert_int_equal(sum, 44);
	start(&f);
	assert_int_equal(walk(&f, false, 100, &count, &sum), 0);
	assert_int_equal(count, 0);
	fake_xarray(&f); // a node within itself, a shift out of bounds, a hole
	fake_u64(&f.memory, AT(1) + 16, AT(1) + 2);
	assert_int_equal(walk(&f, false, 100, &count, &sum), ERR_CORRUPT);
	fake_xarray(&f);
	fake_uint(&f.memory, AT(1), 64, 1);
	assert_int_equal(walk(&f, false, 100, &count, &sum), ERR_CORRUPT);
	fake_xarray(&f);
	fake_u64(&f.memory, AT(1) + 16, NOWHERE + 2);
	assert_int_equal(walk(&f, false, 100, &count, &sum), ERR_FAULT);
	assert_int_equal(count, 1);
}

/* --- maple trees ----------------------------------------------------------------- */

#define LEAF(i)	  (AT(i) | 1 << 3 | 2)
#define RANGE(i)  (AT(i) | 2 << 3 | 2)
#define ARANGE(i) (AT(i) | 3 << 3 | 2)

/* To 9 the first leaf: nothing to 3, 16 at 4, nothing, 24 at 9; then 32 at 10 to the end.
 */
static void fake_maple(struct fake_kernel *f, uint64_t root)
{
	start(f);
	fake_u64(&f->memory, AT(0) + 8, root);
	fake_u64(&f->memory, AT(1) + 8, 9);
	if (root == RANGE(1)) {
		fake_u64(&f->memory, AT(1) + 16, 0);
		fake_u64(&f->memory, AT(1) + 32, LEAF(2));
		fake_u64(&f->memory, AT(1) + 40, LEAF(3));
	} else {
		fake_u64(&f->memory, AT(1) + 16, LEAF(2));
		fake_u64(&f->memory, AT(1) + 24, LEAF(3));
	}
	fake_u64(&f->memory, AT(2) + 8, 3);
	fake_u64(&f->memory, AT(2) + 16, 4);
	fake_u64(&f->memory, AT(2) + 24, 8);
	fake_u64(&f->memory, AT(2) + 40, 16);
	fake_u64(&f->memory, AT(2) + 56, 24);
	fake_u64(&f->memory, AT(3) + 8, UINT64_MAX);
	fake_u64(&f->memory, AT(3) + 32, 32);
}

static void test_maple_trees(void **state)
{
	struct fake_kernel f;
	uint64_t sum;
	size_t count;

	for (int i = 0; i < 2; i++) {
		fake_maple(&f, i ? ARANGE(1) : RANGE(1));
		assert_int_equal(walk(&f, true, 100, &count, &sum), 0);
		assert_int_equal(count, 3);
		assert_int_equal(sum, 100 * (4 + 9 + 10) + 16 + 24 + 32);
	}
	fake_maple(&f, RANGE(1)); // pivots that fall, and that leave the node's range
	fake_u64(&f.memory, AT(2) + 16, 2);
	assert_int_equal(walk(&f, true, 100, &count, &sum), ERR_CORRUPT);
	fake_maple(&f, RANGE(1));
	fake_u64(&f.memory, AT(2) + 16, 1000);
	assert_int_equal(walk(&f, true, 100, &count, &sum), ERR_CORRUPT);
	fake_maple(&f, RANGE(1)); // within itself: too deep
	fake_u64(&f.memory, AT(1) + 32, RANGE(1));
	assert_int_equal(walk(&f, true, 1000, &count, &sum), ERR_CORRUPT);
	fake_maple(&f, AT(1) | 9 << 3 | 2); // of no kind
	assert_int_equal(walk(&f, true, 100, &count, &sum), ERR_CORRUPT);
}

/* --- works ----------------------------------------------------------------------- */

/* One pool with id 0, a work that runs and one that waits. */
static void fake_works(struct fake_kernel *f)
{
	struct fake_image *m;

	start(f);
	m = &f->memory;
	fake_vmcoreinfo(m, "SYMBOL(worker_pool_idr)=%" PRIx64, AT(0));
	fake_u64(m, AT(0) + 8, AT(1));
	fake_u32(m, AT(1), 1); // CPU
	fake_u32(m, AT(1) + 8, 3);
	fake_u32(m, AT(1) + 12, 2);
	fake_list_head(f, AT(1) + 16);
	fake_list_add_tail(f, AT(2) + 8, AT(1) + 16);
	fake_u64(m, AT(2) + 24, NOWHERE);
	fake_u64(m, AT(1) + 40, AT(3)); // the second chain of the hash table
	fake_u64(m, AT(3) + 16, AT(4));
	fake_u64(m, AT(3) + 24, NOWHERE + 1);
	fake_u64(m, AT(3) + 40, AT(5));
	fake_u32(m, AT(5) + 8, 77);
}

static void test_works(void **state)
{
	struct work_pools pools;
	struct fake_kernel f;
	struct err err = { 0 };

	fake_works(&f);
	fake_kernel_open(&f);
	assert_int_equal(work_pools_read(f.kernel, &pools, NULL), 0);
	assert_string_equal(pools.cut_why, "");
	assert_int_equal(pools.count, 1);
	assert_int_equal(pools.pools[0].cpu, 1);
	assert_int_equal(pools.pools[0].item_count, 2);
	assert_true(pools.pools[0].items[0].is_running);
	assert_int_equal(pools.pools[0].items[0].pid, 77);
	assert_string_equal(pools.pools[0].items[0].function, "0xffffc90000800001");
	assert_false(pools.pools[0].items[1].is_running);
	assert_int_equal(pools.pools[0].items[1].vaddr, AT(2));
	work_pools_done(&pools);
	fake_kernel_done(&f);
	fake_works(&f); // a list that leads to nowhere
	fake_u64(&f.memory, AT(2) + 8, NOWHERE);
	fake_kernel_open(&f);
	assert_int_equal(work_pools_read(f.kernel, &pools, &err), ERR_FAULT);
	assert_non_null(strstr(err_text(&err), "not mapped"));
	fake_kernel_done(&f);
}

/* --- slab caches ----------------------------------------------------------------- */

static void fake_caches(struct fake_kernel *f)
{
	struct fake_image *m;

	start(f);
	m = &f->memory;
	fake_vmcoreinfo(m, "SYMBOL(slab_caches)=%" PRIx64, AT(0));
	fake_list_head(f, AT(0));
	fake_list_add_tail(f, AT(1) + 16, AT(0));
	fake_u32(m, AT(1), 256);
	fake_u32(m, AT(1) + 4, 1 << 16 | 32);
	fake_u64(m, AT(1) + 8, AT(5));
	fake_string(m, AT(5), "things");
	fake_u64(m, AT(1) + 32, AT(2));
	fake_u64(m, AT(2), 2);
	fake_u64(m, AT(2) + 24, 10);
	fake_u64(m, AT(2) + 32, 320);
	fake_list_head(f, AT(2) + 8);
	for (int i = 3; i < 5; i++) {
		fake_list_add_tail(f, AT(i), AT(2) + 8);
		fake_u16(m, AT(i) + 16, 30);
		fake_u16(m, AT(i) + 18, 32);
	}
}

static void test_slab_caches(void **state)
{
	struct slab_list list;
	struct fake_kernel f;

	fake_caches(&f);
	fake_kernel_open(&f);
	assert_int_equal(slab_list_read(f.kernel, &list, NULL), 0);
	assert_string_equal(list.cut_why, "");
	assert_int_equal(list.count, 1);
	assert_string_equal(list.caches[0].name, "things");
	assert_int_equal(list.caches[0].slab_bytes, 8192);
	assert_int_equal(list.caches[0].objects, 320);
	assert_int_equal(list.caches[0].used, 316);
	assert_string_equal(list.caches[0].used_why, "");
	slab_list_done(&list);
	fake_kernel_done(&f);
	fake_caches(&f); // more in use than there are; a ring of slabs without its head
	fake_u16(&f.memory, AT(3) + 16, 33);
	fake_kernel_open(&f);
	assert_int_equal(slab_list_read(f.kernel, &list, NULL), 0);
	assert_non_null(strstr(list.caches[0].used_why, "has 33 in use"));
	slab_list_done(&list);
	fake_kernel_done(&f);
	fake_caches(&f);
	fake_u64(&f.memory, AT(4), AT(3));
	fake_kernel_open(&f);
	assert_int_equal(slab_list_read(f.kernel, &list, NULL), 0);
	assert_non_null(strstr(list.caches[0].used_why, "circles"));
	slab_list_done(&list);
	fake_kernel_done(&f);
	fake_caches(&f); // an order that no slab has
	fake_u32(&f.memory, AT(1) + 4, 63u << 16 | 32);
	fake_kernel_open(&f);
	assert_int_equal(slab_list_read(f.kernel, &list, NULL), ERR_CORRUPT);
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xarrays),
		cmocka_unit_test(test_maple_trees),
		cmocka_unit_test(test_works),
		cmocka_unit_test(test_slab_caches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
