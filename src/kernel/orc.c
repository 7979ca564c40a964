// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/orc.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"

#define READER_PAGES	 64 /* 256 KiB: some hundred backtraces touch fewer */
#define READER_PAGE_SIZE 4096

struct reader_page {
	bool is_valid;
	uint64_t vaddr;
	uint8_t bytes[READER_PAGE_SIZE];
};

struct orc_reader {
	struct kernel *kernel;
	struct reader_page pages[READER_PAGES];
};

/*
 * Where a layout keeps what, in the 16 bits of flags:
 *	1	sp_reg:4 bp_reg:4 type:2 end:1
 *	2	sp_reg:4 bp_reg:4 type:2 signal:1 end:1
 *	3, 4	sp_reg:4 bp_reg:4 type:3 signal:1
 */
#define SP_REG_MASK   0xf
#define BP_REG_SHIFT  4
#define TYPE_SHIFT    8
#define BIT(flags, n) ((flags) >> (n)&1)

static const enum orc_reg regs_until_3[] = {
	ORC_REG_UNDEFINED,   ORC_REG_PREV_SP,	  ORC_REG_DX,  ORC_REG_DI,
	ORC_REG_BP,	     ORC_REG_SP,	  ORC_REG_R10, ORC_REG_R13,
	ORC_REG_BP_INDIRECT, ORC_REG_SP_INDIRECT,
};

static const enum orc_reg regs_of_4[] = {
	ORC_REG_UNDEFINED, ORC_REG_AX,		ORC_REG_DX,	     ORC_REG_SP,
	ORC_REG_BP,	   ORC_REG_DI,		ORC_REG_R10,	     ORC_REG_R13,
	ORC_REG_PREV_SP,   ORC_REG_SP_INDIRECT, ORC_REG_BP_INDIRECT,
};

static int decode_reg(enum orc_layout layout, unsigned int value, enum orc_reg *ret,
		      struct err *err)
{
	bool is_new = layout >= ORC_LAYOUT_4;
	size_t count = is_new ? ARRAY_SIZE(regs_of_4) : ARRAY_SIZE(regs_until_3);

	if (value >= count)
		return err_set(err, ERR_CORRUPT, "%s has no register %u",
			       orc_layout_name(layout), value);
	*ret = is_new ? regs_of_4[value] : regs_until_3[value];
	return 0;
}

/* Layouts 1 and 2 say UNDEFINED and END by the lack of a register for sp. */
static int decode_old_type(enum orc_layout layout, uint16_t flags, struct orc_entry *e,
			   struct err *err)
{
	static const enum orc_type types[] = { ORC_TYPE_CALL, ORC_TYPE_REGS,
					       ORC_TYPE_REGS_PARTIAL };
	unsigned int value = flags >> TYPE_SHIFT & 3;

	if (e->sp_reg == ORC_REG_UNDEFINED) {
		bool is_end = BIT(flags, layout == ORC_LAYOUT_1 ? 10 : 11);

		e->type = is_end ? ORC_TYPE_END : ORC_TYPE_UNDEFINED;
		return 0;
	}
	if (value >= ARRAY_SIZE(types))
		return err_set(err, ERR_CORRUPT, "%s has no type %u",
			       orc_layout_name(layout), value);
	e->type = types[value];
	e->is_signal = layout == ORC_LAYOUT_1 ? e->type != ORC_TYPE_CALL : BIT(flags, 10);
	return 0;
}

static int decode_new_type(enum orc_layout layout, uint16_t flags, struct orc_entry *e,
			   struct err *err)
{
	static const enum orc_type types[] = { ORC_TYPE_UNDEFINED, ORC_TYPE_END,
					       ORC_TYPE_CALL, ORC_TYPE_REGS,
					       ORC_TYPE_REGS_PARTIAL };
	unsigned int value = flags >> TYPE_SHIFT & 7;

	if (value >= ARRAY_SIZE(types))
		return err_set(err, ERR_CORRUPT, "%s has no type %u",
			       orc_layout_name(layout), value);
	e->type = types[value];
	e->is_signal = BIT(flags, 11);
	return 0;
}

int orc_decode(enum orc_layout layout, const uint8_t bytes[ORC_ENTRY_SIZE],
	       struct orc_entry *ret, struct err *err)
{
	uint16_t flags = load_le16(bytes + 4);
	struct orc_entry e = {
		.sp_offset = (int16_t)load_le16(bytes),
		.bp_offset = (int16_t)load_le16(bytes + 2),
	};
	int r;

	r = decode_reg(layout, flags & SP_REG_MASK, &e.sp_reg, err);
	if (r < 0)
		return r;
	r = decode_reg(layout, flags >> BP_REG_SHIFT & SP_REG_MASK, &e.bp_reg, err);
	if (r < 0)
		return r;
	r = layout <= ORC_LAYOUT_2 ? decode_old_type(layout, flags, &e, err)
				   : decode_new_type(layout, flags, &e, err);
	if (r < 0)
		return r;
	*ret = e;
	return 0;
}

