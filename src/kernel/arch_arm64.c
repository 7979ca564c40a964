// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * arm64: page tables of two to five levels, of pages of 4, 16 and 64 KiB, and where
 * registers are kept.
 *
 * Sources: Arm Architecture Reference Manual (DDI 0487), chapter D8 (VMSAv8-64
 * descriptors); Linux Documentation/arch/arm64/memory.rst and
 * Documentation/admin-guide/kdump/vmcoreinfo.rst (VA_BITS, TCR_EL1_T1SZ, kimage_voffset);
 * arch/arm64/include/asm/pgtable-hwdef.h; arch/arm64/include/asm/processor.h (struct
 * cpu_context); include/linux/elfcore.h (struct elf_prstatus).
 *
 * Every address goes through the tables of the kernel, as on x86_64. What lies on a stack
 * is unwind_arm64.c's.
 */
#include "kernel/arch_arm64.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "kernel/paging.h"
#include "kernel/stack.h"
#include "kernel/unwind_arm64.h"

#define VA_BITS_MIN	36
#define VA_BITS_MAX	52
#define BLOCK_SHIFT_MAX 42 /* 4 TiB, of 64 KiB pages; 4 KiB ones reach 512 GiB */

#define ENTRY_TYPE	3
#define ENTRY_BLOCK	1 /* not in a table of the last level */
#define ENTRY_TABLE	3 /* in a table of the last level: a page */
#define ENTRY_ADDRESS48 UINT64_C(0x0000fffffffff000)
#define ENTRY_ADDRESS50 UINT64_C(0x0003fffffffff000)

struct arm64_context {
	struct paging paging;
	uint64_t entry_address; /* bits of an entry that are those of the address */
	uint64_t entry_high;	/* and those that lie elsewhere in it, */
	unsigned int high_left; /* that much lower */
	uint64_t vaddr_min;	/* of the kernel's half */
};

/* --- translation ----------------------------------------------------------------- */

static enum paging_entry arm64_decode(const void *opaque, uint64_t entry,
				      unsigned int shift, uint64_t *ret_paddr)
{
	const struct arm64_context *context = opaque;
	bool is_last = shift == context->paging.page_shift;

	*ret_paddr = (entry & context->entry_address) | (entry & context->entry_high)
								<< context->high_left;
	switch (entry & ENTRY_TYPE) {
	case ENTRY_TABLE:
		return is_last ? PAGING_PAGE : PAGING_TABLE;
	case ENTRY_BLOCK:
		if (is_last)
			return PAGING_NOTHING;
		return shift > BLOCK_SHIFT_MAX ? PAGING_IMPOSSIBLE : PAGING_PAGE;
	default:
		return PAGING_NOTHING;
	}
}

/*
 * Bits that the tables translate. TCR_EL1_T1SZ (bbdbc11804ff, in v5.9) is what the
 * processor was told; VA_BITS is how the kernel was built, and the processor may do less.
 * But with 64 KiB pages the tables are those of VA_BITS either way: only where the root
 * begins for the processor differs (c812026c54cf, in v5.4).
 */
static int find_va_bits(const struct vmcoreinfo *info, unsigned int page_shift,
			unsigned int *ret, struct err *err)
{
	int64_t bits, t1sz;
	int r;

	r = vmcoreinfo_number(info, "VA_BITS", &bits, err);
	if (r < 0)
		return r;
	if (page_shift != 16) {
		r = vmcoreinfo_number(info, "TCR_EL1_T1SZ", &t1sz, err);
		if (r < 0 && r != ERR_NOTFOUND)
			return r;
		if (r == 0)
			bits = t1sz >= 0 && t1sz < 64 ? 64 - t1sz : 0;
	}
	if (bits < VA_BITS_MIN || bits > VA_BITS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "an address of the kernel can't have %" PRId64 " bits",
			       bits);
	*ret = (unsigned int)bits;
	return 0;
}

