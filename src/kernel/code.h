/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An x86-64 kernel's code, as one who walks its stacks needs it: is there any at an
 * address, what does the ORC table say of it, and was that a call?
 *
 * Knows what ktext.h knows.
 */
#ifndef KERNEL_CODE_H
#define KERNEL_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/orc.h"

struct code;

/* ERR_NOTFOUND: a kernel without ORC tables. Its modules may be unknown. */
int code_new(struct kernel *kernel, struct code **ret, struct err *err);
void code_free(struct code *code);

/*
 * The layout of all tables: ORC_LAYOUT_1 until it is read from the kernel or set.
 * ERR_NOTFOUND: the kernel does not say it; ERR_UNSUPPORTED: one that we do not know.
 */
int code_read_layout(struct code *code, struct err *err);
void code_set_layout(struct code *code, enum orc_layout layout);
enum orc_layout code_layout(const struct code *code);

bool code_has(const struct code *code, uint64_t vaddr);

/* ERR_NOTFOUND: no code is known there, or it has no table. */
int code_entry(const struct code *code, uint64_t vaddr, struct orc_entry *ret,
	       struct err *err);

/*
 * Every entry, in the order of addresses within the kernel and within each module: it
 * holds in [start, end), which lies in code that code_has(). One that can't be decoded is
 * ORC_TYPE_UNDEFINED. Stops at the first failure of @add, and returns it. A table that
 * can't be read to its end is left there, and counted in @ret_cut.
 */
typedef int (*code_add_entry)(void *context, uint64_t start, uint64_t end,
			      const struct orc_entry *entry, struct err *err);
int code_walk(const struct code *code, code_add_entry add, void *context, size_t *ret_cut,
	      struct err *err);

/* Was the instruction before @vaddr some call? Judged by bytes, so it can be wrong. */
bool code_is_behind_call(const struct code *code, uint64_t vaddr);

/* Was it a direct call of the function at @start? That can't. */
bool code_is_behind_call_of(const struct code *code, uint64_t vaddr, uint64_t start);

#endif
