// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * arm64: virtual memory through page tables of each granule and width, registers, what a
 * function's instructions say of its frame, and the walk by frame records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/size.h"
#include "fake_arm64.h"
#include "kernel/arch_arm64.h"
#include "kernel/flow_arm64.h"
#include "kernel/kernel.h"
#include "kernel/unwind_arm64.h"

#define TABLES UINT64_C(0x40100000)

struct machine {
	struct fake_arm64 fake;
	struct image *image;
	struct kernel *kernel;
};

static void machine_open(struct machine *m)
{
	struct err err = { 0 };

	m->image = fake_open(&m->fake.image);
	if (kernel_open(m->image, &m->kernel, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void machine_done(struct machine *m)
{
	kernel_close(m->kernel);
	image_close(m->image);
	fake_done(&m->fake.image);
}

static void leads_to(struct machine *m, uint64_t vaddr, uint64_t paddr, uint64_t run)
{
	struct err err = { 0 };
	uint64_t got = 0, got_run = 0;

	if (kernel_translate(m->kernel, vaddr, &got, &got_run, &err) < 0)
		fail_msg("0x%" PRIx64 ": %s", vaddr, err_text(&err));
	assert_int_equal(got, paddr);
	assert_int_equal(got_run, run);
}

static void fails_with(struct machine *m, uint64_t vaddr, int code, const char *text)
{
	struct err err = { 0 };
	uint64_t value = 7;

	assert_int_equal(kernel_read_u64(m->kernel, vaddr, &value, &err), code);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' does not say '%s'", err_text(&err), text);
	assert_int_equal(value, 7);
}

/* --- translation ----------------------------------------------------------------- */

/* Every pair of granule and width that Linux has, and the blocks of each. */
static const struct granule {
	int page_shift, va_bits, blocks[2];
	uint64_t high; /* an address that takes all bits */
} granules[] = {
	{ 12, 39, { 21, 30 }, UINT64_C(0x0000800000000000) },
	{ 12, 48, { 21, 30 }, UINT64_C(0x0000800000000000) },
	{ 12, 52, { 21, 30 }, UINT64_C(0x000d800000000000) },
	{ 14, 36, { 25 }, UINT64_C(0x0000800000000000) },
	{ 14, 47, { 25 }, UINT64_C(0x0000800000000000) },
	{ 14, 48, { 25 }, UINT64_C(0x0000800000000000) },
	{ 14, 52, { 25, 36 }, UINT64_C(0x000d800000000000) },
	{ 16, 42, { 29 }, UINT64_C(0x000d800000000000) },
	{ 16, 48, { 29, 42 }, UINT64_C(0x000d800000000000) },
	{ 16, 52, { 29, 42 }, UINT64_C(0x000d800000000000) },
};

static void check_granule(const struct granule *g)
{
	uint64_t page = (uint64_t)1 << g->page_shift;
	uint64_t start = -((uint64_t)1 << g->va_bits); // of the kernel's half
	uint64_t end = -page;			       // the last page
	struct machine m = { 0 };

	fake_arm64_paging(&m.fake, TABLES, g->page_shift, g->va_bits);
	/* Neighbours in virtual memory, far apart and in another order in physical. */
	fake_arm64_memory(&m.fake, start, 0x60000000, page);
	fake_arm64_memory(&m.fake, start + page, 0x50000000, page);
	fake_arm64_map(&m.fake, end, g->high, g->page_shift);
	fake_arm64_u64(&m.fake, start + page - 8, 0x1122334455667788);
	fake_arm64_u64(&m.fake, start + page, 42);
	for (int i = 0; i < 2 && g->blocks[i]; i++)
		fake_arm64_map(&m.fake, start + ((uint64_t)1 << (g->va_bits - 1 - i)),
			       g->high, g->blocks[i]);
	machine_open(&m);

	uint64_t values[2] = { 0 };
	assert_int_equal(kernel_read(m.kernel, start + page - 8, values, 16, NULL), 0);
	assert_int_equal(values[0], 0x1122334455667788);
	assert_int_equal(values[1], 42);
	leads_to(&m, start + 10, 0x6000000a, page - 10);
	leads_to(&m, end + 16, g->high + 16, page - 16);
	for (int i = 0; i < 2 && g->blocks[i]; i++) {
		uint64_t at = start + ((uint64_t)1 << (g->va_bits - 1 - i));

		leads_to(&m, at + 0x123450, g->high + 0x123450,
			 ((uint64_t)1 << g->blocks[i]) - 0x123450);
	}
	fails_with(&m, start + 2 * page, ERR_FAULT, "is not mapped");
	fails_with(&m, start - page, ERR_FAULT, "is no address of the kernel");
	fails_with(&m, 0x400000, ERR_FAULT, "is no address of the kernel");
	fails_with(&m, end, ERR_FAULT, "reading address 0x"); // mapped to where no RAM is
	machine_done(&m);
}

static void test_granules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(granules); i++)
		check_granule(&granules[i]);
}

/* A processor that can't do what the kernel was built for: fewer levels, or the same. */
static void test_narrower_processor(void **state)
{
	struct machine m = { 0 };
	uint64_t start = UINT64_C(0xffff000000000000);

	fake_arm64_paging(&m.fake, TABLES, 12, 48);
	fake_vmcoreinfo(&m.fake.image, "NUMBER(VA_BITS)=52");
	fake_arm64_memory(&m.fake, start, 0x60000000, 4096);
	machine_open(&m);
	leads_to(&m, start, 0x60000000, 4096);
	machine_done(&m);

	m = (struct machine){ 0 };
	fake_arm64_paging(&m.fake, TABLES, 16, 52);
	fake_vmcoreinfo(&m.fake.image, "NUMBER(TCR_EL1_T1SZ)=0x10");
	fake_arm64_memory(&m.fake, start, 0x60000000, 65536);
	machine_open(&m);
	leads_to(&m, start, 0x60000000, 65536);
	machine_done(&m);
}

static void test_bad_entries(void **state)
{
	struct machine m = { 0 };
	uint64_t start = UINT64_C(0xffff800000000000);

	fake_arm64_paging(&m.fake, TABLES, 12, 48);
	/* In a table of the last level, what is a block elsewhere. */
	fake_store(fake_arm64_entry(&m.fake, start, 12), 0x60000401, 8);
	/* A block of the root's size. */
	fake_store(fake_arm64_entry(&m.fake, start + (UINT64_C(1) << 46), 39), 0x401, 8);
	/* A table that leads to itself, and one where no RAM is. */
	fake_store(fake_arm64_entry(&m.fake, start + (UINT64_C(1) << 45), 39), TABLES | 3,
		   8);
	fake_store(fake_arm64_entry(&m.fake, start + (UINT64_C(1) << 44), 39),
		   UINT64_C(0x7000000003), 8);
	machine_open(&m);
	fails_with(&m, start, ERR_FAULT, "is not mapped");
	leads_to(&m, start + (UINT64_C(1) << 46), 0, UINT64_C(1) << 39);
	fails_with(&m, start + (UINT64_C(1) << 45), ERR_FAULT, "");
	fails_with(&m, start + (UINT64_C(1) << 44), ERR_FAULT, "page table for address");
	machine_done(&m);

	m = (struct machine){ 0 };
	fake_arm64_paging(&m.fake, TABLES, 12, 52);
	fake_store(fake_arm64_entry(&m.fake, start, 48), 0x401, 8);
	machine_open(&m);
	fails_with(&m, start, ERR_CORRUPT, "impossible entry");
	machine_done(&m);
}

static void opens_not(const char *line, int code, const char *text)
{
	struct fake_arm64 f = { 0 };
	struct kernel *kernel = NULL;
	struct err err = { 0 };
	struct image *image;

	fake_arm64_paging(&f, TABLES, 12, 48);
	fake_vmcoreinfo(&f.image, "%s", line);
	image = fake_open(&f.image);
	assert_int_equal(kernel_open(image, &kernel, &err), code);
	if (!strstr(err_text(&err), text))
		fail_msg("'%s' does not say '%s'", err_text(&err), text);
	image_close(image);
	fake_done(&f.image);
}

static void test_bad_vmcoreinfo(void **state)
{
	opens_not("NUMBER(TCR_EL1_T1SZ)=0x40", ERR_CORRUPT, "can't have 0 bits");
	opens_not("NUMBER(TCR_EL1_T1SZ)=0x8", ERR_CORRUPT, "can't have 56 bits");
	opens_not("PAGESIZE=8192", ERR_CORRUPT, "no pages of 8192 bytes");
	opens_not("SYMBOL(swapper_pg_dir)=7", ERR_CORRUPT, "can't be at 0x7");
	opens_not("NUMBER(kimage_voffset)=0", ERR_CORRUPT, "page tables can't be at");
}

/* --- registers ------------------------------------------------------------------- */

static void test_prstatus(void **state)
{
	uint8_t desc[392] = { 0 };
	struct regs regs;

	for (unsigned int i = 0; i < 34; i++)
		fake_store(desc + 112 + (size_t)i * 8, i + 1, 8);
	assert_int_equal(arch_arm64.regs_from_prstatus(desc, sizeof(desc), &regs, NULL),
			 0);
	assert_int_equal(regs.value[ARM64_X0], 1);
	assert_int_equal(regs.value[ARM64_FP], 30);
	assert_int_equal(regs.value[ARM64_LR], 31);
	assert_int_equal(regs.value[ARM64_SP], 32);
	assert_int_equal(regs.value[ARM64_PC], 33);
	assert_int_equal(regs.value[ARM64_PSTATE], 34);
	for (unsigned int i = 0; i < arch_arm64.reg_count; i++) {
		assert_int_equal(regs_has(&regs, i), i <= ARM64_PSTATE);
		assert_non_null(arch_arm64.reg_names[i]);
	}
	for (size_t size = 0; size < 112 + ARM64_USER_REGS_SIZE; size++)
		assert_int_equal(arch_arm64.regs_from_prstatus(desc, size, &regs, NULL),
				 ERR_TRUNCATED);
}

/* --- instructions ---------------------------------------------------------------- */

#define NOP	   0xd503201fu
#define PACIASP	   0xd503233fu
#define PUSH_FRAME 0xa9be7bfdu /* stp x29, x30, [sp, #-32]! */
#define MOV_FRAME  0x910003fdu /* mov x29, sp */
#define ADD_FRAME  0x910043fdu /* add x29, sp, #16 */
#define POP_FRAME  0xa8c27bfdu /* ldp x29, x30, [sp], #32 */
#define RET	   0xd65f03c0u
#define BR	   0xd61f0200u /* br x16 */
#define BLR	   0xd63f0200u
#define BRK	   0xd4210000u
#define BL(n)	   (0x94000000u | ((uint32_t)(n)&0x3ffffff))
#define B(n)	   (0x14000000u | ((uint32_t)(n)&0x3ffffff))
#define CBZ(n)	   (0xb4000000u | ((uint32_t)(n)&0x7ffff) << 5) /* of x0 */
#define TBZ(n)	   (0x36000000u | ((uint32_t)(n)&0x3fff) << 5)
#define B_EQ(n)	   (0x54000000u | ((uint32_t)(n)&0x7ffff) << 5)
#define STATES(...)                                                                  \
	do {                                                                         \
		static const char expected_[] = __VA_ARGS__;                         \
		for (size_t i_ = 0; i_ < ARRAY_SIZE(code); i_++) {                   \
			enum flow_frame got_ =                                       \
				flow_arm64_frame(code, ARRAY_SIZE(code), i_, false); \
			char c_ = got_ == FLOW_FRAME_MADE   ? 'M'                    \
				  : got_ == FLOW_FRAME_NONE ? '-'                    \
							    : '?';                   \
			if (c_ != expected_[i_])                                     \
				fail_msg("%zu: %c, not %c", i_, c_, expected_[i_]);  \
		}                                                                    \
	} while (0)

static void test_flow_plain(void **state)
{
	static const uint32_t code[] = { PACIASP, PUSH_FRAME, MOV_FRAME, BL(100),
					 NOP,	  POP_FRAME,  NOP,	 RET };

	STATES("---MMM--");
}

static void test_flow_leaf(void **state)
{
	static const uint32_t code[] = { NOP, CBZ(2), NOP, RET };

	STATES("----");
}

/* The record is made only on one way, and left at two ends. */
static void test_flow_shrink_wrapped(void **state)
{
	static const uint32_t code[] = {
		CBZ(9), PUSH_FRAME, ADD_FRAME, TBZ(4), BL(9), POP_FRAME,
		RET,	BL(9),	    B(-3),     NOP,    RET,
	};

	STATES("---MMM-MM--");
}

/* Behind BUG() is what other ways lead to; behind WARN() it goes on. */
static void test_flow_trap(void **state)
{
	static const uint32_t code[] = { CBZ(4), PUSH_FRAME, MOV_FRAME, BRK, NOP, RET };

	STATES("---M--");
}

static void test_flow_warning(void **state)
{
	static const uint32_t code[] = {
		PUSH_FRAME, MOV_FRAME, BRK, BL(9), POP_FRAME, RET
	};

	STATES("--MMM-");
}

/* Only a table leads there. */
static void test_flow_table(void **state)
{
	static const uint32_t code[] = {
		PUSH_FRAME, MOV_FRAME, BR, NOP, BL(5), POP_FRAME, RET,
	};

	STATES("--MMMM-");
}

static void test_flow_unknown(void **state)
{
	/* Both ways meet; a call without a record. */
	static const uint32_t code[] = {
		B_EQ(3), PUSH_FRAME, MOV_FRAME, NOP, BL(7), RET
	};
	static const uint32_t call[] = { BLR, NOP };
	/* What tracing patches in. */
	static const uint32_t traced[] = { 0xaa1e03e9u, BL(1000), NOP };

	STATES("---???");
	assert_int_equal(flow_arm64_frame(call, 2, 0, false), FLOW_FRAME_NONE);
	assert_int_equal(flow_arm64_frame(call, 2, 1, false), FLOW_FRAME_UNKNOWN);
	assert_int_equal(flow_arm64_frame(call, 2, 1, true), FLOW_FRAME_MADE);
	assert_int_equal(flow_arm64_frame(call, 2, 2, true), FLOW_FRAME_UNKNOWN);
	assert_int_equal(flow_arm64_frame(traced, 3, 2, false), FLOW_FRAME_NONE);
	assert_int_equal(flow_arm64_frame(NULL, 0, 0, false), FLOW_FRAME_UNKNOWN);
	assert_true(flow_arm64_is_call(BLR) && flow_arm64_is_call(BL(-7)));
	assert_true(flow_arm64_is_call(0xd73f0a11u)); // blraa x16, x17
	assert_false(flow_arm64_is_call(B(1)) || flow_arm64_is_call(RET) ||
		     flow_arm64_is_call(BR) || flow_arm64_is_call(NOP));
}

/* Whatever the bytes are, it ends, and within the function. */
static void test_flow_random(void **state)
{
	uint32_t code[512], seed = 1;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(code); i++) {
			static const uint32_t forms[] = { 0x14000000, 0x54000000,
							  0x34000000, 0x36000000,
							  0x910003fd, 0xa8c27bfd,
							  0x94000000, 0xd61f0000,
							  0xd4210000 };

			seed = seed * 1664525 + 1013904223;
			code[i] = forms[(seed >> 8) % ARRAY_SIZE(forms)];
			if (code[i] >> 24 != 0x91 && code[i] >> 24 != 0xa8)
				code[i] |= (seed >> 16 & 0x3ff) << 5 | seed >> 27;
		}
		for (size_t at = 0; at < ARRAY_SIZE(code); at += 97)
			(void)flow_arm64_frame(code, ARRAY_SIZE(code), at, round & 1);
	}
}

