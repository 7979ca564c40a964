// SPDX-License-Identifier: GPL-2.0-or-later
/* Which pages a dump leaves out, of kernels new and old, and what it does where that
 * can't be known; and how large it will be. */
#include "written_dump.h"

/* --- classes -------------------------------------------------------------------------
 */

#define ALWAYS 0x80

/* One page each; @bits: any of these bits in the level leaves it out. */
static const struct {
	const char *what;
	uint64_t flags;
	uint32_t mapcount;
	uint64_t mapping;
	int bits;
} singles[] = {
	{ "kernel", 0, T_NONE, 0, 0 },
	{ "slab", 0, T_SLAB, 0x1, 0 },
	{ "slab, low bits its own", 0, T_SLAB | 0x1234, 0x1, 0 },
	{ "page table", 0, T_TABLE, 0x1, 0 },
	{ "cache", F_LRU, T_NONE, 0x1000, 2 | 4 },
	{ "cache, mapped twice", F_LRU, 1, 0x1000, 2 | 4 },
	{ "cache with private data", F_LRU | F_PRIVATE, T_NONE, 0x1000, 4 },
	{ "swap cache", F_SWAPBACKED | F_SWAPCACHE, T_NONE, 0x1000, 2 | 4 },
	{ "PG_owner_priv_1 of a file system", F_SWAPCACHE, T_NONE, 0x1000, 0 },
	{ "anonymous", F_LRU | F_SWAPBACKED, 0, 0x1001, 8 },
	{ "anonymous off the list", F_SWAPBACKED, 0, 0x1001, 8 },
	{ "count went wrong", F_LRU, (uint32_t)-5, 0x1001, 8 },
	{ "poisoned", F_HWPOISON, T_NONE, 0, ALWAYS },
	{ "poisoned slab", F_HWPOISON, T_SLAB, 0, ALWAYS },
	{ "poisoned anonymous", F_HWPOISON | F_LRU, 0, 0x1001, ALWAYS },
	{ "offline", 0, T_OFFLINE, 0, ALWAYS },
	{ "offline, low bits its own", 0, T_OFFLINE | 3, 0, ALWAYS },
	{ "reserved, looks anonymous", F_RESERVED, T_NONE, 0x1001, 0 },
	{ "reserved, looks like cache", F_RESERVED | F_LRU, T_NONE, 0, 0 },
	{ "reserved, looks free", F_RESERVED, T_BUDDY, 0, 0 },
	{ "a type of tomorrow", F_LRU, 0xfb000000, 0x1001, 0 },
	{ "head without tails", F_HEAD | F_LRU, T_NONE, 0x1000, 2 | 4 },
};

static void test_single_pages(void **state)
{
	struct written w = { 0 };

	machine_make(&w.f, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(singles); i++)
		page_set(&w.f, DATA_PFN + 8 + i, singles[i].flags, singles[i].mapcount,
			 singles[i].mapping);
	dump_open(&w);
	for (int level = 0; level <= DUMP_LEVEL_MAX; level++) {
		w.options.level = level;
		dump_run(&w);
		check_complete(&w);
		assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
		for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
			bool dropped = singles[i].bits & (level | ALWAYS);

			if (is_in(&w, 1, DATA_PFN + 8 + i) == dropped)
				fail_msg("level %d: %s", level, singles[i].what);
			assert_true(is_in(&w, 0, DATA_PFN + 8 + i));
		}
	}
	dump_close(&w);
}

