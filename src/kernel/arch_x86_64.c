// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * x86-64: page tables of four and of five levels, and where registers are kept.
 *
 * Sources: Intel SDM volume 3, chapter 4 (paging); Linux arch/x86/mm/ and
 * arch/x86/include/asm/pgtable_types.h; Documentation/admin-guide/kdump/vmcoreinfo.rst
 * (phys_base, pgtable_l5_enabled, sme_mask); arch/x86/include/asm/user_64.h (the order of
 * pr_reg); arch/x86/include/asm/switch_to.h (what a task leaves on its stack).
 *
 * Every address goes through the tables, the kernel's own image and the direct map too:
 * slower than arithmetic, but it needs no layout of the address space, which is random.
 * Only the root is found by arithmetic, and the kernel's image where a dump has lost the
 * tables: the log is in there. Page tables of user space are not known here, and
 * what lies on a stack above one frame is unwind_orc.c's.
 */
#include "kernel/arch_x86_64.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "kernel/paging.h"
#include "kernel/stack.h"
#include "kernel/unwind_orc.h"

#define KERNEL_MAP_VADDR UINT64_C(0xffffffff80000000) /* __START_KERNEL_map */
#define KERNEL_IMAGE_MAX GIB			      /* KERNEL_IMAGE_SIZE with KASLR */

#define PAGE_SHIFT    12
#define LEVEL_BITS    9
#define TABLE_SIZE    4096
#define HUGE_SHIFT    30 /* of the largest page */
#define ENTRY_PRESENT UINT64_C(0x1)
#define ENTRY_HUGE    UINT64_C(0x80) /* _PAGE_PSE */
#define ENTRY_ADDRESS UINT64_C(0x000ffffffffff000)

struct x86_64_context {
	struct paging paging;
	uint64_t entry_address; /* bits of an entry that are the address */
};

/* --- translation ----------------------------------------------------------------- */

/* A number that older kernels or other configurations do not export. */
static int number_or_zero(const struct vmcoreinfo *info, const char *name, int64_t *ret,
			  struct err *err)
{
	int r = vmcoreinfo_number(info, name, ret, err);

	if (r == ERR_NOTFOUND) {
		*ret = 0;
		return 0;
	}
	return r;
}

/*
 * The kernel's image begins at _stext and is mapped linearly (__phys_addr() in
 * arch/x86/mm/physaddr.c), in an area of KERNEL_IMAGE_SIZE. Where VMCOREINFO does not
 * tell these, there is no way around the tables.
 */
static void own_area(const struct vmcoreinfo *info, uint64_t phys_base,
		     struct paging *paging)
{
	uint64_t start;
	int64_t size;

	if (vmcoreinfo_symbol(info, "_stext", &start, NULL) < 0 ||
	    vmcoreinfo_number(info, "KERNEL_IMAGE_SIZE", &size, NULL) < 0)
		return;
	if (start < KERNEL_MAP_VADDR || size < 0 || (uint64_t)size > KERNEL_IMAGE_MAX)
		return;
	paging->own_start = start;
	paging->own_end = KERNEL_MAP_VADDR + (uint64_t)size;
	paging->own_paddr = start - KERNEL_MAP_VADDR + phys_base;
}

static enum paging_entry x86_64_decode(const void *opaque, uint64_t entry,
				       unsigned int shift, uint64_t *ret_paddr)
{
	const struct x86_64_context *context = opaque;

	if (!(entry & ENTRY_PRESENT))
		return PAGING_NOTHING;
	*ret_paddr = entry & context->entry_address;
	if (shift == PAGE_SHIFT)
		return PAGING_PAGE;
	if (!(entry & ENTRY_HUGE))
		return PAGING_TABLE;
	return shift > HUGE_SHIFT ? PAGING_IMPOSSIBLE : PAGING_PAGE;
}

