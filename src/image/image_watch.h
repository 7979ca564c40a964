/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An image that tells of each read, to learn which memory a question needs: a reader of
 * kernel/ runs on the watched image, and what it read is what its answer stands on.
 */
#ifndef IMAGE_IMAGE_WATCH_H
#define IMAGE_IMAGE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

struct image_watcher {
	/* [paddr, paddr + size) was read. A read that failed is not told. */
	void (*saw)(void *context, uint64_t paddr, size_t size);
	void *context;
};

/*
 * The same memory and notes as @source, which must live longer. Close it as any image.
 * One thread reads it: @watcher is called in the midst of each read.
 */
int image_watch(struct image *source, const struct image_watcher *watcher,
		struct image **ret, struct err *err);

#endif
