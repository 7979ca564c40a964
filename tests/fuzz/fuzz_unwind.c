// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stacks, ORC tables and code, damaged, in each layout of ORC: the first byte says which;
 * then patches.
 */
#include "fuzz_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machines[ORC_LAYOUT_COUNT];
	static struct backtrace *backtrace;
	struct fuzz_input input = { data, size };
	size_t i = fuzz_u8(&input) % ORC_LAYOUT_COUNT;
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct fuzz_machine *machine = &machines[i];

	if (!backtrace)
		backtrace = backtrace_new();
	if (!machine->file) {
		fuzz_kernel_make(machine, (enum orc_layout)i);
		fuzz_machine_region(machine, 0x4000000, STACK_SIZE);
		fuzz_machine_region(machine, 0x2000000, 0x3000); /* ORC's */
		fuzz_machine_region(machine, 0x1000000, 0x400);	 /* code */
		fuzz_machine_region(machine, 0x2000000 + MODULE_ORC_IPS - DATA, 0x1000);
		fuzz_machine_region(machine, 0x2000000 + PERCPU(0) - DATA, 0x2000);
		fuzz_machine_region_notes(machine);
	}
	image = fuzz_machine_open(machine, input);
	if (image && kernel_open(image, &kernel, NULL) == 0)
		fuzz_kernel_walk(kernel, backtrace);
	fuzz_machine_mend(machine);
	return 0;
}
