// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/type_info.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

static const struct btf_type *type_get(const struct types *types, uint32_t id)
{
	return id ? btf__type_by_id(types_btf(types), id) : NULL;
}

static const char *name_get(const struct types *types, uint32_t name_off)
{
	const char *name = btf__name_by_offset(types_btf(types), name_off);

	return name ? name : "";
}

/* Behind typedefs, const and their like; 0 for void, UINT32_MAX where they never end. */
static uint32_t resolve_id(const struct types *types, uint32_t id)
{
	for (int i = 0; i < TYPES_MODIFIER_MAX; i++) {
		const struct btf_type *type = type_get(types, id);

		if (!type)
			return id ? UINT32_MAX : 0;
		if (!btf_is_mod(type) && !btf_is_typedef(type))
			return id;
		id = type->type;
	}
	return UINT32_MAX;
}

static void int_get(const struct types *types, const struct btf_type *type,
		    struct type_info *ret)
{
	uint8_t encoding = btf_int_encoding(type);

	ret->kind = encoding & BTF_INT_BOOL			      ? TYPE_BOOL
		    : strcmp(name_get(types, type->name_off), "char") ? TYPE_INT
								      : TYPE_CHAR;
	ret->is_signed = encoding & BTF_INT_SIGNED;
	ret->size_bytes = type->size;
}

/* Elements times the size of one; 0 where that is too much. */
static uint64_t array_size(const struct types *types, const struct btf_type *type)
{
	uint64_t size = 1;

	for (int i = 0; i < TYPES_MODIFIER_MAX && type; i++) {
		if (!btf_is_array(type))
			return __builtin_mul_overflow(
				       size, btf_is_ptr(type) ? 8 : type->size, &size)
				       ? 0
				       : size;
		if (__builtin_mul_overflow(size, btf_array(type)->nelems, &size))
			return 0;
		type = type_get(types, resolve_id(types, btf_array(type)->type));
	}
	return 0;
}

void type_info_get(const struct types *types, uint32_t id, struct type_info *ret)
{
	struct type_info info = { .kind = TYPE_UNKNOWN, .id = resolve_id(types, id) };
	const struct btf_type *type = type_get(types, info.id);

	if (!info.id) {
		info.kind = TYPE_VOID;
	} else if (type && btf_is_int(type)) {
		int_get(types, type, &info);
	} else if (type && btf_is_float(type)) {
		info.kind = TYPE_FLOAT;
		info.size_bytes = type->size;
	} else if (type && btf_is_any_enum(type)) {
		info.kind = TYPE_ENUM;
		info.size_bytes = type->size;
		info.is_signed = btf_kflag(type);
		info.count = btf_vlen(type);
	} else if (type && btf_is_ptr(type)) {
		info.kind = TYPE_POINTER;
		info.size_bytes = 8;
		info.target = type->type;
	} else if (type && btf_is_array(type)) {
		info.kind = TYPE_ARRAY;
		info.size_bytes = array_size(types, type);
		info.target = btf_array(type)->type;
		info.count = btf_array(type)->nelems;
	} else if (type && btf_is_composite(type)) {
		info.kind = btf_is_union(type) ? TYPE_UNION : TYPE_STRUCT;
		info.size_bytes = type->size;
		info.count = btf_vlen(type);
	} else if (type && btf_is_func_proto(type)) {
		info.kind = TYPE_FUNCTION;
		info.target = type->type;
		info.count = btf_vlen(type);
	}
	*ret = info;
}

bool type_info_member(const struct types *types, const struct type_info *info, uint32_t i,
		      struct type_member *ret)
{
	const struct btf_type *type = type_get(types, info->id);

	if (!type || !btf_is_composite(type) || i >= btf_vlen(type))
		return false;
	*ret = (struct type_member){
		.name = name_get(types, btf_members(type)[i].name_off),
		.type_id = btf_members(type)[i].type,
		.offset_bits = btf_member_bit_offset(type, i),
		.bitfield_bits = btf_member_bitfield_size(type, i),
	};
	return true;
}

