// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes as an image: opened, its facts looked at, the beginning and the end of each
 * range read. libFuzzer's entry:
 *
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc \
 *		tests/fuzz/fuzz_image.c src/image/?*.c src/base/?*.c \
 *		-lz -llzo2 -lzstd -lsnappy -lpthread -o fuzz_image
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"
#include "image/image.h"

#define RANGES_READ 64
#define PAGES_READ  16
#define PAGE	    ((uint64_t)4096)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_pages(struct image *image, uint64_t paddr)
{
	uint8_t bytes[4096 + 8];

	for (uint64_t i = 0; i < PAGES_READ; i++) {
		image_read(image, paddr + i * PAGE, bytes, sizeof(bytes), NULL);
		image_has_page(image, paddr + i * PAGE);
	}
	image_next_data(image, paddr);
}

static void look_at(struct image *image)
{
	size_t count, size;
	const struct image_range *ranges = image_ranges(image, &count);
	const struct image_note *notes;
	volatile uint8_t sum = 0;
	const char *text;

	for (size_t i = 0; i < MIN(count, (size_t)RANGES_READ); i++) {
		uint64_t end = ranges[i].paddr + ranges[i].size_bytes;

		read_pages(image, ranges[i].paddr);
		read_pages(image, align_down(end - 1, PAGE) - 4 * PAGE);
	}
	notes = image_notes(image, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < notes[i].desc_size; k++)
			sum = (uint8_t)(sum + notes[i].desc[k]);
	text = image_vmcoreinfo(image, &size);
	for (size_t i = 0; text && i < size; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct image *image;
	struct err err;
	char path[64];

	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size &&
	    image_open(path, &image, &err) == 0) {
		look_at(image);
		image_close(image);
	}
	close(fd);
	return 0;
}
