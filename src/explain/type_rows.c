// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/type_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/module_types.h"
#include "kernel/type_info.h"

#define NAME_SIZE 256
#define TEXT_SIZE 64 /* shown of what a char * points to */

struct reader {
	struct kernel *kernel;
	const struct types *types;
	uint64_t vaddr; /* 0: only the layout */
	struct type_rows *rows;
};

/* A member, an element, or the whole: what a row is made from. */
struct place {
	const char *name, *path;
	uint32_t type_id;
	uint64_t offset_bits;
	uint32_t bitfield_bits;
	unsigned int depth;
};

static int add_place(struct reader *reader, const struct place *place, struct err *err);

static int row_new(struct reader *reader, const struct place *place, uint64_t size_bytes,
		   struct type_row **ret, struct err *err)
{
	struct type_rows *rows = reader->rows;
	char type[NAME_SIZE], clean[NAME_SIZE];
	struct type_row *row;
	size_t n = rows->count;

	if (n % 64 == 0) {
		row = realloc(rows->rows, (n + 64) * sizeof(*row));
		if (!row)
			return err_nomem(err);
		rows->rows = row;
	}
	row = &rows->rows[rows->count++];
	type_info_name(reader->types, place->type_id, type, sizeof(type));
	ascii_escape(type, strlen(type), clean, sizeof(clean));
	*row = (struct type_row){
		.depth = place->depth,
		.name = ascii_new(place->name, strlen(place->name)),
		.path = ascii_new(place->path, strlen(place->path)),
		.type = strdup(clean),
		.offset_bits = place->offset_bits,
		.bitfield_bits = place->bitfield_bits,
		.size_bytes = size_bytes,
	};
	if (!row->name || !row->path || !row->type)
		return err_nomem(err);
	*ret = row;
	return 0;
}

/* --- values ---------------------------------------------------------------------- */

static void lose(struct reader *reader, struct type_row *row, const struct err *why)
{
	row->is_lost = true;
	if (!reader->rows->lost[0])
		ascii_escape(err_text(why), strlen(err_text(why)), reader->rows->lost,
			     sizeof(reader->rows->lost));
}

static void format_number(const struct type_info *info, uint64_t value, uint32_t bits,
			  struct text *ret)
{
	if (bits < 64)
		value &= ((uint64_t)1 << bits) - 1;
	if (info->is_signed && bits && bits < 64 && value >> (bits - 1))
		value |= UINT64_MAX << bits;
	if (info->kind == TYPE_BOOL)
		text_add(ret, value ? "true" : "false");
	else if (info->kind == TYPE_CHAR && value > ' ' && value < 0x7f)
		text_add(ret, "'%c'", (char)value);
	else if (info->is_signed)
		text_add(ret, "%" PRId64, (int64_t)value);
	else if (value >> 32)
		text_add(ret, "0x%" PRIx64, value);
	else
		text_add(ret, "%" PRIu64, value);
}

/* What it points to, where that has a name or is a text. */
static void format_pointer(struct reader *reader, const struct type_info *info,
			   uint64_t value, struct text *ret)
{
	struct type_info target;
	struct kernel_name name;
	char text[TEXT_SIZE], clean[4 * TEXT_SIZE];

	text_add(ret, value ? "0x%" PRIx64 : "NULL", value);
	if (!value)
		return;
	if (kernel_name(reader->kernel, value, &name, NULL) == 0) {
		ascii_escape(name.symbol, strlen(name.symbol), clean, sizeof(clean));
		text_add(ret, " <%s", clean);
		if (name.offset)
			text_add(ret, "+0x%" PRIx64, name.offset);
		text_add(ret, ">");
	}
	type_info_get(reader->types, info->target, &target);
	if (target.kind == TYPE_CHAR &&
	    kernel_read_string(reader->kernel, value, text, sizeof(text), NULL) == 0) {
		ascii_escape(text, strlen(text), clean, sizeof(clean));
		text_add(ret, " \"%s\"", clean);
	}
}

