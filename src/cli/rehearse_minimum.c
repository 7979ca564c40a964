// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph rehearse --find-minimum: a line for each probe, then what it comes to. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/rehearse_store.h"
#include "prepare/reservation.h"
#include "record/field.h"

#define MINIMUM_SCHEMA_VERSION 1

void rehearse_keep_verdict(const struct cli *cli, const struct rehearse_store *store,
			   const struct rehearsed *verdict)
{
	struct err err = { 0 };

	if (!store->is_wanted)
		return;
	if (rehearsed_save(store->root, verdict, &err) < 0)
		fprintf(stderr, "%s: status and check will not know of it: %s\n",
			cli->program, err_text(&err));
	else
		log_info(&cli->log, "kept in '%s" REHEARSED_FILE "'", store->root);
}

static void tell(void *context, const struct rehearse_minimum *minimum, size_t index,
		 bool is_done)
{
	char why[256], left[48] = "";

	if (!is_done)
		return;
	field_clean(minimum->probes[index].why, why, sizeof(why));
	if (minimum->probes[index].memory_low_kib >= 0)
		snprintf(left, sizeof(left), ", %.1f MiB left at the least",
			 (double)minimum->probes[index].memory_low_kib / 1024);
	fprintf(stderr, "%5u MiB  %s in %.1f s%s%s%s\n", minimum->probes[index].mib,
		rehearsed_verdict_name(minimum->probes[index].verdict),
		minimum->probes[index].seconds, left, why[0] ? ": " : "", why);
}

static json_t *probes_to_json(const struct rehearse_minimum *minimum)
{
	json_t *array = json_array();

	for (size_t i = 0; i < minimum->probe_count; i++)
		json_array_append_new(
			array,
			json_pack("{s:I, s:s, s:o*, s:f, s:I}", "mib",
				  (json_int_t)minimum->probes[i].mib, "verdict",
				  rehearsed_verdict_name(minimum->probes[i].verdict),
				  "why", field_new_string(minimum->probes[i].why),
				  "seconds", minimum->probes[i].seconds, "memory_low_kib",
				  (json_int_t)minimum->probes[i].memory_low_kib));
	return array;
}

static int print_json(const struct cli *cli, const struct rehearse_minimum *minimum,
		      uint64_t reserve_bytes)
{
	_cleanup_json json_t *verdict = NULL;
	_cleanup_json json_t *json = NULL;
	struct err err = { 0 };

	if (rehearsed_to_json(&minimum->lowest, &verdict, &err) < 0)
		return cli_failed(cli, &err);
	json = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:O, s:o}", "schema_version",
			 MINIMUM_SCHEMA_VERSION, "kernel_release",
			 minimum->kernel_release, "accelerator", minimum->accelerator,
			 "step_mib", (json_int_t)minimum->step_mib, "minimum_mib",
			 (json_int_t)minimum->minimum_mib, "reserve_mib",
			 (json_int_t)(reserve_bytes / MIB), "lowest", verdict, "probes",
			 probes_to_json(minimum));
	if (!json) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	printf("\n");
	return EXIT_DONE;
}

static void print_text(const struct rehearse_minimum *minimum, uint64_t needed_bytes,
		       uint64_t reserve_bytes)
{
	const struct rehearsed *lowest = &minimum->lowest;

	printf("kernel         %s (%s)\n", minimum->kernel_release, minimum->accelerator);
	printf("smallest       %u MiB reserved gave the whole record, %zu probes\n",
	       minimum->minimum_mib, minimum->probe_count);
	if (lowest->memory_low_kib >= 0)
		printf("left then      %.1f of %.1f MiB at the least\n",
		       (double)lowest->memory_low_kib / 1024,
		       (double)lowest->memory_total_kib / 1024);
	printf("to reserve     %" PRIu64
	       " MiB: a fifth more is %.1f MiB, in steps of %d MiB\n",
	       reserve_bytes / MIB, (double)needed_bytes / (double)MIB,
	       (int)(RESERVATION_STEP_BYTES / MIB));
}

int rehearse_show_minimum(struct cli *cli, const struct rehearse_options *options,
			  uint32_t step_mib, const struct rehearse_store *store)
{
	_cleanup_free struct rehearse_minimum *minimum = calloc(1, sizeof(*minimum));
	uint64_t needed, reserve;
	struct err err = { 0 };

	if (!minimum) {
		err_nomem(&err);
		return cli_failed(cli, &err);
	}
	minimum->step_mib = step_mib;
	minimum->tell = tell;
	if (rehearse_find_minimum(options, minimum, &err) < 0)
		return cli_failed(cli, &err);
	needed = rehearsed_reserve_bytes(&minimum->lowest, 0);
	reserve = reservation_round(needed);
	rehearse_keep_verdict(cli, store, &minimum->lowest);
	if (cli->json)
		return print_json(cli, minimum, reserve);
	print_text(minimum, needed, reserve);
	return EXIT_DONE;
}