int orc_layout_from_header(const uint8_t hash[ORC_HEADER_SIZE], enum orc_layout *ret,
			   struct err *err)
{
	/* sha1 of orc_types.h without comments, by scripts/orc_hash.sh */
	static const struct {
		enum orc_layout layout;
		uint8_t hash[ORC_HEADER_SIZE];
	} known[] = {
		{ ORC_LAYOUT_2,
		  { 0xdb, 0x84, 0xae, 0xd4, 0x10, 0x3b, 0x31, 0xdd, 0x51, 0xe0,
		    0x17, 0xf8, 0xf7, 0x97, 0x83, 0xca, 0x98, 0x5c, 0x2c, 0x51 } },
		{ ORC_LAYOUT_3,
		  { 0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6, 0x3b, 0x2c, 0xa9,
		    0xa5, 0xc6, 0x5b, 0xa5, 0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24 } },
		{ ORC_LAYOUT_4,
		  { 0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4, 0xdd, 0x55, 0x93,
		    0x21, 0x76, 0xbb, 0x0e, 0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82 } },
	};

	/* Linux 1735858caa4b numbers the registers anew */
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (memcmp(hash, known[i].hash, ORC_HEADER_SIZE) == 0) {
			*ret = known[i].layout;
			return 0;
		}
	}
	return err_set(err, ERR_UNSUPPORTED, "unknown ORC layout %02x%02x%02x%02x...",
		       hash[0], hash[1], hash[2], hash[3]);
}

const char *orc_layout_name(enum orc_layout layout)
{
	static const char *const names[] = { "ORC 1", "ORC 2", "ORC 3", "ORC 4" };

	return layout < ORC_LAYOUT_COUNT ? names[layout] : "ORC ?";
}

int orc_reader_new(struct kernel *kernel, struct orc_reader **ret, struct err *err)
{
	struct orc_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return err_nomem(err);
	reader->kernel = kernel;
	*ret = reader;
	return 0;
}

void orc_reader_free(struct orc_reader *reader)
{
	free(reader);
}

static int reader_read(struct orc_reader *reader, uint64_t vaddr, void *buf, size_t size,
		       struct err *err)
{
	uint8_t *to = buf;

	while (size) {
		uint64_t start = vaddr & ~(uint64_t)(READER_PAGE_SIZE - 1);
		size_t offset = vaddr - start;
		size_t part = MIN(size, READER_PAGE_SIZE - offset);
		struct reader_page *page =
			&reader->pages[start / READER_PAGE_SIZE % READER_PAGES];

		if (!page->is_valid || page->vaddr != start) {
			int r;

			page->is_valid = false;
			r = kernel_read(reader->kernel, start, page->bytes,
					READER_PAGE_SIZE, err);
			if (r < 0)
				return err_in(err, r, "ORC table");
			page->vaddr = start;
			page->is_valid = true;
		}
		memcpy(to, page->bytes + offset, part);
		to += part;
		vaddr += part;
		size -= part;
	}
	return 0;
}

static int table_ip(struct orc_reader *reader, const struct orc_table *table,
		    uint32_t index, uint64_t *ret, struct err *err)
{
	uint64_t at = table->ip_vaddr + (uint64_t)index * 4;
	uint8_t bytes[4];
	int r;

	r = reader_read(reader, at, bytes, sizeof(bytes), err);
	if (r < 0)
		return r;
	*ret = at + (uint64_t)(int64_t)(int32_t)load_le32(bytes);
	return 0;
}

int orc_table_get(struct orc_reader *reader, const struct orc_table *table,
		  uint32_t index, uint64_t *ret_start, uint8_t ret[ORC_ENTRY_SIZE],
		  struct err *err)
{
	int r = table_ip(reader, table, index, ret_start, err);

	if (r < 0)
		return r;
	return reader_read(reader, table->entry_vaddr + (uint64_t)index * ORC_ENTRY_SIZE,
			   ret, ORC_ENTRY_SIZE, err);
}

int orc_table_find(struct orc_reader *reader, const struct orc_table *table,
		   uint64_t vaddr, uint8_t ret[ORC_ENTRY_SIZE], struct err *err)
{
	uint32_t low = 0, high = table->count; // [0, low) begin at or before @vaddr
	uint64_t ip;
	int r;

	if (table->count > ORC_COUNT_MAX)
		return err_set(err, ERR_LIMIT, "an ORC table claims %" PRIu32 " entries",
			       table->count);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		r = table_ip(reader, table, middle, &ip, err);
		if (r < 0)
			return r;
		if (ip <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return err_set(err, ERR_NOTFOUND, "no ORC entry at or before 0x%" PRIx64,
			       vaddr);
	return reader_read(reader,
			   table->entry_vaddr + (uint64_t)(low - 1) * ORC_ENTRY_SIZE, ret,
			   ORC_ENTRY_SIZE, err);
}