/* --- frame records --------------------------------------------------------------- */

#define TEXT	   UINT64_C(0xffff800080000000)
#define TEXT_SIZE  UINT64_C(0x4000)
#define DATA	   UINT64_C(0xffff800081000000)
#define STACK	   UINT64_C(0xffff800082000000)
#define STACK_SIZE UINT64_C(0x4000)
#define IRQ_STACK  UINT64_C(0xffff800083000000)
#define NOWHERE	   UINT64_C(0xffff800084000000)
#define STACKFRAME 304 /* in struct pt_regs */
#define KERNEL_EL1 5
#define PAC	   UINT64_C(0x001f000000000000) /* what a signature changed */

static void stack_machine(struct machine *m, bool has_meta)
{
	fake_arm64_paging(&m->fake, TABLES, 12, 48);
	fake_arm64_memory(&m->fake, TEXT, 0x41000000, TEXT_SIZE);
	fake_arm64_memory(&m->fake, DATA, 0x42000000, 0x1000);
	fake_arm64_memory(&m->fake, STACK, 0x43000000, STACK_SIZE);
	fake_arm64_memory(&m->fake, IRQ_STACK, 0x44000000, STACK_SIZE);
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(_stext)=%" PRIx64, TEXT);
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(_etext)=%" PRIx64, TEXT + TEXT_SIZE);
	fake_vmcoreinfo(&m->fake.image, "OFFSET(pt_regs.stackframe)=%d", STACKFRAME);
	fake_vmcoreinfo(&m->fake.image, "NUMBER(KERNELPACMASK)=0xffff000000000000");
	if (has_meta)
		fake_vmcoreinfo(&m->fake.image, "OFFSET(frame_record_meta.type)=16");
	/* One CPU, whose area begins at DATA + 0x100. */
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(__per_cpu_offset)=%" PRIx64, DATA);
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(nr_cpu_ids)=%" PRIx64, DATA + 8);
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(irq_stack_ptr)=%" PRIx64, DATA + 0x80);
	fake_vmcoreinfo(&m->fake.image, "SYMBOL(overflow_stack)=%" PRIx64, NOWHERE);
	fake_arm64_u64(&m->fake, DATA, 0x100);
	fake_arm64_u32(&m->fake, DATA + 8, 1);
	fake_arm64_u64(&m->fake, DATA + 0x180, IRQ_STACK);
	for (uint64_t at = TEXT; at < TEXT + TEXT_SIZE; at += 4)
		fake_arm64_u32(&m->fake, at, BL(0));
}