static void format_scalar(struct reader *reader, const struct type_info *info,
			  const uint8_t bytes[16], uint32_t shift, uint32_t bits,
			  struct text *ret)
{
	uint64_t value = load_le64(bytes) >> shift;
	const char *enumerator;

	if (shift)
		value |= (uint64_t)bytes[8] << (64 - shift);
	switch (info->kind) {
	case TYPE_POINTER:
		format_pointer(reader, info, value, ret);
		break;
	case TYPE_ENUM:
		if (bits < 64)
			value &= ((uint64_t)1 << bits) - 1;
		enumerator = type_info_enumerator(reader->types, info, value);
		format_number(info, value, bits, ret);
		if (enumerator && *enumerator)
			text_add(ret, " (%s)", enumerator);
		break;
	default:
		format_number(info, value, bits, ret);
	}
}

static bool is_scalar(const struct type_info *info)
{
	switch (info->kind) {
	case TYPE_INT:
	case TYPE_BOOL:
	case TYPE_CHAR:
	case TYPE_ENUM:
	case TYPE_POINTER:
		return info->size_bytes > 0 && info->size_bytes <= 8;
	default:
		return false;
	}
}

static int row_set(struct type_row *row, struct text *text, struct err *err)
{
	int r = text_check(text, err);

	if (r == 0) {
		row->value = ascii_new(text_get(text), strlen(text_get(text)));
		if (!row->value)
			r = err_nomem(err);
	}
	return r;
}

/* Where the numbers of one row lie. */
struct numbers {
	uint64_t vaddr;
	uint64_t count;
	uint32_t shift, bits;
};

static int number_read(struct reader *reader, const struct numbers *numbers,
		       const struct type_info *element, uint64_t i, uint8_t bytes[16],
		       struct err *err)
{
	memset(bytes, 0, 16);
	return kernel_read(reader->kernel, numbers->vaddr + i * element->size_bytes,
			   bytes, MIN((numbers->shift + numbers->bits + 7) / 8, 16u),
			   err);
}

/* @ret: how many from the @i-th on are equal. */
static int run_read(struct reader *reader, const struct numbers *numbers,
		    const struct type_info *element, uint64_t i, uint8_t bytes[16],
		    uint64_t *ret, struct err *err)
{
	uint8_t next[16];
	uint64_t n = 1;
	int r = number_read(reader, numbers, element, i, bytes, err);

	while (r == 0 && i + n < numbers->count &&
	       number_read(reader, numbers, element, i + n, next, NULL) == 0 &&
	       memcmp(bytes, next, sizeof(next)) == 0)
		n++;
	*ret = n;
	return r;
}

/* One number, or an array of them in a line: {1, 2, 0 (62 times)}. */
static int row_read(struct reader *reader, const struct place *place,
		    struct type_row *row, const struct type_info *element, uint64_t count,
		    bool is_array, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	const struct numbers numbers = {
		.vaddr = reader->vaddr + place->offset_bits / 8,
		.count = MIN(count, (uint64_t)TYPE_ROWS_NUMBERS_MAX),
		.shift = place->offset_bits % 8,
		.bits = place->bitfield_bits ? place->bitfield_bits
					     : (uint32_t)element->size_bytes * 8,
	};
	uint64_t i = 0, run = 0, shown = 0;

	text_add(&text, is_array ? "{" : "");
	for (; i < numbers.count && shown < TYPE_ROWS_ELEMENTS; i += run, shown++) {
		struct err why = { 0 };
		uint8_t bytes[16];

		text_add(&text, i ? ", " : "");
		if (run_read(reader, &numbers, element, i, bytes, &run, &why) < 0) {
			text_add(&text, "?");
			lose(reader, row, &why);
			break;
		}
		format_scalar(reader, element, bytes, numbers.shift, numbers.bits, &text);
		if (run > 1)
			text_add(&text, " (%" PRIu64 " times)", run);
	}
	text_add(&text, i < count ? ", ...%s" : "%s", is_array ? "}" : "");
	return row_set(row, &text, err);
}

