/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an x86-64 kernel's stacks lie that are no task's: of interrupts and of
 * exceptions, each CPU's own. Source: Linux arch/x86/kernel/irq_64.c (hardirq_stack_ptr)
 * and arch/x86/include/asm/cpu_entry_area.h (struct cea_exception_stacks).
 *
 * Only for labels and for sanity: unwinding needs no limits. Stacks of tasks, and the
 * small one at the entry from user space, are not known here.
 */
#ifndef KERNEL_STACK_H
#define KERNEL_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct stack {
	char name[8];	/* "IRQ", "DF", "NMI", "DB", "MCE", "VC", "VC2" */
	uint64_t start; /* virtual, half-open */
	uint64_t end;
};

struct stacks;

/* Of the CPUs that were online. Kinds that can't be had are left out. */
int stacks_new(struct kernel *kernel, struct stacks **ret, struct err *err);
void stacks_free(struct stacks *stacks);

/* All of them, CPU by CPU; mapped or not. */
void stacks_each(const struct stacks *stacks,
		 void (*each)(void *context, const struct stack *stack), void *context);

/* false: @sp is on none of them. */
bool stacks_find(const struct stacks *stacks, uint64_t sp, struct stack *ret);

#endif
