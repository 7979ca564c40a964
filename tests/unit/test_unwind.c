// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "kernel/arch_x86_64.h"
#include "kernel/cpu.h"
#include "kernel/unwind.h"
#include "kernel/unwind_orc.h"

#define KERNEL_CS 0x10
#define USER_CS	  0x33

/* A stack that grows up from here in these tests: callers are further on. */
#define SP (STACK + 0x1000)

static struct fake_entry end_entry(void)
{
	return (struct fake_entry){ .type = ORC_TYPE_END };
}

static struct fake_entry undefined_entry(void)
{
	return (struct fake_entry){ .type = ORC_TYPE_UNDEFINED };
}

static struct fake_entry regs_entry(enum orc_type type, int offset)
{
	return (struct fake_entry){
		.type = type, .sp_reg = ORC_REG_SP, .sp_offset = offset, .is_signal = true
	};
}

static struct regs start_regs(uint64_t ip, uint64_t sp, uint64_t bp)
{
	struct regs regs = { 0 };

	regs_set(&regs, X86_64_RIP, ip);
	regs_set(&regs, X86_64_RSP, sp);
	regs_set(&regs, X86_64_RBP, bp);
	return regs;
}

/* Opens, walks from a CPU's registers, closes. The result must be freed. */
static struct backtrace *walk(struct fake_kernel *f, uint64_t ip, uint64_t sp,
			      uint64_t bp)
{
	struct regs regs = start_regs(ip, sp, bp);
	struct backtrace *bt = backtrace_new();

	assert_non_null(bt);
	if (!f->kernel)
		fake_kernel_open(f);
	unwind_orc(f->kernel, &regs, true, bt);
	print_message("# %zu frames, %s %s\n", bt->count, unwind_end_name(bt->end),
		      bt->end_why);
	return bt;
}

static void check_frame(const struct backtrace *bt, size_t i, uint64_t ip, uint64_t sp,
			bool is_interrupted, bool is_reliable)
{
	assert_true(i < bt->count);
	assert_int_equal(bt->frames[i].ip, ip);
	assert_int_equal(bt->frames[i].sp, sp);
	assert_int_equal(bt->frames[i].is_interrupted, is_interrupted);
	assert_int_equal(bt->frames[i].is_reliable, is_reliable);
}

static void check_broken(const struct backtrace *bt, size_t count, const char *why)
{
	assert_int_equal(bt->end, UNWIND_END_BROKEN);
	assert_int_equal(bt->count, count);
	assert_non_null(strstr(bt->end_why, "at "));
	assert_non_null(strstr(bt->end_why, why));
}

/* One function without frame pointer, one that keeps one, one that is the first. */
static void calls_in_layout(enum orc_layout layout)
{
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back_1, back_2;

	fake_kernel_init(&f, layout);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(0x20));
	fake_orc(&f, FUNCTION(1),
		 (struct fake_entry){ .type = ORC_TYPE_CALL,
				      .sp_reg = ORC_REG_BP,
				      .sp_offset = 16,
				      .bp_reg = ORC_REG_PREV_SP,
				      .bp_offset = -16 });
	fake_orc(&f, FUNCTION(2), end_entry());
	back_1 = fake_call(&f, FUNCTION(1) + 0xfb, FUNCTION(0)); // the last instruction
	back_2 = fake_call(&f, FUNCTION(2) + 0x40, FUNCTION(1));
	fake_u64(&f.memory, SP + 0x18, back_1);
	fake_u64(&f.memory, SP + 0x40, 0x1234); // the caller's bp
	fake_u64(&f.memory, SP + 0x48, back_2);

	bt = walk(&f, FUNCTION(0) + 7, SP, SP + 0x40);
	assert_int_equal(bt->count, 3);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	check_frame(bt, 0, FUNCTION(0) + 7, SP, true, true);
	check_frame(bt, 1, back_1, SP + 0x20, false, true);
	check_frame(bt, 2, back_2, SP + 0x50, false, true);
	assert_int_equal(frame_lookup_vaddr(&bt->frames[0]), FUNCTION(0) + 7);
	assert_int_equal(frame_lookup_vaddr(&bt->frames[1]), FUNCTION(1) + 0xff);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

