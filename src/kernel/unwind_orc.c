// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How it goes from a frame to its caller, in this order:
 *
 * 1. By the ORC entry of the instruction. That is a proof, as far as the registers that
 * the entry asks for are known and the stack is whole.
 * 2. Where there is no entry, or one that says that it can't say (__crash_kexec() is
 * marked so, and every panic ends there): the first word on the stack that is a return
 * address behind a `call` of just this function. That is a proof too.
 * 3. By a guess: a jump to nowhere left a return address on top of the stack; code from a
 *    just-in-time compiler keeps a frame pointer. The result must lie behind a call. It
 * and all frames after it are marked as not reliable.
 *
 * Not followed: what function graph tracing and return probes put in place of a return
 * address (return_to_handler, ...). The walk breaks off there and says so.
 */
#include "kernel/unwind_orc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/arch_x86_64.h"
#include "kernel/module.h"
#include "kernel/stack.h"

#define TEXT_RANGES	  2	     /* _stext.._etext, _sinittext.._einittext */
#define SCAN_WORDS	  128	     /* of stack, for the call of a function */
#define TASK_STACK_MAX	  (64 << 10) /* THREAD_SIZE is 16 KiB, 32 with KASAN */
#define STACK_CHANGES_MAX 16
#define IRET_FRAME_SIZE	  40 /* ip, cs, flags, sp, ss */
#define CALL_SIZE	  5  /* e8 rel32 */
#define ENDBR_SIZE	  4
#define TRIAL_TASKS	  48

struct text_range {
	uint64_t start, end;
};

struct unwinder {
	struct kernel *kernel;
	struct orc_reader *reader;
	struct orc_table table; /* the kernel's own */
	struct text_range texts[TEXT_RANGES];
	size_t text_count;
	enum orc_layout layout;
	bool layout_is_guess;
	const struct modules *modules; /* NULL: can't be had */
	struct stacks *stacks;	       /* NULL: can't be had */
};

struct walk {
	struct kernel *kernel;
	const struct unwinder *unwinder;
	struct backtrace *bt;
	bool is_strict; /* by ORC entries alone */

	/* The frame that was reached. */
	struct regs regs; /* as far as they are known; ip and sp are */
	bool is_interrupted;
	bool is_reliable;
	bool has_regs;
	struct stack stack;	 /* name "": the task's, limits not known */
	uint64_t stack_first_sp; /* where the walk came onto this stack */
	unsigned int stack_changes;
};

static uint64_t walk_ip(const struct walk *w)
{
	return w->regs.value[X86_64_RIP];
}

static uint64_t walk_sp(const struct walk *w)
{
	return w->regs.value[X86_64_RSP];
}

static bool walk_end(struct walk *w, enum unwind_end end)
{
	w->bt->end = end;
	return false;
}

/* Ends it: "at FUNCTION: WHY". */
static bool walk_broken(struct walk *w, const char *fmt, ...) PRINTF(2, 3);
static bool walk_broken(struct walk *w, const char *fmt, ...)
{
	char where[96], why[152];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	kernel_format_address(w->kernel, walk_ip(w), where, sizeof(where));
	snprintf(w->bt->end_why, sizeof(w->bt->end_why), "at %s: %s", where, why);
	return walk_end(w, UNWIND_END_BROKEN);
}

/* --- code ----------------------------------------------------------------------------
 */

static bool is_kernel_text(const struct unwinder *u, uint64_t vaddr)
{
	for (size_t i = 0; i < u->text_count; i++)
		if (vaddr >= u->texts[i].start && vaddr < u->texts[i].end)
			return true;
	return false;
}

static const struct module *module_of_text(const struct unwinder *u, uint64_t vaddr)
{
	const struct module *m = u->modules ? modules_find(u->modules, vaddr) : NULL;

	return m && module_has_text(m, vaddr) ? m : NULL;
}

static bool is_text(const struct unwinder *u, uint64_t vaddr)
{
	return is_kernel_text(u, vaddr) || module_of_text(u, vaddr);
}

/* ERR_NOTFOUND: that code has no table. */
static int find_entry(const struct walk *w, uint64_t vaddr, struct orc_entry *ret,
		      struct err *err)
{
	const struct unwinder *u = w->unwinder;
	uint8_t bytes[ORC_ENTRY_SIZE];
	const struct module *m;
	int r;

