/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a process, through its own page tables (mm->pgd): paths that it gave to the
 * kernel, its command line. Most filtered dumps have none of it.
 */
#ifndef KERNEL_USER_MEMORY_H
#define KERNEL_USER_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct user_memory {
	struct kernel *kernel;
	uint64_t mm_vaddr; /* struct mm_struct */
	uint64_t pgd_vaddr;
};

/* ERR_NOTFOUND: the task has no memory of its own: a kernel thread, or one that exits. */
int user_memory_open(struct kernel *kernel, uint64_t task_vaddr, struct user_memory *ret,
		     struct err *err);

int user_memory_read(const struct user_memory *memory, uint64_t vaddr, void *buf,
		     size_t size, struct err *err);

/* Cut at @size - 1, and before a page that is not there. */
int user_memory_read_string(const struct user_memory *memory, uint64_t vaddr, char *ret,
			    size_t size, struct err *err);

/*
 * The command line: arguments joined by spaces. Cut at @size - 1.
 * Source: Linux fs/proc/base.c (get_mm_cmdline()).
 */
int user_memory_cmdline(const struct user_memory *memory, char *ret, size_t size,
			struct err *err);

#endif
