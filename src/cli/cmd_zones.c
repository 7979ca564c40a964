// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph zones: what was free in each zone of memory, and in which pieces; swap. */
#include <inttypes.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/zone.h"

static json_t *new_zone(const struct zone *zone)
{
	json_t *blocks = json_array();
	json_t *object =
		json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "node",
			  zone->node, "start_pfn", (json_int_t)zone->start_pfn, "spanned",
			  (json_int_t)zone->spanned, "present", (json_int_t)zone->present,
			  "managed", (json_int_t)zone->managed, "free",
			  (json_int_t)zone->free, "min", (json_int_t)zone->min, "low",
			  (json_int_t)zone->low, "high", (json_int_t)zone->high,
			  "free_blocks", blocks);
	int r = object ? member_put_string(object, "name", zone->name) : -1;

	for (uint32_t i = 0; r == 0 && i < zone->order_count; i++)
		r = json_array_append_new(blocks,
					  json_integer((json_int_t)zone->free_blocks[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static const char *zone_state(const struct zone *zone)
{
	if (zone->free < zone->min)
		return "below min";
	if (zone->free < zone->low)
		return "below low";
	return zone->free < zone->high ? "below high" : "";
}

static void add_zone(const struct answer *answer, const struct zone *zone,
		     struct text *ret)
{
	uint64_t page = kernel_page_size(answer->kernel);
	char managed[32], unused[32], min[32], low[32], high[32];
	struct answer_name name;

	cli_format_size(zone->managed * page, managed, sizeof(managed));
	cli_format_size(zone->free * page, unused, sizeof(unused));
	cli_format_size(zone->min * page, min, sizeof(min));
	cli_format_size(zone->low * page, low, sizeof(low));
	cli_format_size(zone->high * page, high, sizeof(high));
	text_add(ret, "%4" PRId32 " %-8s %10s %10s %10s %10s %10s%s%s\n", zone->node,
		 answer_clean(zone->name, &name), managed, unused, min, low, high,
		 *zone_state(zone) ? "  " : "", zone_state(zone));
	text_add(ret, "%14sfree blocks by order:", "");
	for (uint32_t i = 0; i < zone->order_count; i++)
		text_add(ret, " %" PRIu64, zone->free_blocks[i]);
	text_add(ret, "\n");
}

static json_t *new_swap(const struct zone_swap *swap)
{
	json_t *object =
		json_pack("{s:I, s:I, s:i}", "pages", (json_int_t)swap->pages, "used",
			  (json_int_t)swap->used, "priority", (int)swap->priority);

	if (object && member_put_string(object, "path", swap->path) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int add_swaps(struct answer *answer, const struct zone_list *list, struct err *err)
{
	uint64_t page = kernel_page_size(answer->kernel);
	json_t *array = answer->json ? json_array() : NULL;
	struct answer_name name;
	char size[32], used[32];

	if (list->no_swaps[0])
		answer_lacks(answer, "swap: %s", list->no_swaps);
	else if (!list->swap_count)
		text_add(&answer->text, "\nno swap\n");
	for (size_t i = 0; i < list->swap_count; i++) {
		const struct zone_swap *swap = &list->swaps[i];

		if (array && json_array_append_new(array, new_swap(swap)) < 0) {
			json_decref(array);
			return err_nomem(err);
		}
		cli_format_size(swap->pages * page, size, sizeof(size));
		cli_format_size(swap->used * page, used, sizeof(used));
		text_add(&answer->text, "%sswap %s: %s of %s used, priority %d\n",
			 i ? "" : "\n",
			 swap->path[0] ? answer_clean(swap->path, &name) : "(no path)",
			 used, size, swap->priority);
	}
	return answer->json ? answer_add(answer, "swaps", array, err) : 0;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_zone_list struct zone_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	int r = zone_list_read(answer->kernel, &list, err);

	(void)about;
	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the zones broke off: %s", list.cut_why);
	text_add(&answer->text, "%4s %-8s %10s %10s %10s %10s %10s\n", "NODE", "ZONE",
		 "MANAGED", "FREE", "MIN", "LOW", "HIGH");
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (array && json_array_append_new(array, new_zone(&list.zones[i])) < 0)
			r = err_nomem(err);
		add_zone(answer, &list.zones[i], &answer->text);
	}
	if (r == 0 && answer->json)
		r = answer_add(answer, "zones", array, err);
	else
		json_decref(array);
	return r < 0 ? r : add_swaps(answer, &list, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "zones", 1, true, ask };

	return answer_run(cli, &cmd_zones, &question, argc, argv);
}

const struct command cmd_zones = {
	.name = "zones",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print free memory by zone, and swap",
	.has_json = true,
	.run = run,
};
