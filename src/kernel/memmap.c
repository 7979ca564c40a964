// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memmap: where it lies, and what one struct page says.
 *
 * Where: SYMBOL(vmemmap) is its start where the kernel tells it (since v6.9); before,
 * mem_section[] gives it section by section (Linux include/linux/mmzone.h, SPARSEMEM with
 * EXTREME, which x86-64 and arm64 always have). What is not mapped there has no struct
 * page: that memory was never given to the kernel, or was taken away again.
 *
 * What: the rules are those of makedumpfile's -d (__exclude_unnecessary_pages()), so that
 * the two select the same pages; Linux include/linux/page-flags.h, mm_types.h, kernel/
 * vmcore_info.c say what the words mean. Stricter than makedumpfile, each where memory
 * that lies about itself would cost kernel pages:
 *   - PG_reserved is never dropped; nor is a page that carries a type (page tables,
 *     zsmalloc, ...) other than buddy, offline, unaccepted, hugetlb;
 *   - a free block begins at a multiple of its size, and a page of it that somebody holds
 *     a reference to is kept;
 *   - a compound page is one only if its first and its last tail say so;
 *   - a tail's own words are never looked at: they are something else there (v7.1 counts
 *     in the word that is mapping elsewhere).
 *
 * Refuses to know: which file or process a page belongs to.
 */
#include "kernel/memmap.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/memmap_section.h"

#define PAGE_SIZE_OF_STRUCT_MAX 256 /* 64 on most kernels, 56 to 128 seen */
#define ORDER_MAX		20  /* gigantic pages of 4 KiB have 18; 64 KiB: 13 */
#define NO_BIT			(-1)
#define MAPPING_ANON		1 /* Linux page-flags.h: PAGE_MAPPING_ANON */

/* The word that shares its place with _mapcount: the type of a page that has one. */
struct page_type {
	bool is_known;
	uint32_t value;
	uint32_t mask; /* since v6.12 the type is the top byte, the rest the owner's */
};

/* How hugetlb and a compound page's order are told; the first that has its key. */
enum compound_kind {
	COMPOUND_BY_TAILS, /* no hugetlb in this kernel: the tails are counted */
	COMPOUND_BY_TYPE,  /* v6.9: the head's type; order in the first tail's flags */
	COMPOUND_BY_FLAG,  /* v6.6: PG_hugetlb in the first tail's flags; order there too
			    */
	COMPOUND_BY_DTOR,  /* before: a number and the order as bytes of the first tail */
};

struct page_layout {
	uint32_t size;
	uint32_t flags, refcount, mapping, mapcount, private, compound; /* offsets */
	int lru, private_bit, swapbacked, swapcache, slab_bit, hwpoison, reserved;
	uint64_t head_mask;
	struct page_type buddy, offline, unaccepted, slab, hugetlb;
	enum compound_kind compound_kind;
	int hugetlb_flag;
	uint32_t dtor, order; /* offsets in the first tail */
	uint8_t hugetlb_dtor;
	uint64_t max_order; /* of a free block: exclusive */
};

struct memmap {
	struct kernel *kernel;
	struct page_layout layout;
	struct sections sections;
	uint8_t *pages; /* of a chunk */
	bool knows_reserved;
};

/* --- the layout ----------------------------------------------------------------------
 */

static int layout_offset(const struct vmcoreinfo *info, const char *name, size_t width,
			 struct page_layout *layout, uint32_t *ret, struct err *err)
{
	uint64_t value;
	int r = vmcoreinfo_offset(info, name, &value, err);

	if (r < 0)
		return r;
	if (value > layout->size || layout->size - value < width)
		return err_set(err, ERR_CORRUPT,
			       "OFFSET(%s)=%" PRIu64 " lies outside of struct page", name,
			       value);
	*ret = (uint32_t)value;
	return 0;
}

static int layout_bit(const struct vmcoreinfo *info, const char *name)
{
	int64_t value;

	if (vmcoreinfo_number(info, name, &value, NULL) < 0 || value < 0 || value > 63)
		return NO_BIT;
	return (int)value;
}

static struct page_type layout_type(const struct vmcoreinfo *info, const char *name)
{
	struct page_type type = { .mask = UINT32_MAX };
	int64_t value;

