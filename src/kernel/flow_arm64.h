/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Has an arm64 function made its frame record where it was interrupted? By its
 * instructions: all ways from its first one to there are followed.
 *
 * Before "mov x29, sp" (or add), and behind "ldp x29, x30, [sp]", x29 is the caller's and
 * x30 is where the function returns to; in between, both are in the record at x29.
 */
#ifndef KERNEL_FLOW_ARM64_H
#define KERNEL_FLOW_ARM64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_INSTRUCTIONS_MAX 16384 /* of one function: 64 KiB */

enum flow_frame {
	FLOW_FRAME_UNKNOWN, /* ways differ, or none was found */
	FLOW_FRAME_NONE,    /* x30 is the return address */
	FLOW_FRAME_MADE,    /* the record at x29 is this function's own */
};

/*
 * @at is the index of the instruction that was interrupted, before which the answer is
 * true. @starts_with_frame: it is a part of a function that is not its beginning.
 */
enum flow_frame flow_arm64_frame(const uint32_t *code, size_t count, size_t at,
				 bool starts_with_frame);

/* bl, blr and their like: an instruction that leaves a return address behind. */
bool flow_arm64_is_call(uint32_t instruction);

#endif
