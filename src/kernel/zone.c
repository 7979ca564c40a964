// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/zone.h"

#include <inttypes.h>
#include <stdio.h>

#include "kernel/value.h"

#define SWP_USED 1u

static int read_watermarks(struct kernel *kernel, uint64_t vaddr, struct zone *zone,
			   struct err *err)
{
	uint64_t at, boost = 0, marks[3];
	int r = value_vaddr(kernel, vaddr, "zone._watermark", &at, err);

	if (r == 0) // since 1c30844d2dfe (v5.0)
		value_read(kernel, vaddr, "zone.watermark_boost", &boost, NULL);
	for (unsigned int i = 0; r == 0 && i < ARRAY_SIZE(marks); i++)
		r = kernel_read_u64(kernel, at + i * 8, &marks[i], err);
	if (r < 0)
		return r;
	zone->min = marks[0] + boost;
	zone->low = marks[1] + boost;
	zone->high = marks[2] + boost;
	return 0;
}

/* free_area[order].nr_free blocks each. */
static int read_orders(struct kernel *kernel, uint64_t vaddr, struct zone *zone,
		       struct err *err)
{
	uint64_t at, count, stride;
	int r = value_vaddr(kernel, vaddr, "zone.free_area", &at, err);

	if (r == 0)
		r = value_array(kernel, "zone.free_area", &count, &stride, err);
	for (uint32_t i = 0; r == 0 && i < MIN(count, (uint64_t)ZONE_ORDERS_MAX); i++) {
		r = value_read(kernel, at + i * stride, "free_area.nr_free",
			       &zone->free_blocks[i], err);
		zone->order_count = i + 1;
	}
	return r;
}

static int read_free(struct kernel *kernel, uint64_t vaddr, struct zone *zone,
		     struct err *err)
{
	uint64_t at, index;
	int r = value_enum(kernel, "zone_stat_item", "NR_FREE_PAGES", &index, err);

	if (r == 0)
		r = value_vaddr(kernel, vaddr, "zone.vm_stat", &at, err);
	if (r == 0 && index > 256)
		r = err_set(err, ERR_CORRUPT, "'NR_FREE_PAGES' is too much");
	if (r == 0)
		r = kernel_read_u64(kernel, at + index * 8, &zone->free, err);
	if (r == 0 && zone->free >> 63)
		zone->free = 0;
	return r;
}

static int zone_read(struct kernel *kernel, uint64_t vaddr, struct zone *ret,
		     struct err *err)
{
	struct zone zone = { 0 };
	uint64_t name;
	int r = value_read(kernel, vaddr, "zone.present_pages", &zone.present, err);

	if (r < 0 || !zone.present) {
		*ret = zone;
		return r;
	}
	r = value_read(kernel, vaddr, "zone.name", &name, err);
	if (r == 0)
		r = kernel_read_string(kernel, name, zone.name, sizeof(zone.name), err);
	if (r == 0)
		r = value_read(kernel, vaddr, "zone.zone_start_pfn", &zone.start_pfn,
			       err);
	if (r == 0)
		r = value_read(kernel, vaddr, "zone.spanned_pages", &zone.spanned, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "zone.managed_pages.counter", &zone.managed,
			       err);
	if (r == 0)
		r = read_watermarks(kernel, vaddr, &zone, err);
	if (r == 0)
		r = read_orders(kernel, vaddr, &zone, err);
	if (r == 0)
		r = read_free(kernel, vaddr, &zone, err);
	if (r == 0)
		*ret = zone;
	return r;
}

static int node_walk(struct kernel *kernel, uint64_t pgdat, uint32_t node,
		     struct zone_list *list, struct err *err)
{
	uint64_t at, count, stride;
	int r = value_vaddr(kernel, pgdat, "pglist_data.node_zones", &at, err);

	if (r == 0)
		r = value_array(kernel, "pglist_data.node_zones", &count, &stride, err);
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		size_t n = list->count;

		if (n == ZONE_COUNT_MAX)
			return err_set(err, ERR_LIMIT, "more than %d zones",
				       ZONE_COUNT_MAX);
		if (n % 16 == 0) {
			struct zone *zones =
				realloc(list->zones, (n + 16) * sizeof(*zones));

			if (!zones)
				return err_nomem(err);
			list->zones = zones;
		}
		r = zone_read(kernel, at + i * stride, &list->zones[n], err);
		if (r == 0 && list->zones[n].present) {
			list->zones[n].node = (int32_t)node;
			list->count++;
		}
	}
	return r;
}

