/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's stacks that are no task's: of interrupts and of exceptions, each CPU's own;
 * which there are the architecture tells (stack_NAME.c). And a walk up a stack, over to
 * another one, and never back.
 *
 * Stacks of tasks, and x86_64's small one at the entry from user space, are not known
 * here: what is on none of these is taken for the task's.
 */
#ifndef KERNEL_STACK_H
#define KERNEL_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

struct cpu;

struct stack {
	char name[8];	/* "IRQ", "DF", "NMI", "OVF", ...; "": the task's */
	uint64_t start; /* virtual, half-open */
	uint64_t end;
};

/* What one CPU can have. */
#define STACKS_PER_CPU 8

struct stacks;

/* Of the CPUs that were online. Kinds that can't be had are left out. */
int stacks_new(struct kernel *kernel, struct stacks **ret, struct err *err);
void stacks_free(struct stacks *stacks);

/* All of them, CPU by CPU; mapped or not. */
void stacks_each(const struct stacks *stacks,
		 void (*each)(void *context, const struct stack *stack), void *context);

/* false: @sp is on none of them. */
bool stacks_find(const struct stacks *stacks, uint64_t sp, struct stack *ret);

#define STACK_CHANGES_MAX 16

struct stack_walk {
	const struct stacks *stacks;	  /* NULL: not known */
	uint64_t sp;			  /* where it is */
	struct stack stack;		  /* name "": the task's, limits not known */
	uint64_t first_sp;		  /* where the walk came onto this stack */
	uint64_t left[STACK_CHANGES_MAX]; /* starts of stacks, 0 for the task's */
	size_t left_count;
};

void stack_walk_begin(struct stack_walk *walk, const struct stacks *stacks, uint64_t sp);

/*
 * To a caller's @sp. On one stack it grows. Where the stacks are not known, one that does
 * not grow is on another. ERR_CORRUPT: no walk goes there.
 */
int stack_walk_move(struct stack_walk *walk, uint64_t sp, struct err *err);

/*
 * arch->stacks of x86_64 and arm64: those of @cpu, at most STACKS_PER_CPU, and their
 * number.
 */
size_t stacks_x86_64(struct kernel *kernel, const struct cpu *cpu, struct stack *ret);
size_t stacks_arm64(struct kernel *kernel, const struct cpu *cpu, struct stack *ret);

#endif
