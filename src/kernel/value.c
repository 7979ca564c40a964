// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/value.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "kernel/types.h"

#define VALUE_BYTES_MAX 9 /* 64 bits that do not begin at a byte */

static int read_bits(struct kernel *kernel, uint64_t vaddr, const char *path,
		     uint64_t *ret, uint64_t *ret_bits, struct err *err)
{
	uint8_t bytes[16] = { 0 };
	const struct types *types;
	uint64_t offset = 0, bits = 0, size, value;
	int r = kernel_types(kernel, &types, err);

	if (r == 0)
		r = types_bits(types, path, &offset, &bits, err);
	if (r < 0)
		return r;
	if (bits == 0 || bits > 64)
		return err_set(err, ERR_INVALID, "'%s' is no number", path);
	size = (offset % 8 + bits + 7) / 8;
	r = kernel_read(kernel, vaddr + offset / 8, bytes, size, err);
	if (r < 0)
		return err_in(err, r, "'%s' at 0x%" PRIx64, path, vaddr);
	value = load_le64(bytes) >> offset % 8;
	if (size == VALUE_BYTES_MAX)
		value |= (uint64_t)bytes[8] << (64 - offset % 8);
	*ret = bits == 64 ? value : value & (((uint64_t)1 << bits) - 1);
	*ret_bits = bits;
	return 0;
}

int value_read(struct kernel *kernel, uint64_t vaddr, const char *path, uint64_t *ret,
	       struct err *err)
{
	uint64_t bits;

	return read_bits(kernel, vaddr, path, ret, &bits, err);
}

int value_read_signed(struct kernel *kernel, uint64_t vaddr, const char *path,
		      int64_t *ret, struct err *err)
{
	uint64_t value, bits;
	int r = read_bits(kernel, vaddr, path, &value, &bits, err);

	if (r < 0)
		return r;
	if (bits < 64 && value >> (bits - 1))
		value |= UINT64_MAX << bits;
	*ret = (int64_t)value;
	return 0;
}

int value_read_any(struct kernel *kernel, uint64_t vaddr, const char *const *paths,
		   uint64_t *ret, struct err *err)
{
	for (; paths[1]; paths++) {
		int r = value_read(kernel, vaddr, *paths, ret, err);

		if (r != ERR_NOTFOUND)
			return r;
	}
	return value_read(kernel, vaddr, *paths, ret, err);
}

int value_symbol(struct kernel *kernel, const char *symbol, unsigned int size_bytes,
		 uint64_t *ret, struct err *err)
{
	uint8_t bytes[8] = { 0 };
	uint64_t vaddr;
	int r = kernel_symbol(kernel, symbol, &vaddr, err);

	if (r < 0)
		return r;
	r = kernel_read(kernel, vaddr, bytes, MIN(size_bytes, 8u), err);
	if (r < 0)
		return err_in(err, r, "'%s'", symbol);
	*ret = load_le64(bytes);
	return 0;
}

int value_vaddr(struct kernel *kernel, uint64_t vaddr, const char *path, uint64_t *ret,
		struct err *err)
{
	uint64_t offset;
	int r = kernel_offset(kernel, path, &offset, err);

	if (r == 0)
		*ret = vaddr + offset;
	return r;
}

int value_follow(struct kernel *kernel, uint64_t vaddr, const char *const *paths,
		 uint64_t *ret, struct err *err)
{
	for (; *paths; paths++) {
		int r = value_read(kernel, vaddr, *paths, &vaddr, err);

		if (r < 0)
			return r;
		if (!vaddr)
			return err_set(err, ERR_NOTFOUND, "'%s' is NULL", *paths);
	}
	*ret = vaddr;
	return 0;
}

bool value_has(struct kernel *kernel, const char *path)
{
	uint64_t offset;

	return kernel_offset(kernel, path, &offset, NULL) != ERR_NOTFOUND;
}

int value_array(struct kernel *kernel, const char *path, uint64_t *ret_count,
		uint64_t *ret_size_bytes, struct err *err)
{
	const struct types *types;
	int r = kernel_types(kernel, &types, err);

	return r < 0 ? r : types_array(types, path, ret_count, ret_size_bytes, err);
}

int value_enum(struct kernel *kernel, const char *enum_name, const char *enumerator,
	       uint64_t *ret, struct err *err)
{
	const struct types *types;
	int64_t value;
	int r = kernel_types(kernel, &types, err);

	if (r == 0)
		r = types_enum(types, enum_name, enumerator, &value, err);
	if (r == 0)
		*ret = (uint64_t)value;
	return r;
}
