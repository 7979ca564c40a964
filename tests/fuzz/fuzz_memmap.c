// SPDX-License-Identifier: GPL-2.0-or-later
/* The array of struct page, damaged, and what VMCOREINFO says of it. */
#include "fake_memmap.h"
#include "fuzz_machine.h"
#include "kernel/memmap.h"

static void make(struct fuzz_machine *machine)
{
	struct fake_image fake = { 0 };

	machine_make(&fake, NULL);
	page_free_block(&fake, DATA_PFN + 256, 5);
	page_set(&fake, DATA_PFN + 64, F_HEAD, T_HUGETLB, 0);
	page_tails(&fake, DATA_PFN + 64, 6);
	page_set(&fake, DATA_PFN + 200, F_LRU | F_PRIVATE, T_NONE, 0);
	page_set(&fake, DATA_PFN + 201, F_SWAPBACKED | F_SWAPCACHE, T_NONE, 0);
	page_set(&fake, DATA_PFN + 202, F_LRU, T_NONE, 1);
	page_set(&fake, DATA_PFN + 203, F_HWPOISON, T_OFFLINE, 0);
	page_set(&fake, DATA_PFN + 204, 0, T_SLAB, 0);
	page_set(&fake, DATA_PFN + 205, 0, T_TABLE, 0);
	page_set(&fake, DATA_PFN + 512 - 32, 0, T_UNACCEPTED, 0);
	fuzz_machine_make(machine, &fake);
	fuzz_machine_region(machine, MEMMAP_PADDR + DATA_PFN * STRUCT_PAGE,
			    DATA_PAGES * STRUCT_PAGE);
	fuzz_machine_region(machine, MEMMAP_PADDR, STRUCT_PAGE);
	fuzz_machine_region_notes(machine);
	fuzz_machine_region(machine, TABLES_PADDR, 8 * FAKE_PAGE);
}

static void classify(struct kernel *kernel)
{
	_cleanup_free uint8_t *classes = malloc(MEMMAP_CHUNK_PAGES);
	_cleanup_memmap struct memmap *memmap = NULL;
	uint64_t lost;

	fuzz_check(classes);
	if (memmap_open(kernel, &memmap, NULL) < 0)
		return;
	memmap_knows_reserved(memmap);
	for (uint64_t chunk = 0; chunk < 2; chunk++) {
		size_t count = FRAMES;

		if (memmap_classify(memmap, chunk * MEMMAP_CHUNK_PAGES, count, classes,
				    &lost, NULL) < 0)
			continue;
		for (size_t i = 0; i < count; i++)
			fuzz_check(classes[i] < PAGE_CLASS_COUNT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machine;
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;

	if (!machine.file)
		make(&machine);
	image = fuzz_machine_open(&machine, (struct fuzz_input){ data, size });
	if (image && kernel_open(image, &kernel, NULL) == 0)
		classify(kernel);
	fuzz_machine_mend(&machine);
	return 0;
}
