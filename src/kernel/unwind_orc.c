// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How it goes from a frame to its caller, in this order:
 *
 * 1. By the ORC entry of the instruction. That is a proof, as far as the registers that
 *    the entry asks for are known and the stack is whole.
 *
 * 2. Where there is no entry, or one that says that it can't say (__crash_kexec() is
 *    marked so, and every panic ends there): the first word on the stack that is a return
 *    address behind a call of just this function. That is a proof too.
 *
 * 3. By a guess: a jump to nowhere left a return address on top of the stack; code that
 *    was compiled at run time keeps a frame pointer. The result must lie behind a call;
 *    it and all frames after it are marked as not reliable.
 *
 * Not followed: what function graph tracing and return probes put in place of a return
 * address (return_to_handler, ...). The walk breaks off there and says so.
 */
#include "kernel/unwind_orc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/arch_x86_64.h"
#include "kernel/code.h"
#include "kernel/stack.h"
#include "kernel/unwind_walk.h"

#define SCAN_WORDS	128 /* of stack, for the call of a function */
#define IRET_FRAME_SIZE 40  /* ip, cs, flags, sp, ss */
#define TRIAL_TASKS	48

struct unwinder_orc {
	struct kernel *kernel;
	struct code *code;
	bool layout_is_guess;
	struct stacks *stacks; /* NULL: can't be had */
};

static const struct unwinder_orc *unwinder_of(const struct walk *w)
{
	return w->unwinder;
}

/* --- moving on -----------------------------------------------------------------------
 */

/* To the caller's @sp. */
static bool walk_move(struct walk *w, uint64_t sp)
{
	struct err err = { 0 };

	if (stack_walk_move(&w->stack, sp, &err) < 0)
		return walk_broken(w, "%s", err_text(&err));
	regs_set(&w->regs, X86_64_RSP, sp);
	return true;
}

/* Nothing but ip, sp and bp lives on across a call, or is not known to. */
static void walk_forget(struct walk *w)
{
	w->regs.known &= (uint64_t)1 << X86_64_RIP | (uint64_t)1 << X86_64_RSP |
			 (uint64_t)1 << X86_64_RBP;
	w->has_regs = false;
}

/* To a return address. Where it points to no code that is known it proves nothing. */
static bool walk_return(struct walk *w, uint64_t ip, uint64_t sp)
{
	if (!walk_move(w, sp))
		return false;
	if (ip == 0)
		return walk_broken(w, "the return address is 0");
	walk_forget(w);
	w->is_interrupted = false;
	w->is_reliable = w->is_reliable && code_has(unwinder_of(w)->code, ip - 1);
	regs_set(&w->regs, X86_64_RIP, ip);
	return true;
}

/* --- without an entry ----------------------------------------------------------------
 */

static bool scan_for_call(const struct walk *w, uint64_t *ret_ip, uint64_t *ret_sp)
{
	uint64_t ip = walk_ip(w) - !w->is_interrupted;
	struct kernel_name name;

	if (kernel_name(w->kernel, ip, &name, NULL) < 0)
		return false;
	for (size_t i = 0; i < SCAN_WORDS; i++) {
		uint64_t at = walk_sp(w) + i * 8, word;

		if (kernel_read_u64(w->kernel, at, &word, NULL) < 0)
			return false;
		if (code_is_behind_call_of(unwinder_of(w)->code, word,
					   ip - name.offset)) {
			*ret_ip = word;
			*ret_sp = at + 8;
			return true;
		}
	}
	return false;
}

/* After a call to where no code is: nothing was pushed but the return address. */
static bool guess_bad_jump(const struct walk *w, uint64_t *ret_ip, uint64_t *ret_sp)
{
	if (!w->is_interrupted || code_has(unwinder_of(w)->code, walk_ip(w)) ||
	    kernel_read_u64(w->kernel, walk_sp(w), ret_ip, NULL) < 0)
		return false;
	*ret_sp = walk_sp(w) + 8;
	return code_is_behind_call(unwinder_of(w)->code, *ret_ip);
}

static bool guess_frame_pointer(struct walk *w, uint64_t *ret_ip, uint64_t *ret_sp)
{
	uint64_t bp = w->regs.value[X86_64_RBP], caller_bp;

	if (!regs_has(&w->regs, X86_64_RBP) ||
	    code_has(unwinder_of(w)->code, walk_ip(w)) || bp < walk_sp(w) || bp % 8 ||
	    kernel_read_u64(w->kernel, bp, &caller_bp, NULL) < 0 ||
	    kernel_read_u64(w->kernel, bp + 8, ret_ip, NULL) < 0 ||
	    !code_is_behind_call(unwinder_of(w)->code, *ret_ip))
		return false;
	*ret_sp = bp + 16;
	regs_set(&w->regs, X86_64_RBP, caller_bp);
	return true;
}

