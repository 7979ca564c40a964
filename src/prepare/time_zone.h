/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's time zone as a rule that needs no zone files:
 * "CET-1CEST,M3.5.0,M10.5.0/3".
 *
 * From the last line of /etc/localtime (RFC 8536, 3.3: the footer of TZif from version
 * 2).
 */
#ifndef PREPARE_TIME_ZONE_H
#define PREPARE_TIME_ZONE_H

#include <stddef.h>

/* "" (which means UTC) where there is none, or none that fits @size. */
void time_zone_read(const char *root, char *ret, size_t size);

#endif