static int row_read_chars(struct reader *reader, const struct place *place,
			  struct type_row *row, uint32_t count, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	char chars[TYPE_ROWS_CHARS_MAX], clean[4 * TYPE_ROWS_CHARS_MAX + 1];
	size_t size = MIN(count, (uint32_t)sizeof(chars));
	struct err why = { 0 };

	if (kernel_read(reader->kernel, reader->vaddr + place->offset_bits / 8, chars,
			size, &why) < 0) {
		lose(reader, row, &why);
		text_add(&text, "?");
	} else {
		ascii_escape(chars, strnlen(chars, size), clean, sizeof(clean));
		text_add(&text, "\"%s\"", clean);
	}
	return row_set(row, &text, err);
}

/* --- rows ------------------------------------------------------------------------ */

static int add_members(struct reader *reader, const struct place *parent,
		       const struct type_info *info, struct err *err)
{
	char path[NAME_SIZE];
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < info->count; i++) {
		struct type_member member;
		struct place place = { .depth = parent->depth + 1, .path = path };

		if (!type_info_member(reader->types, info, i, &member))
			break;
		snprintf(path, sizeof(path), "%s%s%s", parent->path,
			 parent->path[0] && member.name[0] ? "." : "", member.name);
		place.name = member.name;
		place.type_id = member.type_id;
		place.offset_bits = parent->offset_bits + member.offset_bits;
		place.bitfield_bits = member.bitfield_bits;
		r = add_place(reader, &place, err);
	}
	return r;
}

/* The first structs of an array. */
static int add_elements(struct reader *reader, const struct place *parent,
			const struct type_info *array, const struct type_info *element,
			struct err *err)
{
	char name[24], path[NAME_SIZE];
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < MIN(array->count, TYPE_ROWS_ELEMENTS); i++) {
		struct place place = {
			.name = name,
			.path = path,
			.type_id = array->target,
			.offset_bits = parent->offset_bits + i * element->size_bytes * 8,
			.depth = parent->depth + 1,
		};

		snprintf(name, sizeof(name), "[%" PRIu32 "]", i);
		snprintf(path, sizeof(path), "%.200s%s", parent->path, name);
		r = add_place(reader, &place, err);
	}
	return r;
}

static int add_array(struct reader *reader, const struct place *place,
		     const struct type_info *info, struct type_row *row, struct err *err)
{
	struct type_info element;

	type_info_get(reader->types, info->target, &element);
	if (!reader->vaddr)
		return 0;
	if (element.kind == TYPE_CHAR && info->count)
		return row_read_chars(reader, place, row, info->count, err);
	if (is_scalar(&element))
		return row_read(reader, place, row, &element, info->count, true, err);
	row->is_group = info->count > 0;
	return add_elements(reader, place, info, &element, err);
}

/* Depth and rows are bounded, whatever BTF says. */
static int add_place(struct reader *reader, const struct place *place, struct err *err)
{
	struct type_info info;
	struct type_row *row = NULL;
	int r;

	if (reader->rows->count >= TYPE_ROWS_MAX) {
		reader->rows->is_cut = true;
		return 0;
	}
	type_info_get(reader->types, place->type_id, &info);
	r = row_new(reader, place, info.size_bytes, &row, err);
	if (r < 0)
		return r;
	if (info.kind == TYPE_ARRAY && place->depth < TYPE_ROWS_DEPTH_MAX)
		return add_array(reader, place, &info, row, err);
	if (info.kind == TYPE_STRUCT || info.kind == TYPE_UNION) {
		// A layout is that of one struct: others are told by their names.
		if (place->depth >= TYPE_ROWS_DEPTH_MAX ||
		    (!reader->vaddr && place->depth && place->name[0]))
			return 0;
		row->is_group = true;
		return add_members(reader, place, &info, err);
	}
	if (reader->vaddr && is_scalar(&info))
		return row_read(reader, place, row, &info, 1, false, err);
	return 0;
}

