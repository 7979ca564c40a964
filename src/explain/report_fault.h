/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where on its stack the panicking CPU met the trouble. That is where it is, if an oops
 * went straight to the crash kernel; but where panic() was called it is in panic(), and
 * the instruction that faulted, or that hung, is in the registers of an exception below.
 */
#ifndef EXPLAIN_REPORT_FAULT_H
#define EXPLAIN_REPORT_FAULT_H

#include "base/err.h"
#include "explain/cause.h"
#include "explain/report.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/unwind.h"

/* What the report needs of the panicking CPU, until the cause is known. */
struct panic_cpu {
	struct regs regs; /* its own; none known: it left none */
	struct backtrace *backtrace;
};

/* NULL where there is no memory. */
int panic_cpu_init(struct panic_cpu *panic, struct err *err);
void panic_cpu_done(struct panic_cpu *panic);

/*
 * Sets @report's registers, registers_frame and code: those of the frame that the cause
 * speaks of, else the CPU's own. @report has the panicking task. Fails only for memory.
 */
int report_fault_add(struct kernel *kernel, const struct panic_cpu *panic,
		     const struct cause *cause, struct report *report, struct err *err);

#define _cleanup_panic_cpu _cleanup_(panic_cpu_done)

#endif
