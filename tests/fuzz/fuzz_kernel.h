/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dead kernel with tasks, CPUs, a module and unwind tables (unit/fake_kernel.h), to be
 * damaged; one for each layout of ORC.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include "fake_kernel.h"
#include "fuzz_machine.h"
#include "kernel/cpu.h"
#include "kernel/module.h"
#include "kernel/task.h"
#include "kernel/unwind.h"

static inline void fuzz_kernel_make(struct fuzz_machine *machine, enum orc_layout layout)
{
	struct fake_kernel f;
	struct fake_image *m = &f.memory;
	uint64_t back;

	fake_kernel_init(&f, layout);
	fake_orc(&f, FUNCTION(0), FAKE_CALL_FRAME(16));
	fake_orc(&f, FUNCTION(1),
		 (struct fake_entry){ ORC_TYPE_CALL, ORC_REG_BP, 16, ORC_REG_PREV_SP, -16,
				      false });
	fake_orc(&f, FUNCTION(2),
		 (struct fake_entry){ ORC_TYPE_REGS, ORC_REG_SP, 0, ORC_REG_UNDEFINED, 0,
				      true });
	fake_orc(&f, FUNCTION(3), (struct fake_entry){ .type = ORC_TYPE_END });
	fake_module_orc(&f, MODULE_FUNCTION(0), FAKE_CALL_FRAME(8));
	fake_symbol(&f, MODULE_FUNCTION(0), 1, "module_function");
	fake_symbol(&f, MODULE_FUNCTION(1), 1, "another");
	fake_module(&f, MODULE_STRUCT + 0x200, "second", MODULE + 0x3000, 0x100);
	for (int i = 1; i < 4; i++) {
		fake_task(&f, i, i, "task");
		fake_sleeper(&f, i, FUNCTION(0) + 5, STACK + 0x1000 * (uint64_t)i, 0);
		back = fake_call(&f, MODULE_FUNCTION(0) + 16, FUNCTION(0));
		fake_u64(m, STACK + 0x1000 * (uint64_t)i + 8, back);
		back = fake_call(&f, FUNCTION(3) + 16, MODULE_FUNCTION(0));
		fake_u64(m, STACK + 0x1000 * (uint64_t)i + 16, back);
	}
	fake_thread(&f, 5, 7, 2);
	for (int cpu = 0; cpu < FAKE_CPUS; cpu++) {
		fake_u64(m, PERCPU(cpu) + PERCPU_CURRENT, TASK(cpu ? 3 : 0));
		fake_cpu_note(&f, cpu, FUNCTION(2) + 8, STACK + 0x5000);
	}
	fake_pt_regs(&f, STACK + 0x5000, FUNCTION(1) + 4, 0x10, STACK + 0x5200,
		     STACK + 0x5210);
	fake_vmcoreinfo(m,
			"SYMBOL(__start_orc_unwind_ip)=%" PRIx64
			"\nSYMBOL(__stop_orc_unwind_ip)=%" PRIx64
			"\nSYMBOL(__start_orc_unwind)=%" PRIx64,
			ORC_IPS, ORC_IPS + (uint64_t)f.orc_count * 4, ORC_ENTRIES);
	fuzz_machine_make(machine, m);
}

/* All tasks and CPUs, each with its stack. */
static inline void fuzz_kernel_walk(struct kernel *kernel, struct backtrace *backtrace)
{
	_cleanup_task_list struct task_list tasks = { 0 };
	_cleanup_cpu_list struct cpu_list cpus = { 0 };

	cpu_list_read(kernel, &cpus, NULL);
	if (task_list_read_some(kernel, 64, &tasks, NULL) < 0)
		return;
	for (size_t i = 0; i < tasks.count; i++) {
		const struct cpu *cpu = NULL;

		for (size_t k = 0; k < cpus.count; k++)
			if (cpus.cpus[k].current_vaddr == tasks.tasks[i].vaddr)
				cpu = &cpus.cpus[k];
		if (unwind_task(kernel, &tasks.tasks[i], cpu, backtrace, NULL) == 0)
			fuzz_check(backtrace->count <= UNWIND_FRAMES_MAX);
	}
}

#endif
