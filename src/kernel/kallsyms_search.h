/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kallsyms' tables lie, for a kernel that does not say so: VMCOREINFO tells it
 * since v6.0. Searches the kernel's image for the one table that no other data looks
 * like, and goes from there by the order in which scripts/kallsyms.c writes them:
 *
 *	offsets  relative_base  num_syms  names  markers  token_table  token_index
 *	num_syms  names  markers  token_table  token_index  offsets  relative_base
 *
 * The first order is that of v5.10 and v6.1, the second that of v6.12 and v7.2.
 *
 * It reads bytes and knows no symbol: what it finds is proved by the names, all of which
 * are walked, and their markers; that the addresses are right is for its caller to see.
 */
#ifndef KERNEL_KALLSYMS_SEARCH_H
#define KERNEL_KALLSYMS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define KALLSYMS_SEARCH_MAX                                           \
	((uint64_t)256 << 20) /* of the image; Debian's: 34 to 50 MiB \
			       */
#define KALLSYMS_VALUES_MAX 4

/* One place where the addresses of the symbols may be. */
struct kallsyms_values {
	uint64_t vaddr;
	uint64_t base_vaddr; /* of relative_base; 0: there is none */
	bool is_absolute;    /* u64 addresses[], else u32 offsets[] */
};

struct kallsyms_places {
	uint64_t num_syms, names, token_table, token_index;
	struct kallsyms_values values[KALLSYMS_VALUES_MAX]; /* to be tried in turn */
	size_t values_count;
};

/* ERR_UNSUPPORTED: not found; the text says how far it came. */
int kallsyms_search(struct kernel *kernel, struct kallsyms_places *ret, struct err *err);

#endif