static void record(struct machine *m, uint64_t at, uint64_t fp, uint64_t lr)
{
	fake_arm64_u64(&m->fake, at, fp);
	fake_arm64_u64(&m->fake, at + 8, lr);
}

/* A struct pt_regs whose record is at @at. */
static void pt_regs(struct machine *m, uint64_t at, uint64_t pc, uint64_t sp, uint64_t fp,
		    uint64_t pstate)
{
	fake_arm64_u64(&m->fake, at - STACKFRAME + 29 * 8, fp);
	fake_arm64_u64(&m->fake, at - STACKFRAME + 248, sp);
	fake_arm64_u64(&m->fake, at - STACKFRAME + 256, pc);
	fake_arm64_u64(&m->fake, at - STACKFRAME + 264, pstate);
}

static struct regs regs_at(uint64_t pc, uint64_t sp, uint64_t fp)
{
	struct regs regs = { 0 };

	regs_set(&regs, ARM64_PC, pc);
	regs_set(&regs, ARM64_SP, sp);
	regs_set(&regs, ARM64_FP, fp);
	return regs;
}

static struct backtrace *walk(struct machine *m, const struct regs *regs,
			      bool is_interrupted)
{
	struct backtrace *bt = backtrace_new();

	machine_open(m);
	unwind_arm64(m->kernel, regs, is_interrupted, bt);
	return bt;
}

