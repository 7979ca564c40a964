// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BTF, looked at through libbpf, which parses it and checks that every record lies inside
 * of the data; what is too new for it is taken out before (btf_plain.h). What libbpf
 * leaves to its callers is done here: type ids and name offsets that lead nowhere,
 * typedefs and anonymous members that lead in circles.
 *
 * libbpf finds names by looking at all of some 100,000 types; an index of hashes makes
 * each search a few steps.
 *
 * Knows nothing of where the kernel keeps what: only what types look like.
 */
#include "kernel/types.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/fd.h"
#include "image/image.h"
#include "kernel/btf_plain.h"

#define PATH_MAX_SIZE 256
#define POINTER_SIZE  8

#define KIND_BIT(kind) (UINT32_C(1) << (kind))
#define KINDS_ENUM     (KIND_BIT(BTF_KIND_ENUM) | KIND_BIT(BTF_KIND_ENUM64))
#define KINDS_NAMED                                             \
	(KIND_BIT(BTF_KIND_STRUCT) | KIND_BIT(BTF_KIND_UNION) | \
	 KIND_BIT(BTF_KIND_TYPEDEF) | KINDS_ENUM)

struct types {
	struct btf *btf;
	uint64_t *index; /* hash of the name << 32 | type id; sorted */
	size_t index_count;
	/*
	 * Whether its maker marked signed enums at all (pahole since 1.24). If not, a
	 * value is taken as signed.
	 */
	bool marks_signed_enums;
};

/* Where a member lies: bits from the start of the outermost struct. */
struct place {
	uint64_t offset_bits;
	uint32_t bitfield_bits; /* 0: no bit field */
	uint32_t type_id;
};

/* --- loading --------------------------------------------------------------------- */

static uint32_t name_hash(const char *name, size_t size)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619u;
	return hash;
}

/* NULL for a type that is not looked up by name, or whose name is none. */
static const char *indexed_name(const struct types *types, const struct btf_type *type)
{
	const char *name;

	if (btf_kind(type) >= 32 || !(KINDS_NAMED & KIND_BIT(btf_kind(type))))
		return NULL;
	name = btf__name_by_offset(types->btf, type->name_off);
	if (!name || !*name || strnlen(name, TYPES_NAME_SIZE) == TYPES_NAME_SIZE)
		return NULL;
	return name;
}

static int u64_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of the types from @first on. */
static int index_build(struct types *types, uint32_t first, struct err *err)
{
	uint32_t type_count = btf__type_cnt(types->btf);
	size_t count = 0;

	for (uint32_t id = first; id < type_count; id++)
		count += indexed_name(types, btf__type_by_id(types->btf, id)) != NULL;
	types->index = calloc(count + 1, sizeof(*types->index));
	if (!types->index)
		return err_nomem(err);
	for (uint32_t id = first; id < type_count; id++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);
		const char *name = indexed_name(types, type);

		if (btf_is_any_enum(type) && btf_kflag(type))
			types->marks_signed_enums = true;
		if (name)
			types->index[types->index_count++] =
				(uint64_t)name_hash(name, strlen(name)) << 32 | id;
	}
	qsort(types->index, types->index_count, sizeof(*types->index), u64_compare);
	return 0;
}

/*
 * btf__new_split() is in the header of libbpf 1.1, but not in its library: what reads a
 * file is.
 */
static struct btf *split_new(const uint8_t *data, size_t size, struct btf *base)
{
	_cleanup_fd int fd = memfd_create("btf", MFD_CLOEXEC);
	char path[64];

	if (fd < 0 || fd_write_full(fd, data, size, NULL) < 0)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return btf__parse_raw_split(path, base);
}

/*
 * libbpf copies what it is given: *owned, which holds @data or is NULL, is freed as soon
 * as it did, for both are megabytes.
 */
static int parse_btf(const uint8_t *data, uint8_t **owned, size_t size, struct btf *base,
		     struct btf **ret, struct err *err)
{
	uint8_t *plain = NULL;
	size_t plain_size;
	int r = btf_plain(data, size, &plain, &plain_size, err);

	if (r < 0)
		return r;
	if (plain) {
		free(*owned);
		*owned = plain;
		data = plain;
		size = plain_size;
	}
	/* Of the whole process, but nobody else here uses libbpf: it prints to stderr. */
	libbpf_set_print(NULL);
	*ret = base ? split_new(data, size, base) : btf__new(data, (uint32_t)size);
	if (!*ret && errno == ENOMEM)
		return err_nomem(err);
	if (!*ret)
		return err_set(err, ERR_CORRUPT, "BTF of %zu bytes can't be parsed: %s",
			       size, strerror(errno));
	free(*owned);
	*owned = NULL;
	return 0;
}

