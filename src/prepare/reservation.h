/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much memory crashkernel= has to set aside on this machine: from its kernel's header
 * and from the capture image that would be built for its disk. See arm.h for the terms.
 */
#ifndef PREPARE_RESERVATION_H
#define PREPARE_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "prepare/capture_image.h"
#include "prepare/config.h"
#include "prepare/kernel_image.h"
#include "prepare/memory_map.h"

#define RESERVATION_STEP_BYTES (16 * MIB) /* sizes are multiples of it */
#define RESERVATION_GUESS_BYTES                                 \
	(192 * MIB) /* where nothing is known: Debian's default \
		     */

struct reservation {
	bool has_kernel;
	struct kernel_image kernel;
	struct capture_image_size image;
	bool is_image_guess;
	char guess_reason[256];
	uint64_t needed_bytes; /* at most */
	bool is_measured;      /* by a rehearsal of this very kernel: then that counts */
	uint32_t minimum_mib;  /* the smallest that worked there */
	uint64_t size_bytes;   /* rounded up */
};

/* In the steps in which memory is reserved. */
uint64_t reservation_round(uint64_t bytes);

/* What is missing becomes a guess, with its reason. */
void reservation_measure(const char *root, const char *release,
			 const struct config *config, const struct log *log,
			 struct reservation *ret);

/* All terms, as a sentence. */
void reservation_explain(const struct reservation *reservation, char *ret, size_t size);

/*
 * "112M", or, where the memory below 4 GiB has no piece of that size, "112M,high" with
 * RESERVATION_LOW for what must lie low (SWIOTLB). @map may be NULL: not known.
 */
#define RESERVATION_LOW "72M,low"
bool reservation_is_high(const struct reservation *reservation,
			 const struct memory_map *map);

/* As the kernel takes it: 128M, 128M@64M, 2G-:128M, 128M,high. ERR_INVALID. */
int reservation_check(const char *text, struct err *err);

#endif
