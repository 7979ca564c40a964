// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which pages go into the dump.
 *
 * A dump that lacks a page of the kernel can be worth nothing, and the memmap of a kernel
 * that crashed may be damaged or, in a kernel of tomorrow, mean something else. So:
 *   - the pages that VMCOREINFO's own symbols lie on are guards: readers begin there, so
 *     they are kept, and where half of them look like memory that may go, nothing that
 *     the memmap says is believed;
 *   - a kernel always has free memory, and always needs some of its own (the memmap alone
 *     is 1/64 of all): where one of the two is missing the classes are wrong too;
 *   - where PG_reserved is not known, the kernel's image is kept as a whole.
 * Then only pages of zeros are left out: DUMP_SELECTION_ZERO.
 */
#include "dump/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARDS_MAX	  128
#define KERNEL_PART_MIN	  500 /* one page in so many, at least, is the kernel's own */
#define IMAGE_SIZE_MAX	  ((uint64_t)1 << 30) /* Linux x86 KERNEL_IMAGE_SIZE */
#define IMAGE_EXTENTS_MAX 64

struct extent {
	uint64_t pfn, count;
};

struct selection {
	struct memmap *memmap; /* NULL: ZERO */
	char why[256];
	bool is_dropped[PAGE_CLASS_COUNT];
	uint8_t classes[SELECTION_CHUNK_PAGES];
	uint64_t pages[PAGE_CLASS_COUNT]; /* of RAM */
	uint64_t lost;

	uint64_t guards[GUARDS_MAX]; /* page frames */
	size_t guard_count, guards_hit;
	struct extent image[IMAGE_EXTENTS_MAX]; /* empty where PG_reserved is known */
	size_t image_count;
};

/* --- guards --------------------------------------------------------------------------
 */

static void selection_find_guards(struct selection *selection, struct kernel *kernel)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	uint32_t page_size = kernel_page_size(kernel);

	for (size_t i = 0; i < info->count && selection->guard_count < GUARDS_MAX; i++) {
		const char *key = info->entries[i].key;
		uint64_t vaddr, paddr;

		if (strncmp(key, "SYMBOL(", 7) != 0)
			continue;
		vaddr = strtoull(info->entries[i].value, NULL, 16);
		if (kernel_translate(kernel, vaddr, &paddr, NULL, NULL) == 0)
			selection->guards[selection->guard_count++] = paddr / page_size;
	}
}

/* All that is mapped from _stext on without a gap, as the page tables have it. */
static void selection_find_image(struct selection *selection, struct kernel *kernel)
{
	uint32_t page_size = kernel_page_size(kernel);
	uint64_t start, paddr, run, done = 0;

	if (vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &start, NULL) < 0)
		return;
	while (done < IMAGE_SIZE_MAX &&
	       kernel_translate(kernel, start + done, &paddr, &run, NULL) == 0) {
		uint64_t pfn = paddr / page_size;
		uint64_t count = (paddr % page_size + run + page_size - 1) / page_size;
		size_t n = selection->image_count;
		struct extent *last = n ? &selection->image[n - 1] : NULL;

		if (last && last->pfn + last->count == pfn)
			last->count += count;
		else if (n < IMAGE_EXTENTS_MAX)
			selection->image[selection->image_count++] =
				(struct extent){ pfn, count };
		else
			return;
		done += run;
	}
}

/* Whatever class they are in, they are the kernel's. */
static void selection_guard(struct selection *selection, uint64_t pfn)
{
	uint8_t *classes = selection->classes;

	for (size_t i = 0; i < selection->guard_count; i++) {
		uint64_t guard = selection->guards[i];

		if (guard < pfn || guard - pfn >= SELECTION_CHUNK_PAGES)
			continue;
		selection->guards_hit += classes[guard - pfn] != PAGE_CLASS_KERNEL;
	}
	for (size_t i = 0; i < selection->guard_count; i++) {
		uint64_t guard = selection->guards[i];

		if (guard >= pfn && guard - pfn < SELECTION_CHUNK_PAGES)
			classes[guard - pfn] = PAGE_CLASS_KERNEL;
	}
	for (size_t i = 0; i < selection->image_count; i++) {
		const struct extent *extent = &selection->image[i];
		uint64_t start = MAX(extent->pfn, pfn);
		uint64_t end =
			MIN(extent->pfn + extent->count, pfn + SELECTION_CHUNK_PAGES);

		if (start < end)
			memset(classes + (start - pfn), PAGE_CLASS_KERNEL,
			       (size_t)(end - start));
	}
}

/* --- open, close ---------------------------------------------------------------------
 */

bool selection_drops(int level, enum page_class class)
{
	switch (class) {
	case PAGE_CLASS_FREE:
		return level & DUMP_EXCLUDE_FREE;
	case PAGE_CLASS_CACHE:
		return level & (DUMP_EXCLUDE_CACHE | DUMP_EXCLUDE_CACHE_PRIVATE);
	case PAGE_CLASS_CACHE_PRIVATE:
		return level & DUMP_EXCLUDE_CACHE_PRIVATE;
	case PAGE_CLASS_USER:
		return level & DUMP_EXCLUDE_USER;
	case PAGE_CLASS_UNUSABLE:
		/* Broken memory would stop the crash kernel, a balloon's is the host's
		 * again. */
		return true;
	default:
		return false;
	}
}

