/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An address in a dead kernel as a person writes it. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"

/*
 * "0xffffffff82345678", "init_task", "jiffies_64+8", of a per-CPU symbol "runqueues:1" on
 * CPU 1; symbols of modules too. ERR_INVALID: it is none of these; ERR_NOTFOUND: there is
 * no such symbol.
 */
int address_parse(struct kernel *kernel, const char *text, uint64_t *ret,
		  struct err *err);

/* A number alone, with 0x or in decimal. */
bool address_is_number(const char *text, uint64_t *ret);

/*
 * Whether a word that may be an address or the name of a crash is an address: it begins
 * with 0x or with &, which is taken off.
 */
bool address_is_marked(const char **text);

#endif
