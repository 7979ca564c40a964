/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What memory was used for, and how large a dump of it would be: as tables and JSON. */
#ifndef CLI_MEM_TABLE_H
#define CLI_MEM_TABLE_H

#include <jansson.h>

#include "cli/cli.h"
#include "dump/estimate.h"

/*
 * Estimates of the dump in one file, or in the parts of a split one, and prints the table
 * of levels; with @has_classes that of classes before it. Where @options say so, JSON of
 * both. Returns the exit code.
 */
struct mem_table_options {
	struct estimate_options estimate;
	bool has_classes;
};
int mem_table_run(const struct cli *cli, const char *const paths[], size_t count,
		  const struct mem_table_options *options);

#endif
