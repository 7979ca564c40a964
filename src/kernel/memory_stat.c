// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/memory_stat.h"

#include <stddef.h>

#include "kernel/types.h"

#define ITEMS_MAX 4096 /* of an enum; there are some seventy */

/* The array, and the enumerator that is the index into it. */
struct source {
	const char *name; /* in JSON */
	const char *symbol;
	const char *enum_name;
	const char *enumerators[2]; /* the first that this kernel has */
	uint32_t unit_bytes;	    /* 0: a page */
};

static const struct source sources[MEMORY_STAT_COUNT] = {
	[MEMORY_TOTAL] = { "total", "_totalram_pages", NULL, { NULL }, 0 },
	[MEMORY_FREE] = { "free",
			  "vm_zone_stat",
			  "zone_stat_item",
			  { "NR_FREE_PAGES" },
			  0 },
	[MEMORY_ANON] = { "anon",
			  "vm_node_stat",
			  "node_stat_item",
			  { "NR_ANON_MAPPED" },
			  0 },
	[MEMORY_FILE] = { "file",
			  "vm_node_stat",
			  "node_stat_item",
			  { "NR_FILE_PAGES" },
			  0 },
	[MEMORY_SHMEM] = { "shmem", "vm_node_stat", "node_stat_item", { "NR_SHMEM" }, 0 },
	[MEMORY_DIRTY] = { "dirty",
			   "vm_node_stat",
			   "node_stat_item",
			   { "NR_FILE_DIRTY" },
			   0 },
	[MEMORY_WRITEBACK] = { "writeback",
			       "vm_node_stat",
			       "node_stat_item",
			       { "NR_WRITEBACK" },
			       0 },
	/* d42f3245c7e2 (v5.9) renamed it; its sum counts pages, whatever the name says */
	[MEMORY_SLAB_RECLAIMABLE] = { "slab_reclaimable",
				      "vm_node_stat",
				      "node_stat_item",
				      { "NR_SLAB_RECLAIMABLE_B", "NR_SLAB_RECLAIMABLE" },
				      0 },
	[MEMORY_SLAB_UNRECLAIMABLE] = { "slab_unreclaimable",
					"vm_node_stat",
					"node_stat_item",
					{ "NR_SLAB_UNRECLAIMABLE_B",
					  "NR_SLAB_UNRECLAIMABLE" },
					0 },
	[MEMORY_PAGE_TABLES] = { "page_tables",
				 "vm_node_stat",
				 "node_stat_item",
				 { "NR_PAGETABLE" },
				 0 },
	[MEMORY_KERNEL_STACKS] = { "kernel_stacks",
				   "vm_node_stat",
				   "node_stat_item",
				   { "NR_KERNEL_STACK_KB" },
				   1024 },
};

static int find_index(const struct types *types, const struct source *source,
		      uint64_t *ret, struct err *err)
{
	int64_t value = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(source->enumerators); i++) {
		if (!source->enumerators[i])
			break;
		r = types_enum(types, source->enum_name, source->enumerators[i], &value,
			       err);
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

static int read_item(struct kernel *kernel, const struct source *source, uint64_t *ret,
		     struct err *err)
{
	const struct types *types;
	uint64_t vaddr, i = 0, value;
	int r = kernel_symbol(kernel, source->symbol, &vaddr, err);

	if (r == 0 && source->enum_name)
		r = kernel_types(kernel, &types, err);
	if (r == 0 && source->enum_name)
		r = find_index(types, source, &i, err);
	if (r == 0)
		r = kernel_read_u64(kernel, vaddr + i * 8, &value, err);
	if (r < 0)
		return r;
	/* Of what CPUs have not yet added the sum may be a little below nothing. */
	if (value >> 63)
		value = 0;
	if (__builtin_mul_overflow(value,
				   source->unit_bytes ? source->unit_bytes
						      : kernel_page_size(kernel),
				   ret))
		return err_set(err, ERR_CORRUPT, "'%s' is too much", source->symbol);
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
