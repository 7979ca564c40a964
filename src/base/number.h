/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that people and configuration files write: nothing before or behind them. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * @base as strtoull(3) has it. False, and @ret untouched: @text is no number, or none of
 * [min, max].
 */
bool number_parse(const char *text, int base, uint64_t min, uint64_t max, uint64_t *ret);

/*
 * "500", "8M": a number, and maybe one of K, M, G, T, P, in either case, each 1024 times
 * the one before. @base as strtoull(3) has it. False for anything else, and for what is
 * more than 64 bits.
 */
bool size_parse(const char *text, int base, uint64_t *ret);

#endif