static void test_calls(void **state)
{
	/* The first has no header: it takes a trial, see test_trial. */
	for (enum orc_layout layout = ORC_LAYOUT_2; layout < ORC_LAYOUT_COUNT; layout++)
		calls_in_layout(layout);
}

/* A system call: the user's registers lie at the top of the stack. */
static void test_user(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_orc(&f, FUNCTION(1), regs_entry(ORC_TYPE_REGS, 0));
	back = fake_call(&f, FUNCTION(1) + 0x10, FUNCTION(0));
	fake_u64(&f.memory, SP, back);
	fake_pt_regs(&f, SP + 8, 0x401000, USER_CS, 0x7ffc1000, 42);
	fake_u64(&f.memory, SP + 8 + 15 * 8, 57); // orig_rax

	bt = walk(&f, FUNCTION(0), SP, 0);
	assert_int_equal(bt->count, 2);
	assert_int_equal(bt->end, UNWIND_END_USER);
	assert_int_equal(bt->user.value[X86_64_RIP], 0x401000);
	assert_int_equal(bt->user.value[X86_64_RSP], 0x7ffc1000);
	assert_int_equal(bt->user.value[X86_64_RBP], 42);
	assert_int_equal(bt->user.value[X86_64_ORIG_RAX], 57);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* A CPU that was in user space has no frame in the kernel. */
static void test_user_at_start(void **state)
{
	struct regs regs = start_regs(0x401000, 0x7ffc1000, 0);
	struct backtrace *bt = backtrace_new();
	struct fake_kernel f;

	regs_set(&regs, X86_64_CS, USER_CS);
	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), end_entry());
	unwind_orc(fake_kernel_open(&f), &regs, true, bt);
	assert_int_equal(bt->count, 0);
	assert_int_equal(bt->end, UNWIND_END_USER);
	assert_int_equal(bt->user.value[X86_64_RIP], 0x401000);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/*
 * An interrupt in the kernel: what it hit is looked up at its ip, not before it, and has
 * registers, which an entry may then ask for.
 */
static void test_interrupt(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back;

	fake_kernel_init(&f, ORC_LAYOUT_4);
	fake_orc(&f, FUNCTION(0), regs_entry(ORC_TYPE_REGS, 8));
	fake_orc(&f, FUNCTION(1),
		 (struct fake_entry){ .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_R10 });
	fake_orc(&f, FUNCTION(2), end_entry());
	back = fake_call(&f, FUNCTION(2) + 0x20, FUNCTION(1));
	fake_pt_regs(&f, SP + 8, FUNCTION(1), KERNEL_CS, SP + 0x200, 0xbb);
	fake_u64(&f.memory, SP + 8 + 7 * 8, SP + 0x240); // r10
	fake_u64(&f.memory, SP + 0x238, back);

	bt = walk(&f, FUNCTION(0), SP, 0);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	assert_int_equal(bt->count, 3);
	check_frame(bt, 1, FUNCTION(1), SP + 0x200, true, true);
	assert_true(bt->frames[1].has_regs);
	assert_int_equal(bt->frames[1].regs.value[X86_64_RBP], 0xbb);
	check_frame(bt, 2, back, SP + 0x240, false, true);
	assert_false(bt->frames[2].has_regs);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* Only what iret takes. */
static void test_partial_regs(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), regs_entry(ORC_TYPE_REGS_PARTIAL, 0x10));
	fake_orc(&f, FUNCTION(1), end_entry());
	fake_u64(&f.memory, SP + 0x10, FUNCTION(1));
	fake_u64(&f.memory, SP + 0x18, KERNEL_CS);
	fake_u64(&f.memory, SP + 0x28, SP + 0x80);

	bt = walk(&f, FUNCTION(0), SP, 0);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	assert_int_equal(bt->count, 2);
	check_frame(bt, 1, FUNCTION(1), SP + 0x80, true, true);
	assert_false(bt->frames[1].has_regs);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* --- without an entry ----------------------------------------------------------------
 */