static void selection_fall_back(struct selection *selection, const char *why)
{
	memmap_close(selection->memmap);
	selection->memmap = NULL;
	selection->lost = 0;
	selection->guard_count = 0;
	memset(selection->pages, 0, sizeof(selection->pages));
	snprintf(selection->why, sizeof(selection->why), "%s", why);
}

int selection_open(struct kernel *kernel, int level, struct selection **ret,
		   struct err *err)
{
	struct selection *selection = calloc(1, sizeof(*selection));
	struct err why = { 0 };

	if (!selection)
		return err_nomem(err);
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		selection->is_dropped[i] = selection_drops(level, (enum page_class)i);
	if (!kernel) {
		selection_fall_back(selection, "the kernel of the dump is not known");
	} else if (memmap_open(kernel, &selection->memmap, &why) < 0) {
		selection->memmap = NULL;
		selection_fall_back(selection, err_text(&why));
	} else {
		selection_find_guards(selection, kernel);
		if (!memmap_knows_reserved(selection->memmap))
			selection_find_image(selection, kernel);
	}
	*ret = selection;
	return 0;
}

void selection_close(struct selection *selection)
{
	if (!selection)
		return;
	memmap_close(selection->memmap);
	free(selection);
}

/* --- chunks --------------------------------------------------------------------------
 */

static size_t bits_end(const uint8_t *bits)
{
	size_t size = SELECTION_CHUNK_BYTES;

	while (size && !bits[size - 1])
		size--;
	return size * 8;
}

int selection_chunk(struct selection *selection, uint64_t pfn,
		    const uint8_t ram[static SELECTION_CHUNK_BYTES],
		    uint8_t ret_kept[static SELECTION_CHUNK_BYTES], struct err *err)
{
	size_t end = bits_end(ram);
	uint64_t lost = 0;
	int r;

	memcpy(ret_kept, ram, SELECTION_CHUNK_BYTES);
	if (!end)
		memset(selection->classes, PAGE_CLASS_KERNEL, sizeof(selection->classes));
	if (!selection->memmap || !end)
		return 0;
	r = memmap_classify(selection->memmap, pfn, end, selection->classes, &lost, err);
	if (r < 0)
		return r;
	memset(selection->classes + end, PAGE_CLASS_KERNEL, SELECTION_CHUNK_PAGES - end);
	selection->lost += lost;
	selection_guard(selection, pfn);
	for (size_t i = 0; i < end; i++) {
		uint8_t class = selection->classes[i];

		if (!(ram[i / 8] >> (i % 8) & 1))
			continue;
		selection->pages[class]++;
		if (selection->is_dropped[class])
			ret_kept[i / 8] &= (uint8_t) ~(1u << (i % 8));
	}
	return 0;
}

bool selection_is_memory(const struct selection *selection, uint64_t pfn)
{
	return !selection->memmap ||
	       memmap_has_any(selection->memmap, pfn, SELECTION_CHUNK_PAGES);
}

const uint8_t *selection_classes(const struct selection *selection)
{
	return selection->memmap ? selection->classes : NULL;
}

void selection_add(struct selection *selection, const struct selection *other)
{
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		selection->pages[i] += other->pages[i];
	selection->lost += other->lost;
	selection->guards_hit += other->guards_hit;
}

void selection_forget_kernel(struct selection *other)
{
	memmap_close(other->memmap);
	other->memmap = NULL;
}

void selection_reset(struct selection *selection)
{
	selection->lost = 0;
	selection->guards_hit = 0;
	memset(selection->pages, 0, sizeof(selection->pages));
}

bool selection_judge(struct selection *selection)
{
	const uint64_t *pages = selection->pages;
	uint64_t total = 0;
	char why[200] = "";

	if (!selection->memmap)
		return true;
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		total += pages[i];
	if (selection->guard_count && selection->guards_hit * 2 >= selection->guard_count)
		snprintf(why, sizeof(why),
			 "%zu of %zu pages that are the kernel's for sure look like "
			 "others",
			 selection->guards_hit, selection->guard_count);
	else if (!pages[PAGE_CLASS_FREE])
		snprintf(why, sizeof(why), "no page of %" PRIu64 " looks free", total);
	else if (pages[PAGE_CLASS_KERNEL] < total / KERNEL_PART_MIN)
		snprintf(why, sizeof(why),
			 "only %" PRIu64 " of %" PRIu64 " pages look like the kernel's",
			 pages[PAGE_CLASS_KERNEL], total);
	if (!why[0])
		return true;
	selection_fall_back(selection, why);
	return false;
}

/* --- questions -----------------------------------------------------------------------
 */

enum dump_selection selection_kind(const struct selection *selection)
{
	return selection->memmap ? DUMP_SELECTION_MEMMAP : DUMP_SELECTION_ZERO;
}

const char *selection_why(const struct selection *selection)
{
	return selection->why;
}

uint64_t selection_left_out(const struct selection *selection, enum page_class class)
{
	return selection->is_dropped[class] ? selection->pages[class] : 0;
}

uint64_t selection_lost(const struct selection *selection)
{
	return selection->lost;
}
