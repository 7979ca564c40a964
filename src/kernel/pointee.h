/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a value in a register points to, if it is an address: a symbol, a task's stack, an
 * object of a slab cache, or an address that can't be one.
 */
#ifndef KERNEL_POINTEE_H
#define KERNEL_POINTEE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

enum pointee_kind {
	POINTEE_NUMBER, /* so small that it is no address, or nothing is known of it */
	POINTEE_NULL,	/* NULL, or a member of what NULL points to */
	POINTEE_ERROR,	/* ERR_PTR(): a negative errno where a pointer was expected */
	POINTEE_POISON, /* written over what was freed, or never initialised */
	POINTEE_NON_CANONICAL, /* no address of this machine */
	POINTEE_USER,
	POINTEE_SYMBOL,
	POINTEE_STACK,
	POINTEE_SLAB,
	POINTEE_UNMAPPED, /* an address of the kernel's half where nothing is */
	POINTEE_MEMORY,	  /* mapped, and nobody knows of what */
};

struct pointee {
	enum pointee_kind kind;
	bool is_bad;	/* whoever follows it faults */
	char text[192]; /* "object of 192 bytes of kmalloc-192 + 0x20"; "" for a number */
};

struct pointee_finder;

/* Borrows @kernel. Stacks of tasks are looked for where @kernel has at most 4096 tasks.
 */
int pointee_finder_new(struct kernel *kernel, struct pointee_finder **ret,
		       struct err *err);
void pointee_finder_free(struct pointee_finder *finder);
static inline void pointee_finder_freep(struct pointee_finder **finder)
{
	pointee_finder_free(*finder);
}

/* Never fails: what can't be known is POINTEE_NUMBER or POINTEE_MEMORY. */
void pointee_find(struct pointee_finder *finder, uint64_t value, struct pointee *ret);

#define _cleanup_pointee_finder _cleanup_(pointee_finder_freep)

#endif
