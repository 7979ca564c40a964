/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a crash kernel may leave last words when no target takes the record: see
 * record/farewell.h. Known from what the running kernel uses.
 */
#ifndef PREPARE_LAST_RESORT_PLACE_H
#define PREPARE_LAST_RESORT_PLACE_H

#include "base/err.h"
#include "base/log.h"
#include "prepare/module_set.h"
#include "record/orders.h"

/*
 * orders->ramoops, if pstore writes there now: the place as an address, for a name
 * (ramoops.mem_name=) means nothing to a kernel that reserves no memory. And
 * orders->efi_variable.
 */
void last_resort_find(const char *root, struct orders *orders);

/* Their drivers; what has none is taken out of @orders, and told. What is built into the
 * crash kernel is not used for ramoops: it is configured when it starts. */
void last_resort_add_modules(struct orders *orders, struct module_set *set,
			     const struct log *log);

#endif