static void check_frame(const struct backtrace *bt, size_t i, uint64_t pc,
			const char *stack, bool is_interrupted, bool is_reliable)
{
	assert_true(i < bt->count);
	assert_int_equal(bt->frames[i].ip, pc);
	assert_string_equal(bt->frames[i].stack, stack);
	assert_int_equal(bt->frames[i].is_interrupted, is_interrupted);
	assert_int_equal(bt->frames[i].is_reliable, is_reliable);
}

static void test_records(void **state)
{
	struct regs regs = regs_at(TEXT + 0x100, STACK + 0x100, STACK + 0x110);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, false);
	record(&m, STACK + 0x110, STACK + 0x200, TEXT + 0x204);
	record(&m, STACK + 0x200, STACK + 0x400, (TEXT + 0x300) ^ PAC); // signed
	record(&m, STACK + 0x400, 0, 0);
	pt_regs(&m, STACK + 0x400, 0x401000, 0x7ffc1000, 42, 0); // from user space
	bt = walk(&m, &regs, false);
	assert_int_equal(bt->end, UNWIND_END_USER);
	assert_int_equal(bt->count, 3);
	check_frame(bt, 0, TEXT + 0x100, "", false, true);
	check_frame(bt, 1, TEXT + 0x204, "", false, true);
	check_frame(bt, 2, TEXT + 0x300, "", false, true);
	assert_int_equal(bt->user.value[ARM64_PC], 0x401000);
	assert_int_equal(bt->user.value[ARM64_SP], 0x7ffc1000);
	backtrace_free(bt);
	machine_done(&m);
}

