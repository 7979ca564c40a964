// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two files as the parts of one dump that was split: two bytes say how many go into the
 * first.
 */
#include "fuzz.h"
#include "image/image.h"

#define PAGES_READ 64
#define PAGE	   4096

static void look_at(struct image *image)
{
	struct image_storage storage;
	uint8_t page[PAGE];

	for (uint64_t pfn = 0; pfn < PAGES_READ; pfn++) {
		image_read(image, pfn * PAGE, page, PAGE, NULL);
		image_has_page(image, pfn * PAGE);
		image_page_storage(image, pfn * PAGE, &storage, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	size_t first = fuzz_u16(&input);
	char paths[2][FUZZ_PATH_SIZE];
	struct image *image;
	struct err err;
	int fds[2];

	first = MIN(first, input.size);
	fds[0] = fuzz_file(input.data, first, paths[0]);
	fds[1] = fuzz_file(input.data + first, input.size - first, paths[1]);
	if (image_open_set((const char *const[]){ paths[0], paths[1] }, 2, &image,
			   &err) == 0) {
		look_at(image);
		image_close(image);
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}