int type_rows_read(struct kernel *kernel, const char *path, uint64_t vaddr,
		   struct type_rows *ret, struct err *err)
{
	_cleanup_type_rows struct type_rows rows = { 0 };
	struct reader reader = { .kernel = kernel, .vaddr = vaddr, .rows = &rows };
	struct place place = { .name = "", .path = "" };
	_cleanup_types struct types *of_module = NULL;
	const char *module;
	struct type_info info;
	char name[sizeof(rows.type)];
	int r = kernel_types(kernel, &reader.types, err);

	if (r == 0)
		r = types_find(reader.types, path, &place.type_id, &place.offset_bits,
			       &place.bitfield_bits, err);
	if (r == ERR_NOTFOUND &&
	    module_types_find(kernel, path, &of_module, &module, NULL) == 0) {
		reader.types = of_module;
		r = types_find(of_module, path, &place.type_id, &place.offset_bits,
			       &place.bitfield_bits, err);
	}
	if (r == 0)
		r = add_place(&reader, &place, err);
	if (r < 0)
		return r;
	type_info_get(reader.types, place.type_id, &info);
	rows.size_bytes = info.size_bytes;
	type_info_name(reader.types, place.type_id, name, sizeof(name));
	ascii_escape(name, strlen(name), rows.type, sizeof(rows.type));
	*ret = rows;
	rows = (struct type_rows){ 0 };
	return 0;
}

void type_rows_done(struct type_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->rows[i].name);
		free(rows->rows[i].path);
		free(rows->rows[i].type);
		free(rows->rows[i].value);
	}
	free(rows->rows);
	*rows = (struct type_rows){ 0 };
}

/* --- text and JSON --------------------------------------------------------------- */

static void format_row(const struct type_row *row, struct text *ret)
{
	text_add(ret, "%#7" PRIx64, row->offset_bits / 8);
	if (row->bitfield_bits)
		text_add(ret, ":%-2" PRIu64, row->offset_bits % 8);
	else
		text_add(ret, "   ");
	text_add(ret, " %*s%s%s%s", (int)row->depth * 2, "", row->type,
		 row->name[0] ? " " : "", row->name);
	if (row->bitfield_bits)
		text_add(ret, " : %" PRIu32, row->bitfield_bits);
	if (row->value)
		text_add(ret, " = %s", row->value);
	text_add(ret, "\n");
}

void type_rows_format_text(const struct type_rows *rows, struct text *ret)
{
	for (size_t i = 0; i < rows->count; i++) {
		format_row(&rows->rows[i], ret);
		if (i == 0)
			text_add(ret, "%10s   size %" PRIu64 " bytes\n", "",
				 rows->size_bytes);
	}
	if (rows->is_cut)
		text_add(ret, "... and more: this is where it was cut\n");
}

static json_t *new_row(const struct type_row *row)
{
	json_t *object = json_pack("{s:s, s:s, s:I, s:I}", "path", row->path, "type",
				   row->type, "offset_bytes",
				   (json_int_t)(row->offset_bits / 8), "size_bytes",
				   (json_int_t)MIN(row->size_bytes, (uint64_t)INT64_MAX));
	int r = object ? 0 : -1;

	if (r == 0 && row->bitfield_bits)
		r = json_object_set_new(object, "bit_offset",
					json_integer((int)(row->offset_bits % 8))) |
		    json_object_set_new(object, "bits", json_integer(row->bitfield_bits));
	if (r == 0 && row->value && !row->is_lost)
		r = member_put_string(object, "value", row->value);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *type_rows_new_json(const struct type_rows *rows)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < rows->count; i++) {
		if (json_array_append_new(array, new_row(&rows->rows[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
