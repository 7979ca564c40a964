// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * types: BTF made with libbpf, then cut, flipped, and led in circles. What a damaged byte
 * changes can't be foreseen; that nothing is read outside of the bytes is seen by ASan.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "base/cleanup.h"
#include "kernel/types.h"

/*
 *	struct inner { long a; union { int b; char c[4]; }; };
 *	typedef const struct inner inner_t;
 *	struct outer {
 *		int first;
 *		struct { int deep; struct { long deeper; }; };    anonymous
 *		inner_t pair[2];
 *		unsigned int bit : 1, bits : 3;
 *		struct outer *self;
 *	};
 *	enum colour { RED = -1, GREEN = 2 };
 *	enum : u64 { BIG = 1 << 40 };
 */
static struct btf *sample_make(void)
{
	struct btf *btf = btf__new_empty();
	int r = 0, i, l, c, inner, inner_t, array, chars, both, deeper, deep, outer;

	assert_non_null(btf);
	i = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	l = btf__add_int(btf, "long", 8, BTF_INT_SIGNED);
	c = btf__add_int(btf, "char", 1, BTF_INT_CHAR);
	chars = btf__add_array(btf, i, c, 4);
	both = btf__add_union(btf, NULL, 4);
	r |= btf__add_field(btf, "b", i, 0, 0) | btf__add_field(btf, "c", chars, 0, 0);
	inner = btf__add_struct(btf, "inner", 16);
	r |= btf__add_field(btf, "a", l, 0, 0) | btf__add_field(btf, NULL, both, 64, 0);
	inner_t = btf__add_typedef(btf, "inner_t", btf__add_const(btf, inner));
	array = btf__add_array(btf, i, inner_t, 2);
	deeper = btf__add_struct(btf, NULL, 8);
	r |= btf__add_field(btf, "deeper", l, 0, 0);
	deep = btf__add_struct(btf, NULL, 16);
	r |= btf__add_field(btf, "deep", i, 0, 0) |
	     btf__add_field(btf, NULL, deeper, 64, 0);
	outer = btf__type_cnt(btf);
	r |= btf__add_struct(btf, "outer", 72) < 0;
	r |= btf__add_field(btf, "first", i, 0, 0) |
	     btf__add_field(btf, NULL, deep, 64, 0) |
	     btf__add_field(btf, "pair", array, 192, 0) |
	     btf__add_field(btf, "bit", i, 448, 1) |
	     btf__add_field(btf, "bits", i, 449, 3) |
	     btf__add_field(btf, "self", outer + 1, 512, 0);
	assert_int_equal(btf__add_ptr(btf, outer), outer + 1);
	r |= btf__add_enum(btf, "colour", 4) < 0;
	r |= btf__add_enum_value(btf, "RED", -1) | btf__add_enum_value(btf, "GREEN", 2);
	r |= btf__add_enum64(btf, NULL, 8, false) < 0;
	r |= btf__add_enum64_value(btf, "BIG", UINT64_C(1) << 40);
	assert_int_equal(r, 0);
	return btf;
}

static struct types *types_of(struct btf *btf)
{
	struct types *types = NULL;
	struct err err = { 0 };
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	if (types_new_bytes(data, size, &types, &err) < 0)
		fail_msg("%s", err_text(&err));
	btf__free(btf);
	return types;
}

static void offset_is(const struct types *types, const char *path, uint64_t expected)
{
	uint64_t value = ~expected;
	struct err err = { 0 };

	if (types_offset(types, path, &value, &err) < 0)
		fail_msg("%s: %s", path, err_text(&err));
	assert_int_equal(value, expected);
}

static void size_is(const struct types *types, const char *name, uint64_t expected)
{
	uint64_t value = ~expected;
	struct err err = { 0 };

	if (types_sizeof(types, name, &value, &err) < 0)
		fail_msg("%s: %s", name, err_text(&err));
	assert_int_equal(value, expected);
}

static void members(void **state)
{
	_cleanup_types struct types *types = types_of(sample_make());

	offset_is(types, "outer.first", 0);
	offset_is(types, "outer.deep", 8);
	offset_is(types, "outer.deeper", 16);
	offset_is(types, "outer.pair", 24);
	offset_is(types, "outer.pair.a", 24);
	offset_is(types, "outer.pair.b", 32);
	offset_is(types, "outer.pair.c", 32);
	offset_is(types, "inner_t.b", 8);
	offset_is(types, "outer.bit", 56);
	size_is(types, "outer", 72);
	size_is(types, "outer.pair", 32);
	size_is(types, "outer.self", 8);
	size_is(types, "inner_t", 16);
	size_is(types, "inner.c", 4);
	size_is(types, "colour", 4);
}

