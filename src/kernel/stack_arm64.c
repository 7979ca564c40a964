// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Source: Linux arch/arm64/kernel/irq.c (irq_stack_ptr), traps.c (overflow_stack), sdei.c
 * (sdei_stack_normal_ptr, sdei_stack_critical_ptr); arch/arm64/include/asm/memory.h for
 * their sizes. The stack of EFI's services is not known here.
 */
#include <stdio.h>

#include "kernel/cpu.h"
#include "kernel/stack.h"
#include "base/size.h"

#define IRQ_STACK_SIZE	    (16 * 1024) /* THREAD_SIZE: at least this, and a page */
#define OVERFLOW_STACK_SIZE 4096

/* Behind a pointer of the CPU's to its lowest byte; not set where there is none. */
static const struct {
	const char *symbol, *name;
} pointers[] = {
	{ "irq_stack_ptr", "IRQ" },
	{ "sdei_stack_normal_ptr", "SDEI" },
	{ "sdei_stack_critical_ptr", "SDEI2" },
};

size_t stacks_arm64(struct kernel *kernel, const struct cpu *cpu, struct stack *ret)
{
	uint64_t size = MAX(IRQ_STACK_SIZE, kernel_page_size(kernel)), vaddr, start;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
		if (cpu_percpu(kernel, cpu, pointers[i].symbol, &vaddr, NULL) < 0 ||
		    kernel_read_u64(kernel, vaddr, &start, NULL) < 0 || !start ||
		    start > UINT64_MAX - size)
			continue;
		ret[count] = (struct stack){ .start = start, .end = start + size };
		snprintf(ret[count].name, sizeof(ret->name), "%s", pointers[i].name);
		count++;
	}
	if (cpu_percpu(kernel, cpu, "overflow_stack", &vaddr, NULL) == 0 &&
	    vaddr <= UINT64_MAX - OVERFLOW_STACK_SIZE)
		ret[count++] = (struct stack){ .name = "OVF",
					       .start = vaddr,
					       .end = vaddr + OVERFLOW_STACK_SIZE };
	return count;
}
