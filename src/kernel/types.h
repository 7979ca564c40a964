/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's own description of its types: BTF, which kernels with CONFIG_DEBUG_INFO_BTF
 * carry in memory. Layouts of structs and unions, and the values of enums; not the types
 * of variables, and no lines. Source: Linux Documentation/bpf/btf.rst,
 * include/uapi/linux/btf.h.
 *
 * Modules' BTF is not read here.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

#define TYPES_BTF_SIZE_MAX ((size_t)64 << 20) /* Debian's kernels: 4 to 6 MiB */
#define TYPES_NAME_SIZE	   128		      /* of a type or member, with its NUL */
#define TYPES_DEPTH_MAX	   16		      /* anonymous members in each other */
#define TYPES_MODIFIER_MAX 32		      /* typedefs, const, ... in a row */
#define TYPES_MEMBER_MAX   65535 /* looked at for one name: vlen is 16 bits */

/* ERR_UNSUPPORTED: this kernel carries no BTF. */
int types_new(struct kernel *kernel, struct types **ret, struct err *err);

/* The same in two steps: where they lie, which the symbols tell; and reading them. */
int types_locate(struct kernel *kernel, uint64_t *ret_start, uint64_t *ret_size,
		 struct err *err);
int types_new_at(struct kernel *kernel, uint64_t start, uint64_t size, struct types **ret,
		 struct err *err);

/* From the bytes of a .BTF section; copies them. */
int types_new_bytes(const void *data, size_t size, struct types **ret, struct err *err);

/*
 * From the bytes of a module's .BTF section, which goes on where @base, the kernel's own,
 * ends: names and ids of that are known in it too. Only the module's own types are found
 * by name. Borrows @base.
 */
int types_new_split(const struct types *base, const void *data, size_t size,
		    struct types **ret, struct err *err);
void types_free(struct types *types);
static inline void types_freep(struct types **types)
{
	types_free(*types);
}

/*
 * Where the member lies in its struct, in bytes: "task_struct.thread.sp". The first part
 * is a struct, a union or a typedef of one; members of anonymous structs are found; an
 * element of an array is its first. ERR_NOTFOUND: no such type or member;
 * ERR_UNSUPPORTED: the member is a bit field that does not begin at a byte, see
 * types_bits().
 */
int types_offset(const struct types *types, const char *path, uint64_t *ret,
		 struct err *err);

/* The same in bits, and how many bits it has. */
int types_bits(const struct types *types, const char *path, uint64_t *ret_offset_bits,
	       uint64_t *ret_size_bits, struct err *err);

/* Of a struct, union, enum or typedef, or of a member ("task_struct.comm"), in bytes. */
int types_sizeof(const struct types *types, const char *name, uint64_t *ret,
		 struct err *err);

/* Elements of an array, of its first dimension, and the bytes of one. */
int types_array(const struct types *types, const char *path, uint64_t *ret_count,
		uint64_t *ret_size_bytes, struct err *err);

/* The type of a struct or of a member, see type_info.h; where it lies as types_bits(). */
int types_find(const struct types *types, const char *path, uint32_t *ret_type_id,
	       uint64_t *ret_offset_bits, uint32_t *ret_bitfield_bits, struct err *err);

/* For type_info.c alone. */
struct btf;
const struct btf *types_btf(const struct types *types);

/* The value of @enumerator in "enum @enum_name", or in any enum where that is NULL. */
int types_enum(const struct types *types, const char *enum_name, const char *enumerator,
	       int64_t *ret, struct err *err);

#define _cleanup_types _cleanup_(types_freep)

#endif
