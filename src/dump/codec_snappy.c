// SPDX-License-Identifier: GPL-2.0-or-later
/* Snappy's format without a frame, by libsnappy; it allocates 8 KiB for each page. */
#include <stdlib.h>
#include <string.h>

#include <snappy-c.h>

#include "dump/codec_type.h"

struct snappy {
	size_t page_size;
	size_t out_size;
	char *out; /* room for the worst case */
};

static int snappy_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct snappy *snappy = *ret_state = calloc(1, sizeof(*snappy));

	if (!snappy)
		return err_nomem(err);
	snappy->page_size = page_size;
	snappy->out_size = snappy_max_compressed_length(page_size);
	snappy->out = malloc(snappy->out_size);
	return snappy->out ? 0 : err_nomem(err);
}

static void snappy_close(void *state)
{
	struct snappy *snappy = state;

	if (!snappy)
		return;
	free(snappy->out);
	free(snappy);
}

static size_t snappy_pack(void *state, const void *page, void *out)
{
	struct snappy *snappy = state;
	size_t size = snappy->out_size;

	if (snappy_compress(page, snappy->page_size, snappy->out, &size) != SNAPPY_OK ||
	    size >= snappy->page_size)
		return 0;
	memcpy(out, snappy->out, size);
	return size;
}

const struct codec_type codec_snappy = { "snappy",     4,	   1, 1, 1, snappy_open,
					 snappy_close, snappy_pack };