	if (vmcoreinfo_number(info, name, &value, NULL) < 0)
		return type;
	type.is_known = true;
	type.value = (uint32_t)value;
	if ((type.value & 0xffffff) == 0)
		type.mask = 0xff000000;
	return type;
}

/* Before v6.6; folio's fields are those of the head and of the first tail in one. */
static void layout_dtor(const struct vmcoreinfo *info, struct page_layout *layout)
{
	int64_t value;

	if (vmcoreinfo_number(info, "HUGETLB_PAGE_DTOR", &value, NULL) < 0)
		return;
	if (layout_offset(info, "page.compound_dtor", 1, layout, &layout->dtor, NULL) ||
	    layout_offset(info, "page.compound_order", 1, layout, &layout->order, NULL)) {
		uint64_t dtor, order; /* Linux commit 1c5509be58f6 (in v6.3) */

		if (vmcoreinfo_offset(info, "folio._folio_dtor", &dtor, NULL) < 0 ||
		    vmcoreinfo_offset(info, "folio._folio_order", &order, NULL) < 0 ||
		    dtor < layout->size || dtor >= 2 * (uint64_t)layout->size ||
		    order < layout->size || order >= 2 * (uint64_t)layout->size)
			return;
		layout->dtor = (uint32_t)dtor - layout->size;
		layout->order = (uint32_t)order - layout->size;
	}
	layout->hugetlb_dtor = (uint8_t)value;
	layout->compound_kind = COMPOUND_BY_DTOR;
}

static void layout_compound(const struct vmcoreinfo *info, struct page_layout *layout)
{
	layout->hugetlb = layout_type(info, "PAGE_HUGETLB_MAPCOUNT_VALUE");
	layout->hugetlb_flag = layout_bit(info, "PG_hugetlb");
	if (layout->hugetlb.is_known)
		layout->compound_kind = COMPOUND_BY_TYPE;
	else if (layout->hugetlb_flag != NO_BIT)
		layout->compound_kind = COMPOUND_BY_FLAG;
	else
		layout_dtor(info, layout);
}

static int layout_offsets(const struct vmcoreinfo *info, struct page_layout *layout,
			  struct err *err)
{
	const struct {
		const char *name;
		size_t width;
		uint32_t *ret;
	} words[] = {
		{ "page.flags", 8, &layout->flags },
		{ "page._refcount", 4, &layout->refcount },
		{ "page.mapping", 8, &layout->mapping },
		{ "page._mapcount", 4, &layout->mapcount },
		{ "page.private", 8, &layout->private },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && r == 0; i++)
		r = layout_offset(info, words[i].name, words[i].width, layout,
				  words[i].ret, err);
	if (r < 0)
		return r;
	/* The new name is Linux v7.1's; bit 0 means "tail" in both. */
	r = layout_offset(info, "page.compound_info", 8, layout, &layout->compound, NULL);
	if (r < 0)
		r = layout_offset(info, "page.compound_head", 8, layout,
				  &layout->compound, err);
	return r;
}

/*
 * VMCOREINFO does not tell PG_reserved, and the crash kernel has no memory for BTF. In
 * Linux page-flags.h it is the one before PG_private, from v2.6.24 to v7.1 at least; see
 * memmap_check_reserved().
 */
static int guess_reserved(int private_bit)
{
	return private_bit > 0 ? private_bit - 1 : NO_BIT;
}

static void layout_bits(const struct vmcoreinfo *info, struct page_layout *layout)
{
	int64_t head_mask;
	uint64_t max_order;

	layout->lru = layout_bit(info, "PG_lru");
	layout->private_bit = layout_bit(info, "PG_private");
	layout->reserved = guess_reserved(layout->private_bit);
	layout->swapbacked = layout_bit(info, "PG_swapbacked");
	layout->swapcache = layout_bit(info, "PG_swapcache");
	layout->slab_bit = layout_bit(info, "PG_slab");
	layout->hwpoison = layout_bit(info, "PG_hwpoison");
	layout->slab = layout_type(info, "PAGE_SLAB_MAPCOUNT_VALUE");
	layout->buddy = layout_type(info, "PAGE_BUDDY_MAPCOUNT_VALUE");
	layout->offline = layout_type(info, "PAGE_OFFLINE_MAPCOUNT_VALUE");
	layout->unaccepted = layout_type(info, "PAGE_UNACCEPTED_MAPCOUNT_VALUE");
	if (vmcoreinfo_number(info, "PG_head_mask", &head_mask, NULL) == 0)
		layout->head_mask = (uint64_t)head_mask;
	if (vmcoreinfo_length(info, "zone.free_area", &max_order, NULL) == 0)
		layout->max_order = MIN(max_order, (uint64_t)ORDER_MAX);
	layout_compound(info, layout);
}