/* Where the bits of an address lie in an entry (DDI 0487, D8.3). */
static void set_entry_layout(struct arm64_context *context, unsigned int page_shift,
			     unsigned int va_bits)
{
	context->entry_address = ENTRY_ADDRESS48;
	if (page_shift == 16) { // bits 15 to 12 are bits 51 to 48
		context->entry_address &= ~UINT64_C(0xffff);
		context->entry_high = 0xf000;
		context->high_left = 36;
	} else if (va_bits == VA_BITS_MAX) { // LPA2: bits 9 and 8 are bits 51 and 50
		context->entry_address = ENTRY_ADDRESS50;
		context->entry_high = 0x300;
		context->high_left = 42;
	}
	if (page_shift == 14)
		context->entry_address &= ~UINT64_C(0x3fff);
}

/* The kernel's image as far as an ELF file tells where it lies: one PT_LOAD of it all. */
static void own_area(struct kernel *kernel, struct paging *paging)
{
	size_t count;
	const struct image_load *loads = image_loads(kernel_image(kernel), &count);
	uint64_t stext;

	if (vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &stext, NULL) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (stext < loads[i].vaddr ||
		    stext - loads[i].vaddr >= loads[i].size_bytes)
			continue;
		paging->own_start = loads[i].vaddr;
		paging->own_end = loads[i].vaddr + loads[i].size_bytes;
		paging->own_paddr = loads[i].paddr;
		return;
	}
}

static unsigned int page_shift_of(const struct kernel *kernel)
{
	return (unsigned int)__builtin_ctz(kernel_page_size(kernel));
}

static void set_paging(struct arm64_context *context, unsigned int page_shift,
		       unsigned int va_bits, uint64_t root_paddr)
{
	unsigned int level_bits = page_shift - 3; // a table fills a page
	unsigned int levels = (va_bits - page_shift + level_bits - 1) / level_bits;
	unsigned int root_shift = page_shift + level_bits * (levels - 1);

	context->paging = (struct paging){
		.root_paddr = root_paddr,
		.page_shift = page_shift,
		.level_bits = level_bits,
		.root_shift = root_shift,
		.root_bits = va_bits - root_shift,
		.decode = arm64_decode,
		.decode_context = context,
	};
	context->vaddr_min = -((uint64_t)1 << va_bits);
	set_entry_layout(context, page_shift, va_bits);
}

static int arm64_open(struct kernel *kernel, void **ret_context, struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	unsigned int page_shift = page_shift_of(kernel), va_bits = 0;
	struct arm64_context *context;
	int64_t voffset;
	uint64_t root;
	int r;

	r = vmcoreinfo_symbol(info, "swapper_pg_dir", &root, err);
	if (r == 0)
		r = vmcoreinfo_number(info, "kimage_voffset", &voffset, err);
	if (r == 0)
		r = find_va_bits(info, page_shift, &va_bits, err);
	if (r < 0)
		return err_in(err, r, "looking for the kernel's page tables");
	if (page_shift != 12 && page_shift != 14 && page_shift != 16)
		return err_set(err, ERR_CORRUPT, "arm64 has no pages of %u bytes",
			       1u << page_shift);
	if (root % 8 || root - (uint64_t)voffset > (uint64_t)1 << VA_BITS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "the kernel's page tables can't be at 0x%" PRIx64, root);
	context = calloc(1, sizeof(*context));
	if (!context)
		return err_nomem(err);
	set_paging(context, page_shift, va_bits, root - (uint64_t)voffset);
	own_area(kernel, &context->paging);
	*ret_context = context;
	return 0;
}

static int arm64_translate(struct kernel *kernel, void *opaque, uint64_t vaddr,
			   uint64_t *ret_paddr, uint64_t *ret_run, struct err *err)
{
	struct arm64_context *context = opaque;

	if (vaddr < context->vaddr_min)
		return err_set(err, ERR_FAULT,
			       "0x%" PRIx64 " is no address of the kernel", vaddr);
	return paging_translate(&context->paging, kernel, vaddr, ret_paddr, ret_run, err);
}

