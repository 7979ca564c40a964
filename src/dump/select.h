/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages go into the dump: the level applied to the classes of pages, and the guards
 * that hold whatever a level or a damaged memmap says.
 */
#ifndef DUMP_SELECT_H
#define DUMP_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "dump/dump.h"
#include "kernel/kernel.h"
#include "kernel/memmap.h"

#define SELECTION_CHUNK_PAGES MEMMAP_CHUNK_PAGES
#define SELECTION_CHUNK_BYTES (SELECTION_CHUNK_PAGES / 8)

struct selection;

/* @kernel may be NULL. Without a memmap all pages are kept: selection_kind() tells. */
int selection_open(struct kernel *kernel, int level, struct selection **ret,
		   struct err *err);
void selection_close(struct selection *selection);
static inline void selection_closep(struct selection **selection)
{
	selection_close(*selection);
}

enum dump_selection selection_kind(const struct selection *selection);
/* Where it is not MEMMAP; else "". */
const char *selection_why(const struct selection *selection);

/*
 * One bit a page of the chunk that begins at @pfn: @ram is which exist, @ret_kept which
 * of them go into the dump.
 */
int selection_chunk(struct selection *selection, uint64_t pfn,
		    const uint8_t ram[static SELECTION_CHUNK_BYTES],
		    uint8_t ret_kept[static SELECTION_CHUNK_BYTES], struct err *err);

/*
 * Is the chunk that begins at @pfn memory at all, as far as the kernel knows? A header
 * may claim any.
 */
bool selection_is_memory(const struct selection *selection, uint64_t pfn);

/*
 * What the pages of the chunk that was done last are used for, an enum page_class each;
 * NULL where nobody can tell: they are all the kernel's then. Until the next chunk.
 */
const uint8_t *selection_classes(const struct selection *selection);

/* Does a level leave pages of a class out? */
bool selection_drops(int level, enum page_class class);

/*
 * What @other, of the same level and kernel, has counted of its chunks, as if @selection
 * had done them. The kernel of @other may be closed then: it takes no more chunks.
 */
void selection_add(struct selection *selection, const struct selection *other);
void selection_forget_kernel(struct selection *other);

/* All chunks are to be done again: forgets what was counted. */
void selection_reset(struct selection *selection);

/*
 * After all chunks: can the classes be right? If not, the selection becomes ZERO, its
 * counts are forgotten, and all chunks are to be done again: false.
 */
bool selection_judge(struct selection *selection);

/* Pages that were left out, by the class they are in; those of KERNEL are never. */
uint64_t selection_left_out(const struct selection *selection, enum page_class class);

/* Struct pages that could not be read: their pages are kept. */
uint64_t selection_lost(const struct selection *selection);

#define _cleanup_selection _cleanup_(selection_closep)

#endif
