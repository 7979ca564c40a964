// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/elf_pages.h"

#include "dump/chunk.h"

/* Pages of zeros are holes; the others go out in runs. */
static int elf_pages_put(struct elfdump *elf, uint64_t pfn, const uint8_t *data,
			 size_t count, struct packer_counts *counts, struct err *err)
{
	uint32_t size = elf->page_size;
	size_t i = 0;
	int r = 0;

	while (i < count && r == 0) {
		size_t start = i;

		while (i < count && !page_is_zero(data + i * size, size))
			i++;
		if (i > start)
			r = elfdump_put(elf, pfn + start, data + start * size, i - start,
					err);
		counts->written += r == 0 ? i - start : 0;
		while (i < count && r == 0 && page_is_zero(data + i * size, size)) {
			counts->zero++;
			counts->written++;
			i++;
		}
	}
	return r;
}

static int elf_pages_single(struct elfdump *elf, struct image *image, void *buffer,
			    uint64_t pfn, size_t count, struct packer_counts *counts,
			    struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		if (image_read(image, (pfn + i) * elf->page_size, buffer, elf->page_size,
			       NULL) < 0)
			counts->unreadable++;
		else
			r = elf_pages_put(elf, pfn + i, buffer, 1, counts, err);
	}
	return r;
}

/* How many of the @count pages lie in a hole of the source. */
static size_t elf_pages_hole(struct image *image, uint64_t paddr, size_t count,
			     uint32_t page_size)
{
	uint64_t next = image_next_data(image, paddr);

	return next <= paddr ? 0
			     : (size_t)MIN((uint64_t)count, (next - paddr) / page_size);
}

static int elf_pages_run(struct elfdump *elf, struct packer_job *job, void *buffer,
			 uint64_t pfn, size_t count, struct packer_counts *counts,
			 struct err *err)
{
	uint32_t size = elf->page_size;
	int r = 0;

	while (count && r == 0 && !packer_job_is_over(job)) {
		size_t part = elf_pages_hole(job->image, pfn * size, count, size);

		if (part) {
			counts->zero += part;
			counts->written += part;
		} else {
			part = MIN(count, (size_t)(ELF_PAGES_BUFFER / size));
			if (image_read(job->image, pfn * size, buffer, part * size,
				       NULL) == 0)
				r = elf_pages_put(elf, pfn, buffer, part, counts, err);
			else
				r = elf_pages_single(elf, job->image, buffer, pfn, part,
						     counts, err);
		}
		atomic_fetch_add_explicit(&job->pages_done, part, memory_order_relaxed);
		pfn += part;
		count -= part;
	}
	return r;
}

int elf_pages_copy(struct elfdump *elf, struct packer_job *job, void *buffer,
		   uint64_t pfn, const uint8_t *kept, size_t count,
		   struct packer_counts *counts, struct err *err)
{
	size_t i = 0;
	int r = 0;

	while (i < count && r == 0) {
		size_t start;

		while (i < count && !(kept[i / 8] >> (i % 8) & 1))
			i++;
		for (start = i; i < count && kept[i / 8] >> (i % 8) & 1;)
			i++;
		if (i > start)
			r = elf_pages_run(elf, job, buffer, pfn + start, i - start,
					  counts, err);
	}
	return r;
}
