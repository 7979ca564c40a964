/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an ELF file with debug symbols says of itself before DWARF is asked: whose it is
 * (its build id), and, of a kernel, where it was linked to.
 */
#ifndef DEBUGINFO_DEBUG_ELF_H
#define DEBUGINFO_DEBUG_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define DEBUG_ELF_BUILD_ID_MAX 64 /* bytes */

struct debug_elf {
	char build_id[DEBUG_ELF_BUILD_ID_MAX * 2 + 1]; /* in hexadecimal; "": none */
	bool is_relocatable;			       /* ET_REL: a module's */
	bool has_stext;
	uint64_t stext;
};

/* @wants_stext: look through its symbols too. */
int debug_elf_read(const char *path, bool wants_stext, struct debug_elf *ret,
		   struct err *err);

/* Hexadecimal digits alone, of a length that a build id has: it becomes part of a path.
 */
bool debug_elf_is_build_id(const char *text);

#endif
