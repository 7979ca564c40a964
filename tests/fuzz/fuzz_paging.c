// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables, damaged: a row for each way in which an architecture has them. The first
 * byte of an input says which; then patches.
 */
#include "fuzz_machine.h"
#include "kernel/kernel.h"

#define TABLES UINT64_C(0x100000)
#define RAM    UINT64_C(0x200000)
#define VADDR  (FAKE_KERNEL_MAP + RAM)
#define HUGE   (FAKE_KERNEL_MAP + UINT64_C(0x40000000))
#define STEPS  64

struct row {
	const char *name;
	int levels;
	void (*make)(struct fake_image *f, const struct row *row);
};

static void make_x86_64(struct fake_image *f, const struct row *row)
{
	fake_paging(f, TABLES, row->levels);
	fake_memory(f, VADDR, RAM, 4 * FAKE_PAGE);
	fake_map_huge(f, HUGE, 0, 21);
}

static const struct row rows[] = {
	{ "x86-64, 4 levels", 4, make_x86_64 },
	{ "x86-64, 5 levels", 5, make_x86_64 },
};

static void walk(struct kernel *kernel, uint64_t vaddr)
{
	uint64_t paddr, run;
	uint8_t bytes[64];

	for (int i = 0; i < STEPS; i++) {
		if (kernel_translate(kernel, vaddr, &paddr, &run, NULL) < 0)
			run = FAKE_PAGE;
		fuzz_check(run > 0);
		kernel_read(kernel, vaddr, bytes, sizeof(bytes), NULL);
		vaddr += run;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machines[ARRAY_SIZE(rows)];
	struct fuzz_input input = { data, size };
	size_t i = fuzz_u8(&input) % ARRAY_SIZE(rows);
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;

	if (!machines[i].file) {
		struct fake_image fake = { 0 };

		rows[i].make(&fake, &rows[i]);
		fuzz_machine_make(&machines[i], &fake);
		fuzz_machine_region(&machines[i], TABLES, 8 * FAKE_PAGE);
		fuzz_machine_region_notes(&machines[i]);
	}
	image = fuzz_machine_open(&machines[i], input);
	if (image && kernel_open(image, &kernel, NULL) == 0) {
		walk(kernel, VADDR - 2 * FAKE_PAGE);
		walk(kernel, HUGE);
		walk(kernel, UINT64_C(0xffff888000000000));
		walk(kernel, 0);
		walk(kernel, UINT64_MAX - 3 * FAKE_PAGE);
	}
	fuzz_machine_mend(&machines[i]);
	return 0;
}
