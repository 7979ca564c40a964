// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks and CPUs, of the fake kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "kernel/arch_x86_64.h"
#include "kernel/cpu.h"
#include "kernel/task.h"

/* --- CPUs ----------------------------------------------------------------------------
 */

static void test_cpus(void **state)
{
	struct cpu_list list;
	struct fake_kernel f;
	uint64_t vaddr;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_cpu_note(&f, 1, TEXT + 0x10, STACK + 0x100);
	fake_u64(&f.memory, PERCPU(0) + PERCPU_CURRENT, TASK(0));
	fake_u64(&f.memory, PERCPU(1) + PERCPU_CURRENT, TASK(3));
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.cpus[0].id, 0);
	assert_int_equal(list.cpus[0].current_vaddr, TASK(0));
	assert_false(list.cpus[0].has_regs);
	assert_non_null(strstr(list.cpus[0].no_regs_why, "did not answer"));
	assert_int_equal(list.cpus[1].id, 1);
	assert_int_equal(list.cpus[1].percpu_offset, PERCPU(1));
	assert_int_equal(list.cpus[1].current_vaddr, TASK(3));
	assert_true(list.cpus[1].has_regs);
	assert_int_equal(list.cpus[1].regs.value[X86_64_RIP], TEXT + 0x10);
	assert_int_equal(list.cpus[1].regs.value[X86_64_RSP], STACK + 0x100);
	assert_int_equal(cpu_percpu(f.kernel, &list.cpus[1], "runqueues", &vaddr, NULL),
			 0);
	assert_int_equal(vaddr, PERCPU(1) + PERCPU_RUNQUEUE);
	assert_true(cpu_percpu(f.kernel, &list.cpus[1], "nothing", &vaddr, NULL) < 0);
	cpu_list_done(&list);
	fake_kernel_done(&f);
}

/* QEMU's note of a CPU: u32 version, u32 size, 18 registers, 10 segments, cr[5], gs. */
static void fake_qemu_note(struct fake_kernel *f, uint64_t ip, uint64_t gs_base,
			   uint64_t kernel_gs_base, size_t size)
{
	uint8_t desc[440] = { 1 };

	fake_store(desc + 4, size, 4);
	fake_store(desc + 8 + 6 * 8, STACK + 0x200, 8);
	fake_store(desc + 8 + 15 * 8, 15, 8);
	fake_store(desc + 8 + 16 * 8, ip, 8);
	fake_store(desc + 152, 0x10, 4);
	fake_store(desc + 152 + 4 * 24 + 16, gs_base, 8);
	fake_store(desc + 152 + 5 * 24, 0x18, 4);
	fake_store(desc + 432, kernel_gs_base, 8);
	fake_note(&f->memory, "QEMU", 0, desc, size);
}

/* In any order; in the kernel, and in user space; what the kernel noted is better. */
static void test_cpus_of_qemu(void **state)
{
	struct cpu_list list;
	struct fake_kernel f;

	for (int noted = 0; noted < 2; noted++) {
		fake_kernel_init(&f, ORC_LAYOUT_3);
		if (noted)
			fake_cpu_note(&f, 1, TEXT + 0x10, STACK + 0x100);
		fake_qemu_note(&f, TEXT + 0x30, 0x1234, PERCPU(1), 440);
		fake_qemu_note(&f, TEXT + 0x20, PERCPU(0), 0, 432);
		fake_kernel_open(&f);
		assert_int_equal(cpu_list_read(f.kernel, &list, NULL), 0);
		assert_int_equal(list.count, 2);
		assert_true(list.cpus[0].has_regs);
		assert_int_equal(list.cpus[0].regs.value[X86_64_RIP], TEXT + 0x20);
		assert_int_equal(list.cpus[0].regs.value[X86_64_RSP], STACK + 0x200);
		assert_int_equal(list.cpus[0].regs.value[X86_64_R15], 15);
		assert_int_equal(list.cpus[0].regs.value[X86_64_CS], 0x10);
		assert_int_equal(list.cpus[0].regs.value[X86_64_SS], 0x18);
		assert_true(list.cpus[1].has_regs);
		assert_int_equal(list.cpus[1].regs.value[X86_64_RIP],
				 noted ? TEXT + 0x10 : TEXT + 0x30);
		cpu_list_done(&list);
		fake_kernel_done(&f);
	}
}

