/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-64's registers: the indexes of struct regs, for those who walk its stacks.
 * Source: Linux arch/x86/include/asm/user_64.h (struct user_regs_struct) and ptrace.h
 * (struct pt_regs, which is its first 21 members).
 */
#ifndef KERNEL_ARCH_X86_64_H
#define KERNEL_ARCH_X86_64_H

#include <stdint.h>

#include "kernel/arch.h"

/* In the order in which a report prints them. */
enum x86_64_reg {
	X86_64_RIP,
	X86_64_RSP,
	X86_64_RBP,
	X86_64_RAX,
	X86_64_RBX,
	X86_64_RCX,
	X86_64_RDX,
	X86_64_RSI,
	X86_64_RDI,
	X86_64_R8,
	X86_64_R9,
	X86_64_R10,
	X86_64_R11,
	X86_64_R12,
	X86_64_R13,
	X86_64_R14,
	X86_64_R15,
	X86_64_EFLAGS,
	X86_64_CS,
	X86_64_SS,
	X86_64_ORIG_RAX,
	X86_64_FS_BASE,
	X86_64_GS_BASE,
	X86_64_DS,
	X86_64_ES,
	X86_64_FS,
	X86_64_GS,
	X86_64_REG_COUNT,
};

#define X86_64_PT_REGS_SIZE   168 /* 21 of 8 bytes: r15 ... ss */
#define X86_64_USER_REGS_SIZE 216 /* 27: fs_base, gs_base, ds, es, fs, gs too */

/* Which register each word of a struct user_regs_struct is. */
extern const uint8_t x86_64_user_regs[X86_64_USER_REGS_SIZE / 8];

#define X86_64_PRSTATUS_REGS 112 /* pr_reg in struct elf_prstatus */
#define X86_64_PRSTATUS_SIZE 336

/* All registers of a struct pt_regs, as it lies on a stack. */
void x86_64_regs_from_pt_regs(const uint8_t bytes[X86_64_PT_REGS_SIZE], struct regs *ret);

/* In ring 3? */
bool x86_64_is_user(const struct regs *regs);

#endif
