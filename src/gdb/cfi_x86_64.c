// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each ORC entry becomes a row with the same meaning. What ORC does not keep, DWARF must
 * not promise: but for rip, rsp and rbp the caller's registers are undefined.
 *
 * An exception's frame has all registers (struct pt_regs), and what it interrupted is
 * exact: its CIE is marked "S". So is that of a frame that changes stacks, as gdb takes a
 * caller below its callee for a corrupt stack otherwise. The entry from a system call is
 * not marked, so that gdb shows its name: its caller is user space, which ends here.
 *
 * Where ORC says nothing (__crash_kexec, code compiled at run time), but the unwinder of
 * kernel/ found the caller on the stack, there is a row for that one instruction: this
 * section is made for one dump. After such a frame rbp is not known, so there is one too
 * for a frame further on that is found by it.
 *
 * "Preferred" are the rows that are right where a vmlinux says nothing, as in assembly,
 * or the wrong thing, as where inline assembly changes the stack.
 */
#include "gdb/cfi_x86_64.h"

#include <string.h>

#include "kernel/code.h"
#include "kernel/cpu.h"
#include "kernel/unwind.h"
#include "kernel/unwind_orc.h"

#define USER_END (UINT64_C(1) << 56) /* of user space, with five levels of tables */
#define FIX_MAX	 4096

/* DWARF's numbers: System V ABI for x86-64, figure 3.36 */
enum {
	DW_RAX,
	DW_RDX,
	DW_RCX,
	DW_RBX,
	DW_RSI,
	DW_RDI,
	DW_RBP,
	DW_RSP,
	DW_R8,
	DW_R9,
	DW_R10,
	DW_R11,
	DW_R12,
	DW_R13,
	DW_R14,
	DW_R15,
	DW_RIP,
	DW_RFLAGS = 49,
	DW_CS = 51,
	DW_SS = 52,
};

/* struct pt_regs, 8 bytes each; UINT8_MAX: orig_ax, which is no register */
static const uint8_t pt_regs[] = {
	DW_R15, DW_R14,	   DW_R13, DW_R12, DW_RBP,    DW_RBX, DW_R11,
	DW_R10, DW_R9,	   DW_R8,  DW_RAX, DW_RCX,    DW_RDX, DW_RSI,
	DW_RDI, UINT8_MAX, DW_RIP, DW_CS,  DW_RFLAGS, DW_RSP, DW_SS,
};
#define IRET_FRAME 16 /* where in it the registers begin that the CPU pushes */

/* One instruction, and where the unwinder found the caller of its frame. */
struct fix {
	uint64_t start, end;
	int64_t cfa_offset;
	struct orc_entry entry; /* for where rbp was saved; or all zero */
};

enum kind {
	KIND_CALL,
	KIND_REGS,
	KIND_PARTIAL,
	KIND_COUNT,
};

struct orc_cfi {
	struct kernel *kernel;
	struct cfi *cfi;
	uint32_t cie[KIND_COUNT][2]; /* not a signal's frame, and one */
	struct fix fixes[FIX_MAX];   /* sorted */
	size_t fix_count;
};

/* --- CIEs ----------------------------------------------------------------------------
 */

static void call_rules(struct cfi_rules *rules)
{
	cfi_def_cfa(rules, DW_RSP, 8);
	for (unsigned int reg = DW_RAX; reg <= DW_R15; reg++)
		if (reg != DW_RBP && reg != DW_RSP)
			cfi_reg_rule(rules, DW_CFA_undefined, reg);
	cfi_offset(rules, DW_RIP, -8);
}

/* The CFA is where they lie. */
static void regs_rules(struct cfi_rules *rules, size_t first)
{
	cfi_def_cfa(rules, DW_RSP, 0);
	for (size_t i = first; i < sizeof(pt_regs); i++)
		if (pt_regs[i] != UINT8_MAX)
			cfi_offset(rules, pt_regs[i], (int64_t)(i - first) * 8);
}

static void add_cies(struct orc_cfi *o)
{
	struct cfi_rules rules[KIND_COUNT] = { 0 };

	call_rules(&rules[KIND_CALL]);
	regs_rules(&rules[KIND_REGS], 0);
	regs_rules(&rules[KIND_PARTIAL], IRET_FRAME);
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		for (unsigned int is_signal = 0; is_signal < 2; is_signal++)
			o->cie[kind][is_signal] =
				cfi_add_cie(o->cfi, is_signal, DW_RIP, &rules[kind]);
}

/* --- rows ----------------------------------------------------------------------------
 */

/* No caller: gdb ends there. */
static void end_rules(struct cfi_rules *rules)
{
	cfi_def_cfa(rules, DW_RSP, 8);
	cfi_reg_rule(rules, DW_CFA_undefined, DW_RIP);
}

static void add_breg(struct cfi_rules *rules, unsigned int reg, int64_t offset)
{
	cfi_rule_byte(rules, (uint8_t)(DW_OP_breg0 + reg));
	cfi_rule_sleb(rules, offset);
}

