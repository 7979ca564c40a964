/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the core's search share: for core.c and core_*.c only. */
#ifndef DUMP_CORE_GATHER_H
#define DUMP_CORE_GATHER_H

#include <stdint.h>

#include "dump/core.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

struct gather {
	struct core *core;
	uint32_t page_size;
	struct kernel *kernel; /* on a watched image: what it reads is in the core */
	bool is_searching;     /* then not all of it */
	struct page_set searched;
	uint64_t module_bytes; /* that were taken as a whole */
};

/* All that is mapped of [vaddr, vaddr + size): at most GATHER_RANGE_MAX. */
#define GATHER_RANGE_MAX ((uint64_t)64 << 20)
void gather_range(struct gather *g, uint64_t vaddr, uint64_t size);

/* The same where it may have been given back. */
void gather_doubtful(struct gather *g, uint64_t vaddr, uint64_t size);

/* Doubtful, of the bytes between two symbols; nothing where one is not there. */
void gather_symbols(struct gather *g, const char *start, const char *end,
		    uint64_t offset);

/* Where the pointer at @vaddr leads, @size bytes of it. */
void gather_pointer(struct gather *g, uint64_t vaddr, uint64_t size);

/* "WHAT: WHY" to core->missing. */
void gather_missed(struct gather *g, const char *what, const struct err *why);

/* core_tasks.c: each task, its stack, what it waits for; and where ids lead to tasks. */
void gather_tasks(struct gather *g, const struct cpu_list *cpus);

void gather_modules(struct gather *g);

/* core_crash.c: what else crash reads when it starts. */
void gather_for_crash(struct gather *g);

#endif