static void test_blocks(void **state)
{
	struct written w = { .options = { .level = 31, .codec = CODEC_NONE } };
	const uint64_t at = DATA_PFN;

	machine_make(&w.f, NULL);
	page_free_block(&w.f, at + 16, 4);
	/* One page of a free block that somebody holds, one that is broken. */
	page_free_block(&w.f, at + 32, 4);
	fake_store(page_struct(&w.f, at + 37) + PAGE_REFCOUNT, 1, 4);
	/* Not at a multiple of its size; an order that can't be. */
	page_free_block(&w.f, at + 50, 2);
	page_free_block(&w.f, at + 56, 0);
	fake_store(page_struct(&w.f, at + 56) + PAGE_PRIVATE, 11, 8);
	/* A cached folio of 16 pages, a slab of 8 with a broken page, hugetlb of 32. */
	page_set(&w.f, at + 64, F_HEAD | F_LRU, T_NONE, 0x1000);
	page_tails(&w.f, at + 64, 4);
	page_set(&w.f, at + 80, F_HEAD, T_SLAB, 0x1);
	page_tails(&w.f, at + 80, 3);
	fake_store(page_struct(&w.f, at + 83) + PAGE_FLAGS, F_HWPOISON, 8);
	page_set(&w.f, at + 96, F_HEAD, T_HUGETLB, 0);
	page_tails(&w.f, at + 96, 5);
	/* A kernel's compound page, whose first tail counts where mapping is (v7.1). */
	page_set(&w.f, at + 128, F_HEAD, T_NONE, 0);
	page_tails(&w.f, at + 128, 2);
	fake_store(page_struct(&w.f, at + 129) + PAGE_MAPPING, 0xffffffff, 8);
	/* A head whose order reaches past its tails: only the head is what it says. */
	page_set(&w.f, at + 160, F_HEAD | F_LRU, T_NONE, 0x1000);
	page_tails(&w.f, at + 160, 2);
	fake_store(page_struct(&w.f, at + 161) + PAGE_FLAGS, 5, 8);
	fake_store(page_struct(&w.f, at + 162) + PAGE_MAPPING, 0x1001, 8);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(count_in(&w, at + 16, 16), 0);
	assert_int_equal(count_in(&w, at + 32, 16), 1);
	assert_true(is_in(&w, 1, at + 37));
	assert_int_equal(count_in(&w, at + 48, 16), 16);
	assert_int_equal(count_in(&w, at + 64, 16), 0);
	assert_int_equal(count_in(&w, at + 80, 16), 15);
	assert_false(is_in(&w, 1, at + 83));
	assert_int_equal(count_in(&w, at + 96, 32), 0);
	assert_int_equal(count_in(&w, at + 128, 32), 32);
	assert_int_equal(count_in(&w, at + 160, 32), 31);
	assert_int_equal(w.result.pages_user, 32);
	assert_int_equal(w.result.pages_cache, 17);
	assert_int_equal(w.result.pages_free, 16 + 15 + 1);
	assert_int_equal(w.result.pages_other, 1);
	dump_close(&w);
}

/* Unaccepted memory is in blocks of the largest order: 1024 pages, of which 512 exist. */
static void test_unaccepted(void **state)
{
	struct written w = { .options = { .level = 16 } };

	machine_make(&w.f, NULL);
	for (uint64_t i = 0; i < DATA_PAGES; i++)
		fake_store(page_struct(&w.f, DATA_PFN + i) + PAGE_REFCOUNT, 0, 4);
	page_set(&w.f, DATA_PFN, 0, T_UNACCEPTED, 0);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(count_in(&w, DATA_PFN, DATA_PAGES), 0);
	assert_int_equal(w.result.pages_free, DATA_PAGES);
	dump_close(&w);
}

/*
 * A gigantic page of 2^18 frames, of which the machine has the first 64 and 64 that are
 * chunks away: there it shows only in the head, far below.
 */
static void test_gigantic(void **state)
{
	const uint64_t head = (uint64_t)1 << 18, far = head + 3 * MEMMAP_CHUNK_PAGES;
	struct written w = { .options = { .level = 8 } };
	uint8_t *pages;

	machine_make(&w.f, NULL);
	fake_ram(&w.f, head * PAGE, 64 * PAGE);
	fake_ram(&w.f, far * PAGE, 64 * PAGE);
	for (int i = 0; i < 2; i++) {
		uint64_t pfn = i ? far : head;

		pages = fake_memory(&w.f, VMEMMAP + pfn * STRUCT_PAGE,
				    0x340000 + i * PAGE, PAGE);
		for (int k = 0; k < 64; k++) {
			fake_store(pages + k * STRUCT_PAGE + PAGE_MAPCOUNT, T_NONE, 4);
			if (i || k)
				fake_store(pages + k * STRUCT_PAGE + PAGE_COMPOUND,
					   (VMEMMAP + head * STRUCT_PAGE) | 1, 8);
		}
		if (i)
			continue;
		fake_store(pages + PAGE_FLAGS, F_HEAD, 8);
		fake_store(pages + PAGE_MAPCOUNT, T_HUGETLB, 4);
		fake_store(pages + STRUCT_PAGE + PAGE_FLAGS, 18, 8);
	}
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(w.result.pages_user, 128);
	assert_int_equal(count_in(&w, head, 64) + count_in(&w, far, 64), 0);
	dump_close(&w);
}

/* --- older kernels -------------------------------------------------------------------
 */