static bool walk_without_entry(struct walk *w, const char *why)
{
	uint64_t ip, sp;

	if (w->is_strict)
		return walk_broken(w, "%s", why);
	if (scan_for_call(w, &ip, &sp)) {
		/* What the function did to bp is not known: perhaps nothing. */
		w->regs.known &= ~((uint64_t)1 << X86_64_RBP);
		return walk_return(w, ip, sp);
	}
	if (guess_bad_jump(w, &ip, &sp) || guess_frame_pointer(w, &ip, &sp)) {
		w->is_reliable = false;
		return walk_return(w, ip, sp);
	}
	return walk_broken(w, "%s", why);
}

/* --- by an entry ---------------------------------------------------------------------
 */

static bool need_reg(const struct walk *w, enum x86_64_reg reg, uint64_t *ret,
		     struct err *err)
{
	if (!regs_has(&w->regs, reg)) {
		err_set(err, ERR_NOTFOUND, "it takes %s, which is not known here",
			arch_x86_64.reg_names[reg]);
		return false;
	}
	*ret = w->regs.value[reg];
	return true;
}

/* The caller's sp, or where the registers lie: what DWARF calls the CFA. */
static bool find_cfa(const struct walk *w, const struct orc_entry *entry, uint64_t *ret,
		     struct err *err)
{
	uint64_t offset = (uint64_t)(int64_t)entry->sp_offset;

	switch (entry->sp_reg) {
	case ORC_REG_SP:
		*ret = walk_sp(w) + offset;
		return true;
	case ORC_REG_BP:
		if (!need_reg(w, X86_64_RBP, ret, err))
			return false;
		*ret += offset;
		return true;
	case ORC_REG_SP_INDIRECT:
		if (kernel_read_u64(w->kernel, walk_sp(w), ret, err) < 0)
			return false;
		*ret += offset;
		return true;
	case ORC_REG_BP_INDIRECT:
		return need_reg(w, X86_64_RBP, ret, err) &&
		       kernel_read_u64(w->kernel, *ret + offset, ret, err) == 0;
	case ORC_REG_AX:
		return need_reg(w, X86_64_RAX, ret, err);
	case ORC_REG_DX:
		return need_reg(w, X86_64_RDX, ret, err);
	case ORC_REG_DI:
		return need_reg(w, X86_64_RDI, ret, err);
	case ORC_REG_R10:
		return need_reg(w, X86_64_R10, ret, err);
	case ORC_REG_R13:
		return need_reg(w, X86_64_R13, ret, err);
	case ORC_REG_UNDEFINED:
	case ORC_REG_PREV_SP:
		break;
	}
	err_set(err, ERR_CORRUPT, "its ORC entry makes no sense");
	return false;
}

/* Where the caller's bp was saved; false: it could not be read. */
static bool find_bp(const struct walk *w, const struct orc_entry *entry, uint64_t cfa,
		    bool *ret_is_known, uint64_t *ret, struct err *err)
{
	uint64_t offset = (uint64_t)(int64_t)entry->bp_offset;

	*ret_is_known = true;
	if (entry->bp_reg == ORC_REG_PREV_SP)
		return kernel_read_u64(w->kernel, cfa + offset, ret, err) == 0;
	if (entry->bp_reg == ORC_REG_BP && regs_has(&w->regs, X86_64_RBP))
		return kernel_read_u64(w->kernel, w->regs.value[X86_64_RBP] + offset, ret,
				       err) == 0;
	*ret_is_known = false;
	return true;
}

static void walk_set_bp(struct walk *w, const struct orc_entry *entry, bool is_known,
			uint64_t bp)
{
	if (is_known)
		regs_set(&w->regs, X86_64_RBP, bp);
	else if (entry->bp_reg != ORC_REG_UNDEFINED)
		w->regs.known &= ~((uint64_t)1 << X86_64_RBP);
}

static bool walk_call(struct walk *w, const struct orc_entry *entry, uint64_t cfa)
{
	uint64_t ip, bp = 0;
	struct err err = { 0 };
	bool has_bp;

	if (kernel_read_u64(w->kernel, cfa - 8, &ip, &err) < 0 ||
	    !find_bp(w, entry, cfa, &has_bp, &bp, &err))
		return walk_broken(w, "%s", err_text(&err));
	if (!walk_return(w, ip, cfa))
		return false;
	walk_set_bp(w, entry, has_bp, bp);
	w->is_interrupted = entry->is_signal;
	return true;
}

