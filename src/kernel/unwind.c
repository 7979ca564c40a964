// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where an unwind begins, for any architecture: at the registers that a CPU noted, or
 * where a task went to sleep. How it goes on is the architecture's: arch->unwind().
 */
#include "kernel/unwind.h"

#include <inttypes.h>
#include <stdio.h>

struct backtrace *backtrace_new(void)
{
	return calloc(1, sizeof(struct backtrace));
}

void backtrace_free(struct backtrace *backtrace)
{
	free(backtrace);
}

void backtrace_reset(struct backtrace *bt)
{
	bt->count = 0;
	bt->end = UNWIND_END_BROKEN;
	bt->end_why[0] = '\0';
	bt->user = (struct regs){ 0 };
}

void backtrace_only_start(struct backtrace *bt, const struct arch *arch,
			  const struct regs *start, bool is_interrupted,
			  const struct err *why)
{
	if (regs_has(start, arch->reg_ip)) {
		bt->frames[0] = (struct frame){ .ip = start->value[arch->reg_ip],
						.sp = start->value[arch->reg_sp],
						.is_interrupted = is_interrupted,
						.is_reliable = true };
		bt->count = 1;
	}
	snprintf(bt->end_why, sizeof(bt->end_why), "%.255s", err_text(why));
}

const char *unwind_end_name(enum unwind_end end)
{
	switch (end) {
	case UNWIND_END_CLEAN:
		return "clean";
	case UNWIND_END_USER:
		return "user";
	case UNWIND_END_BROKEN:
		break;
	}
	return "broken";
}

/* A dead task gives its stack back before its task_struct: what is there is another's. */
static int check_stack(struct kernel *kernel, const struct task *task, struct err *err)
{
	uint64_t offset, stack;

	if (kernel_offset(kernel, "task_struct.stack", &offset, NULL) == 0 &&
	    kernel_read_u64(kernel, task->vaddr + offset, &stack, NULL) == 0 &&
	    stack == 0)
		return err_set(err, ERR_NOTFOUND,
			       "the task is dead: its kernel stack was freed");
	return 0;
}

/* A task that never ran waits at the first instruction of a function. */
static bool never_ran(struct kernel *kernel, uint64_t ip)
{
	struct kernel_name name;

	return kernel_name(kernel, ip, &name, NULL) == 0 && name.offset == 0;
}

static int regs_of_sleeper(struct kernel *kernel, const struct task *task,
			   struct regs *ret, bool *ret_is_interrupted, struct err *err)
{
	const struct arch *arch = kernel_arch(kernel);
	int r = check_stack(kernel, task, err);

	if (r == 0)
		r = arch->regs_of_sleeper(kernel, task->vaddr, ret, err);
	if (r == 0)
		*ret_is_interrupted = never_ran(kernel, ret->value[arch->reg_ip]);
	return r;
}

int unwind_task_regs(struct kernel *kernel, const struct task *task,
		     const struct cpu *cpu, struct regs *ret, bool *ret_is_interrupted,
		     struct err *err)
{
	bool is_current = cpu && cpu->current_vaddr == task->vaddr;
	int r = 0;

	if (is_current && cpu->has_regs) {
		*ret = cpu->regs;
		*ret_is_interrupted = true;
	} else if (is_current) {
		r = err_set(err, ERR_NOTFOUND, "no registers of CPU %" PRIu32 ": %s",
			    cpu->id, cpu->no_regs_why);
	} else if (task->is_running) {
		r = err_set(err, ERR_NOTFOUND,
			    "it was running on CPU %" PRIu32
			    ", and that CPU's registers are not known",
			    task->cpu);
	} else {
		r = regs_of_sleeper(kernel, task, ret, ret_is_interrupted, err);
	}
	return r < 0 ? err_in(err, r, "registers of task %" PRId32, task->pid) : 0;
}

int unwind_task(struct kernel *kernel, const struct task *task, const struct cpu *cpu,
		struct backtrace *ret, struct err *err)
{
	const struct arch *arch = kernel_arch(kernel);
	bool is_interrupted = false;
	struct regs regs;
	int r;

	if (!arch->unwind)
		return err_set(err, ERR_UNSUPPORTED, "backtraces of %s", arch->name);
	r = unwind_task_regs(kernel, task, cpu, &regs, &is_interrupted, err);
	if (r < 0)
		return r;
	arch->unwind(kernel, &regs, is_interrupted, ret);
	return 0;
}