/* Linux v6.1: flags for slab, a number for hugetlb, sections in an array of pointers. */
static void machine_old(struct fake_image *f)
{
	const uint64_t root = FAKE_KERNEL_MAP + TEXT_PADDR + 0x2000;
	const uint64_t section = root + 0x1000;
	uint64_t regs[27] = { 0 };

	fake_paging(f, TABLES_PADDR, 4);
	fake_memory(f, FAKE_KERNEL_MAP + TEXT_PADDR, TEXT_PADDR, TEXT_PAGES * PAGE);
	fake_memory(f, VMEMMAP, MEMMAP_PADDR, FRAMES * STRUCT_PAGE);
	fake_ram(f, DATA_PFN * PAGE, DATA_PAGES * PAGE);
	fake_vmcoreinfo(f,
			"SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n"
			"OFFSET(page.compound_head)=8\nOFFSET(page.private)=40\n"
			"OFFSET(page._mapcount)=48\nOFFSET(page._refcount)=52\n"
			"OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
			"LENGTH(zone.free_area)=11\nNUMBER(PG_lru)=5\n"
			"NUMBER(PG_private)=14\nNUMBER(PG_swapcache)=10\n"
			"NUMBER(PG_swapbacked)=17\nNUMBER(PG_slab)=9\n"
			"NUMBER(PG_head_mask)=64\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
			"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
			"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n"
			"LENGTH(mem_section)=16\nSIZE(mem_section)=16\n"
			"OFFSET(mem_section.section_mem_map)=0\n"
			"NUMBER(SECTION_SIZE_BITS)=27");
	fake_vmcoreinfo(f, "SYMBOL(mem_section)=%" PRIx64, root);
	fake_vmcoreinfo(f, "SYMBOL(_stext)=%" PRIx64, FAKE_KERNEL_MAP + TEXT_PADDR);
	fake_vmcoreinfo(f, "SYMBOL(init_uts_ns)=%" PRIx64, UTSNAME);
	fake_vmcoreinfo(f, "OFFSET(uts_namespace.name)=0");
	fake_u64(f, root, section);
	fake_u64(f, section, VMEMMAP | 0x6f); /* all kinds of flags, and present */
	machine_utsname(f);
	fake_prstatus(f, 1, regs);
	for (uint64_t pfn = 0; pfn < FRAMES; pfn++) {
		page_set(f, pfn, pfn < DATA_PFN ? F_RESERVED : 0, T_NONE, 0);
		fake_store(page_struct(f, pfn) + PAGE_REFCOUNT, 1, 4);
	}
}

static void test_old_kernel(void **state)
{
	struct written w = { .options = { .level = 31 } };
	const uint64_t at = DATA_PFN;

	machine_old(&w.f);
	page_free_block(&w.f, at + 16, 4);
	page_set(&w.f, at + 16, 0, (uint32_t)-129, 0);
	page_set(&w.f, at + 32, 1u << 9, 17, 0x1); /* slab: its words are its own */
	page_set(&w.f, at + 33, 0, (uint32_t)-257, 0);
	page_set(&w.f, at + 34, 0, (uint32_t)-513, 0x1); /* a page table */
	page_set(&w.f, at + 64, F_HEAD, T_NONE, 0);	 /* hugetlb */
	page_tails(&w.f, at + 64, 5);
	fake_store(page_struct(&w.f, at + 65) + 16, 2, 1);
	fake_store(page_struct(&w.f, at + 65) + 17, 5, 1);
	page_set(&w.f, at + 96, F_HEAD, T_NONE, 0); /* the kernel's own */
	page_tails(&w.f, at + 96, 5);
	fake_store(page_struct(&w.f, at + 97) + 16, 1, 1);
	fake_store(page_struct(&w.f, at + 97) + 17, 5, 1);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(w.result.pages_free, 16);
	assert_int_equal(w.result.pages_other, 1);
	assert_int_equal(w.result.pages_user, 32);
	assert_int_equal(w.result.pages_cache, 0);
	assert_int_equal(count_in(&w, at + 16, 16) + count_in(&w, at + 64, 32), 0);
	dump_close(&w);
}

/* --- when the memmap can't be believed -----------------------------------------------
 */

static void check_zero_only(struct written *w, const char *why)
{
	dump_run(w);
	check_complete(w);
	assert_int_equal(w->result.selection, DUMP_SELECTION_ZERO);
	if (!strstr(w->result.selection_why, why))
		fail_msg("'%s' is not in '%s'", why, w->result.selection_why);
	assert_non_null(strstr(w->warnings, "keeping all pages"));
	assert_int_equal(w->result.pages_written, w->result.pages_total);
	assert_int_equal(get_u32(w, PAGE + 8), w->options.level & 1);
}

