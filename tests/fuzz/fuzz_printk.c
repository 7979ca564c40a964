// SPDX-License-Identifier: GPL-2.0-or-later
/* The ring of printk, damaged: read, and printed. */
#include "fake_ring.h"
#include "fuzz_machine.h"

static void make(struct fuzz_machine *machine)
{
	struct fake_ring ring;

	fake_ring_init(&ring);
	for (int i = 0; i < 40; i++)
		fake_ring_add_text(&ring, i % 3 ? "a line" : "two\nlines, \x01 and more");
	fake_ring_add(&ring, COMMITTED, "may grow", 8);
	fuzz_machine_make(machine, &ring.fake);
	fuzz_machine_region(machine, 0x700100, 88); /* PRB */
	fuzz_machine_region(machine, DESC_PADDR, COUNT * DESC_SIZE);
	fuzz_machine_region(machine, INFO_PADDR, COUNT * INFO_SIZE);
	fuzz_machine_region(machine, TEXT_PADDR, TEXT_SIZE);
	fuzz_machine_region_notes(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machine;
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };

	if (!machine.file)
		make(&machine);
	image = fuzz_machine_open(&machine, (struct fuzz_input){ data, size });
	if (image && kernel_open(image, &kernel, NULL) == 0 &&
	    printk_read(kernel, &log, NULL) == 0) {
		printk_format(&log, &text);
		printk_format_with_callers(&log, &text);
	}
	fuzz_machine_mend(&machine);
	return 0;
}
