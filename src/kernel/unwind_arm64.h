/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk up an arm64 kernel stack by frame records: two words, the caller's x29 and the
 * address to return to, which x29 points at. Linux for arm64 is always built with them.
 * Source: Linux arch/arm64/kernel/stacktrace.c, entry.S (what an exception leaves) and
 * arch/arm64/include/asm/stacktrace/frame.h.
 */
#ifndef KERNEL_UNWIND_ARM64_H
#define KERNEL_UNWIND_ARM64_H

#include <stdbool.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"
#include "kernel/unwind.h"

/* arch->unwinder_new(), arch->unwinder_free() */
int unwinder_arm64_new(struct kernel *kernel, void **ret, struct err *err);
void unwinder_arm64_free(void *unwinder);

/* arch->unwind(). The sp of a frame that was not interrupted is where its record is. */
void unwind_arm64(struct kernel *kernel, const struct regs *start,
		  bool start_is_interrupted, struct backtrace *ret);

#endif
