// SPDX-License-Identifier: GPL-2.0-or-later
/* Any bytes as the text of VMCOREINFO, and as memory in which one is looked for. */
#include "fuzz_machine.h"
#include "kernel/vmcoreinfo.h"
#include "kernel/vmcoreinfo_search.h"

#define RAM	 UINT64_C(0x100000)
#define RAM_SIZE UINT64_C(0x8000)

static void ask(const char *text, size_t size)
{
	struct vmcoreinfo info = { 0 };
	uint64_t value;
	int64_t number;

	if (vmcoreinfo_init(&info, text, size, NULL) == 0) {
		vmcoreinfo_get(&info, "OSRELEASE");
		vmcoreinfo_symbol(&info, "a", &value, NULL);
		vmcoreinfo_offset(&info, "a", &value, NULL);
		vmcoreinfo_size(&info, "a", &value, NULL);
		vmcoreinfo_length(&info, "a", &value, NULL);
		vmcoreinfo_number(&info, "a", &number, NULL);
	}
	vmcoreinfo_done(&info);
}

static void search(struct image *image)
{
	struct vmcoreinfo_search at = vmcoreinfo_search_init(image);
	size_t size, tries = 0;
	char *text;

	while (vmcoreinfo_search_next(&at, &text, &size, NULL) == 0) {
		fuzz_check(++tries <= VMCOREINFO_SEARCH_TRIES && text[size] == '\0');
		ask(text, size);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_machine machine;
	struct image *image = NULL;
	size_t part;

	if (!machine.file) {
		struct fake_image fake = { 0 };

		fake_ram(&fake, RAM, RAM_SIZE);
		fuzz_machine_make(&machine, &fake);
		fuzz_machine_region(&machine, RAM, RAM_SIZE);
	}
	ask((const char *)data, size);
	/* Across the border of two pages. */
	part = MIN(size, (size_t)RAM_SIZE - 4000);
	memcpy(machine.file + machine.regions[0].offset + 4000, data, part);
	if (image_open(machine.path, &image, NULL) == 0)
		search(image);
	image_close(image);
	fuzz_machine_mend(&machine);
	return 0;
}
