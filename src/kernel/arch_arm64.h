/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64's registers: the indexes of struct regs, for those who walk its stacks.
 * Source: Linux arch/arm64/include/uapi/asm/ptrace.h (struct user_pt_regs, which is how
 * struct pt_regs begins and what a note has).
 */
#ifndef KERNEL_ARCH_ARM64_H
#define KERNEL_ARCH_ARM64_H

#include <stdint.h>

#include "kernel/arch.h"

/* In the order in which a report prints them. */
enum arm64_reg {
	ARM64_PC,
	ARM64_LR, /* x30 */
	ARM64_SP,
	ARM64_X0,
	ARM64_FP = ARM64_X0 + 29, /* x29 */
	ARM64_PSTATE,
	ARM64_ORIG_X0, /* x0 at the entry from user space, */
	ARM64_SYSCALL, /* and the number of the system call; -1: of none */
	ARM64_REG_COUNT,
};

/* All that an exception leaves. */
#define ARM64_REGS_ALL (((uint64_t)1 << (ARM64_PSTATE + 1)) - 1)

#define ARM64_USER_REGS_SIZE 272 /* x0 ... x30, sp, pc, pstate */

/* Those of a note or of a struct pt_regs, as it lies on a stack. */
void arm64_regs_from_user_regs(const uint8_t bytes[ARM64_USER_REGS_SIZE],
			       struct regs *ret);

/* At exception level 0? */
bool arm64_is_user(const struct regs *regs);

#endif