/* A kernel thread's last record; and a CPU that was in user space. */
static void test_ends(void **state)
{
	struct regs regs = regs_at(TEXT + 0x100, STACK + 0x100, STACK + 0x200);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, true);
	record(&m, STACK + 0x200, 0, 0);
	fake_arm64_u64(&m.fake, STACK + 0x210, 1);
	pt_regs(&m, STACK + 0x200, 0, 0, 0, KERNEL_EL1);
	bt = walk(&m, &regs, false);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	assert_int_equal(bt->count, 1);
	regs_set(&regs, ARM64_PSTATE, 0x80000000);
	unwind_arm64(m.kernel, &regs, true, bt);
	assert_int_equal(bt->end, UNWIND_END_USER);
	assert_int_equal(bt->count, 0);
	backtrace_free(bt);
	machine_done(&m);
}

/* An interrupt, on its own stack; what it hit has registers. */
static void interrupt(bool has_meta)
{
	struct regs regs = regs_at(TEXT + 0x100, IRQ_STACK + 0x100, IRQ_STACK + 0x110);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, has_meta);
	record(&m, IRQ_STACK + 0x110, STACK + 0x800, TEXT + 0x204); // call_on_irq_stack
	record(&m, STACK + 0x800, STACK + 0xa30, TEXT + 0x304);	    // el1h_64_irq
	pt_regs(&m, STACK + 0xa30, TEXT + 0x400, STACK + 0xb00, STACK + 0xb10,
		KERNEL_EL1);
	if (has_meta) {
		record(&m, STACK + 0xa30, 0, 0);
		fake_arm64_u64(&m.fake, STACK + 0xa40, 2);
	} else {
		record(&m, STACK + 0xa30, STACK + 0xb10, TEXT + 0x400);
	}
	record(&m, STACK + 0xb10, STACK + 0xc00, TEXT + 0x504);
	record(&m, STACK + 0xc00, 0, 0);
	if (has_meta)
		fake_arm64_u64(&m.fake, STACK + 0xc10, 1);
	bt = walk(&m, &regs, true);
	assert_int_equal(bt->count, 5);
	check_frame(bt, 0, TEXT + 0x100, "IRQ", true, true);
	check_frame(bt, 1, TEXT + 0x204, "IRQ", false, true);
	check_frame(bt, 2, TEXT + 0x304, "", false, true);
	check_frame(bt, 3, TEXT + 0x400, "", true, true);
	assert_true(bt->frames[3].has_regs);
	assert_int_equal(bt->frames[3].regs.value[ARM64_SP], STACK + 0xb00);
	check_frame(bt, 4, TEXT + 0x504, "", false, true);
	backtrace_free(bt);
	machine_done(&m);
}

