/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that people and configuration files write: decimal, nothing before or behind.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* False, and @ret untouched: @text is no number, or none of [min, max]. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

#endif
