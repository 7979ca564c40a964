// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/loads.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define IMAGE_SIZE_MAX ((uint64_t)1 << 30) /* Linux x86 KERNEL_IMAGE_SIZE */
#define IMAGE_LOADS    64

/* All that is mapped from _stext on, page by page until a gap. */
static size_t loads_of_kernel(struct kernel *kernel, struct image_load ret[IMAGE_LOADS])
{
	uint64_t start, paddr, run, done = 0;
	size_t n = 0;

	if (vmcoreinfo_symbol(kernel_vmcoreinfo(kernel), "_stext", &start, NULL) < 0)
		return 0;
	start = align_down(start, kernel_page_size(kernel));
	while (done < IMAGE_SIZE_MAX &&
	       kernel_translate(kernel, start + done, &paddr, &run, NULL) == 0) {
		struct image_load *last = n ? &ret[n - 1] : NULL;

		if (last && last->paddr + last->size_bytes == paddr)
			last->size_bytes += run;
		else if (n < IMAGE_LOADS)
			ret[n++] = (struct image_load){ paddr, start + done, run };
		else
			break;
		done += run;
	}
	return n;
}

/* Linux arch/x86/mm/kaslr.c: page_offset_base. Elsewhere not known. */
static uint64_t loads_direct_map(struct kernel *kernel)
{
	uint64_t vaddr, base = 0;

	if (kernel_symbol(kernel, "page_offset_base", &vaddr, NULL) < 0 ||
	    kernel_read_u64(kernel, vaddr, &base, NULL) < 0)
		return 0;
	return base;
}

int loads_gather(struct image *image, struct kernel *kernel, struct image_load **ret,
		 size_t *ret_count, struct err *err)
{
	size_t range_count, count;
	const struct image_load *theirs = image_loads(image, &count);
	const struct image_range *ranges = image_ranges(image, &range_count);
	struct image_load *loads =
		calloc(count ? count : range_count + IMAGE_LOADS, sizeof(*loads));
	uint64_t base;

	if (!loads)
		return err_nomem(err);
	if (count) {
		memcpy(loads, theirs, count * sizeof(*loads));
	} else {
		count = kernel ? loads_of_kernel(kernel, loads) : 0;
		base = kernel ? loads_direct_map(kernel) : 0;
		for (size_t i = 0; i < range_count; i++)
			loads[count++] =
				(struct image_load){ ranges[i].paddr,
						     base ? base + ranges[i].paddr : 0,
						     ranges[i].size_bytes };
	}
	*ret = loads;
	*ret_count = count;
	return 0;
}