static void test_interrupt(void **state)
{
	interrupt(false);
	interrupt(true);
}

/* A call to nowhere: x30 is where it came from, a guess; the record is right again. */
static void test_bad_jump(void **state)
{
	struct regs regs = regs_at(0x10, STACK + 0x100, STACK + 0x110);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, false);
	regs_set(&regs, ARM64_LR, TEXT + 0x104);
	regs_set(&regs, ARM64_PSTATE, KERNEL_EL1);
	record(&m, STACK + 0x110, STACK + 0x200, TEXT + 0x204);
	record(&m, STACK + 0x200, 0, 0);
	bt = walk(&m, &regs, true);
	assert_int_equal(bt->count, 3);
	check_frame(bt, 0, 0x10, "", true, true);
	check_frame(bt, 1, TEXT + 0x104, "", false, false);
	check_frame(bt, 2, TEXT + 0x204, "", false, true);
	backtrace_free(bt);
	machine_done(&m);
}

static void breaks(uint64_t fp, uint64_t next, uint64_t lr, const char *why)
{
	struct regs regs = regs_at(TEXT + 0x100, STACK + 0x100, fp);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, true);
	record(&m, STACK + 0x200, next, lr);
	record(&m, STACK + 0x300, 0, 0);
	fake_arm64_u64(&m.fake, STACK + 0x310, 7);
	bt = walk(&m, &regs, false);
	assert_int_equal(bt->end, UNWIND_END_BROKEN);
	if (!strstr(bt->end_why, why))
		fail_msg("'%s' does not say '%s'", bt->end_why, why);
	backtrace_free(bt);
	machine_done(&m);
}

