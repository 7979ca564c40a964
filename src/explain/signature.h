/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is the same for equal crashes on any machine: the kind of trouble and the five
 * innermost functions that matter, and a hash of these. No address, offset, process,
 * CPU or kernel version goes into it.
 */
#ifndef EXPLAIN_SIGNATURE_H
#define EXPLAIN_SIGNATURE_H

#include <stddef.h>

/* One more with every change of what goes in: hashes of two versions tell nothing. */
#define SIGNATURE_VERSION     2
#define SIGNATURE_FRAMES      5
#define SIGNATURE_FRAME_SIZE  200
#define SIGNATURE_STRING_SIZE 24 /* "v2-0123456789abcdef" */

struct signature {
	char frames[SIGNATURE_FRAMES][SIGNATURE_FRAME_SIZE]; /* "func", "func [module]" */
	size_t count;
};

/*
 * The next frame outward. What is plumbing (panic(), locks, copies, ...) is passed over,
 * as is a function that called itself, and more than there is room for.
 */
void signature_add(struct signature *signature, const char *function, const char *module);

/*
 * The hash, with the kind of trouble as @title says it: what stands before " in FUNC".
 * "" where there is neither title nor frame.
 */
void signature_format(const struct signature *signature, const char *title,
		      char ret[static SIGNATURE_STRING_SIZE]);

#endif