/* An exception's frame: to what it interrupted, or the end where that is user space. */
static bool walk_regs(struct walk *w, const struct orc_entry *entry,
		      const struct regs *regs)
{
	uint64_t sp = regs->value[X86_64_RSP];

	if (x86_64_is_user(regs)) {
		w->bt->user = *regs;
		return walk_end(w, UNWIND_END_USER);
	}
	if (!walk_move(w, sp))
		return false;
	w->regs = *regs;
	w->is_interrupted = entry->is_signal;
	w->is_reliable =
		w->is_reliable &&
		(entry->is_signal || code_has(unwinder_of(w)->code, walk_ip(w) - 1));
	w->has_regs = entry->type == ORC_TYPE_REGS;
	return true;
}

static bool walk_full_regs(struct walk *w, const struct orc_entry *entry, uint64_t cfa)
{
	uint8_t bytes[X86_64_PT_REGS_SIZE];
	struct err err = { 0 };
	struct regs regs;

	if (kernel_read(w->kernel, cfa, bytes, sizeof(bytes), &err) < 0)
		return walk_broken(w, "%s", err_text(&err));
	x86_64_regs_from_pt_regs(bytes, &regs);
	return walk_regs(w, entry, &regs);
}

/* Only what the CPU itself pushed; all other registers are still as they were. */
static bool walk_partial_regs(struct walk *w, const struct orc_entry *entry, uint64_t cfa)
{
	static const uint8_t order[] = { X86_64_RIP, X86_64_CS, X86_64_EFLAGS, X86_64_RSP,
					 X86_64_SS };
	uint8_t bytes[IRET_FRAME_SIZE];
	struct regs regs = w->regs;
	struct err err = { 0 };
	uint64_t bp = 0;
	bool has_bp;

	if (kernel_read(w->kernel, cfa, bytes, sizeof(bytes), &err) < 0 ||
	    !find_bp(w, entry, cfa, &has_bp, &bp, &err))
		return walk_broken(w, "%s", err_text(&err));
	for (size_t i = 0; i < sizeof(order); i++)
		regs_set(&regs, order[i], load_le64(bytes + i * 8));
	if (!walk_regs(w, entry, &regs))
		return false;
	walk_set_bp(w, entry, has_bp, bp);
	return true;
}

/* One frame on; false at the end, which is then told in the backtrace. */
static bool walk_step(struct walk *w)
{
	struct err err = { 0 };
	struct orc_entry entry;
	uint64_t cfa;

	if (code_entry(unwinder_of(w)->code, walk_ip(w) - !w->is_interrupted, &entry,
		       &err) < 0)
		return walk_without_entry(w, err_text(&err));
	if (entry.type == ORC_TYPE_UNDEFINED)
		return walk_without_entry(w,
					  "its ORC entry says nothing, and no call of it "
					  "is on the stack");
	if (entry.type == ORC_TYPE_END)
		return walk_end(w, UNWIND_END_CLEAN);
	if (!find_cfa(w, &entry, &cfa, &err))
		return walk_without_entry(w, err_text(&err));
	if (entry.type == ORC_TYPE_REGS)
		return walk_full_regs(w, &entry, cfa);
	if (entry.type == ORC_TYPE_REGS_PARTIAL)
		return walk_partial_regs(w, &entry, cfa);
	return walk_call(w, &entry, cfa);
}

static void walk_run(const struct unwinder_orc *u, const struct regs *start,
		     bool is_interrupted, bool is_strict, struct backtrace *ret)
{
	const uint64_t all = ((uint64_t)1 << (X86_64_SS + 1)) - 1;
	struct walk w = {
		.kernel = u->kernel,
		.arch = &arch_x86_64,
		.unwinder = u,
		.bt = ret,
		.is_strict = is_strict,
		.regs = *start,
		.is_interrupted = is_interrupted,
		.is_reliable = true,
		.has_regs = (start->known & all) == all,
	};

	if (!regs_has(start, X86_64_RIP) || !regs_has(start, X86_64_RSP)) {
		walk_broken(&w, "neither ip nor sp is known");
		return;
	}
	if (x86_64_is_user(start)) {
		ret->user = *start;
		walk_end(&w, UNWIND_END_USER);
		return;
	}
	stack_walk_begin(&w.stack, u->stacks, walk_sp(&w));
	while (walk_add_frame(&w) && walk_step(&w))
		;
}