	if (is_kernel_text(u, vaddr)) {
		r = orc_table_find(u->reader, &u->table, vaddr, bytes, err);
	} else {
		m = module_of_text(u, vaddr);
		if (!m)
			return err_set(err, ERR_NOTFOUND, "no code is known there");
		r = orc_table_find(u->reader,
				   &(struct orc_table){ .ip_vaddr = m->orc_ip_vaddr,
							.entry_vaddr = m->orc_entry_vaddr,
							.count = m->orc_count },
				   vaddr, bytes, err);
	}
	return r < 0 ? r : orc_decode(u->layout, bytes, ret, err);
}

/* Was the instruction before @vaddr some call? Said of bytes, so it can be wrong. */
static bool is_behind_call(const struct walk *w, uint64_t vaddr)
{
	uint8_t code[7];

	if (!is_text(w->unwinder, vaddr - 1) ||
	    kernel_read(w->kernel, vaddr - sizeof(code), code, sizeof(code), NULL) < 0)
		return false;
	if (code[sizeof(code) - CALL_SIZE] == 0xe8)
		return true;
	for (size_t i = 0; i + 1 < sizeof(code); i++)
		if (code[i] == 0xff && (code[i + 1] >> 3 & 7) == 2) // call *r/m
			return true;
	return false;
}

/*
 * Is @target how one calls the function at @start? Its first byte, what is behind the
 * endbr64 there, or padding before it (CONFIG_CALL_THUNKS), named with this prefix.
 */
static bool is_entry_of(const struct walk *w, uint64_t target, uint64_t start)
{
	static const uint8_t endbr64[ENDBR_SIZE] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t code[ENDBR_SIZE];
	struct kernel_name name;

	if (target == start)
		return true;
	if (target == start + ENDBR_SIZE)
		return kernel_read(w->kernel, start, code, sizeof(code), NULL) == 0 &&
		       memcmp(code, endbr64, sizeof(code)) == 0;
	return target < start && start - target <= 16 &&
	       kernel_name(w->kernel, target, &name, NULL) == 0 &&
	       strncmp(name.symbol, "__pfx_", 6) == 0;
}

/* Is @vaddr behind a direct call of the function at @start? */
static bool is_behind_call_of(const struct walk *w, uint64_t vaddr, uint64_t start)
{
	uint8_t code[CALL_SIZE];

	return is_text(w->unwinder, vaddr - 1) &&
	       kernel_read(w->kernel, vaddr - CALL_SIZE, code, sizeof(code), NULL) == 0 &&
	       code[0] == 0xe8 &&
	       is_entry_of(w, vaddr + (uint64_t)(int64_t)(int32_t)load_le32(code + 1),
			   start);
}

/* --- moving on -----------------------------------------------------------------------
 */

/* Which stack @sp is on. The task's has no limits: where it lies is not known here. */
static void find_stack(const struct walk *w, uint64_t sp, struct stack *ret)
{
	*ret = (struct stack){ 0 };
	if (w->unwinder->stacks)
		stacks_find(w->unwinder->stacks, sp, ret);
}

/*
 * To the caller's @sp. On one stack it grows, and a walk does not come back to a stack
 * that it left: both is how a loop, in the dump or made by a wrong entry, shows.
 */
