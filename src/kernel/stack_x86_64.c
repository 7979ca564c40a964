// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source: Linux arch/x86/kernel/irq_64.c (hardirq_stack_ptr) and
 * arch/x86/include/asm/cpu_entry_area.h (struct cea_exception_stacks).
 */
#include <stdio.h>

#include "kernel/cpu.h"
#include "kernel/stack.h"

#define IRQ_STACK_SIZE	   (16 * 1024) /* 4 pages; without BTF, as twice that with KASAN */
#define EXCEPTION_KINDS	   6
#define IRQ_STACK_MAX	   (256 * 1024)
#define EXCEPTION_AREA_MAX (1024 * 1024)

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

static size_t irq_stack(struct kernel *kernel, const struct cpu *cpu, struct stack *ret)
{
	uint64_t vaddr, size;

	if (kernel_sizeof(kernel, "irq_stack", &size, NULL) < 0 || size > IRQ_STACK_MAX)
		size = IRQ_STACK_SIZE;
	if (!irq_pointer_read(kernel, cpu, &vaddr))
		return 0;
	/* The pointer is the end, or since v5.12 (951c2a51ae75) the last word before it.
	 */
	vaddr = (vaddr + 15) & ~UINT64_C(15);
	if (vaddr <= size)
		return 0;
	*ret = (struct stack){ .name = "IRQ", .start = vaddr - size, .end = vaddr };
	return 1;
}

/* One of a kind, in the area at @base; false: this kernel has none of it. */
static bool exception_stack(struct kernel *kernel, uint64_t base, size_t kind,
			    struct stack *ret)
{
	uint64_t start, end;

	if (kernel_offset(kernel, exception_kinds[kind].member, &start, NULL) < 0 ||
	    kernel_offset(kernel, exception_kinds[kind].behind, &end, NULL) < 0 ||
	    start >= end || end > EXCEPTION_AREA_MAX)
		return false;
	*ret = (struct stack){ .start = base + start, .end = base + end };
	snprintf(ret->name, sizeof(ret->name), "%s", exception_kinds[kind].name);
	return true;
}

size_t stacks_x86_64(struct kernel *kernel, const struct cpu *cpu, struct stack *ret)
{
	size_t count = irq_stack(kernel, cpu, ret);
	uint64_t vaddr, base;

	if (cpu_percpu(kernel, cpu, "cea_exception_stacks", &vaddr, NULL) < 0 ||
	    kernel_read_u64(kernel, vaddr, &base, NULL) < 0 || !base)
		return count;
	for (size_t i = 0; i < EXCEPTION_KINDS; i++)
		count += exception_stack(kernel, base, i, &ret[count]);
	return count;
}
