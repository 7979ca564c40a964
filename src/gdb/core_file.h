/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump as an ordinary ELF core of one "process" whose threads are the kernel's tasks: a
 * gdb shows their backtraces with no epitaph at hand.
 *
 *	Ehdr | PT_NOTE: NT_PRSTATUS of each task that has registers, NT_PRPSINFO |
 *	pages by their physical addresses, each once | Phdrs | one Shdr if needed
 *
 * A PT_LOAD is a run of kernel memory as the page tables map it: the direct map, the
 * kernel's image, vmalloc's memory with stacks and modules, ... all lead to the same
 * bytes. What is not in the dump is in no PT_LOAD: gdb says that it can't access it.
 *Pages of zeros are holes of the file.
 */
#ifndef GDB_CORE_FILE_H
#define GDB_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define CORE_FILE_SEGMENTS_MAX (4u << 20) /* gdb searches them one by one */

struct core_file_facts {
	size_t threads;
	size_t without_registers; /* tasks that are left out: dead ones, mostly */
	size_t segments;
	uint64_t memory_bytes; /* of pages */
	size_t pages_lost;     /* they should be in the dump, but can't be read: zeros */
	char cut_why[256];     /* why memory or tasks are missing; "" */
};

/* Into @fd, a new file that can have holes. */
int core_file_write(struct kernel *kernel, int fd, struct core_file_facts *ret,
		    struct err *err);

#endif