static int layout_init(const struct vmcoreinfo *info, struct page_layout *layout,
		       struct err *err)
{
	uint64_t size;
	int r = vmcoreinfo_size(info, "page", &size, err);

	if (r < 0)
		return r;
	if (size < 32 || size > PAGE_SIZE_OF_STRUCT_MAX || size % 8)
		return err_set(err, ERR_CORRUPT, "SIZE(page)=%" PRIu64 " can't be", size);
	*layout = (struct page_layout){ .size = (uint32_t)size };
	r = layout_offsets(info, layout, err);
	if (r < 0)
		return r;
	layout_bits(info, layout);
	/* Slab pages use the words that mean something else everywhere else. */
	if (!layout->slab.is_known && layout->slab_bit == NO_BIT)
		return err_set(err, ERR_NOTFOUND, "how to tell a slab page");
	if (!layout->buddy.is_known || layout->lru == NO_BIT ||
	    layout->private_bit == NO_BIT || layout->swapbacked == NO_BIT ||
	    layout->swapcache == NO_BIT || !layout->head_mask || !layout->max_order)
		return err_set(err, ERR_NOTFOUND, "flags, types or orders of pages");
	return 0;
}

/* --- one struct page -----------------------------------------------------------------
 */

static uint64_t page_u64(const uint8_t *page, uint32_t offset)
{
	return load_le64(page + offset);
}

static uint32_t page_mapcount(const struct page_layout *l, const uint8_t *page)
{
	return load_le32(page + l->mapcount);
}

static bool page_flag(uint64_t flags, int bit)
{
	return bit != NO_BIT && (flags >> bit & 1);
}

static bool page_has_type(struct page_type type, uint32_t mapcount)
{
	return type.is_known && (mapcount & type.mask) == type.value;
}

static bool page_is_tail(const struct page_layout *l, const uint8_t *page)
{
	return page_u64(page, l->compound) & 1;
}

static bool page_is_poisoned(const struct page_layout *l, const uint8_t *page)
{
	return page_flag(page_u64(page, l->flags), l->hwpoison);
}

/* What a page says of itself, and of the pages behind it that go with it. */
struct page_block {
	enum page_class class;
	unsigned int order;
};

/* As many pages as say that they are tails; cut where @left ends. */
static uint64_t page_count_tails(const struct page_layout *l, const uint8_t *page,
				 size_t left)
{
	size_t count = 1, max = MIN(left, (size_t)1 << ORDER_MAX);

	while (count < max && page_is_tail(l, page + count * l->size))
		count++;
	return 63 - (uint64_t)__builtin_clzll(count);
}

/*
 * The order of the compound page that begins at @page, 0 if none does. @left pages from
 * @page on can be looked at. Tails of a kernel whose hugetlb pages share their struct
 * pages (HVO) are the tails of the first page frame, so the last one is a tail there too.
 */
static unsigned int page_compound(const struct page_layout *l, const uint8_t *page,
				  uint64_t pfn, size_t left, bool *ret_is_hugetlb)
{
	const uint8_t *tail = page + l->size;
	uint64_t tail_flags, order;

	if (!(page_u64(page, l->flags) & l->head_mask) || left < 2 ||
	    !page_is_tail(l, tail))
		return 0;
	tail_flags = page_u64(tail, l->flags);
	if (l->compound_kind == COMPOUND_BY_TAILS)
		order = page_count_tails(l, page, left);
	else if (l->compound_kind == COMPOUND_BY_DTOR)
		order = tail[l->order];
	else
		order = tail_flags & 0xff;
	if (order == 0 || order > ORDER_MAX || pfn & (((uint64_t)1 << order) - 1))
		return 0;
	if (!page_is_tail(l, page + (MIN((size_t)1 << order, left) - 1) * l->size))
		return 0;
	if (l->compound_kind == COMPOUND_BY_TYPE)
		*ret_is_hugetlb = page_has_type(l->hugetlb, page_mapcount(l, page));
	else if (l->compound_kind == COMPOUND_BY_FLAG)
		*ret_is_hugetlb = page_flag(tail_flags, l->hugetlb_flag);
	else if (l->compound_kind == COMPOUND_BY_DTOR)
		*ret_is_hugetlb = tail[l->dtor] == l->hugetlb_dtor;
	return (unsigned int)order;
}

