/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `epitaph list --seen`: a line for all crashes that are alike: how often, when first and
 * last, on which kernel at last. The one that was seen latest stands last.
 */
#ifndef CLI_LIST_SEEN_H
#define CLI_LIST_SEEN_H

#include <stddef.h>

#include "archive/alike.h"
#include "cli/cli.h"

#define LIST_SCHEMA_VERSION 1 /* of both kinds of list */

/* Why it died, or why nothing is known of that. */
void list_cause(const struct record *record, char *ret, size_t size);

/* Only the last @count. Returns an exit code. */
int list_seen(struct cli *cli, const struct alike *alike, size_t count);

#endif
