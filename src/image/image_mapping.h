/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of an image that are looked at where they are, and not copied. */
#ifndef IMAGE_IMAGE_MAPPING_H
#define IMAGE_IMAGE_MAPPING_H

#include <stddef.h>
#include <stdint.h>

struct image_mapping {
	const uint8_t *bytes; /* NULL: there is none */
	void *start;	      /* of whole pages */
	size_t size;
};
/* Fine if there is none. */
void image_mapping_done(struct image_mapping *mapping);
#define _cleanup_image_mapping _cleanup_(image_mapping_done)

#endif