static void def_cfa_indirect(struct cfi_rules *rules, const struct orc_entry *entry)
{
	struct cfi_rules expression = { 0 };

	if (entry->sp_reg == ORC_REG_BP_INDIRECT) {
		add_breg(&expression, DW_RBP, entry->sp_offset);
		cfi_rule_byte(&expression, DW_OP_deref);
	} else {
		add_breg(&expression, DW_RSP, 0);
		cfi_rule_byte(&expression, DW_OP_deref);
		cfi_rule_byte(&expression, DW_OP_consts);
		cfi_rule_sleb(&expression, entry->sp_offset);
		cfi_rule_byte(&expression, DW_OP_plus);
	}
	cfi_expression(rules, DW_CFA_def_cfa_expression, -1, &expression);
}

/* false: the entry makes no sense. */
static bool cfa_rules(struct cfi_rules *rules, const struct orc_entry *entry)
{
	switch (entry->sp_reg) {
	case ORC_REG_SP:
	case ORC_REG_BP:
		if (entry->sp_offset < 0 && entry->sp_offset % CFI_DATA_ALIGN)
			return false;
		cfi_def_cfa(rules, entry->sp_reg == ORC_REG_SP ? DW_RSP : DW_RBP,
			    entry->sp_offset);
		return true;
	case ORC_REG_SP_INDIRECT:
	case ORC_REG_BP_INDIRECT:
		def_cfa_indirect(rules, entry);
		return true;
	case ORC_REG_AX:
		cfi_def_cfa(rules, DW_RAX, 0);
		return true;
	case ORC_REG_DX:
		cfi_def_cfa(rules, DW_RDX, 0);
		return true;
	case ORC_REG_DI:
		cfi_def_cfa(rules, DW_RDI, 0);
		return true;
	case ORC_REG_R10:
		cfi_def_cfa(rules, DW_R10, 0);
		return true;
	case ORC_REG_R13:
		cfi_def_cfa(rules, DW_R13, 0);
		return true;
	case ORC_REG_UNDEFINED:
	case ORC_REG_PREV_SP:
		break;
	}
	return false;
}

static void bp_rules(struct cfi_rules *rules, const struct orc_entry *entry)
{
	struct cfi_rules expression = { 0 };

	if (entry->bp_reg == ORC_REG_PREV_SP && entry->bp_offset % CFI_DATA_ALIGN == 0) {
		cfi_offset(rules, DW_RBP, entry->bp_offset);
	} else if (entry->bp_reg == ORC_REG_BP) {
		add_breg(&expression, DW_RBP, entry->bp_offset);
		cfi_expression(rules, DW_CFA_expression, DW_RBP, &expression);
	} else if (entry->bp_reg == ORC_REG_UNDEFINED) {
		cfi_reg_rule(rules, DW_CFA_same_value, DW_RBP);
	} else {
		cfi_reg_rule(rules, DW_CFA_undefined, DW_RBP);
	}
}

/* The entry from a system call, and where a new task begins: no signal's frame. */
static bool is_entry_of_user(const struct orc_cfi *o, uint64_t vaddr)
{
	struct kernel_name name;

	return kernel_name(o->kernel, vaddr, &name, NULL) == 0 &&
	       (strncmp(name.symbol, "entry_", 6) == 0 ||
		strncmp(name.symbol, "ret_from_fork", 13) == 0);
}

static void make_row(const struct orc_cfi *o, const struct orc_entry *entry,
		     struct cfi_row *row)
{
	bool is_indirect = entry->sp_reg == ORC_REG_SP_INDIRECT ||
			   entry->sp_reg == ORC_REG_BP_INDIRECT;
	enum kind kind = entry->type == ORC_TYPE_REGS		? KIND_REGS
			 : entry->type == ORC_TYPE_REGS_PARTIAL ? KIND_PARTIAL
								: KIND_CALL;
	bool is_signal = entry->is_signal || is_indirect;

	if (is_signal && kind == KIND_REGS && is_entry_of_user(o, row->start))
		is_signal = false;
	row->cie = o->cie[kind][is_signal];
	row->is_alone = kind != KIND_CALL || is_indirect;
	row->is_preferred = row->is_alone || entry->type == ORC_TYPE_END;
	if (entry->type != ORC_TYPE_END && entry->type != ORC_TYPE_UNDEFINED &&
	    cfa_rules(&row->rules, entry)) {
		if (kind != KIND_REGS)
			bp_rules(&row->rules, entry);
		return;
	}
	row->is_alone = true;
	row->cie = o->cie[KIND_CALL][0];
	row->rules = (struct cfi_rules){ 0 };
	end_rules(&row->rules);
}

static void add_fix(const struct orc_cfi *o, const struct fix *fix)
{
	struct cfi_row row = { .start = fix->start,
			       .end = fix->end,
			       .cie = o->cie[KIND_CALL][0],
			       .is_alone = true };

	cfi_def_cfa(&row.rules, DW_RSP, fix->cfa_offset);
	if (fix->entry.bp_reg == ORC_REG_PREV_SP)
		bp_rules(&row.rules, &fix->entry);
	else
		cfi_reg_rule(&row.rules, DW_CFA_undefined, DW_RBP);
	cfi_add_row(o->cfi, &row);
}