/* Free: the order is in the page's own words. KERNEL where they make no sense. */
static struct page_block page_free(const struct page_layout *l, const uint8_t *page,
				   uint64_t pfn, bool is_unaccepted)
{
	uint64_t order = is_unaccepted ? l->max_order - 1 : page_u64(page, l->private);

	if (order >= l->max_order || pfn & (((uint64_t)1 << order) - 1))
		return (struct page_block){ PAGE_CLASS_KERNEL, 0 };
	return (struct page_block){ PAGE_CLASS_FREE, (unsigned int)order };
}

static struct page_block page_classify(const struct page_layout *l, const uint8_t *page,
				       uint64_t pfn, size_t left)
{
	uint64_t flags = page_u64(page, l->flags);
	uint32_t mapcount = page_mapcount(l, page);
	bool is_hugetlb = false, is_anon, is_typed;
	struct page_block block = { PAGE_CLASS_KERNEL, 0 };

	if (page_is_tail(l, page))
		return block;
	if (page_flag(flags, l->slab_bit) || page_has_type(l->slab, mapcount)) {
		block.order = page_compound(l, page, pfn, left, &is_hugetlb);
		return block;
	}
	if (page_flag(flags, l->reserved))
		return block;
	if (page_has_type(l->buddy, mapcount))
		return page_free(l, page, pfn, false);
	if (page_has_type(l->unaccepted, mapcount))
		return page_free(l, page, pfn, true);
	block.order = page_compound(l, page, pfn, left, &is_hugetlb);
	if (page_has_type(l->offline, mapcount)) {
		block.class = PAGE_CLASS_UNUSABLE;
		return block;
	}
	/* -1 is "mapped nowhere", down to -128 a count that went wrong; then types. */
	is_typed = (int32_t)mapcount < -128;
	if (is_typed && !is_hugetlb)
		return block;
	is_anon = page_u64(page, l->mapping) & MAPPING_ANON;
	if (!is_anon && (page_flag(flags, l->lru) || (page_flag(flags, l->swapbacked) &&
						      page_flag(flags, l->swapcache))))
		block.class = page_flag(flags, l->private_bit) ? PAGE_CLASS_CACHE_PRIVATE
							       : PAGE_CLASS_CACHE;
	else if (is_anon || is_hugetlb)
		block.class = PAGE_CLASS_USER;
	return block;
}

/* --- chunks --------------------------------------------------------------------------
 */

/*
 * The first pages of a chunk may belong to a gigantic page that begins in an earlier one.
 * Its head is at the multiple of some power of two below.
 */
static struct page_block memmap_earlier_head(struct memmap *memmap, uint64_t pfn)
{
	const struct page_layout *l = &memmap->layout;
	uint8_t pages[2 * PAGE_SIZE_OF_STRUCT_MAX];
	uint64_t last = UINT64_MAX;

	for (unsigned int order = 1; order <= ORDER_MAX; order++) {
		uint64_t head = pfn & ~(((uint64_t)1 << order) - 1);
		struct page_block block;

		if (head == pfn || head == last)
			continue;
		last = head;
		sections_read(&memmap->sections, memmap->kernel, head, 2, pages, NULL);
		block = page_classify(l, pages, head, 2);
		if (block.order && head + ((uint64_t)1 << block.order) > pfn)
			return (struct page_block){ block.class, block.order };
	}
	return (struct page_block){ PAGE_CLASS_KERNEL, 0 };
}

/* A page of a block: as the block, but what is broken or in use shows in its own words.
 */