/* node_data[] with CONFIG_NUMA, contig_page_data without. */
static int nodes_walk(struct kernel *kernel, struct zone_list *list, struct err *err)
{
	uint64_t table, pgdat, count;
	int r = kernel_symbol(kernel, "node_data", &table, err);

	if (r == ERR_NOTFOUND) {
		r = kernel_symbol(kernel, "contig_page_data", &pgdat, err);
		return r < 0 ? r : node_walk(kernel, pgdat, 0, list, err);
	}
	if (r == 0)
		r = value_symbol(kernel, "nr_node_ids", 4, &count, err);
	if (r == 0 && count > ZONE_NODES_MAX)
		r = err_set(err, ERR_CORRUPT, "nr_node_ids is %" PRIu64, count);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		r = kernel_read_u64(kernel, table + (uint64_t)i * 8, &pgdat, err);
		if (r == 0 && pgdat)
			r = node_walk(kernel, pgdat, i, list, err);
	}
	return r;
}

/* --- swap ------------------------------------------------------------------------ */

static int swap_read(struct kernel *kernel, uint64_t vaddr, struct zone_swap *ret,
		     struct err *err)
{
	/* A number of 32 bits until v6.10. */
	static const char *const used[] = { "swap_info_struct.inuse_pages.counter",
					    "swap_info_struct.inuse_pages", NULL };
	uint64_t priority, file, at;
	int r = value_read(kernel, vaddr, "swap_info_struct.pages", &ret->pages, err);

	if (r == 0)
		r = value_read_any(kernel, vaddr, used, &ret->used, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "swap_info_struct.prio", &priority, err);
	if (r == 0)
		r = value_read(kernel, vaddr, "swap_info_struct.swap_file", &file, err);
	if (r < 0)
		return r;
	ret->priority = (int16_t)priority;
	ret->used &= ~(UINT64_C(1) << 62); // SWAP_USAGE_OFFLIST_BIT
	ret->path[0] = '\0';
	if (value_vaddr(kernel, file, "file.f_path", &at, NULL) < 0 ||
	    path_read_struct(kernel, at, ret->path, sizeof(ret->path), NULL) < 0)
		ret->path[0] = '\0';
	return 0;
}

static int swaps_walk(struct kernel *kernel, struct zone_list *list, struct err *err)
{
	uint64_t count, table, vaddr, flags;
	int r = value_symbol(kernel, "nr_swapfiles", 4, &count, err);

	if (r == 0)
		r = kernel_symbol(kernel, "swap_info", &table, err);
	if (r == 0 && count > ZONE_SWAPS_MAX)
		r = err_set(err, ERR_CORRUPT, "nr_swapfiles is %" PRIu64, count);
	for (uint64_t i = 0; r == 0 && i < count; i++) {
		r = kernel_read_u64(kernel, table + i * 8, &vaddr, err);
		if (r == 0)
			r = value_read(kernel, vaddr, "swap_info_struct.flags", &flags,
				       err);
		if (r < 0 || !(flags & SWP_USED))
			continue;
		r = swap_read(kernel, vaddr, &list->swaps[list->swap_count], err);
		list->swap_count += r == 0;
	}
	return r;
}

int zone_list_read(struct kernel *kernel, struct zone_list *ret, struct err *err)
{
	struct zone_list *list = calloc(1, sizeof(*list)); // paths of swap: 32 KiB
	struct err why = { 0 };
	int r;

	if (!list)
		return err_nomem(err);
	r = nodes_walk(kernel, list, &why);
	if (r < 0 && (!list->count || r == ERR_NOMEM)) {
		zone_list_done(list);
		free(list);
		return err_set(err, r, "looking for zones: %.400s", err_text(&why));
	}
	snprintf(list->cut_why, sizeof(list->cut_why), "%.255s",
		 r < 0 ? err_text(&why) : "");
	if (swaps_walk(kernel, list, &why) < 0)
		snprintf(list->no_swaps, sizeof(list->no_swaps), "%.159s",
			 err_text(&why));
	*ret = *list;
	free(list);
	return 0;
}

void zone_list_done(struct zone_list *list)
{
	free(list->zones);
	*list = (struct zone_list){ 0 };
}
