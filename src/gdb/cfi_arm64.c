// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Linux for arm64 is built with frame records (unwind_arm64.h): one rule fits all code,
 *and only pc, sp and x29 of a caller are known. The CFA is what lies behind the record:
 *not the caller's stack pointer, but as good to tell frames apart.
 *
 *	x29 -> | caller's x29 | return address | <- CFA
 *
 * Places that need another rule:
 *
 *  - Entry code (__entry_text_start): x29 points into the struct pt_regs of what was
 *    interrupted, all of whose registers are there. Its CIE is marked "S", since the pc
 *    is no return address. User space is not followed: what came from there ends here.
 *  - call_on_irq_stack(): its caller is on another stack, where gdb sees a corrupt one
 *    unless the frame is a signal's.
 *  - What begins a task or a CPU: no caller.
 *  - An instruction where a running function had no record of its own, as kernel/ found
 *    it: its caller is in x30. This section is made for one dump.
 *
 * Return addresses may be signed (FEAT_PAuth). gdb has known how to mask those of a
 * kernel since version 14 only, so the mask is in the rules; a vmlinux says them without
 * one, and so all rows come before it then.
 */
#include "gdb/cfi_arm64.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/arch_arm64.h"
#include "kernel/cpu.h"
#include "kernel/ktext.h"
#include "kernel/unwind.h"
#include "kernel/vmcoreinfo.h"

#define INSTRUCTION 4
#define SPECIAL_MAX 1024
#define ENTRY_MAX   512 /* functions of the entry code */

/* DWARF for the Arm 64-bit Architecture (IHI 0057), table "DWARF register names" */
enum {
	DW_X29 = 29,
	DW_X30 = 30,
	DW_SP = 31,
	DW_PC = 32,
};

#define RECORD_SIZE 16
#define PT_REGS_SP  (31 * 8)
#define PT_REGS_PC  (32 * 8)

enum kind {
	KIND_RECORD, /* by the record at x29 */
	KIND_SWITCH, /* the same, to another stack */
	KIND_REGS,   /* of what was interrupted */
	KIND_LEAF,   /* by x30 */
	KIND_END,
	KIND_COUNT,
};

struct special {
	uint64_t start, end;
	enum kind kind;
};

struct arm64_cfi {
	struct kernel *kernel;
	struct cfi *cfi;
	struct ktext text;
	uint64_t pac_mask;
	uint32_t cie[KIND_COUNT];
	struct special specials[SPECIAL_MAX]; /* sorted, none in another */
	size_t special_count;
};

/* --- rules ---------------------------------------------------------------------------
 */

/* The address that lies 8 below the CFA, without its signature. */
static void return_address_rule(const struct arm64_cfi *a, struct cfi_rules *rules)
{
	struct cfi_rules expression = { 0 };

	if (!a->pac_mask) {
		cfi_offset(rules, DW_X30, -8);
		return;
	}
	cfi_rule_byte(&expression, DW_OP_lit0 + 8);
	cfi_rule_byte(&expression, DW_OP_minus);
	cfi_rule_byte(&expression, DW_OP_deref);
	cfi_rule_byte(&expression, DW_OP_const8u);
	for (unsigned int i = 0; i < 8; i++)
		cfi_rule_byte(&expression, (uint8_t)(a->pac_mask >> i * 8));
	cfi_rule_byte(&expression, DW_OP_or);
	cfi_expression(rules, DW_CFA_val_expression, DW_X30, &expression);
}

/* What a function may have changed is not known any more. */
static void forget_rules(struct cfi_rules *rules)
{
	for (unsigned int reg = 0; reg < DW_X29; reg++)
		cfi_reg_rule(rules, DW_CFA_undefined, reg);
}

static void record_rules(const struct arm64_cfi *a, struct cfi_rules *rules)
{
	cfi_def_cfa(rules, DW_X29, RECORD_SIZE);
	forget_rules(rules);
	cfi_offset(rules, DW_X29, -RECORD_SIZE);
	return_address_rule(a, rules);
}