static uint8_t memmap_member(const struct page_layout *l, const uint8_t *page,
			     enum page_class class)
{
	if (page_is_poisoned(l, page))
		return PAGE_CLASS_UNUSABLE;
	if (class == PAGE_CLASS_FREE && load_le32(page + l->refcount))
		return PAGE_CLASS_KERNEL;
	return (uint8_t) class;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

int memmap_classify(struct memmap *memmap, uint64_t pfn, size_t count, uint8_t *ret,
		    uint64_t *ret_lost, struct err *err)
{
	const struct page_layout *l = &memmap->layout;
	const uint8_t *page = memmap->pages;
	size_t end = 0; /* of the block that is being gone through */
	enum page_class class = PAGE_CLASS_KERNEL;
	uint64_t lost = 0;

	if (pfn % MEMMAP_CHUNK_PAGES || count > MEMMAP_CHUNK_PAGES)
		return err_set(err, ERR_INVALID, "no chunk of pages: %" PRIu64 ", %zu",
			       pfn, count);
	sections_read(&memmap->sections, memmap->kernel, pfn, count, memmap->pages,
		      &lost);
	/* No struct pages at all, as where a damaged header claims memory: at once. */
	if (count && is_zero(page, count * l->size)) {
		memset(ret, PAGE_CLASS_KERNEL, count);
		if (ret_lost)
			*ret_lost = lost;
		return 0;
	}
	if (count && page_is_tail(l, page)) {
		struct page_block block = memmap_earlier_head(memmap, pfn);
		uint64_t size = (uint64_t)1 << block.order;

		class = block.class;
		if (block.order)
			end = (size_t)MIN(size - (pfn & (size - 1)), (uint64_t)count);
	}
	for (size_t i = 0; i < count; i++, page += l->size) {
		if (i >= end) {
			struct page_block block =
				page_classify(l, page, pfn + i, count - i);

			class = block.class;
			end = i + MIN((size_t)1 << block.order, count - i);
		}
		ret[i] = memmap_member(l, page, class);
	}
	if (ret_lost)
		*ret_lost = lost;
	return 0;
}

/* --- open, close ---------------------------------------------------------------------
 */

/* The guess about PG_reserved, tried on pages that must have it: the kernel's own code.
 */
static bool memmap_check_reserved(struct memmap *memmap)
{
	const struct page_layout *l = &memmap->layout;
	uint8_t page[PAGE_SIZE_OF_STRUCT_MAX];
	uint32_t page_size = kernel_page_size(memmap->kernel);
	uint64_t vaddr, paddr, lost;

	if (l->reserved == NO_BIT ||
	    vmcoreinfo_symbol(kernel_vmcoreinfo(memmap->kernel), "_stext", &vaddr, NULL))
		return false;
	for (int i = 0; i < 16; i++, vaddr += page_size) {
		lost = 0;
		if (kernel_translate(memmap->kernel, vaddr, &paddr, NULL, NULL) < 0)
			return false;
		sections_read(&memmap->sections, memmap->kernel, paddr / page_size, 1,
			      page, &lost);
		if (lost || !page_flag(page_u64(page, l->flags), l->reserved))
			return false;
	}
	return true;
}

int memmap_open(struct kernel *kernel, struct memmap **ret, struct err *err)
{
	_cleanup_memmap struct memmap *memmap = calloc(1, sizeof(*memmap));
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	int r;

	if (!memmap)
		return err_nomem(err);
	memmap->kernel = kernel;
	r = layout_init(info, &memmap->layout, err);
	if (r == 0)
		r = sections_init(&memmap->sections, kernel, memmap->layout.size, err);
	if (r < 0)
		return err_in(err, ERR_UNSUPPORTED,
			      "VMCOREINFO does not describe struct page");
	memmap->pages = calloc(MEMMAP_CHUNK_PAGES, memmap->layout.size);
	if (!memmap->pages)
		return err_nomem(err);
	memmap->knows_reserved = memmap_check_reserved(memmap);
	if (!memmap->knows_reserved)
		memmap->layout.reserved = NO_BIT;
	*ret = take_ptr(memmap);
	return 0;
}

void memmap_close(struct memmap *memmap)
{
	if (!memmap)
		return;
	free(memmap->pages);
	free(memmap);
}

bool memmap_has_any(const struct memmap *memmap, uint64_t pfn, size_t count)
{
	return sections_any(&memmap->sections, memmap->kernel, pfn, count);
}

bool memmap_knows_reserved(const struct memmap *memmap)
{
	return memmap->knows_reserved;
}
