/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How frames of an arm64 kernel are unwound, as DWARF's call frame information. */
#ifndef GDB_CFI_ARM64_H
#define GDB_CFI_ARM64_H

#include "base/err.h"
#include "gdb/cfi.h"
#include "kernel/kernel.h"

int cfi_arm64_add(struct kernel *kernel, struct cfi *cfi, struct err *err);

#endif
