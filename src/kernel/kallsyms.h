/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dead kernel's own symbol table (kallsyms), read from the image: names and addresses
 * of its code and data. Symbols of modules are module.h's.
 * Source: Linux kernel/kallsyms.c, scripts/kallsyms.c.
 *
 * The names stay compressed, as the kernel keeps them: 2 to 5 MiB for a distribution's
 * 100,000 to 190,000 symbols. A name is expanded when it is asked for, so a const struct
 * kallsyms still grows. One thread uses one struct kallsyms, as with its kernel.
 *
 * Where the tables lie is said by VMCOREINFO since v6.0; before, they are searched for.
 * A symbol's type letter is not told: it is wrong in some kernels.
 */
#ifndef KERNEL_KALLSYMS_H
#define KERNEL_KALLSYMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define KALLSYMS_COUNT_MAX (4u << 20)	      /* distributions have 190,000 */
#define KALLSYMS_NAMES_MAX ((size_t)64 << 20) /* bytes of compressed names: 3 MiB */
#define KALLSYMS_NAME_SIZE 512		      /* KSYM_NAME_LEN, since v6.1 */

/*
 * ERR_UNSUPPORTED: this kernel does not say where its tables are, and they are not found.
 * ERR_CORRUPT: they are none.
 */
int kallsyms_new(struct kernel *kernel, struct kallsyms **ret, struct err *err);
void kallsyms_free(struct kallsyms *k);

/* The address of a symbol; the first one of several with this name. ERR_NOTFOUND */
int kallsyms_find(const struct kallsyms *k, const char *name, uint64_t *ret_vaddr,
		  struct err *err);

/*
 * The symbol at @vaddr or nearest below, the first of several at one address (as the
 * kernel itself does). [*ret_start, *ret_end) is its part of memory, up to the next
 * symbol; the end equals the start where it is unknown. ERR_NOTFOUND: outside of the
 * kernel image. The name is borrowed until kallsyms_free().
 */
int kallsyms_lookup(const struct kallsyms *k, uint64_t vaddr, const char **ret_name,
		    uint64_t *ret_start, uint64_t *ret_end, struct err *err);

size_t kallsyms_count(const struct kallsyms *k);

/*
 * The @i-th symbol in the order of addresses, @i < kallsyms_count(): those outside of the
 * image too (per-CPU and other absolute ones). The name is borrowed until
 * kallsyms_free().
 */
int kallsyms_get(const struct kallsyms *k, size_t i, const char **ret_name,
		 uint64_t *ret_vaddr, struct err *err);

#endif
