/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF of newer kernels, made readable for every libbpf. Linux v7.1 (include/uapi/linux/
 * btf.h) widened a type's info word (24 bits count members, 7 bits are the kind) and let
 * the header point at a table of how long each kind's records are, so that a reader gets
 * past kinds that it does not know. libbpf 1.1 reads 16 and 5 bits and refuses all of a
 * file that has one unknown kind in it.
 *
 * Types keep their ids. It looks at lengths alone: what types mean is types.h's.
 */
#ifndef KERNEL_BTF_PLAIN_H
#define KERNEL_BTF_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BTF_PLAIN_HEADER_SIZE 24
#define BTF_PLAIN_KIND_MAX    19 /* ENUM64, in libbpf since 1.0 */
#define BTF_PLAIN_MEMBERS_MAX 65535

/*
 * @ret: NULL if the bytes are plain already, else a copy, which the caller frees, without
 * the table; a type of an unknown kind is a forward declaration in it, and of too many
 * members the first are left. ERR_CORRUPT, ERR_TRUNCATED, ERR_NOMEM; ERR_UNSUPPORTED: a
 * kind that neither we nor the file know the length of.
 */
int btf_plain(const uint8_t *data, size_t size, uint8_t **ret, size_t *ret_size,
	      struct err *err);

#endif