/* Of no CPU, too short, of another version. */
static void test_cpus_of_qemu_wrong(void **state)
{
	struct cpu_list list;
	struct fake_kernel f;
	uint8_t old[440] = { 2 };

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_qemu_note(&f, TEXT + 0x20, 0x1234, 0x5678, 440);
	fake_qemu_note(&f, TEXT + 0x20, PERCPU(0), 0, 431);
	fake_qemu_note(&f, TEXT + 0x20, 0x1234, PERCPU(1), 432); // it is not in there
	fake_store(old + 152 + 4 * 24 + 16, PERCPU(0), 8);
	fake_note(&f.memory, "QEMU", 0, old, sizeof(old));
	fake_note(&f.memory, "QEMU", 0, "", 0);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	for (size_t i = 0; i < list.count; i++) {
		assert_false(list.cpus[i].has_regs);
		assert_non_null(strstr(list.cpus[i].no_regs_why, "did not answer"));
	}
	cpu_list_done(&list);
	fake_kernel_done(&f);
}

/* Offline: not listed, but for one that the panic took offline after its note. */
static void test_cpus_offline(void **state)
{
	struct cpu_list list;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u64(&f.memory, ONLINE_MASK, 2);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.cpus[0].id, 1);
	cpu_list_done(&list);
	fake_kernel_done(&f);

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u64(&f.memory, ONLINE_MASK, 2);
	fake_cpu_note(&f, 0, TEXT, STACK);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	cpu_list_done(&list);
	fake_kernel_done(&f);
}

static void hostile_cpus(uint64_t vaddr, uint32_t value, int want)
{
	struct cpu_list list = { 0 };
	struct err err = { 0 };
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_cpu_note(&f, 0, TEXT, STACK);
	fake_u32(&f.memory, vaddr, value);
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &list, &err), want);
	if (want == 0) {
		assert_false(list.cpus[0].has_regs);
		assert_true(list.cpus[0].no_regs_why[0]);
		print_message("# %s\n", list.cpus[0].no_regs_why);
	} else {
		print_message("# %s\n", err_text(&err));
	}
	cpu_list_done(&list);
	fake_kernel_done(&f);
}

static void test_cpus_hostile(void **state)
{
	const uint64_t note = PERCPU(0) + PERCPU_NOTES;

	hostile_cpus(NR_CPU_IDS, 0, ERR_CORRUPT);
	hostile_cpus(NR_CPU_IDS, CPU_COUNT_MAX + 1, ERR_CORRUPT);
	hostile_cpus(note, 17, 0);
	hostile_cpus(note, UINT32_MAX, 0);
	hostile_cpus(note + 4, 0, 0);
	hostile_cpus(note + 4, 327, 0);
	hostile_cpus(note + 4, 1025, 0);
	hostile_cpus(note + 4, UINT32_MAX, 0);
	hostile_cpus(note + 8, 2, 0);
	hostile_cpus(CRASH_NOTES_PTR + 4, 0x00100000, 0);
	hostile_cpus(PERCPU_OFFSETS + 4, 0x00100000, 0);
}

static void check_panicked(uint32_t value, int want)
{
	struct fake_kernel f;
	uint32_t cpu = 77;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_u32(&f.memory, PANIC_CPU, value);
	fake_vmcoreinfo(&f.memory, "SYMBOL(crashing_cpu)=%" PRIx64, PANIC_CPU);
	fake_kernel_open(&f);
	assert_int_equal(cpu_panicked(f.kernel, &cpu, NULL), want);
	assert_int_equal(cpu, want < 0 ? 77 : value);
	fake_kernel_done(&f);
}