/* The CFA is the struct pt_regs. false: where that lies is not known. */
static bool regs_rules(const struct arm64_cfi *a, struct cfi_rules *rules)
{
	uint64_t offset;

	if (kernel_offset(a->kernel, "pt_regs.stackframe", &offset, NULL) < 0 ||
	    offset > INT32_MAX || offset % 8)
		return false;
	cfi_def_cfa(rules, DW_X29, -(int64_t)offset);
	for (unsigned int reg = 0; reg <= DW_X30; reg++)
		cfi_offset(rules, reg, (int64_t)reg * 8);
	cfi_offset(rules, DW_SP, PT_REGS_SP);
	cfi_offset(rules, DW_PC, PT_REGS_PC);
	return true;
}

static void end_rules(struct cfi_rules *rules)
{
	cfi_def_cfa(rules, DW_SP, 0);
	cfi_reg_rule(rules, DW_CFA_undefined, DW_X30);
}

static void leaf_rules(struct cfi_rules *rules)
{
	cfi_def_cfa(rules, DW_SP, 0);
	for (unsigned int reg = 0; reg < DW_X29; reg++)
		cfi_reg_rule(rules, DW_CFA_undefined, reg);
	cfi_reg_rule(rules, DW_CFA_same_value, DW_X29);
	cfi_reg_rule(rules, DW_CFA_same_value, DW_X30);
}

static void add_cies(struct arm64_cfi *a)
{
	struct cfi_rules rules[KIND_COUNT] = { 0 };
	bool has_regs = regs_rules(a, &rules[KIND_REGS]);

	record_rules(a, &rules[KIND_RECORD]);
	rules[KIND_SWITCH] = rules[KIND_RECORD];
	end_rules(&rules[KIND_END]);
	leaf_rules(&rules[KIND_LEAF]);
	if (!has_regs)
		rules[KIND_REGS] = rules[KIND_END];
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		bool is_regs = has_regs && kind == KIND_REGS;

		a->cie[kind] = cfi_add_cie(a->cfi, is_regs || kind == KIND_SWITCH,
					   is_regs ? DW_PC : DW_X30, &rules[kind]);
	}
}

/* --- places --------------------------------------------------------------------------
 */

static void add_special(struct arm64_cfi *a, uint64_t start, uint64_t end, enum kind kind)
{
	if (start < end && a->special_count < SPECIAL_MAX)
		a->specials[a->special_count++] =
			(struct special){ .start = start, .end = end, .kind = kind };
}

/* As a return address it is one instruction further on: behind the function's last. */
static void add_function(struct arm64_cfi *a, const char *symbol, enum kind kind)
{
	struct kernel_name name;
	uint64_t vaddr;

	if (kernel_symbol(a->kernel, symbol, &vaddr, NULL) == 0 &&
	    kernel_name(a->kernel, vaddr, &name, NULL) == 0 && name.offset == 0)
		add_special(a, vaddr, vaddr + name.size, kind);
}

static void add_entry_code(struct arm64_cfi *a)
{
	uint64_t at, end;

	if (kernel_symbol(a->kernel, "__entry_text_start", &at, NULL) < 0 ||
	    kernel_symbol(a->kernel, "__entry_text_end", &end, NULL) < 0)
		return;
	for (size_t i = 0; i < ENTRY_MAX && at < end; i++) {
		struct kernel_name name;
		uint64_t next;

		if (kernel_name(a->kernel, at, &name, NULL) < 0 ||
		    name.size <= name.offset)
			return;
		next = MIN(at + (name.size - name.offset), end);
		add_special(a, at, next,
			    strncmp(name.symbol, "el0", 3) ? KIND_REGS : KIND_END);
		at = next;
	}
}

