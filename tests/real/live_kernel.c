// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * live_kernel FILE: all of an image's RAM is read, and the kernel in it asked for its
 * name. Static, for a machine that has nothing else: there FILE is /proc/kcore.
 */
#include <inttypes.h>
#include <stdio.h>

#include "image/image.h"
#include "kernel/kernel.h"

#define PAGE 4096

int main(int argc, char **argv)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct kernel_utsname names = { 0 };
	const struct image_range *ranges;
	uint64_t read = 0, lost = 0;
	struct err err = { 0 };
	uint8_t page[PAGE];
	size_t count;

	if (argc != 2 || image_open(argv[1], &image, &err) < 0 ||
	    kernel_open(image, &kernel, &err) < 0 ||
	    kernel_utsname(kernel, &names, &err) < 0) {
		printf("live_kernel: %s\n", err_text(&err));
		return 1;
	}
	ranges = image_ranges(image, &count);
	for (size_t i = 0; i < count; i++)
		for (uint64_t at = 0; at < ranges[i].size_bytes; at += PAGE)
			if (image_read(image, ranges[i].paddr + at, page, PAGE, &err) < 0)
				lost++;
			else
				read++;
	printf("live_kernel: pages=%" PRIu64 " lost=%" PRIu64 " release=%s%s\n", read,
	       lost, names.release,
	       image_info(image)->is_incomplete ? " incomplete" : "");
	return 0;
}
