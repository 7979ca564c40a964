/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The core of a dump: the page frames that the first questions to a dead kernel stand on:
 * its log, each task with its stack, CPUs and what ran on them, modules, symbols, types,
 * unwind tables, locks that tasks wait for, and what crash and drgn read when they start.
 *
 * Two ways lead to it. The readers of kernel/ are asked all of these questions on a
 * watched image (image_watch.h): what they read is in the core, page tables and all. And
 * objects are taken as a whole that others read further: tasks, stacks, per-CPU areas,
 * the kernel's data.
 *
 * It grows with the number of tasks and CPUs, not with memory. A damaged kernel gives a
 * smaller core, never an endless one: the readers are bounded, and so is the set.
 */
#ifndef DUMP_CORE_H
#define DUMP_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dump/page_set.h"
#include "image/image.h"

struct core {
	/* All sealed. */
	struct page_set pages;
	/*
	 * Those of them that may have been given back, so that they are not missed where
	 * the memmap calls them free: parts of the kernel's image, stacks of tasks that
	 * ended.
	 */
	struct page_set doubtful;
	struct page_set image; /* the kernel's code and data, all of it */
	size_t tasks;
	size_t log_records;
	/* What could not be looked at, "" nothing: "the log: ..., the tasks: ...". */
	char missing[256];
};

/*
 * Fails only where there is no kernel to ask. Opens the kernel again, which takes about
 * 20 MiB of memory with a distribution's symbols and types, and closes it.
 */
int core_gather(struct image *image, uint32_t page_size, struct core *ret,
		struct err *err);
void core_done(struct core *core);

#endif