static void test_broken(void **state)
{
	breaks(0, 0, 0, "goes back to 0x0");
	breaks(STACK + 0x204, 0, 0, "not aligned");
	breaks(STACK + 0x80, 0, 0, "goes back");
	breaks(STACK + 0x200, STACK + 0x200, TEXT + 8, "goes back"); // a loop
	breaks(STACK + 0x200, STACK + 0x100, TEXT + 8, "goes back");
	breaks(STACK + 0x200, STACK + 0x300, 0, "return address is 0");
	breaks(STACK + 0x200, NOWHERE, TEXT + 8, "beyond the stack");
	breaks(STACK + 0x200, NOWHERE + 0x200, TEXT + 8, "is not mapped"); // OVF
	breaks(STACK + 0x200, STACK + 0x300, TEXT + 8, "unknown type 7");
	breaks(STACK + STACK_SIZE, 0, 0, "is not mapped");
}

/* To where no code is: it goes on, but nothing is proved any more. */
static void test_no_code(void **state)
{
	struct regs regs = regs_at(TEXT + 0x100, STACK + 0x100, STACK + 0x200);
	struct machine m = { 0 };
	struct backtrace *bt;

	stack_machine(&m, false);
	record(&m, STACK + 0x200, STACK + 0x300, DATA);
	record(&m, STACK + 0x300, STACK + 0x400, TEXT + 8);
	record(&m, STACK + 0x400, 0, 0);
	bt = walk(&m, &regs, false);
	assert_int_equal(bt->count, 3);
	check_frame(bt, 1, DATA, "", false, false);
	check_frame(bt, 2, TEXT + 8, "", false, false);
	backtrace_free(bt);
	machine_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_granules),
		cmocka_unit_test(test_narrower_processor),
		cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_bad_vmcoreinfo),
		cmocka_unit_test(test_prstatus),
		cmocka_unit_test(test_flow_plain),
		cmocka_unit_test(test_flow_leaf),
		cmocka_unit_test(test_flow_shrink_wrapped),
		cmocka_unit_test(test_flow_trap),
		cmocka_unit_test(test_flow_warning),
		cmocka_unit_test(test_flow_table),
		cmocka_unit_test(test_flow_unknown),
		cmocka_unit_test(test_flow_random),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_bad_jump),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