/* The tables of a process have the levels of the kernel's. */
static int arm64_translate_user(struct kernel *kernel, void *opaque, uint64_t root_paddr,
				uint64_t vaddr, uint64_t *ret_paddr, struct err *err)
{
	struct arm64_context *context = opaque;
	uint64_t size;

	if (vaddr >= -context->vaddr_min)
		return err_set(err, ERR_FAULT, "0x%" PRIx64 " is no address of a process",
			       vaddr);
	return paging_walk(&context->paging, kernel, root_paddr, vaddr, ret_paddr, &size,
			   err);
}

static int arm64_next_mapping(struct kernel *kernel, void *opaque, uint64_t vaddr,
			      struct kernel_mapping *ret, struct err *err)
{
	struct arm64_context *context = opaque;

	return paging_next(&context->paging, kernel, MAX(vaddr, context->vaddr_min), ret,
			   err);
}

/* --- registers ------------------------------------------------------------------- */

static const char *const arm64_reg_names[ARM64_REG_COUNT] = {
	[ARM64_PC] = "pc",	     [ARM64_LR] = "lr",
	[ARM64_SP] = "sp",	     [ARM64_X0] = "x0",
	[ARM64_X0 + 1] = "x1",	     [ARM64_X0 + 2] = "x2",
	[ARM64_X0 + 3] = "x3",	     [ARM64_X0 + 4] = "x4",
	[ARM64_X0 + 5] = "x5",	     [ARM64_X0 + 6] = "x6",
	[ARM64_X0 + 7] = "x7",	     [ARM64_X0 + 8] = "x8",
	[ARM64_X0 + 9] = "x9",	     [ARM64_X0 + 10] = "x10",
	[ARM64_X0 + 11] = "x11",     [ARM64_X0 + 12] = "x12",
	[ARM64_X0 + 13] = "x13",     [ARM64_X0 + 14] = "x14",
	[ARM64_X0 + 15] = "x15",     [ARM64_X0 + 16] = "x16",
	[ARM64_X0 + 17] = "x17",     [ARM64_X0 + 18] = "x18",
	[ARM64_X0 + 19] = "x19",     [ARM64_X0 + 20] = "x20",
	[ARM64_X0 + 21] = "x21",     [ARM64_X0 + 22] = "x22",
	[ARM64_X0 + 23] = "x23",     [ARM64_X0 + 24] = "x24",
	[ARM64_X0 + 25] = "x25",     [ARM64_X0 + 26] = "x26",
	[ARM64_X0 + 27] = "x27",     [ARM64_X0 + 28] = "x28",
	[ARM64_FP] = "x29",	     [ARM64_PSTATE] = "pstate",
	[ARM64_ORIG_X0] = "orig_x0", [ARM64_SYSCALL] = "syscall",
};

bool arm64_is_user(const struct regs *regs)
{
	/* PSR_MODE_EL0t; bit 4 is set for 32-bit programs. */
	return regs_has(regs, ARM64_PSTATE) && (regs->value[ARM64_PSTATE] & 0xf) == 0;
}

void arm64_regs_from_user_regs(const uint8_t bytes[ARM64_USER_REGS_SIZE],
			       struct regs *ret)
{
	*ret = (struct regs){ 0 };
	for (unsigned int i = 0; i < 30; i++)
		regs_set(ret, ARM64_X0 + i, load_le64(bytes + (size_t)i * 8));
	regs_set(ret, ARM64_LR, load_le64(bytes + 240));
	regs_set(ret, ARM64_SP, load_le64(bytes + 248));
	regs_set(ret, ARM64_PC, load_le64(bytes + 256));
	regs_set(ret, ARM64_PSTATE, load_le64(bytes + 264));
}

