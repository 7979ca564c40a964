/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A .debug_frame section in the making: how frames are unwound, for gdb. A row says it
 * for [start, end); rows of one kind that follow each other share an FDE. Source: DWARF
 * 4, section 6.4; the augmentation "S" of .eh_frame, which gdb takes here too, says that
 * a frame's caller was interrupted.
 *
 * Which rules a row has is the architecture's business: cfi_NAME.c.
 */
#ifndef GDB_CFI_H
#define GDB_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* DWARF 4, section 7.23 and figure 24: what is used here */
enum {
	DW_CFA_nop = 0x00,
	DW_CFA_advance_loc4 = 0x04,
	DW_CFA_undefined = 0x07,
	DW_CFA_same_value = 0x08,
	DW_CFA_def_cfa = 0x0c,
	DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_expression = 0x10,
	DW_CFA_offset_extended_sf = 0x11,
	DW_CFA_def_cfa_sf = 0x12,
	DW_CFA_val_expression = 0x16,
	DW_CFA_advance_loc = 0x40, /* | delta */
	DW_OP_deref = 0x06,
	DW_OP_const8u = 0x0e,
	DW_OP_consts = 0x11,
	DW_OP_minus = 0x1c,
	DW_OP_or = 0x21,
	DW_OP_plus = 0x22,
	DW_OP_lit0 = 0x30,  /* + number */
	DW_OP_breg0 = 0x70, /* + register */
};

#define CFI_DATA_ALIGN (-8) /* factor of an offset from the CFA */

struct cfi {
	struct text section;
	bool is_preferred_only; /* rows that are not are left out */

	/* The FDE that is open; fde_size 0: none. */
	size_t fde_offset;
	uint32_t fde_cie;
	uint64_t fde_end, row_start;
	unsigned int fde_rows;
};

/* A piece of call frame instructions: DW_CFA_*, of one row or of a CIE. */
struct cfi_rules {
	uint8_t bytes[128];
	size_t size;
};

void cfi_rule_byte(struct cfi_rules *rules, uint8_t byte);
void cfi_rule_uleb(struct cfi_rules *rules, uint64_t value);
void cfi_rule_sleb(struct cfi_rules *rules, int64_t value);

/* CFA = register + offset; a negative one must be a multiple of 8. */
void cfi_def_cfa(struct cfi_rules *rules, unsigned int reg, int64_t offset);

/* The caller's @reg is what lies at CFA + offset, a multiple of 8. */
void cfi_offset(struct cfi_rules *rules, unsigned int reg, int64_t offset);

/* @op: DW_CFA_undefined or DW_CFA_same_value. */
void cfi_reg_rule(struct cfi_rules *rules, uint8_t op, unsigned int reg);

/* @op DW_CFA_expression or DW_CFA_val_expression; an @op without a register: -1. */
void cfi_expression(struct cfi_rules *rules, uint8_t op, int reg,
		    const struct cfi_rules *expression);

/* What all FDEs of one kind begin with; the result names the kind. */
uint32_t cfi_add_cie(struct cfi *cfi, bool is_signal, uint8_t return_column,
		     const struct cfi_rules *rules);

struct cfi_row {
	uint64_t start, end;
	uint32_t cie;
	bool is_alone; /* it sets what the next row would not set back */
	bool is_preferred;
	struct cfi_rules rules;
};

/* Rows come in the order of addresses, as far as they are to share FDEs. */
void cfi_add_row(struct cfi *cfi, const struct cfi_row *row);

/* Closes the last FDE: the section is whole. */
void cfi_finish(struct cfi *cfi);

#endif
