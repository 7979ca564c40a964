// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How it goes from a frame to its caller:
 *
 * 1. By the record at x29. Of a function that called another one it is its own: a proof,
 *    as long as the records lie one above the other on a known stack and the addresses in
 *    them are behind a call, in code that is known.
 *
 * 2. Where a function was interrupted it may have no record yet, or no more, or never:
 * its instructions tell (flow_arm64.h). Then it returns to x30, and x29 is its caller's.
 *    Where they do not tell, x30 is given as a guess before what the record says.
 *
 * 3. An exception leaves a record inside its struct pt_regs (stackframe). Since v6.14
 *    (c2c6b27b5aa1) it is two zeros and says what it is. Before, it is that of the
 *    interrupted function, and equal to the registers around it, which proves it.
 *
 * The last record is two zeros, in the pt_regs of the entry from user space, or of a
 * kernel thread, where the mode says that there is no user space.
 *
 * Signed return addresses (FEAT_PAuth) are stripped by their highest bits. Not followed:
 * what function graph tracing and return probes put in place of a return address.
 */
#include "kernel/unwind_arm64.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/arch_arm64.h"
#include "kernel/flow_arm64.h"
#include "kernel/stack.h"
#include "kernel/unwind_walk.h"
#include "kernel/ktext.h"

/* arch/arm64/include/asm/stacktrace/frame.h */
#define FRAME_META_TYPE_FINAL	1
#define FRAME_META_TYPE_PT_REGS 2

#define RECORD_SIZE  16
#define KERNEL_HALF  ((uint64_t)1 << 55) /* of an address: which half of the space */
#define INSTRUCTION  4
#define PT_REGS_NONE UINT64_MAX

struct unwinder_arm64 {
	struct kernel *kernel;
	struct ktext text;
	struct stacks *stacks; /* NULL: can't be had */
	uint64_t pac_mask;
	uint64_t stackframe_offset;	 /* in struct pt_regs; PT_REGS_NONE: not known */
	bool has_meta;			 /* a third word says what a record of zeros is */
	uint64_t entry_start, entry_end; /* code of exceptions; equal: not known */
};

static uint64_t walk_fp(const struct walk *w)
{
	return w->regs.value[ARM64_FP];
}

static const struct unwinder_arm64 *unwinder_of(const struct walk *w)
{
	return w->unwinder;
}

/* An address without its signature. */
static uint64_t strip(const struct walk *w, uint64_t address)
{
	uint64_t mask = unwinder_of(w)->pac_mask;

	return address & KERNEL_HALF ? address | mask : address & ~mask;
}

/* --- what was interrupted -------------------------------------------------------- */

static enum flow_frame frame_of_function(const struct walk *w)
{
	_cleanup_free uint32_t *code = NULL;
	struct kernel_name name;
	size_t count;

	if (kernel_name(w->kernel, walk_ip(w), &name, NULL) < 0 || name.size == 0 ||
	    name.size / INSTRUCTION > FLOW_INSTRUCTIONS_MAX || name.offset % INSTRUCTION)
		return FLOW_FRAME_UNKNOWN;
	count = name.size / INSTRUCTION;
	code = calloc(count + 1, INSTRUCTION);
	if (!code || kernel_read(w->kernel, walk_ip(w) - name.offset, code,
				 count * INSTRUCTION, NULL) < 0)
		return FLOW_FRAME_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		code[i] = load_le32(&code[i]);
	/* The compiler puts apart what is cold: the function's beginning is elsewhere. */
	return flow_arm64_frame(code, count, name.offset / INSTRUCTION,
				strstr(name.symbol, ".cold") != NULL);
}

static bool is_behind_call(const struct walk *w, uint64_t address)
{
	uint32_t word;

	return ktext_has(&unwinder_of(w)->text, address - INSTRUCTION) &&
	       kernel_read_u32(w->kernel, address - INSTRUCTION, &word, NULL) == 0 &&
	       flow_arm64_is_call(word);
}

/* --- moving on ------------------------------------------------------------------- */

/* Nothing but pc, x29 and sp lives on across a call, or is not known to. */
static void walk_set(struct walk *w, uint64_t pc, uint64_t fp)
{
	w->regs.known = 0;
	regs_set(&w->regs, ARM64_PC, pc);
	regs_set(&w->regs, ARM64_FP, fp);
	regs_set(&w->regs, ARM64_SP, fp);
	w->is_interrupted = false;
	w->is_guess = false;
	w->has_regs = false;
}

static bool walk_move(struct walk *w, uint64_t sp)
{
	struct err err = { 0 };

	if (stack_walk_move(&w->stack, sp, &err) < 0)
		return walk_broken(w, "%s", err_text(&err));
	return true;
}