/* @owned as of parse_btf(). */
static int new_from(const uint8_t *data, uint8_t **owned, size_t size,
		    const struct types *base, struct types **ret, struct err *err)
{
	_cleanup_types struct types *types = calloc(1, sizeof(*types));
	int r;

	if (!types)
		return err_nomem(err);
	types->marks_signed_enums = base && base->marks_signed_enums;
	r = parse_btf(data, owned, size, base ? base->btf : NULL, &types->btf, err);
	if (r == 0)
		r = index_build(types, base ? btf__type_cnt(base->btf) : 1, err);
	if (r < 0)
		return r;
	*ret = take_ptr(types);
	return 0;
}

int types_new_bytes(const void *data, size_t size, struct types **ret, struct err *err)
{
	_cleanup_free uint8_t *none = NULL;

	if (size > TYPES_BTF_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "BTF has %zu bytes, more than %zu", size,
			       TYPES_BTF_SIZE_MAX);
	return new_from(data, &none, size, NULL, ret, err);
}

int types_new_split(const struct types *base, const void *data, size_t size,
		    struct types **ret, struct err *err)
{
	_cleanup_free uint8_t *none = NULL;

	if (size > TYPES_BTF_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "BTF has %zu bytes, more than %zu", size,
			       TYPES_BTF_SIZE_MAX);
	return new_from(data, &none, size, base, ret, err);
}

int types_locate(struct kernel *kernel, uint64_t *ret_start, uint64_t *ret_size,
		 struct err *err)
{
	uint64_t start, end;
	int r;

	r = kernel_symbol(kernel, "__start_BTF", &start, err);
	if (r == 0)
		r = kernel_symbol(kernel, "__stop_BTF", &end, err);
	if (r == ERR_NOTFOUND)
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel carries no BTF "
			       "(CONFIG_DEBUG_INFO_BTF)");
	if (r < 0)
		return r;
	if (end < start || end - start > TYPES_BTF_SIZE_MAX)
		return err_set(err, ERR_CORRUPT,
			       "BTF can't lie between 0x%" PRIx64 " and 0x%" PRIx64,
			       start, end);
	*ret_start = start;
	*ret_size = end - start;
	return 0;
}

/*
 * The parser makes a copy of its own: in a crash kernel a second one, of 5 MiB, would be
 * the most that a report takes. The kernel's image lies in one piece of physical memory
 * (x86, arm64), so BTF can be had where it is; no mapping where it does not.
 */
static struct image_mapping map_bytes(struct kernel *kernel, uint64_t start,
				      uint64_t size)
{
	struct image_mapping none = { 0 };
	uint64_t first = 0, paddr, run;

	if (size == 0)
		return none;
	for (uint64_t at = 0; at < size; at += run) {
		if (kernel_translate(kernel, start + at, &paddr, &run, NULL) < 0 ||
		    run == 0)
			return none;
		if (at == 0)
			first = paddr;
		else if (paddr - first != at)
			return none;
	}
	return image_map(kernel_image(kernel), first, (size_t)size);
}

int types_new_at(struct kernel *kernel, uint64_t start, uint64_t size, struct types **ret,
		 struct err *err)
{
	_cleanup_image_mapping struct image_mapping mapping =
		map_bytes(kernel, start, size);
	_cleanup_free uint8_t *bytes = NULL;
	int r;

	if (mapping.bytes)
		return types_new_bytes(mapping.bytes, size, ret, err);
	bytes = malloc(size + 1);
	if (!bytes)
		return err_nomem(err);
	r = kernel_read(kernel, start, bytes, size, err);
	if (r < 0)
		return err_in(err, r, "reading BTF");
	return new_from(bytes, &bytes, size, NULL, ret, err);
}

int types_new(struct kernel *kernel, struct types **ret, struct err *err)
{
	uint64_t start = 0, size = 0;
	int r = types_locate(kernel, &start, &size, err);

	return r < 0 ? r : types_new_at(kernel, start, size, ret, err);
}

void types_free(struct types *types)
{
	if (!types)
		return;
	btf__free(types->btf);
	free(types->index);
	free(types);
}

/* --- looking up ------------------------------------------------------------------ */