static void bit_fields(void **state)
{
	_cleanup_types struct types *types = types_of(sample_make());
	uint64_t offset = 0, size = 0;

	assert_int_equal(types_bits(types, "outer.bits", &offset, &size, NULL), 0);
	assert_int_equal(offset, 449);
	assert_int_equal(size, 3);
	assert_int_equal(types_bits(types, "outer.pair", &offset, &size, NULL), 0);
	assert_int_equal(offset, 192);
	assert_int_equal(size, 256);
	assert_int_equal(types_offset(types, "outer.bits", &offset, NULL),
			 ERR_UNSUPPORTED);
	assert_int_equal(types_sizeof(types, "outer.bit", &size, NULL), ERR_UNSUPPORTED);
}

static void enums(void **state)
{
	_cleanup_types struct types *types = types_of(sample_make());
	int64_t value = 0;

	assert_int_equal(types_enum(types, "colour", "RED", &value, NULL), 0);
	assert_int_equal(value, -1);
	assert_int_equal(types_enum(types, NULL, "GREEN", &value, NULL), 0);
	assert_int_equal(value, 2);
	assert_int_equal(types_enum(types, NULL, "BIG", &value, NULL), 0);
	assert_int_equal(value, (int64_t)1 << 40);
	assert_int_equal(types_enum(types, "colour", "BLUE", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_enum(types, "outer", "RED", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_enum(types, NULL, "BLUE", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(value, (int64_t)1 << 40);
}

/* All bits set: -1 where signed enums are not marked as such, else 2^32 - 1. */
static void enums_of_old_makers(void **state)
{
	for (int marks = 0; marks < 2; marks++) {
		struct btf *btf = btf__new_empty();
		struct types *types;
		int64_t value = 0;

		assert_int_equal(btf__add_enum(btf, "e", 4), 1);
		assert_int_equal(btf__add_enum_value(btf, "ALL", UINT32_MAX), 0);
		assert_int_equal(btf__add_enum(btf, "f", 4), 2);
		assert_int_equal(btf__add_enum_value(btf, "SOME", marks ? -2 : 2), 0);
		types = types_of(btf);
		assert_int_equal(types_enum(types, "e", "ALL", &value, NULL), 0);
		assert_int_equal(value, marks ? (int64_t)UINT32_MAX : -1);
		types_free(types);
	}
}

static void what_is_not_there(void **state)
{
	_cleanup_types struct types *types = types_of(sample_make());
	char too_long[1024];
	struct err err = { 0 };
	uint64_t value = 7;

	assert_int_equal(types_offset(types, "outer.second", &value, &err), ERR_NOTFOUND);
	assert_string_equal(err_text(&err), "'outer' has no member 'second'");
	assert_int_equal(types_offset(types, "outer.fir", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_offset(types, "oute.first", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_offset(types, "outer.first.x", &value, NULL),
			 ERR_NOTFOUND);
	assert_int_equal(types_offset(types, "outer.self.first", &value, NULL),
			 ERR_NOTFOUND); /* another object: behind a pointer */
	assert_int_equal(types_offset(types, "outer.", &value, NULL), ERR_INVALID);
	assert_int_equal(types_offset(types, "outer..first", &value, NULL), ERR_INVALID);
	assert_int_equal(types_offset(types, "", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_offset(types, ".", &value, NULL), ERR_NOTFOUND);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(types_offset(types, too_long, &value, NULL), ERR_INVALID);
	assert_int_equal(value, 7);
}

/* --- hostile --------------------------------------------------------------------- */

static void look_at_all(const struct types *types)
{
	static const char *const names[] = { "outer.deeper", "outer.pair.b", "inner_t.c",
					     "outer.self",   "colour",	     "outer" };
	uint64_t value, size;
	int64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		types_offset(types, names[i], &value, NULL);
		types_sizeof(types, names[i], &value, NULL);
		types_bits(types, names[i], &value, &size, NULL);
	}
	types_enum(types, "colour", "GREEN", &number, NULL);
	types_enum(types, NULL, "no such", &number, NULL);
}

static void try_bytes(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size + (size == 0));
	struct types *types = NULL;
	struct err err = { 0 };

	assert_non_null(exact);
	memcpy(exact, data, size);
	if (types_new_bytes(exact, size, &types, &err) == 0)
		look_at_all(types);
	else
		assert_true(err.text[0] != '\0');
	free(exact);
	types_free(types);
}

static void cut_at_every_byte(void **state)
{
	struct btf *btf = sample_make();
	struct types *types;
	uint32_t size;
	const uint8_t *data = btf__raw_data(btf, &size);

	for (uint32_t i = 0; i < size; i++) {
		try_bytes(data, i);
		types = NULL;
		/* The strings stand last and their end is counted in the header. */
		assert_true(types_new_bytes(data, i, &types, NULL) < 0);
	}
	btf__free(btf);
}

static void every_byte_damaged(void **state)
{
	static const uint8_t values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
	struct btf *btf = sample_make();
	uint32_t size;
	const uint8_t *data = btf__raw_data(btf, &size);
	uint8_t *copy = malloc(size);

	assert_non_null(copy);
	for (uint32_t i = 0; i < size; i++)
		for (size_t j = 0; j < sizeof(values); j++) {
			memcpy(copy, data, size);
			copy[i] = values[j];
			try_bytes(copy, size);
		}
	free(copy);
	btf__free(btf);
}

/* Types at odd addresses: libbpf 1.1 takes them. */
static void header_of_odd_size(void **state)
{
	struct btf *btf = sample_make();
	struct types *types = NULL;
	uint32_t size;
	const uint8_t *data = btf__raw_data(btf, &size);
	uint8_t *copy = calloc(1, size + 1);

	assert_non_null(copy);
	memcpy(copy, data, 24);
	memcpy(copy + 25, data + 24, size - 24);
	copy[4] = 25;
	assert_int_equal(types_new_bytes(copy, size + 1, &types, NULL), ERR_CORRUPT);
	assert_null(types);
	free(copy);
	btf__free(btf);
}

/* --- newer than this libbpf ------------------------------------------------------ */

#define NEW_KIND   40
#define NEW_HEADER 32

struct words {
	uint32_t at[1 << 20];
	size_t count;
};

static void add_type(struct words *w, uint32_t name, uint32_t kind, uint32_t count,
		     uint32_t size)
{
	w->at[w->count++] = name;
	w->at[w->count++] = kind << 24 | count;
	w->at[w->count++] = size;
}

/*
 * The sample and behind its types, with the names that it has already: a type of a new
 * kind, "struct colour { int first at 8; }", an enum "outer" of @enumerators, each named
 * GREEN but for the last, and "typedef int GREEN".
 */
static uint8_t *new_sample(bool has_layout, uint32_t enumerators, size_t *ret_size)
{
	struct btf *btf = sample_make();
	struct words *w = calloc(1, sizeof(*w));
	uint32_t size, types_size, names_size, header[NEW_HEADER / 4];
	const uint8_t *data;
	uint32_t layout_size = has_layout ? (NEW_KIND + 1) * 4 : 0;
	int colour = btf__find_str(btf, "colour"), first = btf__find_str(btf, "first");
	int green = btf__find_str(btf, "GREEN"), big = btf__find_str(btf, "BIG");
	int outer = btf__find_str(btf, "outer");
	uint8_t *made, *to;

	assert_non_null(w);
	data = btf__raw_data(btf, &size); // a search would free it
	memcpy(header, data, 24);
	types_size = header[3];
	names_size = header[5];
	memcpy(w->at, data + 24 + header[2], types_size);
	w->count = types_size / 4;
	add_type(w, (uint32_t)first, NEW_KIND, 3, 7);
	w->count += 2 + 3; // 8 bytes, and 4 for each of 3
	add_type(w, (uint32_t)colour, BTF_KIND_STRUCT, 1, 12);
	w->at[w->count++] = (uint32_t)first;
	w->at[w->count++] = 1; // int
	w->at[w->count++] = 64;
	add_type(w, (uint32_t)outer, BTF_KIND_ENUM, enumerators, 4);
	for (uint32_t i = 0; i < enumerators; i++) {
		w->at[w->count++] = (uint32_t)(i + 1 < enumerators ? green : big);
		w->at[w->count++] = i;
	}
	add_type(w, (uint32_t)green, BTF_KIND_TYPEDEF, 0, 1);

	header[1] = NEW_HEADER;
	header[2] = layout_size; // the types' offset: the layouts come first
	header[3] = (uint32_t)w->count * 4;
	header[4] = layout_size + header[3];
	header[6] = 0;
	header[7] = layout_size;
	*ret_size = NEW_HEADER + layout_size + w->count * 4 + names_size;
	made = to = calloc(1, *ret_size);
	assert_non_null(made);
	memcpy(to, header, NEW_HEADER);
	to += NEW_HEADER;
	if (has_layout) {
		to[NEW_KIND * 4] = 8;
		to[NEW_KIND * 4 + 1] = 4;
	}
	to += layout_size;
	memcpy(to, w->at, w->count * 4);
	memcpy(to + w->count * 4, data + size - names_size, names_size);
	free(w);
	btf__free(btf);
	return made;
}

/* What is known is read; ids behind the new kind are still right. */
static void kinds_of_tomorrow(void **state)
{
	struct types *types = NULL;
	struct err err = { 0 };
	uint64_t bits, width;
	int64_t value;
	size_t size;
	uint8_t *data = new_sample(true, 3, &size);

	if (types_new_bytes(data, size, &types, &err) < 0)
		fail_msg("%s", err_text(&err));
	offset_is(types, "outer.deeper", 16);
	offset_is(types, "colour.first", 8);
	size_is(types, "colour", 12);
	size_is(types, "GREEN", 4);
	assert_int_equal(types_bits(types, "outer.bits", &bits, &width, NULL), 0);
	assert_int_equal(types_enum(types, "outer", "BIG", &value, NULL), 0);
	assert_int_equal(value, 2);
	types_free(types);
	for (size_t i = 0; i < size; i++)
		try_bytes(data, i);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= 0xff;
		try_bytes(data, size);
		data[i] ^= 0xff;
	}
	free(data);
}

static void kinds_of_unknown_length(void **state)
{
	struct types *types = NULL;
	struct err err = { 0 };
	size_t size;
	uint8_t *data = new_sample(false, 3, &size);

	assert_int_equal(types_new_bytes(data, size, &types, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err_text(&err), "kind 40"));
	free(data);
}

/* More than 16 bits count: the first are kept, and what comes behind is in its place. */
static void more_members_than_16_bits(void **state)
{
	struct types *types = NULL;
	struct err err = { 0 };
	int64_t value;
	size_t size;
	uint8_t *data = new_sample(true, 70000, &size);

	if (types_new_bytes(data, size, &types, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(types_enum(types, "outer", "GREEN", &value, NULL), 0);
	assert_int_equal(value, 0);
	assert_int_equal(types_enum(types, "outer", "BIG", &value, NULL), ERR_NOTFOUND);
	size_is(types, "GREEN", 4);
	types_free(types);
	free(data);
}

/* --- circles --------------------------------------------------------------------- */

static void typedefs_in_a_circle(void **state)
{
	struct btf *btf = btf__new_empty();
	struct types *types;
	uint64_t value;

	assert_int_equal(btf__add_typedef(btf, "a", 2), 1);
	assert_int_equal(btf__add_typedef(btf, "b", 1), 2);
	assert_int_equal(btf__add_array(btf, 3, 3, 2), 3); /* an array of itself */
	assert_int_equal(btf__add_typedef(btf, "c", 3), 4);
	assert_int_equal(btf__add_typedef(btf, "d", 1000), 5); /* no such type */
	types = types_of(btf);
	assert_int_equal(types_offset(types, "a.x", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_sizeof(types, "a", &value, NULL), ERR_CORRUPT);
	assert_int_equal(types_offset(types, "c.x", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_sizeof(types, "c", &value, NULL), ERR_CORRUPT);
	assert_int_equal(types_offset(types, "d.x", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_sizeof(types, "d", &value, NULL), ERR_CORRUPT);
	types_free(types);
}

/* A struct of 200 anonymous members that are all itself: 200^16 ways to look. */
static void anonymous_members_in_a_circle(void **state)
{
	struct btf *btf = btf__new_empty();
	struct types *types;
	uint64_t value;

	assert_int_equal(btf__add_struct(btf, "s", 8), 1);
	for (int i = 0; i < 200; i++)
		assert_int_equal(btf__add_field(btf, NULL, 1, 0, 0), 0);
	types = types_of(btf);
	assert_int_equal(types_offset(types, "s.x", &value, NULL), ERR_NOTFOUND);
	types_free(types);
}

static void arrays_too_big_to_multiply(void **state)
{
	struct btf *btf = btf__new_empty();
	struct types *types;
	uint64_t value;
	int id = btf__add_int(btf, "int", 4, 0);

	for (int i = 0; i < 3; i++)
		id = btf__add_array(btf, 1, id, UINT32_MAX);
	assert_true(btf__add_typedef(btf, "big", id) > 0);
	types = types_of(btf);
	assert_int_equal(types_sizeof(types, "big", &value, NULL), ERR_CORRUPT);
	types_free(types);
}

static void limit_of_size(void **state)
{
	struct types *types = NULL;
	static const uint8_t nothing[64];

	assert_int_equal(types_new_bytes(nothing, TYPES_BTF_SIZE_MAX + 1, &types, NULL),
			 ERR_LIMIT);
	assert_int_equal(types_new_bytes(nothing, 0, &types, NULL), ERR_TRUNCATED);
	assert_int_equal(types_new_bytes(nothing, 64, &types, NULL), ERR_CORRUPT);
	assert_null(types);
}

/*
 * struct module_thing { struct outer outer; int own; }; of a module, whose first half is
 * the kernel's.
 */
static uint8_t *split_sample(const struct btf *base, uint32_t *ret_size)
{
	struct btf *btf = btf__new_empty_split((struct btf *)base);
	const void *data;
	uint8_t *copy;

	assert_true(btf__add_struct(btf, "module_thing", 80) > 0);
	assert_int_equal(
		btf__add_field(btf, "outer",
			       btf__find_by_name_kind(base, "outer", BTF_KIND_STRUCT), 0,
			       0),
		0);
	assert_int_equal(btf__add_field(btf, "own",
					btf__find_by_name_kind(base, "int", BTF_KIND_INT),
					576, 0),
			 0);
	data = btf__raw_data(btf, ret_size);
	copy = malloc(*ret_size);
	assert_non_null(copy);
	memcpy(copy, data, *ret_size);
	btf__free(btf);
	return copy;
}

static void split(void **state)
{
	_cleanup_types struct types *base = types_of(sample_make()), *types = NULL;
	uint32_t size;
	_cleanup_free uint8_t *data = split_sample(types_btf(base), &size);
	uint64_t value;

	assert_int_equal(types_new_split(base, data, size, &types, NULL), 0);
	size_is(types, "module_thing", 80);
	offset_is(types, "module_thing.own", 72);
	offset_is(types, "module_thing.outer.deeper", 16);
	assert_int_equal(types_offset(types, "outer.first", &value, NULL), ERR_NOTFOUND);
	assert_int_equal(types_offset(base, "module_thing.own", &value, NULL),
			 ERR_NOTFOUND);
	for (uint32_t i = 0; i < size; i++) { // cut, and each byte as it should not be
		_cleanup_types struct types *cut = NULL, *odd = NULL;

		assert_true(types_new_split(base, data, i, &cut, NULL) < 0);
		data[i] ^= 0xff;
		if (types_new_split(base, data, size, &odd, NULL) == 0)
			types_offset(odd, "module_thing.outer.deeper", &value, NULL);
		data[i] ^= 0xff;
	}
	assert_int_equal(types_new_split(base, data, TYPES_BTF_SIZE_MAX + 1, &types,
					 NULL),
			 ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(bit_fields),
		cmocka_unit_test(enums),
		cmocka_unit_test(enums_of_old_makers),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(every_byte_damaged),
		cmocka_unit_test(header_of_odd_size),
		cmocka_unit_test(kinds_of_tomorrow),
		cmocka_unit_test(kinds_of_unknown_length),
		cmocka_unit_test(more_members_than_16_bits),
		cmocka_unit_test(typedefs_in_a_circle),
		cmocka_unit_test(anonymous_members_in_a_circle),
		cmocka_unit_test(arrays_too_big_to_multiply),
		cmocka_unit_test(limit_of_size),
		cmocka_unit_test(split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
