/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine code as a person reads it, by libcapstone. Knows instructions; where they lie
 * and what is at the addresses in them, others say.
 */
#ifndef EXPLAIN_DISASSEMBLY_H
#define EXPLAIN_DISASSEMBLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

#define INSTRUCTION_BYTES_MAX 16

struct instruction {
	uint64_t vaddr;
	uint8_t bytes[INSTRUCTION_BYTES_MAX];
	size_t size;
	char text[192];	 /* "mov rax, qword ptr [rbx + 0x20]" */
	uint64_t target; /* of a direct jump or call, or the address of what is read */
	bool has_target;
	bool is_known; /* false: bytes that are none, one at a time, as ".byte 0x06" */
};

struct disassembly {
	struct instruction *instructions;
	size_t count;
};

/*
 * Of @size bytes that lie at @vaddr. What cuts the last instruction short is left out.
 * ERR_UNSUPPORTED: not of this machine.
 */
int disassembly_new(enum image_machine machine, uint64_t vaddr, const uint8_t *bytes,
		    size_t size, struct disassembly *ret, struct err *err);
void disassembly_done(struct disassembly *disassembly);

/*
 * The same of bytes whose first may lie within an instruction: begins where the next
 * ones lead to one that starts at @known. Instructions of any length find back into step;
 * what most beginnings agree on is taken.
 */
int disassembly_new_around(enum image_machine machine, uint64_t vaddr,
			   const uint8_t *bytes, size_t size, uint64_t known,
			   struct disassembly *ret, struct err *err);

#define _cleanup_disassembly _cleanup_(disassembly_done)

#endif
