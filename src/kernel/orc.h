/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ORC unwind tables: an entry says how, at one instruction, the caller's frame is found.
 * A table is two sorted arrays in the kernel's memory (or in a module's): where an entry
 * begins to hold (s32, relative to itself), and the entry (6 bytes).
 * Source: Linux arch/x86/include/asm/orc_types.h, arch/x86/kernel/unwind_orc.c.
 *
 * It knows tables and entries. Registers, stacks and the walk are unwind_orc.c's.
 */
#ifndef KERNEL_ORC_H
#define KERNEL_ORC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define ORC_ENTRY_SIZE	6
#define ORC_HEADER_SIZE 20
#define ORC_COUNT_MAX                                                     \
	(4u << 20) /* entries of one table; Debian's kernels have 430,000 \
		    */

/*
 * How the 16 bits of flags are cut up. It changed three times and no number tells; since
 * Linux commit b9f174c811e3 (in v6.4) a hash of the header file stands in .orc_header.
 */
enum orc_layout {
	ORC_LAYOUT_1, /* v4.14 */
	ORC_LAYOUT_2, /* v6.3: ffb1b4a41016, a bit for signal frames */
	ORC_LAYOUT_3, /* v6.4: fb799447ae29, types UNDEFINED and END */
	ORC_LAYOUT_4, /* v7.1: 1735858caa4b, registers renumbered */
	ORC_LAYOUT_COUNT,
};

enum orc_reg {
	ORC_REG_UNDEFINED,
	ORC_REG_PREV_SP, /* the caller's sp, as just found */
	ORC_REG_AX,
	ORC_REG_DX,
	ORC_REG_DI,
	ORC_REG_BP,
	ORC_REG_SP,
	ORC_REG_R10,
	ORC_REG_R13,
	ORC_REG_BP_INDIRECT, /* *(bp + offset) */
	ORC_REG_SP_INDIRECT, /* *(sp) + offset */
};

enum orc_type {
	ORC_TYPE_UNDEFINED,    /* the table can't say */
	ORC_TYPE_END,	       /* the outermost frame */
	ORC_TYPE_CALL,	       /* return address right below the caller's sp */
	ORC_TYPE_REGS,	       /* struct pt_regs there */
	ORC_TYPE_REGS_PARTIAL, /* only what iret takes: ip, cs, flags, sp, ss */
};

struct orc_entry {
	int16_t sp_offset;
	int16_t bp_offset;
	enum orc_reg sp_reg;
	enum orc_reg bp_reg;
	enum orc_type type;
	bool is_signal; /* the caller was interrupted: its ip is no return address */
};

/* ERR_CORRUPT: a register or type that this layout does not have. */
int orc_decode(enum orc_layout layout, const uint8_t bytes[ORC_ENTRY_SIZE],
	       struct orc_entry *ret, struct err *err);

/* By the hash in __start_orc_header; ERR_UNSUPPORTED: one that we do not know. */
int orc_layout_from_header(const uint8_t hash[ORC_HEADER_SIZE], enum orc_layout *ret,
			   struct err *err);

/* "ORC 1" ... "ORC 4" */
const char *orc_layout_name(enum orc_layout layout);

struct orc_table {
	uint64_t ip_vaddr;    /* s32 each */
	uint64_t entry_vaddr; /* ORC_ENTRY_SIZE bytes each */
	uint32_t count;
};

/*
 * Reads tables in place: they are megabytes, and a backtrace needs a few pages of them.
 * Keeps the pages that it read last.
 */
struct orc_reader;
int orc_reader_new(struct kernel *kernel, struct orc_reader **ret, struct err *err);
void orc_reader_free(struct orc_reader *reader);

/*
 * The bytes of the last entry that begins at or before @vaddr. ERR_NOTFOUND: @vaddr is
 * before the first. That @vaddr belongs to this table's code is for the caller to know.
 */
int orc_table_find(struct orc_reader *reader, const struct orc_table *table,
		   uint64_t vaddr, uint8_t ret[ORC_ENTRY_SIZE], struct err *err);

/* Where the @index-th entry begins to hold, @index < count, and its bytes. */
int orc_table_get(struct orc_reader *reader, const struct orc_table *table,
		  uint32_t index, uint64_t *ret_start, uint8_t ret[ORC_ENTRY_SIZE],
		  struct err *err);

#endif
