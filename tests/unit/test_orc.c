// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "kernel/orc.h"

struct decoding {
	uint16_t flags;
	struct orc_entry entry; /* without offsets */
};

/* Flags as they stand in tables of Debian's kernels, or by hand from orc_types.h. */
static const struct decoding layout_1[] = {
	{ 0x0005, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP } },
	{ 0x0014,
	  { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP, .bp_reg = ORC_REG_PREV_SP } },
	{ 0x0105, { .type = ORC_TYPE_REGS, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x0205,
	  { .type = ORC_TYPE_REGS_PARTIAL, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x0009, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP_INDIRECT } },
	{ 0x0400, { .type = ORC_TYPE_END } },
	{ 0x0000, { .type = ORC_TYPE_UNDEFINED } },
};

static const struct decoding layout_2[] = {
	{ 0x0005, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP } },
	{ 0x0105, { .type = ORC_TYPE_REGS, .sp_reg = ORC_REG_SP } },
	{ 0x0505, { .type = ORC_TYPE_REGS, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x0045, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP, .bp_reg = ORC_REG_BP } },
	{ 0x0800, { .type = ORC_TYPE_END } },
	{ 0x0400, { .type = ORC_TYPE_UNDEFINED } },
};

static const struct decoding layout_3[] = {
	{ 0x0205, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP } },
	{ 0x0214,
	  { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP, .bp_reg = ORC_REG_PREV_SP } },
	{ 0x0216,
	  { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_R10, .bp_reg = ORC_REG_PREV_SP } },
	{ 0x0b05, { .type = ORC_TYPE_REGS, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x0c05,
	  { .type = ORC_TYPE_REGS_PARTIAL, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x0208, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP_INDIRECT } },
	{ 0x0100, { .type = ORC_TYPE_END } },
	{ 0x0000, { .type = ORC_TYPE_UNDEFINED } },
};

static const struct decoding layout_4[] = {
	{ 0x0203, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_SP } },
	{ 0x0284,
	  { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP, .bp_reg = ORC_REG_PREV_SP } },
	{ 0x0201, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_AX } },
	{ 0x0205, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_DI } },
	{ 0x0b03, { .type = ORC_TYPE_REGS, .sp_reg = ORC_REG_SP, .is_signal = true } },
	{ 0x020a, { .type = ORC_TYPE_CALL, .sp_reg = ORC_REG_BP_INDIRECT } },
	{ 0x0100, { .type = ORC_TYPE_END } },
};

static void check_layout(enum orc_layout layout, const struct decoding *rows,
			 size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct orc_entry *want = &rows[i].entry;
		uint8_t bytes[ORC_ENTRY_SIZE] = { 0xf8,
						  0xff,
						  0x10,
						  0x80,
						  (uint8_t)rows[i].flags,
						  (uint8_t)(rows[i].flags >> 8) };
		struct err err = { 0 };
		struct orc_entry e;

		print_message("# %s 0x%04x\n", orc_layout_name(layout), rows[i].flags);
		assert_int_equal(orc_decode(layout, bytes, &e, &err), 0);
		assert_int_equal(e.type, want->type);
		assert_int_equal(e.sp_reg, want->sp_reg);
		assert_int_equal(e.bp_reg, want->bp_reg);
		assert_int_equal(e.is_signal, want->is_signal);
		assert_int_equal(e.sp_offset, -8);
		assert_int_equal(e.bp_offset, -32752);
	}
}

static void test_layouts(void **state)
{
	check_layout(ORC_LAYOUT_1, layout_1, ARRAY_SIZE(layout_1));
	check_layout(ORC_LAYOUT_2, layout_2, ARRAY_SIZE(layout_2));
	check_layout(ORC_LAYOUT_3, layout_3, ARRAY_SIZE(layout_3));
	check_layout(ORC_LAYOUT_4, layout_4, ARRAY_SIZE(layout_4));
}