static int x86_64_open(struct kernel *kernel, void **ret_context, struct err *err)
{
	const struct vmcoreinfo *info = kernel_vmcoreinfo(kernel);
	int64_t phys_base, is_5level, sme_mask;
	struct x86_64_context *context;
	uint64_t root;
	int r;

	r = vmcoreinfo_symbol(info, "swapper_pg_dir", &root, err);
	if (r == ERR_NOTFOUND)
		r = vmcoreinfo_symbol(info, "init_top_pgt", &root, err);
	if (r == 0)
		r = vmcoreinfo_number(info, "phys_base", &phys_base, err);
	if (r == 0)
		r = number_or_zero(info, "pgtable_l5_enabled", &is_5level, err);
	if (r == 0)
		r = number_or_zero(info, "sme_mask", &sme_mask, err);
	if (r < 0)
		return err_in(err, r, "looking for the kernel's page tables");
	if (root < KERNEL_MAP_VADDR || root % TABLE_SIZE)
		return err_set(err, ERR_CORRUPT,
			       "the kernel's page tables can't be at 0x%" PRIx64, root);
	context = calloc(1, sizeof(*context));
	if (!context)
		return err_nomem(err);
	context->paging = (struct paging){
		.root_paddr = root - KERNEL_MAP_VADDR + (uint64_t)phys_base,
		.page_shift = PAGE_SHIFT,
		.level_bits = LEVEL_BITS,
		.root_shift = is_5level ? 48 : 39,
		.root_bits = LEVEL_BITS,
		.decode = x86_64_decode,
		.decode_context = context,
	};
	own_area(info, (uint64_t)phys_base, &context->paging);
	context->entry_address = ENTRY_ADDRESS & ~(uint64_t)sme_mask;
	*ret_context = context;
	return 0;
}

/* Bits above those that are translated repeat the highest of them. */
static bool is_canonical(const struct x86_64_context *context, uint64_t vaddr)
{
	unsigned int shift = context->paging.root_shift + LEVEL_BITS - 1;
	uint64_t high = vaddr >> shift;

	return high == 0 || high == UINT64_MAX >> shift;
}

static int x86_64_translate(struct kernel *kernel, void *opaque, uint64_t vaddr,
			    uint64_t *ret_paddr, uint64_t *ret_run, struct err *err)
{
	struct x86_64_context *context = opaque;

	if (!is_canonical(context, vaddr))
		return err_set(err, ERR_FAULT, "0x%" PRIx64 " can't be an address",
			       vaddr);
	return paging_translate(&context->paging, kernel, vaddr, ret_paddr, ret_run, err);
}

static int x86_64_translate_user(struct kernel *kernel, void *opaque, uint64_t root_paddr,
				 uint64_t vaddr, uint64_t *ret_paddr, struct err *err)
{
	struct x86_64_context *context = opaque;
	uint64_t size;

	if (vaddr >> 56) // five levels: the lower half ends there
		return err_set(err, ERR_FAULT, "address 0x%" PRIx64 " is not mapped",
			       vaddr);
	return paging_walk(&context->paging, kernel, root_paddr, vaddr, ret_paddr, &size,
			   err);
}

static int x86_64_next_mapping(struct kernel *kernel, void *opaque, uint64_t vaddr,
			       struct kernel_mapping *ret, struct err *err)
{
	struct x86_64_context *context = opaque;

	if (!is_canonical(context, vaddr)) // the kernel's half begins behind the hole
		vaddr = UINT64_MAX << (context->paging.root_shift + LEVEL_BITS - 1);
	return paging_next(&context->paging, kernel, vaddr, ret, err);
}

/* --- registers ------------------------------------------------------------------- */

static const char *const x86_64_reg_names[X86_64_REG_COUNT] = {
	[X86_64_RIP] = "rip",
	[X86_64_RSP] = "rsp",
	[X86_64_RBP] = "rbp",
	[X86_64_RAX] = "rax",
	[X86_64_RBX] = "rbx",
	[X86_64_RCX] = "rcx",
	[X86_64_RDX] = "rdx",
	[X86_64_RSI] = "rsi",
	[X86_64_RDI] = "rdi",
	[X86_64_R8] = "r8",
	[X86_64_R9] = "r9",
	[X86_64_R10] = "r10",
	[X86_64_R11] = "r11",
	[X86_64_R12] = "r12",
	[X86_64_R13] = "r13",
	[X86_64_R14] = "r14",
	[X86_64_R15] = "r15",
	[X86_64_EFLAGS] = "eflags",
	[X86_64_CS] = "cs",
	[X86_64_SS] = "ss",
	[X86_64_ORIG_RAX] = "orig_rax",
	[X86_64_FS_BASE] = "fs_base",
	[X86_64_GS_BASE] = "gs_base",
	[X86_64_DS] = "ds",
	[X86_64_ES] = "es",
	[X86_64_FS] = "fs",
	[X86_64_GS] = "gs",
};

