// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tables of kallsyms, in each encoding: a byte says which, then two bytes each the
 * count and the sizes of names and tokens; then the index, names, tokens and values.
 */
#include "fuzz.h"
#include "kernel/kallsyms_table.h"

#define STEPS_MAX 100000

static void walk(const struct kallsyms_table *table)
{
	struct kallsyms_cursor cursor = { 0 };
	uint64_t before = 0;
	uint32_t steps = 0;
	char name[64];

	while (kallsyms_table_next(table, &cursor, name, sizeof(name), NULL) == 0) {
		fuzz_check(memchr(name, 0, sizeof(name)) && steps++ < table->count);
		before ^= kallsyms_table_address(table, cursor.i - 1);
	}
	for (uint32_t i = 0; i < table->count; i += 1 + table->count / 64)
		kallsyms_table_name(table, i, name, sizeof(name), NULL);
	fuzz_touch(&before, sizeof(before));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct kallsyms_table table = { .names_vaddr = UINT64_C(0xffffffff82000000),
					.values_vaddr = UINT64_C(0xffffffff82100000),
					.relative_base = UINT64_C(0xffffffff81000000) };
	bool is_absolute;

	table.encoding =
		(enum kallsyms_encoding)(fuzz_u8(&input) % KALLSYMS_ENCODING_COUNT);
	is_absolute = table.encoding == KALLSYMS_ABSOLUTE;
	table.count = fuzz_u16(&input);
	table.names_size = fuzz_u16(&input);
	table.tokens_size = fuzz_u16(&input);
	for (int i = 0; i < KALLSYMS_TOKENS; i++)
		table.token_index[i] = fuzz_u16(&input);
	table.names = fuzz_copy(&input, table.names_size);
	table.tokens = fuzz_copy(&input, table.tokens_size);
	table.values = fuzz_copy(&input, (size_t)table.count * (is_absolute ? 8 : 4));
	if (kallsyms_table_index(&table, NULL) == 0)
		walk(&table);
	kallsyms_table_done(&table);
	return 0;
}
