/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backtrace being made, whatever the architecture: the frame that was reached, and how
 * the walk ends. For the unwinders alone.
 */
#ifndef KERNEL_UNWIND_WALK_H
#define KERNEL_UNWIND_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/stack.h"
#include "kernel/unwind.h"

struct walk {
	struct kernel *kernel;
	const struct arch *arch;
	const void *unwinder; /* the architecture's own */
	struct backtrace *bt;
	bool is_strict; /* x86_64: by ORC entries alone */

	/* The frame that was reached. */
	struct regs regs; /* as far as they are known; ip and sp are */
	bool is_interrupted;
	bool is_reliable; /* all from here on */
	bool is_guess;	  /* but this one */
	bool has_regs;
	struct stack_walk stack;
};

static inline uint64_t walk_ip(const struct walk *w)
{
	return w->regs.value[w->arch->reg_ip];
}

static inline uint64_t walk_sp(const struct walk *w)
{
	return w->regs.value[w->arch->reg_sp];
}

/* These return false: the walk does not go on. */
bool walk_end(struct walk *w, enum unwind_end end);
/* "at FUNCTION: WHY" */
bool walk_broken(struct walk *w, const char *fmt, ...) PRINTF(2, 3);

/* What was reached becomes a frame. False: there are too many. */
bool walk_add_frame(struct walk *w);

#endif
