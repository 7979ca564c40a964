// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as an image, ELF, kdump-compressed or flattened: opened, its facts looked at,
 * the beginning and the end of each range read.
 */
#include "fuzz.h"
#include "image/image.h"

#define RANGES_READ 64
#define PAGES_READ  16
#define PAGE	    ((uint64_t)4096)

static void read_pages(struct image *image, uint64_t paddr)
{
	struct image_storage storage;
	uint8_t bytes[4096 + 8];

	for (uint64_t i = 0; i < PAGES_READ; i++) {
		image_read(image, paddr + i * PAGE, bytes, sizeof(bytes), NULL);
		image_has_page(image, paddr + i * PAGE);
		image_page_storage(image, paddr + i * PAGE, &storage, NULL);
	}
	image_next_data(image, paddr);
}

static void look_at(struct image *image)
{
	size_t count, size;
	const struct image_range *ranges = image_ranges(image, &count);
	const struct image_note *notes;
	const char *text;

	for (size_t i = 0; i < MIN(count, (size_t)RANGES_READ); i++) {
		uint64_t end = ranges[i].paddr + ranges[i].size_bytes;

		read_pages(image, ranges[i].paddr);
		read_pages(image, align_down(end - 1, PAGE) - 4 * PAGE);
	}
	notes = image_notes(image, &count);
	for (size_t i = 0; i < count; i++)
		fuzz_touch(notes[i].desc, notes[i].desc_size);
	text = image_vmcoreinfo(image, &size);
	if (text)
		fuzz_touch(text, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[FUZZ_PATH_SIZE];
	struct image *image;
	struct err err;
	int fd = fuzz_file(data, size, path);

	if (image_open(path, &image, &err) == 0) {
		look_at(image);
		image_close(image);
	}
	close(fd);
	return 0;
}
