// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of modules, their symbols and tables, damaged. */
#include "fuzz_kernel.h"

static void ask(struct kernel *kernel)
{
	const struct modules *modules;
	const struct module *items;
	struct kernel_name name;
	size_t count;
	char text[256];

	if (kernel_modules(kernel, &modules, NULL) < 0)
		return;
	items = modules_get(modules, &count);
	fuzz_check(count <= MODULE_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		fuzz_check(memchr(items[i].name, 0, sizeof(items[i].name)));
		for (size_t k = 0; k < items[i].range_count; k++) {
			modules_lookup(modules, items[i].ranges[k].start, &name, NULL);
			modules_lookup(modules, items[i].ranges[k].end - 1, &name, NULL);
		}
	}
	for (uint64_t at = 0; at < MODULE_SIZE; at += 0x80)
		kernel_format_address(kernel, MODULE + at, text, sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machine;
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;

	if (!machine.file) {
		fuzz_kernel_make(&machine, ORC_LAYOUT_3);
		fuzz_machine_region(&machine, 0x2000000 + MODULES_HEAD - DATA, 16);
		fuzz_machine_region(&machine, 0x2000000 + MODULE_STRUCT - DATA, 0x400);
		fuzz_machine_region(&machine, 0x2000000 + MODULE_KALLSYMS - DATA, 0x1100);
		fuzz_machine_region_notes(&machine);
	}
	image = fuzz_machine_open(&machine, (struct fuzz_input){ data, size });
	if (image && kernel_open(image, &kernel, NULL) == 0)
		ask(kernel);
	fuzz_machine_mend(&machine);
	return 0;
}
