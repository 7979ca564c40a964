/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ELF file for gdb, made from a dump alone: the symbols of the kernel and its modules,
 * and how frames are unwound (cfi.h). All addresses are those of the dead kernel: gdb
 * must not shift them.
 */
#ifndef GDB_SYMBOL_FILE_H
#define GDB_SYMBOL_FILE_H

#include "base/err.h"
#include "kernel/kernel.h"

enum symbol_file_kind {
	SYMBOL_FILE_WHOLE, /* for a gdb that has no other */

	/*
	 * Beside a vmlinux: gdb takes the first file that can unwind a frame, so what a
	 * vmlinux has wrong is loaded before it, and the rest, with the symbols of
	 * modules, behind it.
	 */
	SYMBOL_FILE_BEFORE,
	SYMBOL_FILE_AFTER,
};

/* How the result is less than it could be, for a warning each. */
struct symbol_file_facts {
	char no_cfi[ERR_TEXT_MAX];     /* why frames can't be unwound; "" */
	char no_symbols[ERR_TEXT_MAX]; /* why some names are missing; "" */
};

/* Fails only where no file can be made. */
int symbol_file_write(struct kernel *kernel, enum symbol_file_kind kind, int fd,
		      struct symbol_file_facts *ret_facts, struct err *err);

#endif