/* What a layout does not have is told, and any bytes at all give an answer. */
static void test_nonsense(void **state)
{
	static const struct {
		enum orc_layout layout;
		uint16_t flags;
	} rows[] = {
		{ ORC_LAYOUT_1, 0x000a }, { ORC_LAYOUT_1, 0x00f5 },
		{ ORC_LAYOUT_1, 0x0305 }, { ORC_LAYOUT_2, 0x000f },
		{ ORC_LAYOUT_2, 0x0305 }, { ORC_LAYOUT_3, 0x020a },
		{ ORC_LAYOUT_3, 0x0505 }, { ORC_LAYOUT_3, 0x0705 },
		{ ORC_LAYOUT_4, 0x020b }, { ORC_LAYOUT_4, 0x02b3 },
		{ ORC_LAYOUT_4, 0x0503 },
	};
	struct orc_entry e = { .sp_offset = 77 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[ORC_ENTRY_SIZE] = {
			0, 0, 0, 0, (uint8_t)rows[i].flags, (uint8_t)(rows[i].flags >> 8)
		};
		struct err err = { 0 };

		assert_int_equal(orc_decode(rows[i].layout, bytes, &e, &err),
				 ERR_CORRUPT);
		assert_string_not_equal(err_text(&err), "corrupt");
	}
	assert_int_equal(e.sp_offset, 77);
	for (enum orc_layout layout = 0; layout < ORC_LAYOUT_COUNT; layout++) {
		for (unsigned int flags = 0; flags <= 0xffff; flags++) {
			uint8_t bytes[ORC_ENTRY_SIZE] = {
				0, 0, 0, 0, (uint8_t)flags, (uint8_t)(flags >> 8)
			};
			int r = orc_decode(layout, bytes, &e, NULL);

			assert_true(r == ERR_CORRUPT ||
				    (r == 0 && e.type <= ORC_TYPE_REGS_PARTIAL &&
				     e.sp_reg <= ORC_REG_SP_INDIRECT &&
				     e.bp_reg <= ORC_REG_SP_INDIRECT));
		}
	}
}

static void test_header(void **state)
{
	uint8_t hash[ORC_HEADER_SIZE] = { 0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6,
					  0x3b, 0x2c, 0xa9, 0xa5, 0xc6, 0x5b, 0xa5,
					  0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24 };
	enum orc_layout layout = ORC_LAYOUT_1;
	struct err err = { 0 };

	assert_int_equal(orc_layout_from_header(hash, &layout, &err), 0);
	assert_int_equal(layout, ORC_LAYOUT_3);
	hash[19] ^= 1;
	layout = ORC_LAYOUT_2;
	assert_int_equal(orc_layout_from_header(hash, &layout, &err), ERR_UNSUPPORTED);
	assert_int_equal(layout, ORC_LAYOUT_2);
	assert_non_null(strstr(err_text(&err), "fe5d32bf"));
}

#define FIND_COUNT 200

struct find_state {
	struct fake_kernel fake;
	struct orc_reader *reader;
	struct orc_table table;
};

/* FIND_COUNT entries 16 bytes apart from TEXT + 0x100; each holds its index. */
static void find_init(struct find_state *s, uint32_t count)
{
	struct kernel *kernel;

	fake_kernel_init(&s->fake, ORC_LAYOUT_3);
	for (uint32_t i = 0; i < FIND_COUNT; i++)
		fake_orc(&s->fake, TEXT + 0x100 + i * 16, FAKE_CALL_FRAME((int)i));
	kernel = fake_kernel_open(&s->fake);
	assert_int_equal(orc_reader_new(kernel, &s->reader, NULL), 0);
	s->table = (struct orc_table){ .ip_vaddr = ORC_IPS,
				       .entry_vaddr = ORC_ENTRIES,
				       .count = count };
}

static void find_done(struct find_state *s)
{
	orc_reader_free(s->reader);
	fake_kernel_done(&s->fake);
}

static int find(struct find_state *s, uint64_t vaddr, struct err *err)
{
	uint8_t bytes[ORC_ENTRY_SIZE];
	int r = orc_table_find(s->reader, &s->table, vaddr, bytes, err);

	return r < 0 ? r : bytes[0] | bytes[1] << 8;
}

