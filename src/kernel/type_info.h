/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One type of a kernel's BTF, taken apart: for who prints a struct of any type, where
 * types.h is for who knows the member that is wanted.
 */
#ifndef KERNEL_TYPE_INFO_H
#define KERNEL_TYPE_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/types.h"

#define TYPE_NAME_DEPTH_MAX 4 /* function pointers that take function pointers */

enum type_kind {
	TYPE_VOID,
	TYPE_INT,
	TYPE_BOOL,
	TYPE_CHAR, /* "char", not what is as wide */
	TYPE_FLOAT,
	TYPE_ENUM,
	TYPE_POINTER,
	TYPE_ARRAY,
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_FUNCTION,
	TYPE_UNKNOWN, /* a forward declaration, or damage */
};

struct type_info {
	enum type_kind kind;
	uint32_t id; /* behind typedefs and const */
	uint64_t size_bytes;
	bool is_signed;
	uint32_t target; /* pointed to, an element's, returned: a type id */
	uint32_t count;	 /* elements, members, parameters */
};

struct type_member {
	const char *name; /* "" anonymous */
	uint32_t type_id;
	uint64_t offset_bits;
	uint32_t bitfield_bits; /* 0: none */
};

/* Never fails: what leads nowhere is TYPE_UNKNOWN. */
void type_info_get(const struct types *types, uint32_t id, struct type_info *ret);

/* The @i-th member of a struct or union; false: it has none. */
bool type_info_member(const struct types *types, const struct type_info *info, uint32_t i,
		      struct type_member *ret);

/* An enumerator's name; NULL: no enumerator has this value. */
const char *type_info_enumerator(const struct types *types, const struct type_info *info,
				 uint64_t value);

/* As C writes it: "struct list_head *", "char [16]", "int (*)(struct file *)". */
void type_info_name(const struct types *types, uint32_t id, char *ret, size_t size);

#endif