/* struct user_regs_struct; its first 21 are struct pt_regs. */
const uint8_t x86_64_user_regs[X86_64_USER_REGS_SIZE / 8] = {
	X86_64_R15,	 X86_64_R14,	 X86_64_R13,	 X86_64_R12,	X86_64_RBP,
	X86_64_RBX,	 X86_64_R11,	 X86_64_R10,	 X86_64_R9,	X86_64_R8,
	X86_64_RAX,	 X86_64_RCX,	 X86_64_RDX,	 X86_64_RSI,	X86_64_RDI,
	X86_64_ORIG_RAX, X86_64_RIP,	 X86_64_CS,	 X86_64_EFLAGS, X86_64_RSP,
	X86_64_SS,	 X86_64_FS_BASE, X86_64_GS_BASE, X86_64_DS,	X86_64_ES,
	X86_64_FS,	 X86_64_GS,
};

static void regs_take(struct regs *regs, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		regs_set(regs, x86_64_user_regs[i], load_le64(bytes + i * 8));
}

void x86_64_regs_from_pt_regs(const uint8_t bytes[X86_64_PT_REGS_SIZE], struct regs *ret)
{
	*ret = (struct regs){ 0 };
	regs_take(ret, bytes, X86_64_PT_REGS_SIZE / 8);
}

static int x86_64_regs_from_prstatus(const uint8_t *desc, size_t size, struct regs *ret,
				     struct err *err)
{
	if (size < X86_64_PRSTATUS_REGS + X86_64_USER_REGS_SIZE)
		return err_set(err, ERR_TRUNCATED,
			       "a CPU's note of %zu bytes is too short for registers",
			       size);
	*ret = (struct regs){ 0 };
	regs_take(ret, desc + X86_64_PRSTATUS_REGS, X86_64_USER_REGS_SIZE / 8);
	return 0;
}

/*
 * QEMUCPUState, QEMU's target/i386/arch_dump.c: u32 version, u32 size; rax ... rflags;
 * ten segments of 24 bytes, the base last; cr[5]; kernel_gs_base in newer ones.
 */
#define QEMU_VERSION	    1
#define QEMU_REGS_OFFSET    8
#define QEMU_SEGMENT_SIZE   24
#define QEMU_SEGMENT_BASE   16
#define QEMU_SEGMENTS	    (QEMU_REGS_OFFSET + sizeof(qemu_order) * 8)
#define QEMU_SIZE	    (QEMU_SEGMENTS + 10 * QEMU_SEGMENT_SIZE + 5 * 8)
#define QEMU_KERNEL_GS_BASE QEMU_SIZE

static const uint8_t qemu_order[] = {
	X86_64_RAX, X86_64_RBX, X86_64_RCX, X86_64_RDX, X86_64_RSI, X86_64_RDI,
	X86_64_RSP, X86_64_RBP, X86_64_R8,  X86_64_R9,	X86_64_R10, X86_64_R11,
	X86_64_R12, X86_64_R13, X86_64_R14, X86_64_R15, X86_64_RIP, X86_64_EFLAGS,
};

/* In QEMU's order; ldt, tr, gdt and idt follow. */
static const uint8_t qemu_segments[] = {
	X86_64_CS, X86_64_DS, X86_64_ES, X86_64_FS, X86_64_GS, X86_64_SS,
};

/*
 * In the kernel GS is based at the per-CPU area; in user space the other base is, which
 * swapgs puts there (arch/x86/entry/entry_64.S).
 */
static int x86_64_regs_from_qemu(const uint8_t *desc, size_t size, uint64_t percpu_offset,
				 struct regs *ret, struct err *err)
{
	uint64_t gs_base, other_base;

	if (size < QEMU_SIZE || load_le32(desc) != QEMU_VERSION)
		return err_set(err, ERR_CORRUPT, "QEMU's note of a CPU makes no sense");
	gs_base = load_le64(desc + QEMU_SEGMENTS + 4 * QEMU_SEGMENT_SIZE +
			    QEMU_SEGMENT_BASE);
	other_base = size >= QEMU_KERNEL_GS_BASE + 8
			     ? load_le64(desc + QEMU_KERNEL_GS_BASE)
			     : gs_base;
	if (gs_base != percpu_offset && other_base != percpu_offset)
		return err_set(err, ERR_NOTFOUND, "QEMU's note is of another CPU");
	*ret = (struct regs){ 0 };
	for (size_t i = 0; i < sizeof(qemu_order); i++)
		regs_set(ret, qemu_order[i], load_le64(desc + QEMU_REGS_OFFSET + i * 8));
	for (size_t i = 0; i < sizeof(qemu_segments); i++)
		regs_set(ret, qemu_segments[i],
			 load_le32(desc + QEMU_SEGMENTS + i * QEMU_SEGMENT_SIZE));
	regs_set(ret, X86_64_GS_BASE, gs_base);
	regs_set(ret, X86_64_FS_BASE,
		 load_le64(desc + QEMU_SEGMENTS + 3 * QEMU_SEGMENT_SIZE +
			   QEMU_SEGMENT_BASE));
	return 0;
}