static void test_find(void **state)
{
	struct err err = { 0 };
	struct find_state s;

	find_init(&s, FIND_COUNT);
	assert_int_equal(find(&s, TEXT, &err), ERR_NOTFOUND);
	assert_int_equal(find(&s, TEXT + 0xff, &err), ERR_NOTFOUND);
	for (uint32_t i = 0; i < FIND_COUNT; i++) {
		assert_int_equal(find(&s, TEXT + 0x100 + i * 16, &err), i);
		assert_int_equal(find(&s, TEXT + 0x100 + i * 16 + 15, &err), i);
	}
	assert_int_equal(find(&s, UINT64_MAX, &err), FIND_COUNT - 1);
	assert_int_equal(find(&s, 0, &err), ERR_NOTFOUND);
	s.table.count = 0;
	assert_int_equal(find(&s, TEXT + 0x100, &err), ERR_NOTFOUND);
	s.table.count = 1;
	assert_int_equal(find(&s, TEXT + 0x500, &err), 0);
	find_done(&s);
}

/* Equal addresses, as where a function has no instruction: the last one holds. */
static void test_find_equal(void **state)
{
	struct err err = { 0 };
	struct find_state s = { 0 };

	fake_kernel_init(&s.fake, ORC_LAYOUT_3);
	for (int i = 0; i < 6; i++)
		fake_orc(&s.fake, TEXT + (i < 4 ? 0x100 : 0x200), FAKE_CALL_FRAME(i));
	assert_int_equal(orc_reader_new(fake_kernel_open(&s.fake), &s.reader, NULL), 0);
	s.table = (struct orc_table){ ORC_IPS, ORC_ENTRIES, 6 };
	assert_int_equal(find(&s, TEXT + 0x100, &err), 3);
	assert_int_equal(find(&s, TEXT + 0x1ff, &err), 3);
	assert_int_equal(find(&s, TEXT + 0x200, &err), 5);
	find_done(&s);
}

/* A claim beyond what is there ends in an error; one beyond reason before reading. */
static void test_find_hostile(void **state)
{
	struct err err = { 0 };
	struct find_state s;

	find_init(&s, FIND_COUNT);
	s.table.count = ORC_COUNT_MAX + 1;
	assert_int_equal(find(&s, TEXT + 0x100, &err), ERR_LIMIT);
	s.table.count = ORC_COUNT_MAX;
	assert_int_equal(find(&s, TEXT + 0x100, &err), ERR_FAULT);
	s.table.count = FIND_COUNT;
	s.table.entry_vaddr = NOWHERE;
	assert_int_equal(find(&s, TEXT + 0x100, &err), ERR_FAULT);
	s.table.entry_vaddr = UINT64_MAX - 3;
	assert_true(find(&s, TEXT + 0x100, &err) < 0);
	s.table.ip_vaddr = UINT64_MAX - 3;
	assert_true(find(&s, TEXT + 0x100, &err) < 0);
	find_done(&s);
}

/* An entry across two pages, and addresses whose pages share a place in the reader. */
static void test_find_across_pages(void **state)
{
	struct err err = { 0 };
	struct find_state s = { 0 };
	uint8_t bytes[ORC_ENTRY_SIZE];

	fake_kernel_init(&s.fake, ORC_LAYOUT_3);
	fake_orc_bytes(ORC_LAYOUT_3, FAKE_CALL_FRAME(0x1234), bytes);
	fake_bytes(&s.fake.memory, DATA + 0xffd, bytes, sizeof(bytes));
	fake_u32(&s.fake.memory, DATA + 0x1ffe, (uint32_t)(TEXT - (DATA + 0x1ffe)));
	assert_int_equal(orc_reader_new(fake_kernel_open(&s.fake), &s.reader, NULL), 0);
	s.table = (struct orc_table){ DATA + 0x1ffe, DATA + 0xffd, 1 };
	for (int i = 0; i < 3; i++)
		assert_int_equal(find(&s, TEXT, &err), 0x1234);
	find_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_equal),
		cmocka_unit_test(test_find_hostile),
		cmocka_unit_test(test_find_across_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
