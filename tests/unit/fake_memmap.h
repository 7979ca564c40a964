/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small machine whose pages can be told apart: 2048 page frames with a memmap as Linux
 * v6.12 has it, and what VMCOREINFO says of it.
 */
#ifndef FAKE_MEMMAP_H
#define FAKE_MEMMAP_H

#include "fake_image.h"

#define PAGE 4096

/* Where things are; a page frame is paddr / PAGE. */
#define TABLES_PADDR 0x100000
#define TEXT_PADDR   0x200000 /* 32 pages, at FAKE_KERNEL_MAP + TEXT_PADDR */
#define TEXT_PAGES   32
#define MEMMAP_PADDR 0x300000 /* 32 pages: struct pages of frames 0 to 2047 */
#define FRAMES	     2048
#define DATA_PFN     1024 /* 512 pages that each test gives their meaning */
#define DATA_PAGES   512
#define NOISE_PFN    (DATA_PFN + 500)
#define TEXT_PFN     (TEXT_PADDR / PAGE)
#define UTSNAME	     (FAKE_KERNEL_MAP + TEXT_PADDR + 0x1000)
#define VMEMMAP	     UINT64_C(0xffffea0000000000)

/* struct page and its flags in Linux v6.12, x86-64 */
#define STRUCT_PAGE   64
#define PAGE_FLAGS    0
#define PAGE_COMPOUND 8
#define PAGE_MAPPING  24
#define PAGE_PRIVATE  40
#define PAGE_MAPCOUNT 48
#define PAGE_REFCOUNT 52
#define F_LRU	      (1u << 5)
#define F_HEAD	      (1u << 6)
#define F_SWAPCACHE   (1u << 10)
#define F_RESERVED    (1u << 13)
#define F_PRIVATE     (1u << 14)
#define F_SWAPBACKED  (1u << 17)
#define F_HWPOISON    (1u << 20)
#define T_BUDDY	      0xf0000000u
#define T_OFFLINE     0xf1000000u
#define T_TABLE	      0xf2000000u
#define T_HUGETLB     0xf4000000u
#define T_SLAB	      0xf5000000u
#define T_UNACCEPTED  0xf7000000u
#define T_NONE	      0xffffffffu

static inline uint8_t *page_struct(struct fake_image *f, uint64_t pfn)
{
	return fake_phys(f, MEMMAP_PADDR + pfn * STRUCT_PAGE, STRUCT_PAGE);
}

static inline void page_set(struct fake_image *f, uint64_t pfn, uint64_t flags,
			    uint32_t mapcount, uint64_t mapping)
{
	uint8_t *page = page_struct(f, pfn);

	fake_store(page + PAGE_FLAGS, flags, 8);
	fake_store(page + PAGE_MAPCOUNT, mapcount, 4);
	fake_store(page + PAGE_MAPPING, mapping, 8);
}

static inline void page_free_block(struct fake_image *f, uint64_t pfn, unsigned int order)
{
	page_set(f, pfn, 0, T_BUDDY, 0);
	fake_store(page_struct(f, pfn) + PAGE_PRIVATE, order, 8);
	for (uint64_t i = 0; i < (uint64_t)1 << order; i++)
		fake_store(page_struct(f, pfn + i) + PAGE_REFCOUNT, 0, 4);
}

static inline void page_tails(struct fake_image *f, uint64_t head, unsigned int order)
{
	for (uint64_t i = 1; i < (uint64_t)1 << order; i++)
		fake_store(page_struct(f, head + i) + PAGE_COMPOUND,
			   (VMEMMAP + head * STRUCT_PAGE) | 1, 8);
	fake_store(page_struct(f, head + 1) + PAGE_FLAGS, order, 8);
}