static void test_no_kernel(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	dump_open(&w);
	kernel_close(w.kernel);
	w.kernel = NULL;
	check_zero_only(&w, "not known");
	assert_string_equal((char *)w.data + 12 + 2 * 65, "6.12.0-fake");
	assert_string_equal((char *)w.data + 12 + 4 * 65, "x86_64");
	dump_close(&w);
}

static void test_missing_keys(void **state)
{
	static const char *const keys[] = {
		"SIZE(page)",
		"OFFSET(page.flags)",
		"OFFSET(page.compound_head)",
		"OFFSET(page.mapping)",
		"OFFSET(page.private)",
		"OFFSET(page._mapcount)",
		"OFFSET(page._refcount)",
		"LENGTH(zone.free_area)",
		"NUMBER(PG_lru)",
		"NUMBER(PG_private)",
		"NUMBER(PG_swapcache)",
		"NUMBER(PG_swapbacked)",
		"NUMBER(PG_head_mask)",
		"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)",
		"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)",
		"SYMBOL(vmemmap)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct written w = { .options = { .level = 31 } };

		machine_make(&w.f, keys[i]);
		dump_open(&w);
		check_zero_only(&w, "VMCOREINFO does not describe struct page");
		dump_close(&w);
	}
}

static void test_impossible_keys(void **state)
{
	static const char *const lines[] = {
		"SIZE(page)=0",
		"SIZE(page)=1048576",
		"SIZE(page)=61",
		"OFFSET(page.flags)=60",
		"OFFSET(page.private)=18446744073709551615",
		"NUMBER(PG_lru)=64",
		"NUMBER(PG_private)=-1",
		"LENGTH(zone.free_area)=0",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct written w = { .options = { .level = 30 } };

		machine_make(&w.f, NULL);
		fake_vmcoreinfo(&w.f, "%s", lines[i]); /* the last of equal keys wins */
		dump_open(&w);
		check_zero_only(&w, "");
		dump_close(&w);
	}
}

static void test_no_free_page(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	page_set(&w.f, DATA_PFN + DATA_PAGES - 1, 0, T_NONE, 0);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0);
	dump_open(&w);
	check_zero_only(&w, "looks free");
	dump_close(&w);
}

/* The pages that VMCOREINFO's own symbols are on: one that looks wrong is kept. */
static void test_guards(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	fake_vmcoreinfo(&w.f, "SYMBOL(prb)=%" PRIx64,
			FAKE_KERNEL_MAP + (TEXT_PFN + 20) * PAGE);
	page_set(&w.f, TEXT_PFN + 20, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, TEXT_PFN + 21, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_true(is_in(&w, 1, TEXT_PFN + 20));
	assert_int_equal(w.result.pages_user, 2);
	dump_close(&w);
}

/* All of them: the classes are wrong. */
static void test_guards_all_hit(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t pfn = 0; pfn < DATA_PFN; pfn++)
		page_set(&w.f, pfn, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	check_zero_only(&w, "the kernel's for sure");
	dump_close(&w);
}

/* Without PG_reserved where the kernel's own code must have it: its image is kept. */
static void test_reserved_is_unknown(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t pfn = 0; pfn < DATA_PFN; pfn++)
		page_set(&w.f, pfn, 0, T_NONE, 0);
	for (uint64_t i = 16; i < TEXT_PAGES; i++)
		page_set(&w.f, TEXT_PFN + i, F_LRU, T_NONE, 0x1001);
	page_set(&w.f, DATA_PFN + 8, F_LRU, T_NONE, 0x1001);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(count_in(&w, TEXT_PFN, TEXT_PAGES), TEXT_PAGES);
	assert_int_equal(w.result.pages_user, 1);
	dump_close(&w);
}

/* A page of the memmap is not in the image: 64 pages of which nothing is known. */
static void test_memmap_has_a_hole(void **state)
{
	struct written w = { .options = { .level = 31 } };

	machine_make(&w.f, NULL);
	for (uint64_t i = 0; i < 192; i++)
		page_set(&w.f, DATA_PFN + i, F_LRU, T_NONE, 0x1001);
	fake_leave_out(&w.f, MEMMAP_PADDR + (DATA_PFN + 64) * STRUCT_PAGE, PAGE);
	/* The same frames of the next chunk have no struct page at all. */
	fake_ram(&w.f, (MEMMAP_CHUNK_PAGES + DATA_PFN) * PAGE, 64 * PAGE);
	dump_open(&w);
	dump_run(&w);
	check_complete(&w);
	assert_int_equal(w.result.selection, DUMP_SELECTION_MEMMAP);
	assert_int_equal(count_in(&w, DATA_PFN, 64), 0);
	assert_int_equal(count_in(&w, DATA_PFN + 64, 64), 64);
	assert_int_equal(count_in(&w, DATA_PFN + 128, 64), 0);
	assert_int_equal(count_in(&w, MEMMAP_CHUNK_PAGES + DATA_PFN, 64), 64);
	assert_non_null(strstr(w.warnings, "what 64 pages were used for"));
	dump_close(&w);
}

