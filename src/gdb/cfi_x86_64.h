/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An x86-64 kernel's ORC tables as DWARF's call frame information, for gdb. */
#ifndef GDB_CFI_X86_64_H
#define GDB_CFI_X86_64_H

#include "base/err.h"
#include "gdb/cfi.h"
#include "kernel/kernel.h"

int cfi_x86_64_add(struct kernel *kernel, struct cfi *cfi, struct err *err);

#endif
