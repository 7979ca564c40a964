// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_fault.h"

#include <string.h>

#include "base/cleanup.h"
#include "explain/cause_names.h"
#include "kernel/arch.h"

int panic_cpu_init(struct panic_cpu *panic, struct err *err)
{
	*panic = (struct panic_cpu){ .backtrace = backtrace_new() };
	return panic->backtrace ? 0 : err_nomem(err);
}

void panic_cpu_done(struct panic_cpu *panic)
{
	backtrace_free(panic->backtrace);
}

static bool same_function(const char *one, const char *other)
{
	char a[OOPS_NAME_SIZE], b[OOPS_NAME_SIZE];

	oops_plain_function(one, a, sizeof(a));
	oops_plain_function(other, b, sizeof(b));
	return a[0] && !strcmp(a, b);
}

/*
 * How the kernel enters an exception that an instruction causes, not an interrupt, which
 * has nothing to do with what it interrupts. Linux arch/x86/include/asm/idtentry.h,
 * arch/arm64/kernel/entry.S (el1_sync before v5.12).
 */
static bool is_exception_entry(const char *function)
{
	if (!strncmp(function, "asm_exc_", strlen("asm_exc_")))
		return strcmp(function, "asm_exc_nmi") != 0;
	return !strcmp(function, "el1h_64_sync") || !strcmp(function, "el1_sync");
}

/* Its index; 0, the CPU's own registers, where none says more. */
static size_t find_frame(const struct backtrace *backtrace,
			 const struct report_task *task, const struct cause *cause)
{
	size_t count = MIN(backtrace->count, task->frame_count);

	for (size_t i = 0; i < count; i++) {
		const char *function = task->frames[i].function;
		const struct frame *frame = &backtrace->frames[i];

		if (!frame->has_regs || !frame->is_reliable)
			continue;
		if (cause->at[0] && same_function(function, cause->at))
			return i;
		// Without a log there is nothing to tell a fault from one that was met on
		// the way, and for which the kernel was prepared.
		if (!cause->text[0] && i > 0 &&
		    is_exception_entry(task->frames[i - 1].function))
			return i;
	}
	return 0;
}

/*
 * Where the CPU was says something only of an oops: a panic() is in panic(), whoever
 * called it.
 */
static bool is_telling(struct kernel *kernel, uint64_t ip, const struct cause *cause)
{
	struct kernel_name name;

	return kernel_name(kernel, ip, &name, NULL) == 0 &&
	       (!cause_is_plumbing(name.symbol) ||
		(cause->at[0] && same_function(name.symbol, cause->at)));
}

int report_fault_add(struct kernel *kernel, const struct panic_cpu *panic,
		     const struct cause *cause, struct report *report, struct err *err)
{
	unsigned int ip = kernel_arch(kernel)->reg_ip;
	size_t i = find_frame(panic->backtrace, &report->panic_task, cause);
	const struct regs *regs = i ? &panic->backtrace->frames[i].regs : &panic->regs;

	if (!regs->known)
		return 0;
	if (regs_has(regs, ip) && is_telling(kernel, regs->value[ip], cause))
		report_code_read(kernel, regs->value[ip], &report->code);
	report->registers_frame = (uint32_t)i;
	return report_registers_build(kernel, regs, &report->registers, err);
}
