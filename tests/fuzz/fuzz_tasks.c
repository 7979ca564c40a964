// SPDX-License-Identifier: GPL-2.0-or-later
/* Tasks, CPUs and their registers, damaged: the whole report of them, and as text. */
#include "explain/report.h"
#include "fuzz_kernel.h"

static void report(struct kernel *kernel)
{
	const struct report_options options = { 0 };
	const struct report_text_options look = { 0 };
	_cleanup_report struct report *report = NULL;
	_cleanup_text struct text text = { 0 };

	if (report_build(kernel, NULL, &options, &report, NULL) < 0)
		return;
	report_format_text(report, &look, &text, NULL);
	report_format_json(report, &text, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machine;
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;

	if (!machine.file) {
		fuzz_kernel_make(&machine, ORC_LAYOUT_4);
		fuzz_machine_region(&machine, 0x5000000, 0xc00); /* tasks */
		fuzz_machine_region(&machine, 0x5008000, 0x200); /* signals */
		fuzz_machine_region(&machine, 0x2000000 + PERCPU_OFFSETS - DATA, 0x500);
		fuzz_machine_region(&machine, 0x2000000 + PERCPU(0) - DATA, 0x2000);
		fuzz_machine_region_notes(&machine);
	}
	image = fuzz_machine_open(&machine, (struct fuzz_input){ data, size });
	if (image && kernel_open(image, &kernel, NULL) == 0)
		report(kernel);
	fuzz_machine_mend(&machine);
	return 0;
}