/* The first type of @name whose kind is in @kinds; 0 none. */
static uint32_t find_kind(const struct types *types, const char *name, size_t name_size,
			  uint32_t kinds)
{
	uint64_t key = (uint64_t)name_hash(name, name_size) << 32;
	size_t low = 0, high = types->index_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (types->index[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < types->index_count && types->index[low] >> 32 == key >> 32; low++) {
		uint32_t id = (uint32_t)types->index[low];
		const struct btf_type *type = btf__type_by_id(types->btf, id);
		const char *candidate = btf__name_by_offset(types->btf, type->name_off);

		if (kinds & KIND_BIT(btf_kind(type)) &&
		    strncmp(candidate, name, name_size) == 0 && !candidate[name_size])
			return id;
	}
	return 0;
}

/* A struct before a union before a typedef: "struct page" and "page" are one for us. */
static int find_type(const struct types *types, const char *name, size_t name_size,
		     uint32_t *ret, struct err *err)
{
	static const uint32_t kinds[] = {
		KIND_BIT(BTF_KIND_STRUCT),
		KIND_BIT(BTF_KIND_UNION),
		KIND_BIT(BTF_KIND_TYPEDEF),
		KINDS_ENUM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t id = find_kind(types, name, name_size, kinds[i]);

		if (id) {
			*ret = id;
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "there is no type '%.*s'", (int)name_size,
		       name);
}

/* Through typedefs and const; NULL where they lead nowhere or in a circle. */
static const struct btf_type *resolve(const struct types *types, uint32_t id)
{
	for (int i = 0; i < TYPES_MODIFIER_MAX; i++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);

		if (!type || !(btf_is_mod(type) || btf_is_typedef(type)))
			return type;
		id = type->type;
	}
	return NULL;
}

/* The element of an array of any dimensions, or the type itself. */
static const struct btf_type *resolve_element(const struct types *types, uint32_t id)
{
	for (int i = 0; i < TYPES_MODIFIER_MAX; i++) {
		const struct btf_type *type = resolve(types, id);

		if (!type || !btf_is_array(type))
			return type;
		id = btf_array(type)->type;
	}
	return NULL;
}

/*
 * @ret->offset_bits is added to. Anonymous members are looked through, to a depth of
 * TYPES_DEPTH_MAX; @budget bounds the members looked at in all.
 */
static bool find_member(const struct types *types, const struct btf_type *type,
			const char *name, size_t name_size, int depth, uint32_t *budget,
			struct place *ret)
{
	const struct btf_member *members = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const char *candidate =
			btf__name_by_offset(types->btf, members[i].name_off);
		struct place place = {
			.offset_bits = ret->offset_bits + btf_member_bit_offset(type, i),
			.bitfield_bits = btf_member_bitfield_size(type, i),
			.type_id = members[i].type,
		};

		if (!candidate || !*budget)
			return false;
		--*budget;
		if (strncmp(candidate, name, name_size) == 0 && !candidate[name_size]) {
			*ret = place;
			return true;
		}
		if (!*candidate && depth < TYPES_DEPTH_MAX) {
			const struct btf_type *inner = resolve(types, members[i].type);

			if (inner && btf_is_composite(inner) &&
			    find_member(types, inner, name, name_size, depth + 1, budget,
					&place)) {
				*ret = place;
				return true;
			}
		}
	}
	return false;
}

/* "type.member.member" to its place; "type" alone to bit 0 of it. */
static int locate(const struct types *types, const char *path, struct place *ret,
		  struct err *err)
{
	size_t size = strcspn(path, ".");
	struct place place = { 0 };
	int r;

	if (strnlen(path, PATH_MAX_SIZE) == PATH_MAX_SIZE)
		return err_set(err, ERR_INVALID, "a name of a member is too long");
	r = find_type(types, path, size, &place.type_id, err);
	if (r < 0)
		return r;
	for (const char *part = path + size; *part;) {
		const struct btf_type *type = resolve_element(types, place.type_id);
		uint32_t budget = TYPES_MEMBER_MAX;

		part++;
		size = strcspn(part, ".");
		if (!size)
			return err_set(err, ERR_INVALID, "'%s' names no member", path);
		if (!type || !btf_is_composite(type) ||
		    !find_member(types, type, part, size, 0, &budget, &place))
			return err_set(err, ERR_NOTFOUND, "'%.*s' has no member '%.*s'",
				       (int)(part - 1 - path), path, (int)size, part);
		part += size;
	}
	*ret = place;
	return 0;
}

/* Elements of arrays times the size of one; what has no size is corrupt. */
static int size_of(const struct types *types, uint32_t id, uint64_t *ret, struct err *err)
{
	uint64_t count = 1;

	for (int i = 0; i < TYPES_MODIFIER_MAX; i++) {
		const struct btf_type *type = resolve(types, id);
		uint64_t size;

		if (!type)
			break;
		if (btf_is_array(type)) {
			id = btf_array(type)->type;
			if (__builtin_mul_overflow(count, btf_array(type)->nelems,
						   &count))
				break;
			continue;
		}
		if (btf_is_ptr(type))
			size = POINTER_SIZE;
		else if (btf_is_composite(type) || btf_is_any_enum(type) ||
			 btf_is_int(type) || btf_is_float(type))
			size = type->size;
		else
			break;
		if (__builtin_mul_overflow(count, size, &size))
			break;
		*ret = size;
		return 0;
	}
	return err_set(err, ERR_CORRUPT, "type %u has no size", id);
}