static void test_panicked(void **state)
{
	check_panicked(0, 0);
	check_panicked(3, 0);
	check_panicked(UINT32_MAX, ERR_NOTFOUND);
	check_panicked(CPU_COUNT_MAX, ERR_CORRUPT);
}

/* --- tasks ---------------------------------------------------------------------------
 */

static char state_of(uint32_t task_state, uint32_t exit_state)
{
	struct fake_kernel f;
	struct task task;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_task(&f, 1, 1, "init");
	fake_u32(&f.memory, TASK(1) + TASK_STATE, task_state);
	fake_u32(&f.memory, TASK(1) + TASK_EXIT_STATE, exit_state);
	fake_kernel_open(&f);
	assert_int_equal(task_read(f.kernel, TASK(1), &task, NULL), 0);
	fake_kernel_done(&f);
	return task.state;
}

static void test_states(void **state)
{
	assert_int_equal(state_of(0, 0), 'R');
	assert_int_equal(state_of(1, 0), 'S');
	assert_int_equal(state_of(2, 0), 'D');
	assert_int_equal(state_of(0x102, 0), 'D'); // killable
	assert_int_equal(state_of(0x402, 0), 'I');
	assert_int_equal(state_of(4, 0), 'T');
	assert_int_equal(state_of(8, 0), 't');
	assert_int_equal(state_of(0x40, 0), 'P');
	assert_int_equal(state_of(0x80, 0x20), 'Z');
	assert_int_equal(state_of(0x80, 0x10), 'X');
	assert_int_equal(state_of(0x1000, 0), 'D');
	assert_int_equal(state_of(0x8000, 0), 'D');
	assert_int_equal(state_of(0xffffffff, 0xffffffff), 'I');
}

static void test_list(void **state)
{
	struct task_list list;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_task(&f, 1, 1, "init");
	fake_task(&f, 2, 50, "a\tname of 15 by");
	fake_thread(&f, 4, 52, 2);
	fake_task(&f, 3, 51, "kworker");
	fake_task(&f, 5, 0, "swapper/1"); // on no list
	fake_u64(&f.memory, TASK(3) + TASK_TASKS, TASK(0) + TASK_TASKS);
	fake_u32(&f.memory, TASK(3) + TASK_FLAGS, 0x00200040);
	fake_u32(&f.memory, TASK(4) + TASK_TGID, 50);
	fake_u32(&f.memory, TASK(4) + TASK_CPU, 7);
	fake_u64(&f.memory, TASK(3) + TASK_REAL_PARENT, TASK(2));
	fake_u64(&f.memory, PERCPU(0) + PERCPU_RUNQUEUE + RQ_IDLE, TASK(0));
	fake_u64(&f.memory, PERCPU(1) + PERCPU_RUNQUEUE + RQ_IDLE, TASK(5));
	fake_u64(&f.memory, PERCPU(0) + PERCPU_CURRENT, TASK(0));
	fake_u64(&f.memory, PERCPU(1) + PERCPU_CURRENT, TASK(4));
	fake_kernel_open(&f);

	assert_int_equal(task_list_read(f.kernel, &list, NULL), 0);
	assert_false(list.is_cut);
	assert_int_equal(list.count, 6);
	assert_int_equal(list.tasks[0].vaddr, TASK(0));
	assert_true(list.tasks[0].is_running);
	assert_string_equal(list.tasks[1].comm, "swapper/1");
	assert_false(list.tasks[1].is_running);
	assert_int_equal(list.tasks[2].pid, 1);
	assert_int_equal(list.tasks[2].ppid, 0);
	assert_string_equal(list.tasks[3].comm, "a\tname of 15 by");
	assert_int_equal(list.tasks[4].pid, 52);
	assert_int_equal(list.tasks[4].tgid, 50);
	assert_true(list.tasks[4].is_running);
	assert_int_equal(list.tasks[4].cpu, 1); // where it runs, not where it was last
	assert_int_equal(list.tasks[5].ppid, 50);
	assert_true(list.tasks[5].is_kthread);
	assert_false(list.tasks[3].is_kthread);
	task_list_done(&list);

	assert_int_equal(task_list_read_some(f.kernel, 3, &list, NULL), 0);
	assert_int_equal(list.count, 3);
	assert_true(list.is_cut);
	task_list_done(&list);
	fake_kernel_done(&f);
}