bool x86_64_is_user(const struct regs *regs)
{
	return regs_has(regs, X86_64_CS) && (regs->value[X86_64_CS] & 3);
}

/*
 * What __switch_to_asm pushed, struct inactive_task_frame, since Linux commit
 * 0100301bfdf5 (in v4.9): task_struct.thread.sp points at it, and the task goes on behind
 * it.
 */
static const uint8_t sleeper_order[] = {
	X86_64_R15, X86_64_R14, X86_64_R13, X86_64_R12,
	X86_64_RBX, X86_64_RBP, X86_64_RIP,
};

static int x86_64_regs_of_sleeper(struct kernel *kernel, uint64_t task_vaddr,
				  struct regs *ret, struct err *err)
{
	uint8_t frame[sizeof(sleeper_order) * 8];
	uint64_t offset, sp;
	int r;

	r = kernel_offset(kernel, "task_struct.thread.sp", &offset, err);
	if (r == 0)
		r = kernel_read_u64(kernel, task_vaddr + offset, &sp, err);
	if (r == 0)
		r = kernel_read(kernel, sp, frame, sizeof(frame), err);
	if (r < 0)
		return err_in(err, r, "registers of sleeping task 0x%" PRIx64,
			      task_vaddr);
	*ret = (struct regs){ 0 };
	for (size_t i = 0; i < sizeof(sleeper_order); i++)
		regs_set(ret, sleeper_order[i], load_le64(frame + i * 8));
	regs_set(ret, X86_64_RSP, sp + sizeof(frame));
	return 0;
}

#define USER32_CS 0x23 /* __USER32_CS: the entries of 32 bit programs */

/* Exceptions and interrupts set it to -1: "no syscall to restart" (entry_64.S). */
static int x86_64_syscall_of(const struct regs *user, int64_t *ret_number,
			     uint64_t ret_arguments[ARCH_SYSCALL_ARGUMENTS],
			     bool *ret_is_compat, struct err *err)
{
	static const unsigned int order[ARCH_SYSCALL_ARGUMENTS] = {
		X86_64_RDI, X86_64_RSI, X86_64_RDX, X86_64_R10, X86_64_R8, X86_64_R9,
	};
	static const unsigned int compat_order[ARCH_SYSCALL_ARGUMENTS] = {
		X86_64_RBX, X86_64_RCX, X86_64_RDX, X86_64_RSI, X86_64_RDI, X86_64_RBP,
	};
	bool is_compat = user->value[X86_64_CS] == USER32_CS;

	if (!regs_has(user, X86_64_ORIG_RAX) || !regs_has(user, X86_64_CS))
		return err_set(err, ERR_NOTFOUND,
			       "its registers of user space are not there");
	if (user->value[X86_64_ORIG_RAX] >> 31)
		return err_set(err, ERR_NOTFOUND, "it is in no system call");
	for (size_t i = 0; i < ARCH_SYSCALL_ARGUMENTS; i++) {
		uint64_t value = user->value[is_compat ? compat_order[i] : order[i]];

		ret_arguments[i] = is_compat ? (uint32_t)value : value;
	}
	*ret_number = (int64_t)user->value[X86_64_ORIG_RAX];
	*ret_is_compat = is_compat;
	return 0;
}

const struct arch arch_x86_64 = {
	.name = "x86_64",
	.machine = IMAGE_MACHINE_X86_64,
	.vmcoreinfo_key = "NUMBER(phys_base)",
	.reg_names = x86_64_reg_names,
	.reg_count = X86_64_REG_COUNT,
	.reg_ip = X86_64_RIP,
	.reg_sp = X86_64_RSP,
	.reg_fp = X86_64_RBP,
	.open = x86_64_open,
	.translate = x86_64_translate,
	.translate_user = x86_64_translate_user,
	.syscall_of = x86_64_syscall_of,
	.next_mapping = x86_64_next_mapping,
	.regs_from_prstatus = x86_64_regs_from_prstatus,
	.regs_from_qemu = x86_64_regs_from_qemu,
	.is_user = x86_64_is_user,
	.regs_of_sleeper = x86_64_regs_of_sleeper,
	.stacks = stacks_x86_64,
	.unwinder_new = unwinder_orc_new,
	.unwinder_free = unwinder_orc_free,
	.unwind = unwind_orc,
};
