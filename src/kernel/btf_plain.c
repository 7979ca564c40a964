// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/btf_plain.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/buf.h"

#define TYPE_SIZE   12 /* struct btf_type: name_off, info, size or type */
#define LAYOUT_SIZE 4  /* struct btf_layout: u8 info_sz, u8 elem_sz, u16 flags */

#define INFO_COUNT(info) ((info)&0xffffff)
#define INFO_KIND(info)	 ((info) >> 24 & 0x7f)
#define INFO_FLAG(info)	 ((info)&0x80000000)

struct section {
	const uint8_t *bytes;
	uint32_t size;
};

struct btf_file {
	struct section types, strings, layout;
	uint32_t header_size;
};

/* What comes behind a struct btf_type: once, and for each of its members. */
struct record_layout {
	uint8_t once, each;
};

static const struct record_layout known[BTF_PLAIN_KIND_MAX + 1] = {
	[BTF_KIND_INT] = { .once = 4 },	     [BTF_KIND_ARRAY] = { .once = 12 },
	[BTF_KIND_STRUCT] = { .each = 12 },  [BTF_KIND_UNION] = { .each = 12 },
	[BTF_KIND_ENUM] = { .each = 8 },     [BTF_KIND_FUNC_PROTO] = { .each = 8 },
	[BTF_KIND_VAR] = { .once = 4 },	     [BTF_KIND_DATASEC] = { .each = 12 },
	[BTF_KIND_DECL_TAG] = { .once = 4 }, [BTF_KIND_ENUM64] = { .each = 12 },
};

/* --- the file ------------------------------------------------------------------------
 */

/* Offsets in the header count from its end. */
static int section_at(const uint8_t *data, size_t size, uint32_t header_size,
		      size_t field, const char *what, struct section *ret,
		      struct err *err)
{
	uint32_t offset = load_le32(data + field), length = load_le32(data + field + 4);
	size_t room = size - header_size;

	if (offset > room || length > room - offset)
		return err_set(err, ERR_CORRUPT, "BTF's %s lie outside of its %zu bytes",
			       what, size);
	*ret = (struct section){ .bytes = data + header_size + offset, .size = length };
	return 0;
}

static int file_parse(const uint8_t *data, size_t size, struct btf_file *ret,
		      struct err *err)
{
	struct btf_file f = { 0 };
	int r;

	if (size < BTF_PLAIN_HEADER_SIZE)
		return err_set(err, ERR_TRUNCATED, "BTF of %zu bytes has no header",
			       size);
	if (load_le16(data) != BTF_MAGIC)
		return err_set(err, ERR_CORRUPT, "BTF begins with 0x%04x",
			       load_le16(data));
	f.header_size = load_le32(data + 4);
	if (f.header_size < BTF_PLAIN_HEADER_SIZE || f.header_size > size ||
	    f.header_size % 4)
		return err_set(err, ERR_CORRUPT, "BTF with a header of %" PRIu32 " bytes",
			       f.header_size);
	r = section_at(data, size, f.header_size, 8, "types", &f.types, err);
	if (r == 0)
		r = section_at(data, size, f.header_size, 16, "names", &f.strings, err);
	if (r == 0 && f.header_size >= BTF_PLAIN_HEADER_SIZE + 8)
		r = section_at(data, size, f.header_size, 24, "layouts", &f.layout, err);
	if (r == 0)
		*ret = f;
	return r;
}

/* --- types ---------------------------------------------------------------------------
 */

struct record {
	uint32_t kind, count;
	struct record_layout layout;
	bool is_known;
	uint64_t size; /* all of it */
};

static int record_at(const struct btf_file *f, uint32_t offset, struct record *ret,
		     struct err *err)
{
	uint32_t left = f->types.size - offset, info;
	struct record r = { 0 };

