/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the memory of a dump was mapped, for an ELF file's p_vaddr: gdb goes by it. */
#ifndef DUMP_LOADS_H
#define DUMP_LOADS_H

#include <stddef.h>

#include "base/err.h"
#include "image/image.h"
#include "kernel/kernel.h"

/*
 * As the source has it, if that is an ELF file; else by the kernel, which may be NULL:
 * its image, and all RAM in the direct map, or at 0 where that is not known. All RAM is
 * in there. Free @ret.
 */
int loads_gather(struct image *image, struct kernel *kernel, struct image_load **ret,
		 size_t *ret_count, struct err *err);

#endif