/* To where @regs, an exception's at @pt_regs, were true; or to user space. */
static bool walk_exception(struct walk *w, const struct regs *regs)
{
	if (arm64_is_user(regs)) {
		w->bt->user = *regs;
		return walk_end(w, UNWIND_END_USER);
	}
	/* A record may lie at sp itself. */
	if (!walk_move(w, regs->value[ARM64_SP] - 8))
		return false;
	w->regs = *regs;
	w->is_interrupted = true;
	w->is_guess = false;
	w->has_regs = true;
	return true;
}

/* The registers that a record is inside of. */
static bool read_pt_regs(const struct walk *w, struct regs *ret, struct err *err)
{
	uint8_t bytes[ARM64_USER_REGS_SIZE];
	uint64_t offset = unwinder_of(w)->stackframe_offset;

	if (offset == PT_REGS_NONE) {
		err_set(err, ERR_NOTFOUND,
			"where a record lies in struct pt_regs is not known");
		return false;
	}
	if (kernel_read(w->kernel, walk_fp(w) - offset, bytes, sizeof(bytes), err) < 0)
		return false;
	arm64_regs_from_user_regs(bytes, ret);
	return true;
}

/* What struct pt_regs has of a system call, of registers at @vaddr. */
static void add_syscall(const struct walk *w, uint64_t vaddr, struct regs *regs)
{
	uint64_t offset, orig_x0;
	uint32_t number;

	if (kernel_offset(w->kernel, "pt_regs.orig_x0", &offset, NULL) == 0 &&
	    kernel_read_u64(w->kernel, vaddr + offset, &orig_x0, NULL) == 0)
		regs_set(regs, ARM64_ORIG_X0, orig_x0);
	if (kernel_offset(w->kernel, "pt_regs.syscallno", &offset, NULL) == 0 &&
	    kernel_read_u32(w->kernel, vaddr + offset, &number, NULL) == 0)
		regs_set(regs, ARM64_SYSCALL, number);
}

/* A record of two zeros. */
static bool walk_final(struct walk *w)
{
	uint64_t type = FRAME_META_TYPE_FINAL;
	struct err err = { 0 };
	struct regs regs;

	if (unwinder_of(w)->has_meta &&
	    kernel_read_u64(w->kernel, walk_fp(w) + RECORD_SIZE, &type, &err) < 0)
		return walk_broken(w, "%s", err_text(&err));
	if (type != FRAME_META_TYPE_FINAL && type != FRAME_META_TYPE_PT_REGS)
		return walk_broken(w, "a frame record of the unknown type %" PRIu64,
				   type);
	if (read_pt_regs(w, &regs, &err)) {
		if (type == FRAME_META_TYPE_PT_REGS)
			return walk_exception(w, &regs);
		if (arm64_is_user(&regs) && regs.value[ARM64_PC]) {
			add_syscall(w, walk_fp(w) - unwinder_of(w)->stackframe_offset,
				    &regs);
			w->bt->user = regs;
			return walk_end(w, UNWIND_END_USER);
		}
	} else if (type == FRAME_META_TYPE_PT_REGS) {
		return walk_broken(w, "%s", err_text(&err));
	}
	return walk_end(w, UNWIND_END_CLEAN);
}

/*
 * Before v6.14: is the record that of an exception, inside of the registers that it
 * repeats? Asked only in code that makes such.
 */
static bool is_exception_record(const struct walk *w, const uint64_t record[2],
				struct regs *ret)
{
	const struct unwinder_arm64 *u = unwinder_of(w);

	return !u->has_meta &&
	       (u->entry_start == u->entry_end ||
		(walk_ip(w) >= u->entry_start && walk_ip(w) <= u->entry_end)) &&
	       read_pt_regs(w, ret, NULL) && ret->value[ARM64_PC] == record[1] &&
	       ret->value[ARM64_FP] == record[0];
}

/* By the record at x29. */
static bool walk_record(struct walk *w)
{
	uint8_t bytes[RECORD_SIZE];
	struct err err = { 0 };
	uint64_t record[2];
	struct regs regs;

	if (!walk_move(w, walk_fp(w)))
		return false;
	if (kernel_read(w->kernel, walk_fp(w), bytes, sizeof(bytes), &err) < 0)
		return walk_broken(w, "%s", err_text(&err));
	record[0] = load_le64(bytes);
	record[1] = load_le64(bytes + 8);
	if (record[0] == 0 && record[1] == 0)
		return walk_final(w);
	if (is_exception_record(w, record, &regs))
		return walk_exception(w, &regs);
	record[1] = strip(w, record[1]);
	if (record[1] == 0)
		return walk_broken(w, "the return address is 0");
	walk_set(w, record[1], record[0]);
	w->is_reliable =
		w->is_reliable && ktext_has(&unwinder_of(w)->text, record[1] - 1);
	return true;
}

