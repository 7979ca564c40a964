// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/stack.h"

#include <stdio.h>

#include "kernel/cpu.h"

#define IRQ_STACK_SIZE	   (16 * 1024) /* 4 pages; without BTF, as twice that with KASAN */
#define EXCEPTION_KINDS	   6
#define IRQ_STACK_MAX	   (256 * 1024)
#define EXCEPTION_AREA_MAX (1024 * 1024)

/* Of one kind, relative to the CPU's struct cea_exception_stacks. */
struct exception_range {
	uint64_t start, end; /* equal: this kernel has none of the kind */
};

struct cpu_stacks {
	uint64_t irq_end;	 /* 0: not known */
	uint64_t exception_base; /* 0: not known */
};

struct stacks {
	uint64_t irq_size;
	struct exception_range exceptions[EXCEPTION_KINDS];
	struct cpu_stacks *cpus;
	size_t cpu_count;
};

/* In the order of the struct: a stack ends where the guard of the next one begins. */
static const struct {
	const char *name, *member, *behind;
} exception_kinds[EXCEPTION_KINDS] = {
	{ "DF", "cea_exception_stacks.DF_stack", "cea_exception_stacks.NMI_stack_guard" },
	{ "NMI", "cea_exception_stacks.NMI_stack",
	  "cea_exception_stacks.DB_stack_guard" },
	{ "DB", "cea_exception_stacks.DB_stack", "cea_exception_stacks.MCE_stack_guard" },
	{ "MCE", "cea_exception_stacks.MCE_stack",
	  "cea_exception_stacks.VC_stack_guard" },
	{ "VC", "cea_exception_stacks.VC_stack", "cea_exception_stacks.VC2_stack_guard" },
	{ "VC2", "cea_exception_stacks.VC2_stack", "cea_exception_stacks.IST_top_guard" },
};

static void exceptions_read(struct kernel *kernel, struct stacks *stacks)
{
	for (size_t i = 0; i < EXCEPTION_KINDS; i++) {
		struct exception_range range;

		if (kernel_offset(kernel, exception_kinds[i].member, &range.start,
				  NULL) == 0 &&
		    kernel_offset(kernel, exception_kinds[i].behind, &range.end, NULL) ==
			    0 &&
		    range.start < range.end && range.end <= EXCEPTION_AREA_MAX)
			stacks->exceptions[i] = range;
	}
}

/* hardirq_stack_ptr, which was a member of pcpu_hot from v6.2 to v6.14. */
static bool irq_pointer_read(struct kernel *kernel, const struct cpu *cpu, uint64_t *ret)
{
	uint64_t vaddr, offset;

	if (cpu_percpu(kernel, cpu, "pcpu_hot", &vaddr, NULL) == 0 &&
	    kernel_offset(kernel, "pcpu_hot.hardirq_stack_ptr", &offset, NULL) == 0)
		vaddr += offset;
	else if (cpu_percpu(kernel, cpu, "hardirq_stack_ptr", &vaddr, NULL) < 0)
		return false;
	return kernel_read_u64(kernel, vaddr, ret, NULL) == 0 && *ret;
}

static void cpu_stacks_read(struct kernel *kernel, const struct cpu *cpu,
			    struct cpu_stacks *ret)
{
	uint64_t vaddr;

	/* The pointer is the end, or since v5.12 (951c2a51ae75) the last word before it.
	 */
	if (irq_pointer_read(kernel, cpu, &vaddr))
		ret->irq_end = (vaddr + 15) & ~UINT64_C(15);
	if (cpu_percpu(kernel, cpu, "cea_exception_stacks", &vaddr, NULL) < 0 ||
	    kernel_read_u64(kernel, vaddr, &ret->exception_base, NULL) < 0)
		ret->exception_base = 0;
}

int stacks_new(struct kernel *kernel, struct stacks **ret, struct err *err)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct stacks *stacks;
	int r;

	r = cpu_list_read(kernel, &cpus, err);
	if (r < 0)
		return r;
	stacks = calloc(1, sizeof(*stacks));
	if (!stacks)
		return err_nomem(err);
	stacks->cpus = calloc(cpus.count, sizeof(*stacks->cpus));
	if (!stacks->cpus) {
		free(stacks);
		return err_nomem(err);
	}
	stacks->cpu_count = cpus.count;
	if (kernel_sizeof(kernel, "irq_stack", &stacks->irq_size, NULL) < 0 ||
	    stacks->irq_size > IRQ_STACK_MAX)
		stacks->irq_size = IRQ_STACK_SIZE;
	exceptions_read(kernel, stacks);
	for (size_t i = 0; i < cpus.count; i++)
		cpu_stacks_read(kernel, &cpus.cpus[i], &stacks->cpus[i]);
	*ret = stacks;
	return 0;
}

void stacks_free(struct stacks *stacks)
{
	if (!stacks)
		return;
	free(stacks->cpus);
	free(stacks);
}

static bool irq_stack(const struct stacks *stacks, const struct cpu_stacks *cpu,
		      struct stack *ret)
{
	if (cpu->irq_end <= stacks->irq_size)
		return false;
	*ret = (struct stack){ .name = "IRQ",
			       .start = cpu->irq_end - stacks->irq_size,
			       .end = cpu->irq_end };
	return true;
}

/* false: this CPU has no stack of this kind. */
static bool exception_stack(const struct stacks *stacks, const struct cpu_stacks *cpu,
			    size_t kind, struct stack *ret)
{
	const struct exception_range *range = &stacks->exceptions[kind];

	if (!cpu->exception_base || range->start == range->end)
		return false;
	ret->start = cpu->exception_base + range->start;
	ret->end = cpu->exception_base + range->end;
	snprintf(ret->name, sizeof(ret->name), "%s", exception_kinds[kind].name);
	return true;
}

static bool stack_has(const struct stack *stack, uint64_t sp)
{
	return sp >= stack->start && sp < stack->end;
}

static bool cpu_stacks_find(const struct stacks *stacks, const struct cpu_stacks *cpu,
			    uint64_t sp, struct stack *ret)
{
	struct stack stack = { 0 };
	bool found = irq_stack(stacks, cpu, &stack) && stack_has(&stack, sp);

	for (size_t i = 0; i < EXCEPTION_KINDS && !found; i++)
		found = exception_stack(stacks, cpu, i, &stack) && stack_has(&stack, sp);
	if (found)
		*ret = stack;
	return found;
}

void stacks_each(const struct stacks *stacks,
		 void (*each)(void *context, const struct stack *stack), void *context)
{
	for (size_t c = 0; c < stacks->cpu_count; c++) {
		const struct cpu_stacks *cpu = &stacks->cpus[c];
		struct stack stack = { 0 };

		if (irq_stack(stacks, cpu, &stack))
			each(context, &stack);
		for (size_t i = 0; i < EXCEPTION_KINDS; i++)
			if (exception_stack(stacks, cpu, i, &stack))
				each(context, &stack);
	}
}

bool stacks_find(const struct stacks *stacks, uint64_t sp, struct stack *ret)
{
	for (size_t i = 0; i < stacks->cpu_count; i++)
		if (cpu_stacks_find(stacks, &stacks->cpus[i], sp, ret))
			return true;
	return false;
}