const char *type_info_enumerator(const struct types *types, const struct type_info *info,
				 uint64_t value)
{
	const struct btf_type *type = type_get(types, info->id);

	for (uint32_t i = 0; type && btf_is_any_enum(type) && i < btf_vlen(type); i++) {
		if (btf_is_enum64(type)) {
			if (btf_enum64_value(&btf_enum64(type)[i]) == value)
				return name_get(types, btf_enum64(type)[i].name_off);
		} else if ((uint32_t)btf_enum(type)[i].val == (uint32_t)value) {
			return name_get(types, btf_enum(type)[i].name_off);
		}
	}
	return NULL;
}

/* --- names ----------------------------------------------------------------------- */

/* A buffer that is written to its end and no further. */
struct line {
	char *data;
	size_t size, used;
};

static void line_add(struct line *line, const char *fmt, ...) PRINTF(2, 3);
static void line_add(struct line *line, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (line->used >= line->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line->data + line->used, line->size - line->used, fmt, ap);
	va_end(ap);
	line->used += n > 0 ? (size_t)n : 0;
}

static void base_name(const struct types *types, const struct btf_type *type,
		      struct line *line)
{
	const char *name = name_get(types, type->name_off);

	if (btf_is_struct(type))
		line_add(line, "struct ");
	else if (btf_is_union(type) ||
		 (btf_kind(type) == BTF_KIND_FWD && btf_kflag(type)))
		line_add(line, "union ");
	else if (btf_is_any_enum(type))
		line_add(line, "enum ");
	else if (btf_kind(type) == BTF_KIND_FWD)
		line_add(line, "struct ");
	line_add(line, "%s", name[0] ? name : "{...}");
}

static void add_name(const struct types *types, uint32_t id, int depth,
		     struct line *line);

/* @stars stand where the function's name would. */
static void add_function(const struct types *types, const struct btf_type *type,
			 const char *stars, int depth, struct line *line)
{
	uint32_t count = btf_vlen(type);

	add_name(types, type->type, depth + 1, line);
	line_add(line, " (%s)(", stars);
	for (uint32_t i = 0; i < count && i < 16; i++) {
		if (i)
			line_add(line, ", ");
		if (i == count - 1 && !btf_params(type)[i].type)
			line_add(line, "...");
		else
			add_name(types, btf_params(type)[i].type, depth + 1, line);
	}
	line_add(line, count ? ")" : "void)");
}

/* Pointers and arrays around a named type or a function; depth is that of functions. */
static void add_name(const struct types *types, uint32_t id, int depth, struct line *line)
{
	char stars[8] = "", arrays[64] = "";
	const struct btf_type *type = NULL;

	for (int i = 0; i < TYPES_MODIFIER_MAX; i++) {
		size_t n;

		type = type_get(types, id);
		if (!type)
			break;
		if (btf_is_ptr(type)) {
			n = strlen(stars);
			if (n < sizeof(stars) - 1)
				stars[n] = '*';
		} else if (btf_is_array(type)) {
			n = strlen(arrays);
			snprintf(arrays + n, sizeof(arrays) - n, "[%" PRIu32 "]",
				 btf_array(type)->nelems);
			id = btf_array(type)->type;
			continue;
		} else if (!btf_is_mod(type)) {
			break;
		}
		id = type->type;
	}
	if (type && btf_is_func_proto(type) && depth < TYPE_NAME_DEPTH_MAX)
		add_function(types, type, stars, depth, line);
	else if (type)
		base_name(types, type, line);
	else
		line_add(line, id ? "?" : "void");
	if (!type || !btf_is_func_proto(type))
		line_add(line, "%s%s", stars[0] ? " " : "", stars);
	line_add(line, "%s%s", arrays[0] ? " " : "", arrays);
}

void type_info_name(const struct types *types, uint32_t id, char *ret, size_t size)
{
	struct line line = { .data = ret, .size = size };

	if (size)
		ret[0] = '\0';
	add_name(types, id, 0, &line);
}