/* From a function that was interrupted. */
static bool walk_interrupted(struct walk *w)
{
	bool has_lr = regs_has(&w->regs, ARM64_LR);
	uint64_t lr = has_lr ? strip(w, w->regs.value[ARM64_LR]) : 0;
	bool is_code = ktext_has(&unwinder_of(w)->text, walk_ip(w));
	enum flow_frame frame;
	uint64_t saved;

	if (!has_lr)
		return walk_record(w);
	/* After a call to where no code is. */
	frame = is_code ? frame_of_function(w) : FLOW_FRAME_UNKNOWN;
	if (frame == FLOW_FRAME_MADE || !is_behind_call(w, lr))
		return walk_record(w);
	if (frame == FLOW_FRAME_UNKNOWN && is_code &&
	    kernel_read_u64(w->kernel, walk_fp(w) + 8, &saved, NULL) == 0 &&
	    strip(w, saved) == lr)
		return walk_record(w); // both say the same
	walk_set(w, lr, walk_fp(w));
	w->is_guess = frame == FLOW_FRAME_UNKNOWN;
	return true;
}

static bool walk_step(struct walk *w)
{
	return w->is_interrupted ? walk_interrupted(w) : walk_record(w);
}

static void walk_run(const struct unwinder_arm64 *u, const struct regs *start,
		     bool is_interrupted, struct backtrace *ret)
{
	struct walk w = {
		.kernel = u->kernel,
		.arch = &arch_arm64,
		.unwinder = u,
		.bt = ret,
		.regs = *start,
		.is_interrupted = is_interrupted,
		.is_reliable = true,
		.has_regs = start->known == ARM64_REGS_ALL,
	};

	if (!regs_has(start, ARM64_PC) || !regs_has(start, ARM64_FP) ||
	    !regs_has(start, ARM64_SP)) {
		walk_broken(&w, "pc, sp and x29 are not known");
		return;
	}
	if (arm64_is_user(start)) {
		ret->user = *start;
		walk_end(&w, UNWIND_END_USER);
		return;
	}
	regs_set(&w.regs, ARM64_PC, strip(&w, walk_ip(&w)));
	/* A record may lie at sp itself. */
	stack_walk_begin(&w.stack, u->stacks, start->value[ARM64_SP] - 8);
	while (walk_add_frame(&w) && walk_step(&w))
		;
}

void unwind_arm64(struct kernel *kernel, const struct regs *start,
		  bool start_is_interrupted, struct backtrace *ret)
{
	const void *unwinder;
	struct err err = { 0 };

	backtrace_reset(ret);
	if (kernel_unwinder(kernel, &unwinder, &err) == 0)
		walk_run(unwinder, start, start_is_interrupted, ret);
	else
		backtrace_only_start(ret, &arch_arm64, start, start_is_interrupted, &err);
}

/* --- the unwinder ---------------------------------------------------------------- */

int unwinder_arm64_new(struct kernel *kernel, void **ret, struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	struct unwinder_arm64 *u = calloc(1, sizeof(*u));
	int64_t mask;
	uint64_t offset;

	if (!u)
		return err_nomem(err);
	u->kernel = kernel;
	ktext_init(kernel, &u->text);
	if (stacks_new(kernel, &u->stacks, NULL) < 0)
		u->stacks = NULL;
	if (vmcoreinfo_number(info, "KERNELPACMASK", &mask, NULL) == 0)
		u->pac_mask = (uint64_t)mask;
	if (kernel_offset(kernel, "pt_regs.stackframe", &u->stackframe_offset, NULL) < 0)
		u->stackframe_offset = PT_REGS_NONE;
	u->has_meta = kernel_offset(kernel, "frame_record_meta.type", &offset, NULL) == 0;
	if (kernel_symbol(kernel, "__entry_text_start", &u->entry_start, NULL) < 0 ||
	    kernel_symbol(kernel, "__entry_text_end", &u->entry_end, NULL) < 0)
		u->entry_start = u->entry_end = 0;
	*ret = u;
	return 0;
}

void unwinder_arm64_free(void *opaque)
{
	struct unwinder_arm64 *unwinder = opaque;

	if (!unwinder)
		return;
	stacks_free(unwinder->stacks);
	free(unwinder);
}
