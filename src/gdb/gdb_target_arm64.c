// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * arm64 for gdb. Registers in the order of gdb's features/aarch64-core.xml; its unit for
 * floating point may be missing.
 */
#include <elf.h>

#include "gdb/cfi_arm64.h"
#include "gdb/gdb_target.h"
#include "kernel/arch_arm64.h"

#define X(n) "<reg name=\"x" #n "\" bitsize=\"64\"/>\n"

/* clang-format off */
static const char description[] =
	"<?xml version=\"1.0\"?>\n"
	"<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
	"<target version=\"1.0\">\n"
	"<architecture>aarch64</architecture>\n"
	"<osabi>none</osabi>\n"
	"<feature name=\"org.gnu.gdb.aarch64.core\">\n"
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
	X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29)
	X(30)
	"<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>\n"
	"<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>\n"
	"<reg name=\"cpsr\" bitsize=\"32\"/>\n"
	"</feature>\n"
	"</target>\n";
/* clang-format on */

#define X_REG(n) (ARM64_X0 + (n))

static const struct gdb_reg regs[] = {
	{ X_REG(0), 8 },  { X_REG(1), 8 },     { X_REG(2), 8 },	 { X_REG(3), 8 },
	{ X_REG(4), 8 },  { X_REG(5), 8 },     { X_REG(6), 8 },	 { X_REG(7), 8 },
	{ X_REG(8), 8 },  { X_REG(9), 8 },     { X_REG(10), 8 }, { X_REG(11), 8 },
	{ X_REG(12), 8 }, { X_REG(13), 8 },    { X_REG(14), 8 }, { X_REG(15), 8 },
	{ X_REG(16), 8 }, { X_REG(17), 8 },    { X_REG(18), 8 }, { X_REG(19), 8 },
	{ X_REG(20), 8 }, { X_REG(21), 8 },    { X_REG(22), 8 }, { X_REG(23), 8 },
	{ X_REG(24), 8 }, { X_REG(25), 8 },    { X_REG(26), 8 }, { X_REG(27), 8 },
	{ X_REG(28), 8 }, { ARM64_FP, 8 },     { ARM64_LR, 8 },	 { ARM64_SP, 8 },
	{ ARM64_PC, 8 },  { ARM64_PSTATE, 4 },
};

/* struct user_pt_regs */
static const uint8_t user_regs[ARM64_USER_REGS_SIZE / 8] = {
	X_REG(0),  X_REG(1),  X_REG(2),	 X_REG(3),  X_REG(4),  X_REG(5),     X_REG(6),
	X_REG(7),  X_REG(8),  X_REG(9),	 X_REG(10), X_REG(11), X_REG(12),    X_REG(13),
	X_REG(14), X_REG(15), X_REG(16), X_REG(17), X_REG(18), X_REG(19),    X_REG(20),
	X_REG(21), X_REG(22), X_REG(23), X_REG(24), X_REG(25), X_REG(26),    X_REG(27),
	X_REG(28), ARM64_FP,  ARM64_LR,	 ARM64_SP,  ARM64_PC,  ARM64_PSTATE,
};

const struct gdb_target gdb_target_arm64 = {
	.arch = &arch_arm64,
	.description = description,
	.regs = regs,
	.reg_count = ARRAY_SIZE(regs),
	.elf_machine = EM_AARCH64,
	.prstatus_size = 392,
	.prstatus_regs_offset = 112,
	.prstatus_regs = user_regs,
	.prstatus_reg_count = ARRAY_SIZE(user_regs),
	.gdb_name = "aarch64",
	.add_cfi = cfi_arm64_add,
};
