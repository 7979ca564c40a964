/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each page of memory was used for, from the kernel's own array of struct page (the
 * memmap). Decided by the keys that VMCOREINFO has, never by a version.
 */
#ifndef KERNEL_MEMMAP_H
#define KERNEL_MEMMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

enum page_class {
	PAGE_CLASS_KERNEL,	  /* the kernel's own, or unknown: what nobody may drop */
	PAGE_CLASS_FREE,	  /* in the buddy allocator, or not accepted yet */
	PAGE_CLASS_CACHE,	  /* page cache without private data */
	PAGE_CLASS_CACHE_PRIVATE, /* page cache with it: a file system knows more of it */
	PAGE_CLASS_USER,	  /* anonymous, or of hugetlb */
	PAGE_CLASS_UNUSABLE, /* broken (hwpoison), or taken away (balloon): don't read */
	PAGE_CLASS_COUNT,
};

/* memmap_classify() takes at most these at once, and only whole multiples as a start. */
#define MEMMAP_CHUNK_PAGES 32768

struct memmap;

/*
 * ERR_UNSUPPORTED: the kernel does not say enough of struct page, the text says what is
 * missing. One thread uses one memmap; each has a buffer of a chunk's struct pages (2 MiB
 * where one has 64 bytes). Borrows @kernel.
 */
int memmap_open(struct kernel *kernel, struct memmap **ret, struct err *err);
void memmap_close(struct memmap *memmap);
static inline void memmap_closep(struct memmap **memmap)
{
	memmap_close(*memmap);
}

/*
 * Classes of the pages [pfn, pfn + count), an enum page_class each. Where there is no
 * struct page, or it can't be read, the page is KERNEL; @ret_lost (may be NULL) says how
 * many could not be read.
 */
int memmap_classify(struct memmap *memmap, uint64_t pfn, size_t count, uint8_t *ret,
		    uint64_t *ret_lost, struct err *err);

/* Is there a struct page of any of [pfn, pfn + count)? */
bool memmap_has_any(const struct memmap *memmap, uint64_t pfn, size_t count);

/*
 * Was the bit that means "reserved" found? Without it pages of the kernel's image can't
 * be told from memory that was freed inside it: guard them by address.
 */
bool memmap_knows_reserved(const struct memmap *memmap);

#define _cleanup_memmap _cleanup_(memmap_closep)

#endif