/* A comm that has no end of its own still has one here. */
static void test_comm(void **state)
{
	struct fake_kernel f;
	struct task task;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_bytes(&f.memory, TASK(0) + TASK_COMM, "0123456789abcdef", 16);
	fake_kernel_open(&f);
	assert_int_equal(task_read(f.kernel, TASK(0), &task, NULL), 0);
	assert_string_equal(task.comm, "0123456789abcdef");
	assert_int_equal(task_read(f.kernel, NOWHERE, &task, NULL), ERR_FAULT);
	fake_kernel_done(&f);
}

/* @vaddr is overwritten in a list of five; at least @least are read, and it is told why.
 */
static void broken_list(uint64_t vaddr, uint64_t value, size_t least, const char *why)
{
	struct task_list list;
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_task(&f, 1, 1, "one");
	fake_task(&f, 2, 2, "two");
	fake_thread(&f, 3, 3, 2);
	fake_task(&f, 4, 4, "four");
	fake_u64(&f.memory, vaddr, value);
	fake_kernel_open(&f);
	assert_int_equal(task_list_read(f.kernel, &list, NULL), 0);
	print_message("# %zu tasks, cut: %s\n", list.count, list.cut_why);
	assert_true(list.is_cut);
	assert_true(list.count >= least && list.count < 64);
	assert_non_null(strstr(list.cut_why, why));
	task_list_done(&list);
	fake_kernel_done(&f);
}

static void test_broken_lists(void **state)
{
	broken_list(TASK(2) + TASK_TASKS, 0, 4, "ends with NULL");
	broken_list(TASK(2) + TASK_TASKS, NOWHERE, 4, "not mapped");
	broken_list(TASK(2) + TASK_TASKS, UINT64_C(0x1234567800000000), 4, "can't be");
	broken_list(TASK(2) + TASK_TASKS, TASK(2) + TASK_TASKS, 4, "in circles");
	broken_list(TASK(4) + TASK_TASKS, TASK(1) + TASK_TASKS, 5, "in circles");
	broken_list(TASK(0) + TASK_TASKS, NOWHERE, 1, "not mapped");
	/* Threads of one group: the groups behind it are still there. */
	broken_list(TASK(3) + TASK_THREAD_NODE, TASK(3) + TASK_THREAD_NODE, 5,
		    "in circles");
	broken_list(TASK(2) + TASK_THREAD_NODE, NOWHERE, 4, "not mapped");
	broken_list(TASK(2) + TASK_SIGNAL, 0, 3, "not mapped");
}

static void test_no_tasks(void **state)
{
	struct task_list list;
	struct err err = { 0 };
	struct fake_kernel f;

	fake_kernel_init(&f, ORC_LAYOUT_3);
	fake_leave_out(&f.memory, 0x5000000, TASKS_SIZE);
	fake_kernel_open(&f);
	assert_true(task_list_read(f.kernel, &list, &err) < 0);
	assert_non_null(strstr(err_text(&err), "no task"));
	fake_kernel_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_cpus_offline),
		cmocka_unit_test(test_cpus_of_qemu),
		cmocka_unit_test(test_cpus_of_qemu_wrong),
		cmocka_unit_test(test_cpus_hostile),
		cmocka_unit_test(test_panicked),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_broken_lists),
		cmocka_unit_test(test_no_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
