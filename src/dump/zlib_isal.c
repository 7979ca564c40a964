// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * zlib's streams by ISA-L's quickest level. That has one table of codes for all, which
 * suits text: pages become a quarter larger than by libdeflate. A table made of what the
 * pages before had is as good but for 6%, and costs a tenth of the time.
 *
 * The table's description is in each stream, so any reader of zlib reads it.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>

#include "dump/zlib_engine.h"

#define SAMPLE_EVERY 8 /* pages; and all of the first TRAIN_FIRST */
#define TRAIN_FIRST  16
#define TRAIN_EVERY  256

struct isal {
	size_t page_size;
	unsigned int pages;
	bool is_trained;
	struct isal_huff_histogram seen;
	struct isal_hufftables tables;
	struct isal_zstream stream;
};

static int isal_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct isal *isal = *ret_state = calloc(1, sizeof(*isal));

	if (!isal)
		return err_nomem(err);
	isal->page_size = page_size;
	return 0;
}

static void isal_close(void *state)
{
	free(state);
}

static void isal_learn(struct isal *isal, const void *page)
{
	if (isal->pages < TRAIN_FIRST || isal->pages % SAMPLE_EVERY == 0)
		isal_update_histogram((uint8_t *)page, (int)isal->page_size, &isal->seen);
	isal->pages++;
	if (isal->pages != TRAIN_FIRST && isal->pages % TRAIN_EVERY)
		return;
	/* All symbols have a code: any page can be written with it. */
	isal->is_trained = isal_create_hufftables(&isal->tables, &isal->seen) == 0;
	for (size_t i = 0; i < ISAL_DEF_LIT_LEN_SYMBOLS; i++)
		isal->seen.lit_len_histogram[i] /= 2;
	for (size_t i = 0; i < ISAL_DEF_DIST_SYMBOLS; i++)
		isal->seen.dist_histogram[i] /= 2;
}

static size_t isal_compress(void *state, const void *page, void *out)
{
	struct isal *isal = state;
	struct isal_zstream *stream = &isal->stream;

	isal_learn(isal, page);
	isal_deflate_stateless_init(stream);
	stream->gzip_flag = IGZIP_ZLIB;
	stream->end_of_stream = 1;
	stream->flush = NO_FLUSH;
	if (isal->is_trained)
		isal_deflate_set_hufftables(stream, &isal->tables,
					    IGZIP_HUFFTABLE_CUSTOM);
	stream->next_in = (uint8_t *)page;
	stream->avail_in = (uint32_t)isal->page_size;
	stream->next_out = out;
	stream->avail_out = (uint32_t)isal->page_size - 1;
	return isal_deflate_stateless(stream) == COMP_OK ? stream->total_out : 0;
}

const struct zlib_engine zlib_isal = { isal_open, isal_close, isal_compress };
