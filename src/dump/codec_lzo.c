// SPDX-License-Identifier: GPL-2.0-or-later
/* lzo1x without a header, by liblzo2. */
#include <stdlib.h>
#include <string.h>

#include <lzo/lzo1x.h>

#include "dump/codec_type.h"

struct lzo {
	size_t page_size;
	void *memory;
	uint8_t *out; /* lzo knows no end of its output: room for the worst case */
};

static int lzo_open(size_t page_size, int level, void **ret_state, struct err *err)
{
	struct lzo *lzo = *ret_state = calloc(1, sizeof(*lzo));

	if (!lzo)
		return err_nomem(err);
	if (lzo_init() != LZO_E_OK)
		return err_set(err, ERR_UNSUPPORTED,
			       "liblzo2 was built for another machine");
	lzo->page_size = page_size;
	lzo->memory = malloc(LZO1X_1_MEM_COMPRESS);
	lzo->out = malloc(page_size + page_size / 16 + 64 + 3);
	return lzo->memory && lzo->out ? 0 : err_nomem(err);
}

static void lzo_close(void *state)
{
	struct lzo *lzo = state;

	if (!lzo)
		return;
	free(lzo->memory);
	free(lzo->out);
	free(lzo);
}

static size_t lzo_compress(void *state, const void *page, void *out)
{
	struct lzo *lzo = state;
	lzo_uint size = 0;

	if (lzo1x_1_compress(page, lzo->page_size, lzo->out, &size, lzo->memory) !=
		    LZO_E_OK ||
	    size >= lzo->page_size)
		return 0;
	memcpy(out, lzo->out, size);
	return size;
}

const struct codec_type codec_lzo = {
	"lzo", 2, 1, 1, 1, lzo_open, lzo_close, lzo_compress
};