void unwind_orc(struct kernel *kernel, const struct regs *start,
		bool start_is_interrupted, struct backtrace *ret)
{
	const void *unwinder;
	struct err err = { 0 };

	backtrace_reset(ret);
	if (kernel_unwinder(kernel, &unwinder, &err) == 0) {
		walk_run(unwinder, start, start_is_interrupted, false, ret);
		return;
	}
	backtrace_only_start(ret, &arch_x86_64, start, start_is_interrupted, &err);
}

/* --- the unwinder --------------------------------------------------------------------
 */

/* How well a layout does on tasks that sleep: how many it unwinds, and how far. */
struct trial {
	size_t ends, frames;
};

static struct trial try_layout(struct unwinder_orc *u, const struct task_list *tasks,
			       enum orc_layout layout, struct backtrace *bt)
{
	struct trial trial = { 0 };

	code_set_layout(u->code, layout);
	for (size_t i = 0; i < tasks->count; i++) {
		struct regs regs;

		if (tasks->tasks[i].is_running ||
		    arch_x86_64.regs_of_sleeper(u->kernel, tasks->tasks[i].vaddr, &regs,
						NULL) < 0)
			continue;
		backtrace_reset(bt);
		walk_run(u, &regs, false, true, bt);
		trial.ends += bt->end != UNWIND_END_BROKEN;
		trial.frames += bt->end != UNWIND_END_BROKEN ? bt->count : 0;
	}
	return trial;
}

static int try_layouts(struct unwinder_orc *u, const struct task_list *tasks,
		       struct err *err)
{
	_cleanup_backtrace struct backtrace *bt = backtrace_new();
	enum orc_layout found = ORC_LAYOUT_COUNT;
	struct trial best = { 0 };

	if (!bt)
		return err_nomem(err);
	for (enum orc_layout layout = 0; layout < ORC_LAYOUT_COUNT; layout++) {
		struct trial trial = try_layout(u, tasks, layout, bt);

		if (trial.ends > best.ends ||
		    (trial.ends == best.ends && trial.frames > best.frames)) {
			best = trial;
			found = layout;
		}
	}
	if (found == ORC_LAYOUT_COUNT)
		return err_set(err, ERR_UNSUPPORTED,
			       "no known ORC layout unwinds a sleeping task");
	code_set_layout(u->code, found);
	return 0;
}

/*
 * Where there is no header and no task to try on, it is the first layout: only v6.3.0 to
 * v6.3.9 had another one and no header.
 */
static int guess_layout(struct unwinder_orc *u, bool has_header, struct err *err)
{
	_cleanup_(task_list_done) struct task_list tasks = { 0 };
	int r;

	u->layout_is_guess = true;
	r = task_list_read_some(u->kernel, TRIAL_TASKS, &tasks, err);
	if (r == 0)
		return try_layouts(u, &tasks, err);
	if (has_header)
		return err_in(err, r, "no sleeping task to try ORC layouts on");
	code_set_layout(u->code, ORC_LAYOUT_1);
	return 0;
}

static void unwinder_freep(struct unwinder_orc **unwinder)
{
	unwinder_orc_free(*unwinder);
}

int unwinder_orc_new(struct kernel *kernel, void **ret, struct err *err)
{
	_cleanup_(unwinder_freep) struct unwinder_orc *u = NULL;
	int r;

	u = calloc(1, sizeof(*u));
	if (!u)
		return err_nomem(err);
	u->kernel = kernel;
	r = code_new(kernel, &u->code, err);
	if (r < 0)
		return r;
	if (stacks_new(kernel, &u->stacks, NULL) < 0)
		u->stacks = NULL;
	r = code_read_layout(u->code, err);
	if (r < 0)
		r = guess_layout(u, r != ERR_NOTFOUND, err);
	if (r < 0)
		return r;
	*ret = take_ptr(u);
	return 0;
}

void unwinder_orc_free(void *opaque)
{
	struct unwinder_orc *unwinder = opaque;

	if (!unwinder)
		return;
	stacks_free(unwinder->stacks);
	code_free(unwinder->code);
	free(unwinder);
}

enum orc_layout unwinder_orc_layout(const struct unwinder_orc *unwinder,
				    bool *ret_is_guess)
{
	if (ret_is_guess)
		*ret_is_guess = unwinder->layout_is_guess;
	return code_layout(unwinder->code);
}

const struct code *unwinder_orc_code(const struct unwinder_orc *unwinder)
{
	return unwinder->code;
}