	if (left < TYPE_SIZE)
		return err_set(err, ERR_CORRUPT, "BTF's last type breaks off");
	info = load_le32(f->types.bytes + offset + 4);
	r.kind = INFO_KIND(info);
	r.count = INFO_COUNT(info);
	r.is_known = r.kind && r.kind <= BTF_PLAIN_KIND_MAX;
	if (r.is_known) {
		r.layout = known[r.kind];
	} else if (r.kind && r.kind < f->layout.size / LAYOUT_SIZE) {
		const uint8_t *layout = f->layout.bytes + r.kind * LAYOUT_SIZE;

		r.layout = (struct record_layout){ layout[0], layout[1] };
	} else {
		return err_set(err, r.kind ? ERR_UNSUPPORTED : ERR_CORRUPT,
			       "BTF has a type of the unknown kind %" PRIu32, r.kind);
	}
	r.size = TYPE_SIZE + r.layout.once + (uint64_t)r.count * r.layout.each;
	if (r.size > left || r.size % 4)
		return err_set(err, ERR_CORRUPT,
			       "a type of kind %" PRIu32 " with %" PRIu32
			       " members can't be",
			       r.kind, r.count);
	*ret = r;
	return 0;
}

static bool record_is_plain(const struct record *r)
{
	return r->is_known && r->count <= BTF_PLAIN_MEMBERS_MAX;
}

/* The size that all types have when they are plain. */
static int types_measure(const struct btf_file *f, uint32_t *ret_size,
			 bool *ret_are_plain, struct err *err)
{
	uint32_t size = 0;
	struct record record;

	*ret_are_plain = true;
	for (uint32_t at = 0; at < f->types.size; at += (uint32_t)record.size) {
		int r = record_at(f, at, &record, err);

		if (r < 0)
			return r;
		*ret_are_plain &= record_is_plain(&record);
		if (!record.is_known)
			size += TYPE_SIZE;
		else
			size += TYPE_SIZE + record.layout.once +
				MIN(record.count, BTF_PLAIN_MEMBERS_MAX) *
					record.layout.each;
	}
	*ret_size = size;
	return 0;
}

static void store_le32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

/* Returns where the next one goes. */
static uint8_t *record_write(const uint8_t *from, const struct record *r, uint8_t *to)
{
	uint32_t info = load_le32(from + 4);
	uint32_t count = MIN(r->count, BTF_PLAIN_MEMBERS_MAX);
	size_t size = TYPE_SIZE;

	if (r->is_known)
		size += r->layout.once + (size_t)count * r->layout.each;
	memcpy(to, from, size);
	if (r->is_known) {
		store_le32(to + 4, INFO_FLAG(info) | r->kind << 24 | count);
	} else {
		store_le32(to + 4, (uint32_t)BTF_KIND_FWD << 24);
		store_le32(to + 8, 0);
	}
	return to + size;
}

/* Header, types, strings; the types have been measured. */
static void file_write(const struct btf_file *f, const uint8_t *header,
		       uint32_t types_size, uint8_t *to)
{
	uint8_t *type = to + BTF_PLAIN_HEADER_SIZE;
	struct record record;

	memcpy(to, header, BTF_PLAIN_HEADER_SIZE);
	store_le32(to + 4, BTF_PLAIN_HEADER_SIZE);
	store_le32(to + 8, 0);
	store_le32(to + 12, types_size);
	store_le32(to + 16, types_size);
	store_le32(to + 20, f->strings.size);
	for (uint32_t at = 0; at < f->types.size; at += (uint32_t)record.size) {
		if (record_at(f, at, &record, NULL) < 0)
			return; // was measured before
		type = record_write(f->types.bytes + at, &record, type);
	}
	memcpy(type, f->strings.bytes, f->strings.size);
}

int btf_plain(const uint8_t *data, size_t size, uint8_t **ret, size_t *ret_size,
	      struct err *err)
{
	struct btf_file file = { 0 };
	uint32_t types_size = 0;
	bool are_plain = false;
	uint8_t *copy;
	int r;

	r = file_parse(data, size, &file, err);
	if (r == 0)
		r = types_measure(&file, &types_size, &are_plain, err);
	if (r < 0)
		return r;
	if (are_plain && file.header_size == BTF_PLAIN_HEADER_SIZE) {
		*ret = NULL;
		return 0;
	}
	*ret_size = BTF_PLAIN_HEADER_SIZE + (size_t)types_size + file.strings.size;
	copy = malloc(*ret_size);
	if (!copy)
		return err_nomem(err);
	file_write(&file, data, types_size, copy);
	*ret = copy;
	return 0;
}