#define PRSTATUS_REGS_OFFSET 112 /* pr_reg in struct elf_prstatus */

static int arm64_regs_from_prstatus(const uint8_t *desc, size_t size, struct regs *ret,
				    struct err *err)
{
	if (size < PRSTATUS_REGS_OFFSET + ARM64_USER_REGS_SIZE)
		return err_set(err, ERR_TRUNCATED,
			       "a CPU's note of %zu bytes is too short for registers",
			       size);
	arm64_regs_from_user_regs(desc + PRSTATUS_REGS_OFFSET, ret);
	return 0;
}

/* What cpu_switch_to() keeps: x19 ... x28, fp, sp, pc. */
#define CPU_CONTEXT_SIZE 104

static int arm64_regs_of_sleeper(struct kernel *kernel, uint64_t task_vaddr,
				 struct regs *ret, struct err *err)
{
	uint8_t bytes[CPU_CONTEXT_SIZE];
	uint64_t offset;
	int r;

	r = kernel_offset(kernel, "task_struct.thread.cpu_context", &offset, err);
	if (r == 0)
		r = kernel_read(kernel, task_vaddr + offset, bytes, sizeof(bytes), err);
	if (r < 0)
		return err_in(err, r, "registers of sleeping task 0x%" PRIx64,
			      task_vaddr);
	*ret = (struct regs){ 0 };
	for (unsigned int i = 0; i < 11; i++) // x29 is the last of them
		regs_set(ret, ARM64_X0 + 19 + i, load_le64(bytes + (size_t)i * 8));
	regs_set(ret, ARM64_SP, load_le64(bytes + 88));
	regs_set(ret, ARM64_PC, load_le64(bytes + 96));
	return 0;
}

#define PSTATE_32BIT 0x10 /* PSR_MODE32_BIT */

/* Of other entries than by svc the number is NO_SYSCALL, -1 (entry-common.c). */
static int arm64_syscall_of(const struct regs *user, int64_t *ret_number,
			    uint64_t ret_arguments[ARCH_SYSCALL_ARGUMENTS],
			    bool *ret_is_compat, struct err *err)
{
	bool is_compat = user->value[ARM64_PSTATE] & PSTATE_32BIT;

	if (!regs_has(user, ARM64_SYSCALL) || !regs_has(user, ARM64_ORIG_X0))
		return err_set(err, ERR_NOTFOUND,
			       "its registers of user space are not there");
	if (user->value[ARM64_SYSCALL] >> 31)
		return err_set(err, ERR_NOTFOUND, "it is in no system call");
	for (unsigned int i = 0; i < ARCH_SYSCALL_ARGUMENTS; i++) {
		uint64_t value = user->value[i ? ARM64_X0 + i : ARM64_ORIG_X0];

		ret_arguments[i] = is_compat ? (uint32_t)value : value;
	}
	*ret_number = (int64_t)user->value[ARM64_SYSCALL];
	*ret_is_compat = is_compat;
	return 0;
}

const struct arch arch_arm64 = {
	.name = "aarch64",
	.machine = IMAGE_MACHINE_ARM64,
	.vmcoreinfo_key = "NUMBER(kimage_voffset)",
	.reg_names = arm64_reg_names,
	.reg_count = ARM64_REG_COUNT,
	.reg_ip = ARM64_PC,
	.reg_sp = ARM64_SP,
	.reg_fp = ARM64_FP,
	.open = arm64_open,
	.translate = arm64_translate,
	.translate_user = arm64_translate_user,
	.syscall_of = arm64_syscall_of,
	.next_mapping = arm64_next_mapping,
	.regs_from_prstatus = arm64_regs_from_prstatus,
	.is_user = arm64_is_user,
	.regs_of_sleeper = arm64_regs_of_sleeper,
	.stacks = stacks_arm64,
	.unwinder_new = unwinder_arm64_new,
	.unwinder_free = unwinder_arm64_free,
	.unwind = unwind_arm64,
};
