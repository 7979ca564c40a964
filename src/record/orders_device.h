/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of the orders as JSON, both ways; see orders.h. */
#ifndef RECORD_ORDERS_DEVICE_H
#define RECORD_ORDERS_DEVICE_H

#include <jansson.h>

#include "record/orders.h"

/* NULL without memory. */
json_t *orders_devices_json(const struct orders *orders);
int orders_devices_parse(const json_t *root, struct orders *ret, struct err *err);

#endif
