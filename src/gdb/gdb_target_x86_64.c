// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x86-64 for gdb. Registers in the order of gdb's features/i386/64bit-core.xml and
 * 64bit-segments.xml; gdb takes no description without those of the x87 unit.
 */
#include <elf.h>

#include "gdb/cfi_x86_64.h"
#include "gdb/gdb_target.h"
#include "kernel/arch_x86_64.h"

#define REG64(name)  "<reg name=\"" name "\" bitsize=\"64\" type=\"int64\"/>\n"
#define DATA64(name) "<reg name=\"" name "\" bitsize=\"64\" type=\"data_ptr\"/>\n"
#define INT32(name)  "<reg name=\"" name "\" bitsize=\"32\" type=\"int32\"/>\n"
#define X87(name)    "<reg name=\"" name "\" bitsize=\"80\" type=\"i387_ext\"/>\n"
#define FLOAT(name) \
	"<reg name=\"" name "\" bitsize=\"32\" type=\"int\" group=\"float\"/>\n"

/* clang-format off */
static const char description[] =
	"<?xml version=\"1.0\"?>\n"
	"<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
	"<target version=\"1.0\">\n"
	"<architecture>i386:x86-64</architecture>\n"
	"<osabi>none</osabi>\n"
	"<feature name=\"org.gnu.gdb.i386.core\">\n"
	REG64("rax") REG64("rbx") REG64("rcx") REG64("rdx") REG64("rsi") REG64("rdi")
	DATA64("rbp") DATA64("rsp")
	REG64("r8") REG64("r9") REG64("r10") REG64("r11") REG64("r12") REG64("r13")
	REG64("r14") REG64("r15")
	"<reg name=\"rip\" bitsize=\"64\" type=\"code_ptr\"/>\n"
	INT32("eflags") INT32("cs") INT32("ss") INT32("ds") INT32("es") INT32("fs")
	INT32("gs")
	X87("st0") X87("st1") X87("st2") X87("st3") X87("st4") X87("st5") X87("st6")
	X87("st7")
	FLOAT("fctrl") FLOAT("fstat") FLOAT("ftag") FLOAT("fiseg") FLOAT("fioff")
	FLOAT("foseg") FLOAT("fooff") FLOAT("fop")
	"</feature>\n"
	"<feature name=\"org.gnu.gdb.i386.segments\">\n"
	REG64("fs_base") REG64("gs_base")
	"</feature>\n"
	"</target>\n";
/* clang-format on */

#define NONE(size)                                        \
	{                                                 \
		.reg = GDB_REG_NONE, .size_bytes = (size) \
	}
#define NONE8(size)                                                             \
	NONE(size), NONE(size), NONE(size), NONE(size), NONE(size), NONE(size), \
		NONE(size), NONE(size)

static const struct gdb_reg regs[] = {
	{ X86_64_RAX, 8 },
	{ X86_64_RBX, 8 },
	{ X86_64_RCX, 8 },
	{ X86_64_RDX, 8 },
	{ X86_64_RSI, 8 },
	{ X86_64_RDI, 8 },
	{ X86_64_RBP, 8 },
	{ X86_64_RSP, 8 },
	{ X86_64_R8, 8 },
	{ X86_64_R9, 8 },
	{ X86_64_R10, 8 },
	{ X86_64_R11, 8 },
	{ X86_64_R12, 8 },
	{ X86_64_R13, 8 },
	{ X86_64_R14, 8 },
	{ X86_64_R15, 8 },
	{ X86_64_RIP, 8 },
	{ X86_64_EFLAGS, 4 },
	{ X86_64_CS, 4 },
	{ X86_64_SS, 4 },
	{ X86_64_DS, 4 },
	{ X86_64_ES, 4 },
	{ X86_64_FS, 4 },
	{ X86_64_GS, 4 },
	NONE8(10),
	NONE8(4),
	{ X86_64_FS_BASE, 8 },
	{ X86_64_GS_BASE, 8 },
};

const struct gdb_target gdb_target_x86_64 = {
	.arch = &arch_x86_64,
	.description = description,
	.regs = regs,
	.reg_count = ARRAY_SIZE(regs),
	.elf_machine = EM_X86_64,
	.gdb_name = "i386:x86-64",
	.prstatus_size = X86_64_PRSTATUS_SIZE,
	.prstatus_regs_offset = X86_64_PRSTATUS_REGS,
	.prstatus_regs = x86_64_user_regs,
	.prstatus_reg_count = ARRAY_SIZE(x86_64_user_regs),
	.add_cfi = cfi_x86_64_add,
};
