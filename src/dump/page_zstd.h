/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages as frames of zstd (RFC 8878), quicker than libzstd makes them: a page is too
 * small for tables of its own (their making takes a quarter of libzstd's time at level
 * -1), but pages of a kernel's memory are much alike. Here tables are made of the codes
 * of many pages, and serve the next ones: each frame has their descriptions, so each is
 * whole and read by any decoder. Literals are stored as they are.
 */
#ifndef DUMP_PAGE_ZSTD_H
#define DUMP_PAGE_ZSTD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct page_zstd;

int page_zstd_new(size_t page_size, struct page_zstd **ret, struct err *err);
void page_zstd_free(struct page_zstd *zstd);

/* The size of the frame in @out, or 0 where it would be @most bytes or more; that is at
 * most the page's size. */
size_t page_zstd_compress(struct page_zstd *zstd, const void *page, size_t most,
			  void *out);

#endif