/* --- estimates -----------------------------------------------------------------------
 */

/* Pages of each class, in runs that cross no group. */
static void machine_classes(struct fake_image *f)
{
	for (uint64_t i = 0; i < 40; i++) {
		page_set(f, DATA_PFN + 64 + i, F_LRU, T_NONE, 0);
		page_set(f, DATA_PFN + 128 + i, F_LRU | F_PRIVATE, T_NONE, 0);
		page_set(f, DATA_PFN + 192 + i, F_LRU, T_NONE, 1);
	}
	page_set(f, DATA_PFN + 300, F_HWPOISON, T_NONE, 0);
	page_free_block(f, DATA_PFN + 256, 5);
	for (uint64_t i = 0; i < 32; i++)
		fake_store(page_struct(f, DATA_PFN + 256 + i) + PAGE_REFCOUNT, 0, 4);
}

/* Of every level: the very pages that a dump has, and its size; all pages were packed. */
static void check_estimate(struct written *w, uint64_t slack)
{
	const struct estimate_options options = { .has_sizes = true,
						  .codec = w->options.codec };
	struct estimate_size size;
	struct estimate estimate;

	assert_int_equal(estimate_run(w->image, w->kernel, &options, &estimate, &w->err),
			 0);
	for (w->options.level = 0; w->options.level <= 31; w->options.level++) {
		dump_run(w);
		estimate_level(&estimate, w->options.level, &size);
		assert_int_equal(estimate.pages_total, w->result.pages_total);
		assert_int_equal(estimate.selection, w->result.selection);
		assert_int_equal(size.pages, w->result.pages_written);
		assert_true(size.bytes + slack >= w->size);
		assert_true(w->size + slack >= size.bytes);
		assert_true(size.error_bytes < size.bytes / 10);
	}
}

static void test_estimate(void **state)
{
	static const enum codec codecs[] = { CODEC_NONE, CODEC_ZLIB, CODEC_LZO,
					     CODEC_ZSTD };
	struct estimate_options options = { .has_sizes = false };
	struct estimate_size size;
	struct estimate estimate;
	struct written w = { 0 };

	machine_make(&w.f, NULL);
	machine_classes(&w.f);
	dump_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
		w.options.codec = codecs[i];
		/* What zstd's own choice makes of a page depends on the one before. */
		check_estimate(&w, codecs[i] == CODEC_ZSTD ? 4096 : 0);
	}
	assert_int_equal(estimate_run(w.image, w.kernel, &options, &estimate, NULL), 0);
	assert_int_equal(estimate.classes[PAGE_CLASS_CACHE].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_CACHE_PRIVATE].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_USER].pages, 40);
	assert_int_equal(estimate.classes[PAGE_CLASS_FREE].pages, 32 + 1);
	assert_int_equal(estimate.classes[PAGE_CLASS_UNUSABLE].pages, 1);
	/* 8 of the data, and what of text and tables nothing was stored into. */
	w.options.level = 31;
	dump_run(&w);
	assert_int_equal(estimate.kernel_zero, w.result.pages_zero);
	estimate_level(&estimate, 31, &size);
	assert_int_equal(size.pages, w.result.pages_written);
	assert_int_equal(size.bytes, 0);
	dump_close(&w);
}

/* Nobody can tell pages apart: all are the kernel's, at any level. */
static void test_estimate_no_kernel(void **state)
{
	struct written w = { .options = { .codec = CODEC_LZO } };

	machine_make(&w.f, NULL);
	machine_classes(&w.f);
	dump_open(&w);
	kernel_close(w.kernel);
	w.kernel = NULL;
	check_estimate(&w, 0);
	dump_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_pages),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_unaccepted),
		cmocka_unit_test(test_gigantic),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_impossible_keys),
		cmocka_unit_test(test_no_free_page),
		cmocka_unit_test(test_guards),
		cmocka_unit_test(test_guards_all_hit),
		cmocka_unit_test(test_reserved_is_unknown),
		cmocka_unit_test(test_memmap_has_a_hole),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_estimate_no_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
