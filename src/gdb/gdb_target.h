/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gdb must be told of an architecture: which registers there are, in gdb's order,
 * and how frames are unwound where no debug symbols say it. Data, one row an
 * architecture: gdb_target_NAME.c.
 */
#ifndef GDB_GDB_TARGET_H
#define GDB_GDB_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/arch.h"
#include "kernel/kernel.h"

#define GDB_REG_NONE UINT8_MAX /* gdb wants it, a kernel's crash does not tell it */

struct cfi;

struct gdb_reg {
	uint8_t reg; /* index into struct regs, or GDB_REG_NONE */
	uint8_t size_bytes;
};

struct gdb_target {
	const struct arch *arch;
	const char *description; /* target.xml, gdb's "Target Description Format" */

	/* In the order of the description: its numbers are those of 'g' and 'p'. */
	const struct gdb_reg *regs;
	unsigned int reg_count;

	uint16_t elf_machine; /* EM_* */
	const char *gdb_name; /* of "set architecture" */

	/* struct elf_prstatus of an ELF core: where the registers are, and which. */
	size_t prstatus_size, prstatus_regs_offset;
	const uint8_t *prstatus_regs; /* indexes into struct regs, 8 bytes each */
	size_t prstatus_reg_count;

	/* How all code is unwound; see cfi.h. */
	int (*add_cfi)(struct kernel *kernel, struct cfi *cfi, struct err *err);
};

extern const struct gdb_target gdb_target_x86_64;
extern const struct gdb_target gdb_target_arm64;

/* ERR_UNSUPPORTED: there is no row for it. */
int gdb_target_find(const struct arch *arch, const struct gdb_target **ret,
		    struct err *err);

#endif
