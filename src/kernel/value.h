/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers in a dead kernel's structs and variables, as wide as its BTF says they are: for
 * what is asked once, where a struct of offsets would say everything twice.
 */
#ifndef KERNEL_VALUE_H
#define KERNEL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

/*
 * Member @path ("task_struct.se.sum_exec_runtime") of the struct at @vaddr: a number, an
 * enum, a pointer or a bit field of at most 64 bits, zero-extended. ERR_NOTFOUND: this
 * kernel has no such member.
 */
int value_read(struct kernel *kernel, uint64_t vaddr, const char *path, uint64_t *ret,
	       struct err *err);

/* The same as a signed number. */
int value_read_signed(struct kernel *kernel, uint64_t vaddr, const char *path,
		      int64_t *ret, struct err *err);

/* Of the first of @paths (ends with NULL) that this kernel has. */
int value_read_any(struct kernel *kernel, uint64_t vaddr, const char *const *paths,
		   uint64_t *ret, struct err *err);

/* A variable of @size_bytes 1, 2, 4 or 8. */
int value_symbol(struct kernel *kernel, const char *symbol, unsigned int size_bytes,
		 uint64_t *ret, struct err *err);

/* The address of member @path of the struct at @vaddr. */
int value_vaddr(struct kernel *kernel, uint64_t vaddr, const char *path, uint64_t *ret,
		struct err *err);

/* Follows pointer members: value_read() of each of @paths (ends with NULL) in turn. */
int value_follow(struct kernel *kernel, uint64_t vaddr, const char *const *paths,
		 uint64_t *ret, struct err *err);

bool value_has(struct kernel *kernel, const char *path);

/* Elements of the array @path, and the bytes of one. */
int value_array(struct kernel *kernel, const char *path, uint64_t *ret_count,
		uint64_t *ret_size_bytes, struct err *err);

/* An enumerator's value; ERR_NOTFOUND. */
int value_enum(struct kernel *kernel, const char *enum_name, const char *enumerator,
	       uint64_t *ret, struct err *err);

#endif