static bool walk_move(struct walk *w, uint64_t sp)
{
	bool is_task = w->stack.name[0] == '\0';
	struct stack stack;

	if (sp % 8)
		return walk_broken(w, "stack pointer 0x%" PRIx64 " is not aligned", sp);
	find_stack(w, sp, &stack);
	if (stack.start == w->stack.start && w->unwinder->stacks) {
		if (sp <= walk_sp(w))
			return walk_broken(w, "stack pointer goes back to 0x%" PRIx64,
					   sp);
		if (is_task && sp - w->stack_first_sp > TASK_STACK_MAX)
			return walk_broken(
				w, "stack pointer 0x%" PRIx64 " is beyond the stack", sp);
	} else if (w->unwinder->stacks || sp <= walk_sp(w) ||
		   sp - w->stack_first_sp > TASK_STACK_MAX) {
		if (++w->stack_changes > STACK_CHANGES_MAX)
			return walk_broken(w, "more than %d changes of stack",
					   STACK_CHANGES_MAX);
		w->stack = stack;
		w->stack_first_sp = sp;
	}
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
	w->is_reliable = w->is_reliable && is_text(w->unwinder, ip - 1);
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
		if (is_behind_call_of(w, word, ip - name.offset)) {
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
	if (!w->is_interrupted || is_text(w->unwinder, walk_ip(w)) ||
	    kernel_read_u64(w->kernel, walk_sp(w), ret_ip, NULL) < 0)
		return false;
	*ret_sp = walk_sp(w) + 8;
	return is_behind_call(w, *ret_ip);
}

static bool guess_frame_pointer(struct walk *w, uint64_t *ret_ip, uint64_t *ret_sp)
{
	uint64_t bp = w->regs.value[X86_64_RBP], caller_bp;

	if (!regs_has(&w->regs, X86_64_RBP) || is_text(w->unwinder, walk_ip(w)) ||
	    bp < walk_sp(w) || bp % 8 ||
	    kernel_read_u64(w->kernel, bp, &caller_bp, NULL) < 0 ||
	    kernel_read_u64(w->kernel, bp + 8, ret_ip, NULL) < 0 ||
	    !is_behind_call(w, *ret_ip))
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

	if (regs->value[X86_64_CS] & 3) {
		w->bt->user = *regs;
		return walk_end(w, UNWIND_END_USER);
	}
	if (!walk_move(w, sp))
		return false;
	w->regs = *regs;
	w->is_interrupted = entry->is_signal;
	w->is_reliable = w->is_reliable &&
			 (entry->is_signal || is_text(w->unwinder, walk_ip(w) - 1));
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

	if (find_entry(w, walk_ip(w) - !w->is_interrupted, &entry, &err) < 0)
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

static bool walk_add_frame(struct walk *w)
{
	struct frame *frame;

	if (w->bt->count == UNWIND_FRAMES_MAX)
		return walk_broken(w, "more than %d frames", UNWIND_FRAMES_MAX);
	frame = &w->bt->frames[w->bt->count++];
	*frame = (struct frame){
		.ip = walk_ip(w),
		.sp = walk_sp(w),
		.is_interrupted = w->is_interrupted,
		.is_reliable = w->is_reliable,
		.has_regs = w->has_regs,
	};
	if (w->has_regs)
		frame->regs = w->regs;
	memcpy(frame->stack, w->stack.name, sizeof(frame->stack));
	return true;
}

static void walk_run(const struct unwinder *u, const struct regs *start,
		     bool is_interrupted, bool is_strict, struct backtrace *ret)
{
	const uint64_t all = ((uint64_t)1 << (X86_64_SS + 1)) - 1;
	struct walk w = {
		.kernel = u->kernel,
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
	if (regs_has(start, X86_64_CS) && (start->value[X86_64_CS] & 3)) {
		ret->user = *start;
		walk_end(&w, UNWIND_END_USER);
		return;
	}
	find_stack(&w, walk_sp(&w), &w.stack);
	w.stack_first_sp = walk_sp(&w);
	while (walk_add_frame(&w) && walk_step(&w))
		;
}

static void backtrace_reset(struct backtrace *bt)
{
	bt->count = 0;
	bt->end = UNWIND_END_BROKEN;
	bt->end_why[0] = '\0';
	bt->user = (struct regs){ 0 };
}

void unwind_orc(struct kernel *kernel, const struct regs *start,
		bool start_is_interrupted, struct backtrace *ret)
{
	const struct unwinder *unwinder;
	struct err err = { 0 };

	backtrace_reset(ret);
	if (kernel_unwinder(kernel, &unwinder, &err) == 0) {
		walk_run(unwinder, start, start_is_interrupted, false, ret);
		return;
	}
	if (regs_has(start, X86_64_RIP)) { // where it was is known all the same
		ret->frames[0] = (struct frame){ .ip = start->value[X86_64_RIP],
						 .sp = start->value[X86_64_RSP],
						 .is_interrupted = start_is_interrupted,
						 .is_reliable = true };
		ret->count = 1;
	}
	snprintf(ret->end_why, sizeof(ret->end_why), "%.255s", err_text(&err));
}

/* --- the unwinder --------------------------------------------------------------------
 */

static void unwinder_add_text(struct unwinder *u, const char *start, const char *end)
{
	struct text_range range;

	if (kernel_symbol(u->kernel, start, &range.start, NULL) == 0 &&
	    kernel_symbol(u->kernel, end, &range.end, NULL) == 0)
		u->texts[u->text_count++] = range;
}

static int unwinder_find_table(struct unwinder *u, struct err *err)
{
	uint64_t stop;
	int r;

	r = kernel_symbol(u->kernel, "__start_orc_unwind_ip", &u->table.ip_vaddr, err);
	if (r == 0)
		r = kernel_symbol(u->kernel, "__stop_orc_unwind_ip", &stop, err);
	if (r == 0)
		r = kernel_symbol(u->kernel, "__start_orc_unwind", &u->table.entry_vaddr,
				  err);
	if (r < 0)
		return err_in(err, r, "looking for ORC tables");
	if (stop < u->table.ip_vaddr ||
	    stop - u->table.ip_vaddr > ORC_COUNT_MAX * UINT64_C(4))
		return err_set(err, ERR_CORRUPT, "the ORC table's end is 0x%" PRIx64,
			       stop);
	u->table.count = (uint32_t)((stop - u->table.ip_vaddr) / 4);
	return 0;
}

/* How well a layout does on tasks that sleep: how many it unwinds, and how far. */
struct trial {
	size_t ends, frames;
};

static struct trial try_layout(struct unwinder *u, const struct task_list *tasks,
			       enum orc_layout layout, struct backtrace *bt)
{
	struct trial trial = { 0 };

	u->layout = layout;
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

static int guess_layout(struct unwinder *u, struct err *err)
{
	_cleanup_(task_list_done) struct task_list tasks = { 0 };
	_cleanup_backtrace struct backtrace *bt = backtrace_new();
	enum orc_layout found = ORC_LAYOUT_COUNT;
	struct trial best = { 0 };
	int r;

	if (!bt)
		return err_nomem(err);
	r = task_list_read_some(u->kernel, TRIAL_TASKS, &tasks, err);
	if (r < 0)
		return err_in(err, r, "no sleeping task to try ORC layouts on");
	for (enum orc_layout layout = 0; layout < ORC_LAYOUT_COUNT; layout++) {
		struct trial trial = try_layout(u, &tasks, layout, bt);

		if (trial.ends > best.ends ||
		    (trial.ends == best.ends && trial.frames > best.frames)) {
			best = trial;
			found = layout;
		}
	}
	if (found == ORC_LAYOUT_COUNT)
		return err_set(err, ERR_UNSUPPORTED,
			       "no known ORC layout unwinds a sleeping task");
	u->layout = found;
	u->layout_is_guess = true;
	return 0;
}

static int unwinder_find_layout(struct unwinder *u, struct err *err)
{
	uint8_t hash[ORC_HEADER_SIZE];
	uint64_t vaddr;

	if (kernel_symbol(u->kernel, "__start_orc_header", &vaddr, NULL) == 0 &&
	    kernel_read(u->kernel, vaddr, hash, sizeof(hash), NULL) == 0 &&
	    orc_layout_from_header(hash, &u->layout, NULL) == 0)
		return 0;
	return guess_layout(u, err);
}

int unwinder_new(struct kernel *kernel, struct unwinder **ret, struct err *err)
{
	_cleanup_(unwinder_freep) struct unwinder *u = NULL;
	int r;

	if (kernel_arch(kernel) != &arch_x86_64)
		return err_set(err, ERR_UNSUPPORTED, "ORC tables are x86_64's");
	u = calloc(1, sizeof(*u));
	if (!u)
		return err_nomem(err);
	u->kernel = kernel;
	r = unwinder_find_table(u, err);
	if (r == 0)
		r = orc_reader_new(kernel, &u->reader, err);
	if (r < 0)
		return r;
	unwinder_add_text(u, "_stext", "_etext");
	unwinder_add_text(u, "_sinittext", "_einittext");
	if (kernel_modules(kernel, &u->modules, NULL) < 0)
		u->modules = NULL;
	if (stacks_new(kernel, &u->stacks, NULL) < 0)
		u->stacks = NULL;
	r = unwinder_find_layout(u, err);
	if (r < 0)
		return r;
	*ret = take_ptr(u);
	return 0;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	stacks_free(unwinder->stacks);
	orc_reader_free(unwinder->reader);
	free(unwinder);
}

enum orc_layout unwinder_layout(const struct unwinder *unwinder, bool *ret_is_guess)
{
	if (ret_is_guess)
		*ret_is_guess = unwinder->layout_is_guess;
	return unwinder->layout;
}
