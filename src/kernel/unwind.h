/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backtraces. A frame is reliable only where the unwinder proved it; where it had to
 * guess it says so, and an unwind that breaks off says where and why.
 */
#ifndef KERNEL_UNWIND_H
#define KERNEL_UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/cpu.h"
#include "kernel/kernel.h"
#include "kernel/task.h"

#define UNWIND_FRAMES_MAX 256

struct frame {
	uint64_t ip;
	uint64_t sp;
	/*
	 * @ip is where the CPU was, not an address to return to: the first frame of a
	 * running CPU, and the one below an exception. A name is looked up at @ip then,
	 * and at @ip - 1 otherwise: a call may be the last instruction of its function.
	 */
	bool is_interrupted;
	bool is_reliable;
	bool has_regs; /* all registers here are known: an exception's pt_regs */
	struct regs regs;
	char stack[8]; /* it is on: "" the task's, "IRQ", "NMI", "DF", "DB", "MCE", ... */
};

enum unwind_end {
	UNWIND_END_CLEAN, /* the first function of a kernel thread or of a CPU */
	UNWIND_END_USER,  /* reached user space */
	UNWIND_END_BROKEN,
};

struct backtrace {
	struct frame frames[UNWIND_FRAMES_MAX]; /* innermost first */
	size_t count;
	enum unwind_end end;
	char end_why[256]; /* for BROKEN */
	struct regs user;  /* for USER: registers at the entry from user space */
};

/* Large (about 100 KiB): keep it on the heap. */
struct backtrace *backtrace_new(void);
void backtrace_free(struct backtrace *backtrace);
static inline void backtrace_freep(struct backtrace **backtrace)
{
	backtrace_free(*backtrace);
}

/* For an architecture's unwind(): as new; and where nothing but the start is known. */
void backtrace_reset(struct backtrace *backtrace);
void backtrace_only_start(struct backtrace *backtrace, const struct arch *arch,
			  const struct regs *start, bool is_interrupted,
			  const struct err *why);

/*
 * A task's: from @cpu's registers where it is the one that @cpu was running (NULL: none),
 * else from where it went to sleep. Fails only where no frame at all can be had.
 */
int unwind_task(struct kernel *kernel, const struct task *task, const struct cpu *cpu,
		struct backtrace *ret, struct err *err);

/*
 * The registers that it begins with. @ret_is_interrupted: they are of where the CPU was,
 * or of a task that never ran; else ip is an address to return to.
 */
int unwind_task_regs(struct kernel *kernel, const struct task *task,
		     const struct cpu *cpu, struct regs *ret, bool *ret_is_interrupted,
		     struct err *err);

/* The address to look a frame's name up at. */
static inline uint64_t frame_lookup_vaddr(const struct frame *frame)
{
	return frame->is_interrupted ? frame->ip : frame->ip - 1;
}

/* "clean", "user", "broken" */
const char *unwind_end_name(enum unwind_end end);

#define _cleanup_backtrace _cleanup_(backtrace_freep)

#endif