/* VMCOREINFO's lines; @without (may be NULL) is left out. */
static inline void machine_keys(struct fake_image *f, const char *without)
{
	static const struct {
		const char *key;
		int64_t value;
	} keys[] = {
		{ "SIZE(page)", STRUCT_PAGE },
		{ "OFFSET(page.flags)", PAGE_FLAGS },
		{ "OFFSET(page.compound_head)", PAGE_COMPOUND },
		{ "OFFSET(page.mapping)", PAGE_MAPPING },
		{ "OFFSET(page.private)", PAGE_PRIVATE },
		{ "OFFSET(page._mapcount)", PAGE_MAPCOUNT },
		{ "OFFSET(page._refcount)", PAGE_REFCOUNT },
		{ "LENGTH(zone.free_area)", 11 },
		{ "NUMBER(PG_lru)", 5 },
		{ "NUMBER(PG_private)", 14 },
		{ "NUMBER(PG_swapcache)", 10 },
		{ "NUMBER(PG_swapbacked)", 17 },
		{ "NUMBER(PG_hwpoison)", 20 },
		{ "NUMBER(PG_head_mask)", F_HEAD },
		{ "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)", (int32_t)T_BUDDY },
		{ "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", (int32_t)T_OFFLINE },
		{ "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)", (int32_t)T_HUGETLB },
		{ "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)", (int32_t)T_SLAB },
		{ "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)", (int32_t)T_UNACCEPTED },
		{ "CRASHTIME", 1795555914 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!without || strcmp(keys[i].key, without) != 0)
			fake_vmcoreinfo(f, "%s=%" PRId64, keys[i].key, keys[i].value);
	if (!without || strcmp(without, "SYMBOL(vmemmap)") != 0)
		fake_vmcoreinfo(f, "SYMBOL(vmemmap)=%" PRIx64, VMEMMAP);
	fake_vmcoreinfo(f, "SYMBOL(_stext)=%" PRIx64, FAKE_KERNEL_MAP + TEXT_PADDR);
	fake_vmcoreinfo(f, "SYMBOL(init_uts_ns)=%" PRIx64, UTSNAME);
	fake_vmcoreinfo(f, "OFFSET(uts_namespace.name)=0");
}

static inline void machine_utsname(struct fake_image *f)
{
	static const char *const names[] = { "Linux",  "fake",	 "6.12.0-fake",
					     "#1 SMP", "x86_64", "(none)" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		fake_string(f, UTSNAME + i * 65, names[i]);
}

/*
 * Every page is the kernel's (nothing set, a reference held), but for one that is free:
 * a kernel without any is not believed. Pages 512 to 519 stay zero.
 */
static inline void machine_make(struct fake_image *f, const char *without)
{
	uint64_t regs[27] = { 0 };

	fake_paging(f, TABLES_PADDR, 4);
	fake_memory(f, FAKE_KERNEL_MAP + TEXT_PADDR, TEXT_PADDR, TEXT_PAGES * PAGE);
	fake_memory(f, VMEMMAP, MEMMAP_PADDR, FRAMES * STRUCT_PAGE);
	fake_ram(f, DATA_PFN * PAGE, DATA_PAGES * PAGE);
	machine_keys(f, without);
	machine_utsname(f);
	fake_prstatus(f, 1, regs);
	fake_note(f, "OTHER", 1, regs, sizeof(regs));
	fake_prstatus(f, 0, regs);
	for (uint64_t pfn = 0; pfn < FRAMES; pfn++) {
		page_set(f, pfn, pfn < DATA_PFN ? F_RESERVED : 0, T_NONE, 0);
		fake_store(page_struct(f, pfn) + PAGE_REFCOUNT, 1, 4);
	}
	page_free_block(f, DATA_PFN + DATA_PAGES - 1, 0);
	for (uint64_t i = 8; i < DATA_PAGES; i++)
		for (uint64_t at = 0; at < PAGE; at += 64)
			fake_store(fake_phys(f, (DATA_PFN + i) * PAGE + at, 8),
				   (i << 16 | at) * UINT64_C(0x9e3779b97f4a7c15), 8);
	/* One that no codec makes smaller. */
	for (uint64_t i = 0; i < PAGE; i++)
		*fake_phys(f, NOISE_PFN * PAGE + i, 1) =
			(uint8_t)((i * i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 37);
}

#endif
