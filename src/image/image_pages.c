// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/image_pages.h"

#include <lzo/lzo1x.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Memory in all: a page, packed, in each stripe, and 512 KiB (2 MiB at 64 KiB a page). */
#define STRIPE_COUNT	   16
#define STRIPE_BYTES	   ((size_t)32 << 10)
#define STRIPE_SLOTS_LEAST 2
#define STRIPE_SLOTS_MOST  8

struct slot {
	uint64_t number; /* + 1; 0: empty */
	uint64_t last_use;
};

struct stripe {
	pthread_mutex_t lock;
	uint64_t clock;
	struct slot slots[STRIPE_SLOTS_MOST];
	uint8_t *data;	 /* slot_count pages */
	uint8_t *packed; /* one page */
	ZSTD_DCtx *zstd;
};

struct image_pages {
	struct image_file *file;
	uint32_t page_size;
	size_t slot_count;
	size_t stripe_count; /* that are made, and to be freed */
	struct stripe stripes[STRIPE_COUNT];
};

static int stripe_init(struct image_pages *p, struct stripe *s, struct err *err)
{
	int r = pthread_mutex_init(&s->lock, NULL);

	if (r)
		return err_os(err, r, "unable to make a lock");
	p->stripe_count++;
	s->data = malloc(p->slot_count * p->page_size);
	s->packed = malloc(p->page_size);
	return s->data && s->packed ? 0 : err_nomem(err);
}

int image_pages_new(struct image_file *file, uint32_t page_size, struct image_pages **ret,
		    struct err *err)
{
	struct image_pages *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_nomem(err);
	p->file = file;
	p->page_size = page_size;
	p->slot_count =
		MAX(MIN(STRIPE_BYTES / page_size, STRIPE_SLOTS_MOST), STRIPE_SLOTS_LEAST);
	if (lzo_init() != LZO_E_OK)
		r = err_set(err, ERR_UNSUPPORTED, "the lzo library does not work here");
	for (size_t i = 0; i < STRIPE_COUNT && r == 0; i++)
		r = stripe_init(p, &p->stripes[i], err);
	if (r < 0) {
		image_pages_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void image_pages_free(struct image_pages *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->stripe_count; i++) {
		pthread_mutex_destroy(&p->stripes[i].lock);
		ZSTD_freeDCtx(p->stripes[i].zstd);
		free(p->stripes[i].data);
		free(p->stripes[i].packed);
	}
	free(p);
}

static int wrong(const struct image_packed_page *page, const char *codec, struct err *err)
{
	return err_set(err, ERR_CORRUPT,
		       "page 0x%llx: its %u %s bytes at offset %llu do not make a page",
		       (unsigned long long)page->number, page->size, codec,
		       (unsigned long long)page->offset);
}

/* @out takes page_size bytes. Whatever comes out must be a whole page. */
static int unpack(struct image_pages *p, struct stripe *s,
		  const struct image_packed_page *page, uint8_t *out, struct err *err)
{
	uLongf zlib_size = p->page_size;
	lzo_uint lzo_size = p->page_size;
	size_t snappy_size = p->page_size;
	size_t zstd_size;

	switch (page->codec) {
	case IMAGE_CODEC_ZLIB:
		if (uncompress(out, &zlib_size, s->packed, page->size) != Z_OK ||
		    zlib_size != p->page_size)
			return wrong(page, "zlib", err);
		return 0;
	case IMAGE_CODEC_LZO:
		if (lzo1x_decompress_safe(s->packed, page->size, out, &lzo_size, NULL) !=
			    LZO_E_OK ||
		    lzo_size != p->page_size)
			return wrong(page, "lzo", err);
		return 0;
	case IMAGE_CODEC_ZSTD:
		if (!s->zstd)
			s->zstd = ZSTD_createDCtx();
		if (!s->zstd)
			return err_nomem(err);
		zstd_size = ZSTD_decompressDCtx(s->zstd, out, p->page_size, s->packed,
						page->size);
		if (ZSTD_isError(zstd_size) || zstd_size != p->page_size)
			return wrong(page, "zstd", err);
		return 0;
	case IMAGE_CODEC_SNAPPY:
		if (snappy_uncompress((const char *)s->packed, page->size, (char *)out,
				      &snappy_size) != SNAPPY_OK ||
		    snappy_size != p->page_size)
			return wrong(page, "snappy", err);
		return 0;
	}
	return err_set(err, ERR_CORRUPT, "page 0x%llx: 0x%x is no known compression",
		       (unsigned long long)page->number, page->codec);
}

static int load(struct image_pages *p, struct stripe *s,
		const struct image_packed_page *page, uint8_t *out, struct err *err)
{
	bool is_packed = page->codec != IMAGE_CODEC_NONE;
	int r;

	if (page->size > p->page_size || (!is_packed && page->size != p->page_size))
		return wrong(page, is_packed ? "packed" : "plain", err);
	r = image_file_read(p->file, page->offset, is_packed ? s->packed : out,
			    page->size, err);
	if (r < 0)
		return err_in(err, r, "page 0x%llx", (unsigned long long)page->number);
	return is_packed ? unpack(p, s, page, out, err) : 0;
}

/* With the stripe's lock held: the page's data, good until the lock is given back. */
static int get(struct image_pages *p, struct stripe *s,
	       const struct image_packed_page *page, const uint8_t **ret, struct err *err)
{
	size_t oldest = 0, i;
	int r;

	s->clock++;
	for (i = 0; i < p->slot_count; i++) {
		if (s->slots[i].number == page->number + 1)
			goto found;
		if (s->slots[i].last_use < s->slots[oldest].last_use)
			oldest = i;
	}
	i = oldest;
	s->slots[i].number = 0;
	r = load(p, s, page, s->data + i * p->page_size, err);
	if (r < 0)
		return r;
	s->slots[i].number = page->number + 1;
found:
	s->slots[i].last_use = s->clock;
	*ret = s->data + i * p->page_size;
	return 0;
}

int image_pages_read(struct image_pages *p, const struct image_packed_page *page,
		     size_t start, void *buf, size_t size, struct err *err)
{
	struct stripe *s = &p->stripes[page->number % STRIPE_COUNT];
	const uint8_t *data;
	int r;

	pthread_mutex_lock(&s->lock);
	r = get(p, s, page, &data, err);
	if (r == 0)
		memcpy(buf, data + start, size);
	pthread_mutex_unlock(&s->lock);
	return r;
}

const char *image_codec_name(uint32_t codec)
{
	switch (codec) {
	case IMAGE_CODEC_NONE:
		return "none";
	case IMAGE_CODEC_ZLIB:
		return "zlib";
	case IMAGE_CODEC_LZO:
		return "lzo";
	case IMAGE_CODEC_SNAPPY:
		return "snappy";
	case IMAGE_CODEC_ZSTD:
		return "zstd";
	}
	return "unknown";
}
