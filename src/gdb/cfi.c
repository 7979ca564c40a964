// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/cfi.h"

#include <endian.h>
#include <string.h>

#define CIE_VERSION  1
#define CIE_ID	     UINT32_MAX
#define FDE_ROWS_MAX 64 /* gdb runs through an FDE from its start for each frame */

void cfi_rule_byte(struct cfi_rules *rules, uint8_t byte)
{
	if (rules->size < sizeof(rules->bytes))
		rules->bytes[rules->size++] = byte;
}

void cfi_rule_uleb(struct cfi_rules *rules, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		cfi_rule_byte(rules, (uint8_t)(value | 0x80));
	cfi_rule_byte(rules, (uint8_t)value);
}

void cfi_rule_sleb(struct cfi_rules *rules, int64_t value)
{
	for (; value < -64 || value > 63; value >>= 7)
		cfi_rule_byte(rules, (uint8_t)((value & 0x7f) | 0x80));
	cfi_rule_byte(rules, (uint8_t)(value & 0x7f));
}

void cfi_def_cfa(struct cfi_rules *rules, unsigned int reg, int64_t offset)
{
	cfi_rule_byte(rules, offset < 0 ? DW_CFA_def_cfa_sf : DW_CFA_def_cfa);
	cfi_rule_uleb(rules, reg);
	if (offset < 0)
		cfi_rule_sleb(rules, offset / CFI_DATA_ALIGN);
	else
		cfi_rule_uleb(rules, (uint64_t)offset);
}

void cfi_offset(struct cfi_rules *rules, unsigned int reg, int64_t offset)
{
	cfi_rule_byte(rules, DW_CFA_offset_extended_sf);
	cfi_rule_uleb(rules, reg);
	cfi_rule_sleb(rules, offset / CFI_DATA_ALIGN);
}

void cfi_reg_rule(struct cfi_rules *rules, uint8_t op, unsigned int reg)
{
	cfi_rule_byte(rules, op);
	cfi_rule_uleb(rules, reg);
}

void cfi_expression(struct cfi_rules *rules, uint8_t op, int reg,
		    const struct cfi_rules *expression)
{
	cfi_rule_byte(rules, op);
	if (reg >= 0)
		cfi_rule_uleb(rules, (unsigned int)reg);
	cfi_rule_uleb(rules, expression->size);
	for (size_t i = 0; i < expression->size; i++)
		cfi_rule_byte(rules, expression->bytes[i]);
}

static void add_u32(struct text *t, uint32_t value)
{
	text_add_bytes(t, &(uint32_t){ htole32(value) }, sizeof(value));
}

static void add_u64(struct text *t, uint64_t value)
{
	text_add_bytes(t, &(uint64_t){ htole64(value) }, sizeof(value));
}

/* The length in front of what began at @offset, once it is padded. */
static void close_entry(struct text *t, size_t offset)
{
	static const uint8_t nop = DW_CFA_nop;
	uint32_t length;

	while (t->size % 8)
		text_add_bytes(t, &nop, 1);
	if (t->failed)
		return;
	length = htole32((uint32_t)(t->size - offset - sizeof(length)));
	memcpy(t->data + offset, &length, sizeof(length));
}

uint32_t cfi_add_cie(struct cfi *cfi, bool is_signal, uint8_t return_column,
		     const struct cfi_rules *rules)
{
	struct text *t = &cfi->section;
	size_t offset = t->size;
	struct cfi_rules head = { 0 };

	add_u32(t, 0);
	add_u32(t, CIE_ID);
	cfi_rule_byte(&head, CIE_VERSION);
	if (is_signal)
		cfi_rule_byte(&head, 'S');
	cfi_rule_byte(&head, 0);
	cfi_rule_uleb(&head, 1); // code alignment
	cfi_rule_sleb(&head, CFI_DATA_ALIGN);
	cfi_rule_byte(&head, return_column);
	text_add_bytes(t, head.bytes, head.size);
	text_add_bytes(t, rules->bytes, rules->size);
	close_entry(t, offset);
	return (uint32_t)offset;
}

/* Behind the length and the CIE's offset. */
#define FDE_RANGE_OFFSET (4 + 4 + 8)

void cfi_finish(struct cfi *cfi)
{
	struct text *t = &cfi->section;
	uint64_t start, range;

	if (!cfi->fde_rows || t->failed)
		return;
	memcpy(&start, t->data + cfi->fde_offset + 8, sizeof(start));
	range = htole64(cfi->fde_end - le64toh(start));
	memcpy(t->data + cfi->fde_offset + FDE_RANGE_OFFSET, &range, sizeof(range));
	close_entry(t, cfi->fde_offset);
	cfi->fde_rows = 0;
}

static void open_fde(struct cfi *cfi, const struct cfi_row *row)
{
	struct text *t = &cfi->section;

	cfi_finish(cfi);
	cfi->fde_offset = t->size;
	cfi->fde_cie = row->cie;
	cfi->row_start = row->start;
	add_u32(t, 0);
	add_u32(t, row->cie);
	add_u64(t, row->start);
	add_u64(t, 0);
}

static void add_advance(struct cfi *cfi, uint64_t delta)
{
	struct cfi_rules rules = { 0 };

	if (delta < 0x40) {
		cfi_rule_byte(&rules, (uint8_t)(DW_CFA_advance_loc | delta));
	} else {
		cfi_rule_byte(&rules, DW_CFA_advance_loc4);
		for (unsigned int i = 0; i < 4; i++)
			cfi_rule_byte(&rules, (uint8_t)(delta >> i * 8));
	}
	text_add_bytes(&cfi->section, rules.bytes, rules.size);
}

void cfi_add_row(struct cfi *cfi, const struct cfi_row *row)
{
	if (row->start >= row->end || (cfi->is_preferred_only && !row->is_preferred))
		return;
	if (!cfi->fde_rows || row->is_alone || cfi->fde_cie != row->cie ||
	    cfi->fde_end != row->start || cfi->fde_rows >= FDE_ROWS_MAX ||
	    row->start - cfi->row_start > UINT32_MAX)
		open_fde(cfi, row);
	else
		add_advance(cfi, row->start - cfi->row_start);
	text_add_bytes(&cfi->section, row->rules.bytes, row->rules.size);
	cfi->row_start = row->start;
	cfi->fde_end = row->end;
	cfi->fde_rows = row->is_alone ? FDE_ROWS_MAX : cfi->fde_rows + 1;
}