/* Where a running function had no record, and its caller was found by x30. */
static void add_leaves(struct arm64_cfi *a)
{
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	_cleanup_backtrace struct backtrace *bt = backtrace_new();

	if (!bt || cpu_list_read(a->kernel, &cpus, NULL) < 0)
		return;
	for (size_t i = 0; i < cpus.count; i++) {
		if (!cpus.cpus[i].has_regs)
			continue;
		kernel_arch(a->kernel)->unwind(a->kernel, &cpus.cpus[i].regs, true, bt);
		for (size_t j = 0; j + 1 < bt->count; j++) {
			const struct frame *frame = &bt->frames[j];

			if (frame->has_regs && frame->is_interrupted &&
			    bt->frames[j + 1].sp == frame->regs.value[ARM64_FP])
				add_special(a, frame->ip, frame->ip + INSTRUCTION,
					    KIND_LEAF);
		}
	}
}

static int compare_specials(const void *a, const void *b)
{
	const struct special *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->kind < y->kind) - (x->kind > y->kind); // leaves before the rest
}

/* Those that lie in one before them are left out. */
static void sort_specials(struct arm64_cfi *a)
{
	size_t count = 0;

	qsort(a->specials, a->special_count, sizeof(a->specials[0]), compare_specials);
	for (size_t i = 0; i < a->special_count; i++)
		if (count == 0 || a->specials[i].start >= a->specials[count - 1].end)
			a->specials[count++] = a->specials[i];
	a->special_count = count;
}

/* --- rows ----------------------------------------------------------------------------
 */

static void add_row(struct arm64_cfi *a, uint64_t start, uint64_t end, enum kind kind)
{
	const struct cfi_row row = {
		.start = start,
		.end = end,
		.cie = a->cie[kind],
		.is_alone = true,
		.is_preferred = kind != KIND_RECORD || a->pac_mask,
	};

	cfi_add_row(a->cfi, &row);
}

/* All of [@start, @end): @kind but where a special place lies. */
static void add_range(struct arm64_cfi *a, uint64_t start, uint64_t end, enum kind kind)
{
	for (size_t i = 0; i < a->special_count; i++) {
		const struct special *special = &a->specials[i];

		if (special->start < start || special->end > end)
			continue;
		add_row(a, start, special->start, kind);
		add_row(a, special->start, special->end, special->kind);
		start = special->end;
	}
	add_row(a, start, end, kind);
}

/* Jumps to where no code is. */
static void add_lone_specials(struct arm64_cfi *a)
{
	for (size_t i = 0; i < a->special_count; i++) {
		const struct special *special = &a->specials[i];

		if (!ktext_has(&a->text, special->start))
			add_row(a, special->start, special->end, special->kind);
	}
}

static void add_modules(struct arm64_cfi *a)
{
	size_t count = 0;
	const struct module *items =
		a->text.modules ? modules_get(a->text.modules, &count) : NULL;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < items[i].range_count; j++)
			if (items[i].ranges[j].is_text)
				add_range(a, items[i].ranges[j].start,
					  items[i].ranges[j].end, KIND_RECORD);
}

int cfi_arm64_add(struct kernel *kernel, struct cfi *cfi, struct err *err)
{
	_cleanup_free struct arm64_cfi *a = calloc(1, sizeof(*a));
	int64_t mask;

	if (!a)
		return err_nomem(err);
	a->kernel = kernel;
	a->cfi = cfi;
	ktext_init(kernel, &a->text);
	if (a->text.count == 0)
		return err_set(err, ERR_NOTFOUND,
			       "where the kernel's code is, is unknown");
	if (vmcoreinfo_number(kernel_vmcoreinfo(kernel), "KERNELPACMASK", &mask, NULL) ==
	    0)
		a->pac_mask = (uint64_t)mask;
	add_cies(a);
	add_leaves(a);
	add_entry_code(a);
	add_function(a, "call_on_irq_stack", KIND_SWITCH);
	add_function(a, "ret_from_fork", KIND_END);
	add_function(a, "__primary_switched", KIND_END);
	add_function(a, "__secondary_switched", KIND_END);
	sort_specials(a);
	add_lone_specials(a);
	for (size_t i = 0; i < a->text.count; i++)
		add_range(a, a->text.ranges[i].start, a->text.ranges[i].end, KIND_RECORD);
	add_modules(a);
	return 0;
}