/* Two functions with names, in the module: fake_one calls fake_two, which has no entry.
 */
static uint64_t scan_init(struct fake_kernel *f)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_orc(f, FUNCTION(0), end_entry());
	fake_symbol(f, MODULE_FUNCTION(1), 1, "fake_one");
	fake_symbol(f, MODULE_FUNCTION(2), 1, "fake_two");
	fake_symbol(f, MODULE_FUNCTION(3), 1, "fake_three");
	fake_module_orc(f, MODULE_FUNCTION(1), end_entry());
	fake_module_orc(f, MODULE_FUNCTION(2), undefined_entry());
	fake_module_orc(f, MODULE_FUNCTION(3), end_entry());
	return fake_call(f, MODULE_FUNCTION(1) + 0x20, MODULE_FUNCTION(2));
}

static void test_scan(void **state)
{
	struct fake_kernel f;
	uint64_t back = scan_init(&f);
	uint64_t other = fake_call(&f, MODULE_FUNCTION(3) + 0x20, MODULE_FUNCTION(1));
	struct backtrace *bt;

	/* Near misses come first: not code, not behind a call, a call of another. */
	fake_u64(&f.memory, SP, NOWHERE);
	fake_u64(&f.memory, SP + 8, back + 1);
	fake_u64(&f.memory, SP + 16, other);
	fake_u64(&f.memory, SP + 24, MODULE_FUNCTION(2));
	fake_u64(&f.memory, SP + 32, back);
	fake_u64(&f.memory, SP + 40, back);

	bt = walk(&f, MODULE_FUNCTION(2) + 0x15, SP, 0);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	assert_int_equal(bt->count, 2);
	check_frame(bt, 1, back, SP + 40, false, true);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* A call may go behind the endbr64 that a function begins with, and no further. */
static void scan_endbr(bool has_endbr)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct fake_kernel f;
	uint64_t back = scan_init(&f);
	struct backtrace *bt;

	fake_call(&f, MODULE_FUNCTION(1) + 0x20, MODULE_FUNCTION(2) + 4);
	if (has_endbr)
		fake_bytes(&f.memory, MODULE_FUNCTION(2), endbr64, sizeof(endbr64));
	fake_u64(&f.memory, SP + 8, back);
	bt = walk(&f, MODULE_FUNCTION(2) + 0x15, SP, 0);
	assert_int_equal(bt->count, has_endbr ? 2 : 1);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

static void test_scan_endbr(void **state)
{
	scan_endbr(true);
	scan_endbr(false);
}

/* The call is further up than a frame may be: it may be anybody's. */
static void test_scan_too_far(void **state)
{
	struct fake_kernel f;
	uint64_t back = scan_init(&f);
	struct backtrace *bt;

	fake_u64(&f.memory, SP + 128 * 8, back);
	bt = walk(&f, MODULE_FUNCTION(2) + 0x15, SP, 0);
	check_broken(bt, 1, "no call of it");
	assert_non_null(strstr(bt->end_why, "fake_two+0x15"));
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* A call through a bad pointer: what is on top of the stack must be behind some call. */
static void bad_jump(bool is_behind_call)
{
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back = FUNCTION(0) + 0x20;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_orc(&f, FUNCTION(1), end_entry());
	if (is_behind_call) // call *%rax
		fake_uint(&f.memory, back - 2, 0xd0ff, 2);
	fake_u64(&f.memory, SP, back);
	fake_u64(&f.memory, SP + 8, FUNCTION(1) + 0x30);

	bt = walk(&f, 0, SP, 0);
	if (is_behind_call) {
		assert_int_equal(bt->end, UNWIND_END_CLEAN);
		assert_int_equal(bt->count, 3);
		check_frame(bt, 0, 0, SP, true, true);
		check_frame(bt, 1, back, SP + 8, false, false);
		check_frame(bt, 2, FUNCTION(1) + 0x30, SP + 16, false, false);
	} else {
		check_broken(bt, 1, "no code is known there");
	}
	backtrace_free(bt);
	fake_kernel_done(&f);
}

static void test_bad_jump(void **state)
{
	bad_jump(true);
	bad_jump(false);
}

/* Compiled at run time, as BPF: known to nobody, but with a frame pointer. */
static void test_frame_pointer(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_orc(&f, FUNCTION(1), end_entry());
	back = fake_call(&f, FUNCTION(1) + 0x10, FUNCTION(5));
	fake_u64(&f.memory, SP, NOWHERE + 0x123);
	fake_u64(&f.memory, SP + 0x40, 0x77);
	fake_u64(&f.memory, SP + 0x48, back);

	bt = walk(&f, FUNCTION(0), SP, SP + 0x40);
	assert_int_equal(bt->end, UNWIND_END_CLEAN);
	assert_int_equal(bt->count, 3);
	check_frame(bt, 1, NOWHERE + 0x123, SP + 8, false, false);
	check_frame(bt, 2, back, SP + 0x50, false, false);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* --- what must not go on -------------------------------------------------------------
 */

static void broken_entry(struct fake_entry entry, uint64_t bp, const char *why)
{
	struct fake_kernel f;
	struct backtrace *bt;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), entry);
	for (uint64_t at = STACK; at < STACK + STACK_SIZE; at += 8)
		fake_u64(&f.memory, at, FUNCTION(0) + 0x10);
	bt = walk(&f, FUNCTION(0) + 0x10, SP, bp);
	check_broken(bt, 1, why);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* The walk would run in circles, or leave the stack. */
static void test_stack_pointer(void **state)
{
	struct fake_entry by_bp = { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP };
	struct fake_entry unknown = { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_R13 };
	struct fake_entry no_cfa = { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_PREV_SP };

	broken_entry(FAKE_CALL_FRAME(0), 0, "goes back");
	broken_entry(FAKE_CALL_FRAME(-64), 0, "goes back");
	broken_entry(FAKE_CALL_FRAME(9), 0, "not aligned");
	broken_entry(by_bp, SP - 8, "goes back");
	broken_entry(by_bp, SP + 4, "not aligned");
	broken_entry(by_bp, NOWHERE, "not mapped");
	broken_entry(by_bp, 0, "");
	broken_entry(by_bp, UINT64_MAX - 7, "");
	broken_entry(unknown, 0, "r13");
	broken_entry(no_cfa, 0, "makes no sense");
}

static void test_recursion(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	for (uint64_t at = STACK; at < STACK + STACK_SIZE; at += 8)
		fake_u64(&f.memory, at, FUNCTION(0) + 0x10);
	bt = walk(&f, FUNCTION(0) + 0x10, STACK, 0);
	check_broken(bt, UNWIND_FRAMES_MAX, "more than 256 frames");
	backtrace_free(bt);
	fake_kernel_done(&f);
}

static void test_return_address_zero(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	bt = walk(&f, FUNCTION(0), SP, 0);
	check_broken(bt, 1, "return address is 0");
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* The rest of the stack is not in the dump: what there is is told. */
static void test_stack_left_out(void **state)
{
	struct fake_kernel f;
	struct backtrace *bt;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(0x10));
	fake_u64(&f.memory, SP + 0xff8, FUNCTION(0) + 0x10);
	fake_leave_out(&f.memory, 0x4000000 + 0x2000, 0x1000);
	bt = walk(&f, FUNCTION(0), SP + 0xff0, 0);
	check_broken(bt, 2, "0xffffc90000002");
	check_frame(bt, 1, FUNCTION(0) + 0x10, SP + 0x1000, false, true);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* From the interrupt's stack to the task's, which lies below it; and no way back. */
static void test_interrupt_stack(void **state)
{
	const uint64_t irq_end = STACK + 0xc000, irq_sp = STACK + 0xb000;
	struct fake_kernel f;
	struct backtrace *bt;
	uint64_t back;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(0x10));
	fake_orc(&f, FUNCTION(1),
		 (struct fake_entry){ .type = ORC_TYPE_CALL,
				      .sp_reg = ORC_REG_SP_INDIRECT });
	fake_orc(&f, FUNCTION(2), FAKE_CALL_FRAME(8));
	fake_orc(&f, FUNCTION(3), regs_entry(ORC_TYPE_REGS, 0));
	fake_u64(&f.memory, PERCPU(1) + PERCPU_IRQ_STACK, irq_end - 8);
	back = fake_call(&f, FUNCTION(1) + 0x40, FUNCTION(0));
	fake_u64(&f.memory, irq_sp + 8, back);
	fake_u64(&f.memory, irq_sp + 16, SP); // where the task's stack was left
	fake_u64(&f.memory, SP - 8, FUNCTION(2) + 0x10);
	fake_u64(&f.memory, SP, FUNCTION(3) + 0x10);
	fake_pt_regs(&f, SP + 8, FUNCTION(0), KERNEL_CS, irq_sp + 0x100, 0);

	bt = walk(&f, FUNCTION(0), irq_sp, 0);
	assert_true(bt->count >= 4);
	assert_string_equal(bt->frames[0].stack, "IRQ");
	assert_string_equal(bt->frames[1].stack, "IRQ");
	assert_string_equal(bt->frames[2].stack, "");
	check_frame(bt, 2, FUNCTION(2) + 0x10, SP, false, true);
	check_broken(bt, 4, "comes back to a stack");
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* --- where an unwind begins ----------------------------------------------------------
 */

static void check_task(struct fake_kernel *f, const struct task *task,
		       const struct cpu *cpu, int want, const char *why)
{
	struct backtrace *bt = backtrace_new();
	struct err err = { 0 };

	assert_int_equal(unwind_task(f->kernel, task, cpu, bt, &err), want);
	if (want < 0) {
		print_message("# %s\n", err_text(&err));
		assert_non_null(strstr(err_text(&err), why));
	} else {
		assert_int_equal(bt->end, UNWIND_END_CLEAN);
		assert_int_equal(bt->count, 2);
	}
	backtrace_free(bt);
}

static void test_tasks(void **state)
{
	struct fake_kernel f;
	struct cpu cpu = { .id = 1, .no_regs_why = "it did not answer" };
	struct task task;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_orc(&f, FUNCTION(1), end_entry());
	fake_u64(&f.memory, SP, FUNCTION(1) + 8);
	fake_task(&f, 1, 10, "sleeper");
	fake_task(&f, 2, 11, "zombie");
	fake_sleeper(&f, 1, FUNCTION(0) + 0x20, SP, 0);
	fake_u64(&f.memory, TASK(2) + TASK_STACK, 0);
	fake_kernel_open(&f);

	assert_int_equal(task_read(f.kernel, TASK(1), &task, NULL), 0);
	check_task(&f, &task, NULL, 0, NULL);
	/* Of a CPU that runs something else nothing is taken. */
	cpu.current_vaddr = TASK(0);
	cpu.has_regs = true;
	check_task(&f, &task, &cpu, 0, NULL);
	cpu.current_vaddr = TASK(1);
	cpu.regs = start_regs(FUNCTION(0), SP, 0);
	check_task(&f, &task, &cpu, 0, NULL);
	cpu.has_regs = false;
	check_task(&f, &task, &cpu, ERR_NOTFOUND, "it did not answer");
	task.is_running = true;
	check_task(&f, &task, NULL, ERR_NOTFOUND, "running on CPU");
	assert_int_equal(task_read(f.kernel, TASK(2), &task, NULL), 0);
	check_task(&f, &task, NULL, ERR_NOTFOUND, "stack was freed");
	fake_kernel_done(&f);
}

/* Without a header (v6.2 and before), or with one that nobody knows. */
static void trial(enum orc_layout layout, bool has_header)
{
	const void *unwinder;
	struct fake_kernel f;
	struct backtrace *bt;
	struct err err = { 0 };
	bool is_guess = false;

	fake_kernel_init(&f, layout);
	if (has_header)
		fake_u64(&f.memory, ORC_HEADER, 0x0123456789abcdef);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(0x10));
	fake_orc(&f, FUNCTION(1), FAKE_CALL_FRAME(0x20));
	fake_orc(&f, FUNCTION(2), regs_entry(ORC_TYPE_REGS, 0));
	fake_orc(&f, FUNCTION(3), end_entry());
	for (int i = 1; i < 6; i++) {
		uint64_t sp = STACK + (uint64_t)i * 0x1000;

		fake_task(&f, i, i, "sleeper");
		fake_sleeper(&f, i, FUNCTION(0) + 0x20, sp, 0);
		fake_u64(&f.memory, sp + 8, FUNCTION(1) + 8);
		/* the last is a kernel thread: layouts 1 and 2 only differ in its end */
		fake_u64(&f.memory, sp + 0x28, FUNCTION(i < 5 ? 2 : 3) + 8);
		fake_pt_regs(&f, sp + 0x30, 0x401000, USER_CS, 0x7ffc1000, 0);
	}
	fake_kernel_open(&f);
	assert_int_equal(kernel_unwinder(f.kernel, &unwinder, &err), 0);
	assert_int_equal(unwinder_orc_layout(unwinder, &is_guess), layout);
	assert_true(is_guess);
	bt = walk(&f, FUNCTION(0), STACK + 0x1000, 0);
	assert_int_equal(bt->count, 3);
	assert_int_equal(bt->end, UNWIND_END_USER);
	backtrace_free(bt);
	fake_kernel_done(&f);
}

static void test_trial(void **state)
{
	trial(ORC_LAYOUT_1, false);
	trial(ORC_LAYOUT_2, true);
	trial(ORC_LAYOUT_3, true);
	trial(ORC_LAYOUT_4, true);
}

/* No task to try on: what had no header is taken as the first layout, and told as a
 * guess. */
static void no_trial(bool has_header)
{
	const void *unwinder;
	struct fake_kernel f;
	bool is_guess = false;
	int r;

	fake_kernel_init(&f, ORC_LAYOUT_1);
	if (has_header)
		fake_vmcoreinfo(&f.memory, "SYMBOL(__start_orc_header)=%" PRIx64,
				ORC_HEADER);
	fake_vmcoreinfo(&f.memory, "OFFSET(task_struct.pid)=none");
	fake_orc(&f, FUNCTION(0), end_entry());
	r = kernel_unwinder(fake_kernel_open(&f), &unwinder, NULL);
	assert_int_equal(r == 0, !has_header);
	if (r == 0) {
		assert_int_equal(unwinder_orc_layout(unwinder, &is_guess), ORC_LAYOUT_1);
		assert_true(is_guess);
	}
	fake_kernel_done(&f);
}

static void test_no_trial(void **state)
{
	no_trial(false);
	no_trial(true);
}

/* A kernel with other unwind tables: where the CPU was is still told. */
static void test_no_tables(void **state)
{
	struct regs regs = start_regs(FUNCTION(0), SP, 0);
	struct backtrace *bt = backtrace_new();
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	f.image = fake_open(&f.memory);
	assert_int_equal(kernel_open(f.image, &f.kernel, NULL), 0);
	unwind_orc(f.kernel, &regs, true, bt);
	assert_int_equal(bt->count, 1);
	assert_int_equal(bt->end, UNWIND_END_BROKEN);
	assert_non_null(strstr(bt->end_why, "ORC"));
	backtrace_free(bt);
	fake_kernel_done(&f);
}

/* --- anything at all -----------------------------------------------------------------
 */

static uint64_t random_next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 29;
}

/* Addresses of all kinds, and what is none. */
static uint64_t random_word(uint64_t *seed)
{
	uint64_t r = random_next(seed);

	switch (r % 6) {
	case 0:
		return TEXT + (r >> 8) % 0x800;
	case 1:
		return STACK + (r >> 8) % STACK_SIZE;
	case 2:
		return STACK + ((r >> 8) % STACK_SIZE & ~UINT64_C(7));
	case 3:
		return MODULE + (r >> 8) % 0x800;
	case 4:
		return (r >> 8) % 0x40;
	default:
		return r << 20 ^ random_next(seed);
	}
}

/* In odd rounds any bytes at all, in even ones entries that make sense by themselves. */
static void random_orc(struct fake_kernel *f, uint64_t *seed, bool is_any)
{
	for (uint64_t i = 0; i < 64; i++) {
		struct fake_entry e = { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP };
		uint64_t r = random_next(seed);

		e.sp_offset = (int)(r & 0x38) + 8;
		e.bp_reg = r >> 8 & 1 ? ORC_REG_PREV_SP : ORC_REG_UNDEFINED;
		e.bp_offset = -16;
		if ((r >> 9 & 7) == 0)
			e.sp_reg = ORC_REG_BP;
		if ((r >> 12 & 15) == 0)
			e.type = ORC_TYPE_REGS + (r >> 16 & 1);
		fake_orc(f, TEXT + i * 32, e);
	}
	for (uint64_t i = 0; is_any && i < (uint64_t)64 * ORC_ENTRY_SIZE; i++)
		fake_uint(&f->memory, ORC_ENTRIES + i, random_next(seed), 1);
}

static size_t random_walks(struct fake_kernel *f, uint64_t *seed)
{
	size_t frames = 0;

	for (int i = 0; i < 50; i++) {
		struct regs regs = { .known = random_next(seed) | 7 };
		struct backtrace *bt = backtrace_new();

		for (int reg = 0; reg < ARCH_REGS_MAX; reg++)
			regs.value[reg] = random_word(seed);
		regs.value[X86_64_CS] = KERNEL_CS;
		if (i % 8) {
			regs.value[X86_64_RIP] = TEXT + random_next(seed) % 0x800;
			regs.value[X86_64_RSP] = STACK + random_next(seed) % 0x800 * 8;
		}
		unwind_orc(f->kernel, &regs, i % 2, bt);
		assert_true(bt->count <= UNWIND_FRAMES_MAX);
		assert_true(bt->end != UNWIND_END_BROKEN || bt->end_why[0]);
		frames += bt->count;
		backtrace_free(bt);
	}
	return frames;
}

static void test_random(void **state)
{
	size_t frames = 0;

	for (uint64_t round = 0; round < 40; round++) {
		struct fake_kernel f;
		uint64_t seed = round;

		fake_kernel_init(&f, ORC_LAYOUT_2 + round % 3);
		random_orc(&f, &seed, round % 2);
		fake_symbol(&f, MODULE + 0x100, 1, "one");
		for (uint64_t at = STACK; at < STACK + STACK_SIZE; at += 8)
			fake_u64(&f.memory, at,
				 at % 16 ? TEXT + random_next(&seed) % 0x800
					 : random_word(&seed));
		fake_kernel_open(&f);
		frames += random_walks(&f, &seed);
		fake_kernel_done(&f);
	}
	print_message("# %zu frames\n", frames);
	assert_true(frames > 3000); // of 2000 walks: some go somewhere
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_user_at_start),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_partial_regs),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_endbr),
		cmocka_unit_test(test_scan_too_far),
		cmocka_unit_test(test_bad_jump),
		cmocka_unit_test(test_frame_pointer),
		cmocka_unit_test(test_stack_pointer),
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_return_address_zero),
		cmocka_unit_test(test_stack_left_out),
		cmocka_unit_test(test_interrupt_stack),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_trial),
		cmocka_unit_test(test_no_trial),
		cmocka_unit_test(test_no_tables),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
