/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who makes zlib's streams (RFC 1950). */
#ifndef DUMP_ZLIB_ENGINE_H
#define DUMP_ZLIB_ENGINE_H

#include <stddef.h>

#include "base/err.h"

struct zlib_engine {
	/* @ret_state is closed by the caller, also after a failure. */
	int (*open)(size_t page_size, int level, void **ret_state, struct err *err);
	void (*close)(void *state);
	size_t (*compress)(void *state, const void *page, void *out);
};

extern const struct zlib_engine zlib_libdeflate;

/*
 * Of ISA-L, in those programs that link zlib_isal.c; else its address is NULL. There is
 * no static libisal in Debian for epitaph-capture.
 */
extern const struct zlib_engine zlib_isal __attribute__((weak));

#endif
