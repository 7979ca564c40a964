// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/memory_stat.h"

#include <stddef.h>

#include "kernel/types.h"

#define ITEMS_MAX 4096 /* of an enum; there are some seventy */

/*
 * The sums of all zones and of all nodes: arrays, and the enum of their indexes. What was
 * counted by zone has moved, one by one, to the nodes: NR_PAGETABLE in v5.11
 * (f0c0c115fb81).
 */
static const struct {
	const char *symbol, *enum_name;
} arrays[] = {
	{ "vm_node_stat", "node_stat_item" },
	{ "vm_zone_stat", "zone_stat_item" },
};

struct source {
	const char *name;   /* in JSON */
	const char *symbol; /* that is the sum itself; or: */
	const char
		*enumerators[2]; /* the first that this kernel has, in the first array */
	uint32_t unit_bytes;	 /* 0: a page */
};

static const struct source sources[MEMORY_STAT_COUNT] = {
	[MEMORY_TOTAL] = { "total", .symbol = "_totalram_pages" },
	[MEMORY_FREE] = { "free", NULL, { "NR_FREE_PAGES" } },
	[MEMORY_ANON] = { "anon", NULL, { "NR_ANON_MAPPED" } },
	[MEMORY_FILE] = { "file", NULL, { "NR_FILE_PAGES" } },
	[MEMORY_SHMEM] = { "shmem", NULL, { "NR_SHMEM" } },
	[MEMORY_DIRTY] = { "dirty", NULL, { "NR_FILE_DIRTY" } },
	[MEMORY_WRITEBACK] = { "writeback", NULL, { "NR_WRITEBACK" } },
	/* d42f3245c7e2 (v5.9) renamed it; its sum counts pages, whatever the name says */
	[MEMORY_SLAB_RECLAIMABLE] = { "slab_reclaimable",
				      NULL,
				      { "NR_SLAB_RECLAIMABLE_B",
					"NR_SLAB_RECLAIMABLE" } },
	[MEMORY_SLAB_UNRECLAIMABLE] = { "slab_unreclaimable",
					NULL,
					{ "NR_SLAB_UNRECLAIMABLE_B",
					  "NR_SLAB_UNRECLAIMABLE" } },
	[MEMORY_PAGE_TABLES] = { "page_tables", NULL, { "NR_PAGETABLE" } },
	[MEMORY_KERNEL_STACKS] = { "kernel_stacks",
				   NULL,
				   { "NR_KERNEL_STACK_KB" },
				   .unit_bytes = 1024 },
};

static int find_index(const struct types *types, const char *enum_name,
		      const struct source *source, uint64_t *ret, struct err *err)
{
	int64_t value = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(source->enumerators); i++) {
		if (!source->enumerators[i])
			break;
		r = types_enum(types, enum_name, source->enumerators[i], &value, err);
		if (r == 0)
			break;
	}
	if (r < 0)
		return r;
	if (value < 0 || value >= ITEMS_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' is %lld", source->enumerators[0],
			       (long long)value);
	*ret = (uint64_t)value;
	return 0;
}

static int find_counter(struct kernel *kernel, const struct source *source, uint64_t *ret,
			struct err *err)
{
	const struct types *types;
	uint64_t vaddr, index = 0;
	int r;

	if (source->symbol)
		return kernel_symbol(kernel, source->symbol, ret, err);
	r = kernel_types(kernel, &types, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		r = find_index(types, arrays[i].enum_name, source, &index, err);
		if (r == 0)
			r = kernel_symbol(kernel, arrays[i].symbol, &vaddr, err);
		if (r == 0) {
			*ret = vaddr + index * 8;
			return 0;
		}
	}
	return r;
}

static int read_item(struct kernel *kernel, const struct source *source, uint64_t *ret,
		     struct err *err)
{
	uint64_t vaddr, value;
	int r = find_counter(kernel, source, &vaddr, err);

	if (r == 0)
		r = kernel_read_u64(kernel, vaddr, &value, err);
	if (r < 0)
		return r;
	/* Of what CPUs have not yet added the sum may be a little below nothing. */
	if (value >> 63)
		value = 0;
	if (__builtin_mul_overflow(value,
				   source->unit_bytes ? source->unit_bytes
						      : kernel_page_size(kernel),
				   ret))
		return err_set(err, ERR_CORRUPT, "'%s' is too much", source->name);
	return 0;
}

int memory_stat_read(struct kernel *kernel, struct memory_stat *ret, struct err *err)
{
	struct memory_stat stat = { 0 };
	struct err first = { 0 }, why = { 0 };

	for (size_t i = 0; i < MEMORY_STAT_COUNT; i++) {
		if (read_item(kernel, &sources[i], &stat.bytes[i], &why) == 0)
			stat.known |= UINT32_C(1) << i;
		else if (!first.code)
			first = why;
	}
	if (!stat.known)
		return err_set(err, first.code, "%s", err_text(&first));
	*ret = stat;
	return 0;
}

const char *memory_stat_name(enum memory_stat_item item)
{
	return sources[item].name;
}
