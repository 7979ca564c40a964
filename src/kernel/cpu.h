/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs: what ran on each and with which registers when the machine died, and which of
 * them panicked.
 *
 * Registers come from the CPU's own crash_notes (exact), not from the n-th NT_PRSTATUS of
 * the image: a CPU that never answered has no note there and the numbers shift. A CPU
 * without any has those of QEMU's note, if QEMU made the dump: of that moment.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"

#define CPU_COUNT_MAX 8192 /* NR_CPUS of the distributions' x86-64 kernels */

struct cpu {
	uint32_t id;
	uint64_t percpu_offset;
	uint64_t current_vaddr; /* task_struct; 0 unknown */
	bool has_regs;
	char no_regs_why[160];
	struct regs regs;
};

struct cpu_list {
	struct cpu *cpus; /* online ones, by id */
	size_t count;
};

int cpu_list_read(struct kernel *kernel, struct cpu_list *ret, struct err *err);
void cpu_list_done(struct cpu_list *list);

/* The address of a per-CPU symbol on a CPU. */
int cpu_percpu(struct kernel *kernel, const struct cpu *cpu, const char *symbol,
	       uint64_t *ret, struct err *err);

/* The one that panicked: panic_cpu, else crashing_cpu. ERR_NOTFOUND: none did. */
int cpu_panicked(struct kernel *kernel, uint32_t *ret, struct err *err);

#define _cleanup_cpu_list _cleanup_(cpu_list_done)

#endif