int types_bits(const struct types *types, const char *path, uint64_t *ret_offset_bits,
	       uint64_t *ret_size_bits, struct err *err)
{
	struct place place;
	uint64_t size;
	int r = locate(types, path, &place, err);

	if (r < 0)
		return r;
	if (place.bitfield_bits) {
		*ret_offset_bits = place.offset_bits;
		*ret_size_bits = place.bitfield_bits;
		return 0;
	}
	r = size_of(types, place.type_id, &size, err);
	if (r < 0 || __builtin_mul_overflow(size, 8, &size))
		return err_in(err, r < 0 ? r : ERR_CORRUPT, "size of '%s'", path);
	*ret_offset_bits = place.offset_bits;
	*ret_size_bits = size;
	return 0;
}

int types_offset(const struct types *types, const char *path, uint64_t *ret,
		 struct err *err)
{
	struct place place;
	int r = locate(types, path, &place, err);

	if (r < 0)
		return r;
	if (place.offset_bits % 8)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is a bit field and has no offset in bytes", path);
	*ret = place.offset_bits / 8;
	return 0;
}

int types_sizeof(const struct types *types, const char *name, uint64_t *ret,
		 struct err *err)
{
	struct place place;
	int r = locate(types, name, &place, err);

	if (r < 0)
		return r;
	if (place.bitfield_bits)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is a bit field and has no size in bytes", name);
	r = size_of(types, place.type_id, ret, err);
	if (r < 0)
		return err_in(err, r, "size of '%s'", name);
	return 0;
}

int types_array(const struct types *types, const char *path, uint64_t *ret_count,
		uint64_t *ret_size_bytes, struct err *err)
{
	const struct btf_type *type;
	struct place place;
	int r = locate(types, path, &place, err);

	if (r < 0)
		return r;
	type = resolve(types, place.type_id);
	if (!type || !btf_is_array(type))
		return err_set(err, ERR_INVALID, "'%s' is no array", path);
	r = size_of(types, btf_array(type)->type, ret_size_bytes, err);
	if (r == 0)
		*ret_count = btf_array(type)->nelems;
	return r;
}

int types_find(const struct types *types, const char *path, uint32_t *ret_type_id,
	       uint64_t *ret_offset_bits, uint32_t *ret_bitfield_bits, struct err *err)
{
	struct place place;
	int r = locate(types, path, &place, err);

	if (r < 0)
		return r;
	*ret_type_id = place.type_id;
	*ret_offset_bits = place.offset_bits;
	*ret_bitfield_bits = place.bitfield_bits;
	return 0;
}

const struct btf *types_btf(const struct types *types)
{
	return types->btf;
}

/* --- enums ----------------------------------------------------------------------- */

static int64_t enum32_value(const struct types *types, const struct btf_type *type,
			    const struct btf_enum *e)
{
	if (btf_kflag(type) || !types->marks_signed_enums)
		return e->val;
	return (uint32_t)e->val;
}

static bool enum_find(const struct types *types, const struct btf_type *type,
		      const char *enumerator, int64_t *ret)
{
	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		bool is_64 = btf_is_enum64(type);
		uint32_t name_off =
			is_64 ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
		const char *name = btf__name_by_offset(types->btf, name_off);

		if (!name || strcmp(name, enumerator) != 0)
			continue;
		*ret = is_64 ? (int64_t)btf_enum64_value(&btf_enum64(type)[i])
			     : enum32_value(types, type, &btf_enum(type)[i]);
		return true;
	}
	return false;
}

static int enum_find_any(const struct types *types, const char *enumerator, int64_t *ret,
			 struct err *err)
{
	uint32_t type_count = btf__type_cnt(types->btf);

	for (uint32_t id = 1; id < type_count; id++) {
		const struct btf_type *type = btf__type_by_id(types->btf, id);

		if (btf_is_any_enum(type) && enum_find(types, type, enumerator, ret))
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "no enum has '%s'", enumerator);
}

int types_enum(const struct types *types, const char *enum_name, const char *enumerator,
	       int64_t *ret, struct err *err)
{
	const struct btf_type *type;
	uint32_t id;

	if (!enum_name)
		return enum_find_any(types, enumerator, ret, err);
	id = find_kind(types, enum_name, strlen(enum_name), KINDS_ENUM);
	if (!id)
		id = find_kind(types, enum_name, strlen(enum_name),
			       KIND_BIT(BTF_KIND_TYPEDEF));
	type = id ? resolve(types, id) : NULL;
	if (!type || !btf_is_any_enum(type))
		return err_set(err, ERR_NOTFOUND, "there is no enum '%s'", enum_name);
	if (!enum_find(types, type, enumerator, ret))
		return err_set(err, ERR_NOTFOUND, "enum '%s' has no '%s'", enum_name,
			       enumerator);
	return 0;
}
