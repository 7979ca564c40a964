/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk up an x86-64 kernel stack by ORC tables (orc.h): of the kernel and of modules.
 * Source: Linux arch/x86/kernel/unwind_orc.c (what an entry asks for), and where that
 * gives up, the stack itself: see unwind_orc.c.
 */
#ifndef KERNEL_UNWIND_ORC_H
#define KERNEL_UNWIND_ORC_H

#include <stdbool.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"
#include "kernel/orc.h"
#include "kernel/unwind.h"

struct unwinder_orc;

/*
 * arch->unwinder_new(): finds the kernel's table and its layout: by the hash in its
 * header, else by trying each layout on tasks that sleep. ERR_NOTFOUND: a kernel without
 * ORC tables (CONFIG_UNWINDER_ORC).
 */
int unwinder_orc_new(struct kernel *kernel, void **ret, struct err *err);
void unwinder_orc_free(void *unwinder);

/* @ret_is_guess (may be NULL): found by trial. */
enum orc_layout unwinder_orc_layout(const struct unwinder_orc *unwinder,
				    bool *ret_is_guess);

/* The code that it unwinds; borrowed. */
struct code;
const struct code *unwinder_orc_code(const struct unwinder_orc *unwinder);

/* As arch->unwind(); asks kernel_unwinder() for the tables. */
void unwind_orc(struct kernel *kernel, const struct regs *start,
		bool start_is_interrupted, struct backtrace *ret);

#endif
