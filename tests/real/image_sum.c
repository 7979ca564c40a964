// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * image_sum FILE...: one image of one file, or of all that a dump was split into. A
 * checksum of all pages with their addresses and of what can't be read, and of the notes:
 * two images of one machine have the same. Exit status 3: incomplete.
 */
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "image/image.h"

#define PAGE	  4096
#define CODES_MAX 16

int main(int argc, char **argv)
{
	_cleanup_image struct image *image = NULL;
	uint64_t counts[CODES_MAX] = { 0 }, sum = 0;
	const struct image_range *ranges;
	struct err err = { 0 };
	uint8_t page[PAGE];
	size_t count, size;
	const void *notes;

	if (image_open_set((const char *const *)argv + 1, (size_t)argc - 1, &image,
			   &err) < 0) {
		fprintf(stderr, "image_sum: %s\n", err_text(&err));
		return 1;
	}
	ranges = image_ranges(image, &count);
	for (size_t i = 0; i < count; i++)
		for (uint64_t at = 0; at < ranges[i].size_bytes; at += PAGE) {
			uint64_t paddr = ranges[i].paddr + at;
			int r = image_read(image, paddr, page, PAGE, NULL);

			counts[-r]++;
			sum = XXH64(&paddr, sizeof(paddr), sum + (uint64_t)-r);
			if (r == 0)
				sum = XXH64(page, PAGE, sum);
		}
	for (int i = 0; i < CODES_MAX; i++)
		if (counts[i])
			printf("%s %" PRIu64 "\n", i ? err_code_name(-i) : "pages",
			       counts[i]);
	notes = image_notes_raw(image, &size);
	printf("sum %016" PRIx64 " notes %016" PRIx64 "\n", sum, XXH64(notes, size, 0));
	if (!image_info(image)->is_incomplete)
		return 0;
	printf("incomplete: %s\n", image_info(image)->incomplete_why);
	return 3;
}