/* The first one at or behind @vaddr. */
static size_t first_fix(const struct orc_cfi *o, uint64_t vaddr)
{
	size_t low = 0, high = o->fix_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (o->fixes[middle].start < vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One entry's row, less what fixes say of its instructions. */
static int add_entry(void *context, uint64_t start, uint64_t end,
		     const struct orc_entry *entry, struct err *err)
{
	struct orc_cfi *o = context;
	struct cfi_row row = { .start = start };

	make_row(o, entry, &row);
	for (size_t i = first_fix(o, start); i < o->fix_count; i++) {
		const struct fix *fix = &o->fixes[i];

		if (fix->start >= end)
			break;
		if (fix->end > end)
			continue;
		row.end = fix->start;
		cfi_add_row(o->cfi, &row);
		add_fix(o, fix);
		row.start = fix->end;
	}
	row.end = end;
	cfi_add_row(o->cfi, &row);
	return 0;
}

/* --- fixes ---------------------------------------------------------------------------
 */

static int compare_fixes(const void *a, const void *b)
{
	const struct fix *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool is_by_bp(const struct orc_entry *entry)
{
	return entry->type == ORC_TYPE_CALL && entry->sp_reg == ORC_REG_BP;
}

/* Frames whose caller was found without an entry, and those that this keeps rbp from. */
static void find_fixes(struct orc_cfi *o, const struct code *code,
		       const struct backtrace *bt)
{
	bool is_bp_known = true;

	for (size_t i = 0; i + 1 < bt->count && o->fix_count < FIX_MAX; i++) {
		const struct frame *frame = &bt->frames[i];
		uint64_t at = frame_lookup_vaddr(frame);
		struct orc_entry entry = { .type = ORC_TYPE_UNDEFINED };
		bool has_entry = code_entry(code, at, &entry, NULL) == 0 &&
				 entry.type != ORC_TYPE_UNDEFINED;

		if (has_entry && (is_bp_known || !is_by_bp(&entry))) {
			is_bp_known |= entry.bp_reg == ORC_REG_PREV_SP ||
				       entry.type == ORC_TYPE_REGS;
			continue;
		}
		is_bp_known = has_entry && entry.bp_reg == ORC_REG_PREV_SP;
		if (bt->frames[i + 1].sp <= frame->sp)
			continue;
		o->fixes[o->fix_count++] = (struct fix){
			.start = at,
			.end = frame->ip + 1,
			.cfa_offset = (int64_t)(bt->frames[i + 1].sp - frame->sp),
			.entry = has_entry ? entry : (struct orc_entry){ 0 },
		};
	}
}

/* The tasks that were running: the others sleep where ORC knows the way. */
static void find_all_fixes(struct orc_cfi *o, const struct code *code)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	_cleanup_backtrace struct backtrace *bt = backtrace_new();
	size_t count = 0;

	if (!bt || cpu_list_read(o->kernel, &cpus, NULL) < 0)
		return;
	for (size_t i = 0; i < cpus.count; i++) {
		if (!cpus.cpus[i].has_regs)
			continue;
		kernel_arch(o->kernel)->unwind(o->kernel, &cpus.cpus[i].regs, true, bt);
		find_fixes(o, code, bt);
	}
	qsort(o->fixes, o->fix_count, sizeof(o->fixes[0]), compare_fixes);
	for (size_t i = 0; i < o->fix_count; i++)
		if (count == 0 || o->fixes[i].start >= o->fixes[count - 1].end)
			o->fixes[count++] = o->fixes[i];
	o->fix_count = count;
}

/* Those in code that has no table: no entry will come by. */
static void add_lone_fixes(struct orc_cfi *o, const struct code *code)
{
	for (size_t i = 0; i < o->fix_count; i++)
		if (!code_has(code, o->fixes[i].start))
			add_fix(o, &o->fixes[i]);
}

/* User space is not followed: gdb ends at its first frame. */
static void add_user(struct orc_cfi *o)
{
	struct cfi_row row = {
		.start = 0, .end = USER_END, .cie = o->cie[KIND_CALL][0], .is_alone = true
	};

	for (size_t i = 0; i < o->fix_count; i++) // a jump to nowhere
		if (o->fixes[i].start < USER_END)
			row.start = MAX(row.start, o->fixes[i].end);
	end_rules(&row.rules);
	cfi_add_row(o->cfi, &row);
}

int cfi_x86_64_add(struct kernel *kernel, struct cfi *cfi, struct err *err)
{
	const void *unwinder;
	_cleanup_free struct orc_cfi *o = NULL;
	size_t cut = 0;
	int r = kernel_unwinder(kernel, &unwinder, err);

	if (r < 0)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_nomem(err);
	o->kernel = kernel;
	o->cfi = cfi;
	add_cies(o);
	find_all_fixes(o, unwinder_orc_code(unwinder));
	add_user(o);
	add_lone_fixes(o, unwinder_orc_code(unwinder));
	return code_walk(unwinder_orc_code(unwinder), add_entry, o, &cut, err);
}
