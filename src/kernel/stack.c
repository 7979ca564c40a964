// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/stack.h"

#include <inttypes.h>

#include "kernel/arch.h"
#include "kernel/cpu.h"

#define TASK_STACK_MAX                                                  \
	(64 << 10) /* THREAD_SIZE is 16 KiB, 32 with KASAN, 64 the most \
		    */

struct stacks {
	size_t count;
	struct stack list[];
};

int stacks_new(struct kernel *kernel, struct stacks **ret, struct err *err)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct stacks *stacks;
	int r;

	r = cpu_list_read(kernel, &cpus, err);
	if (r < 0)
		return r;
	stacks = calloc(1, sizeof(*stacks) +
				   cpus.count * STACKS_PER_CPU * sizeof(stacks->list[0]));
	if (!stacks)
		return err_nomem(err);
	for (size_t i = 0; i < cpus.count; i++)
		stacks->count += kernel_arch(kernel)->stacks(
			kernel, &cpus.cpus[i], &stacks->list[stacks->count]);
	*ret = stacks;
	return 0;
}

void stacks_free(struct stacks *stacks)
{
	free(stacks);
}

void stacks_each(const struct stacks *stacks,
		 void (*each)(void *context, const struct stack *stack), void *context)
{
	for (size_t i = 0; i < stacks->count; i++)
		each(context, &stacks->list[i]);
}

bool stacks_find(const struct stacks *stacks, uint64_t sp, struct stack *ret)
{
	for (size_t i = 0; i < stacks->count; i++) {
		if (sp < stacks->list[i].start || sp >= stacks->list[i].end)
			continue;
		*ret = stacks->list[i];
		return true;
	}
	return false;
}

/* --- a walk ---------------------------------------------------------------------- */

/* Which stack @sp is on. The task's has no limits: where it lies is not known here. */
static void find_stack(const struct stack_walk *walk, uint64_t sp, struct stack *ret)
{
	*ret = (struct stack){ 0 };
	if (walk->stacks)
		stacks_find(walk->stacks, sp, ret);
}

void stack_walk_begin(struct stack_walk *walk, const struct stacks *stacks, uint64_t sp)
{
	*walk = (struct stack_walk){ .stacks = stacks, .sp = sp, .first_sp = sp };
	find_stack(walk, sp, &walk->stack);
}

/* Leaves a stack, for good: a walk that comes back runs in circles. */
static int change_stack(struct stack_walk *walk, const struct stack *stack, uint64_t sp,
			struct err *err)
{
	if (walk->left_count == STACK_CHANGES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d changes of stack",
			       STACK_CHANGES_MAX);
	walk->left[walk->left_count++] = walk->stack.start;
	for (size_t i = 0; i < walk->left_count && walk->stacks; i++)
		if (walk->left[i] == stack->start)
			return err_set(err, ERR_CORRUPT,
				       "stack pointer 0x%" PRIx64
				       " comes back to a stack that was left",
				       sp);
	walk->stack = *stack;
	walk->first_sp = sp;
	return 0;
}

int stack_walk_move(struct stack_walk *walk, uint64_t sp, struct err *err)
{
	bool is_known = walk->stacks != NULL;
	bool grows = sp > walk->sp;
	bool is_near = sp - walk->first_sp <= TASK_STACK_MAX;
	struct stack stack;

	if (sp % 8)
		return err_set(err, ERR_CORRUPT,
			       "stack pointer 0x%" PRIx64 " is not aligned", sp);
	find_stack(walk, sp, &stack);
	if (stack.start != walk->stack.start || (!is_known && (!grows || !is_near))) {
		int r = change_stack(walk, &stack, sp, err);

		if (r < 0)
			return r;
	} else if (!grows) {
		return err_set(err, ERR_CORRUPT, "stack pointer goes back to 0x%" PRIx64,
			       sp);
	} else if (!is_near) {
		return err_set(err, ERR_CORRUPT,
			       "stack pointer 0x%" PRIx64 " is beyond the stack", sp);
	}
	walk->sp = sp;
	return 0;
}
