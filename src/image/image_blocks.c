// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/image_blocks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

#define BLOCK_SIZE   8192u
#define STRIPE_COUNT 32u /* a lock each; blocks in a row lie in different ones */
#define SLOT_COUNT   2u

struct slot {
	uint64_t number; /* + 1; 0: empty */
	uint64_t last_use;
};

struct stripe {
	pthread_mutex_t lock;
	uint64_t clock;
	struct slot slots[SLOT_COUNT];
};

struct image_blocks {
	int fd;
	uint64_t file_size;
	size_t stripe_count; /* that are made, and to be freed */
	struct stripe stripes[STRIPE_COUNT];
	uint8_t *
		data; /* SLOT_COUNT blocks for each stripe; resident once they are used */
};

int image_blocks_new(int fd, uint64_t file_size, struct image_blocks **ret,
		     struct err *err)
{
	struct image_blocks *blocks = calloc(1, sizeof(*blocks));
	int r = 0;

	if (!blocks)
		return err_nomem(err);
	blocks->fd = fd;
	blocks->file_size = file_size;
	blocks->data = malloc((size_t)STRIPE_COUNT * SLOT_COUNT * BLOCK_SIZE);
	if (!blocks->data)
		r = err_nomem(err);
	while (r == 0 && blocks->stripe_count < STRIPE_COUNT) {
		int e = pthread_mutex_init(&blocks->stripes[blocks->stripe_count].lock,
					   NULL);

		if (e)
			r = err_os(err, e, "unable to make a lock");
		else
			blocks->stripe_count++;
	}
	if (r < 0) {
		image_blocks_free(blocks);
		return r;
	}
	*ret = blocks;
	return 0;
}

void image_blocks_free(struct image_blocks *blocks)
{
	if (!blocks)
		return;
	for (size_t i = 0; i < blocks->stripe_count; i++)
		pthread_mutex_destroy(&blocks->stripes[i].lock);
	free(blocks->data);
	free(blocks);
}

/* With the stripe's lock held: the block's data, good until the lock is given back. */
static int stripe_get(struct image_blocks *blocks, struct stripe *stripe, uint64_t number,
		      const uint8_t **ret, struct err *err)
{
	uint8_t *data = blocks->data +
			(size_t)(stripe - blocks->stripes) * SLOT_COUNT * BLOCK_SIZE;
	uint64_t start = number * BLOCK_SIZE;
	size_t oldest = 0, i;
	int r;

	stripe->clock++;
	for (i = 0; i < SLOT_COUNT; i++) {
		if (stripe->slots[i].number == number + 1)
			goto found;
		if (stripe->slots[i].last_use < stripe->slots[oldest].last_use)
			oldest = i;
	}
	i = oldest;
	stripe->slots[i].number = 0;
	r = fd_pread_full(blocks->fd, data + i * BLOCK_SIZE,
			  (size_t)MIN((uint64_t)BLOCK_SIZE, blocks->file_size - start),
			  start, err);
	if (r < 0)
		return r;
	stripe->slots[i].number = number + 1;
found:
	stripe->slots[i].last_use = stripe->clock;
	*ret = data + i * BLOCK_SIZE;
	return 0;
}

int image_blocks_read(struct image_blocks *blocks, uint64_t offset, void *buf,
		      size_t size, struct err *err)
{
	uint8_t *out = buf;
	int r = 0;

	while (size > 0 && r == 0) {
		uint64_t number = offset / BLOCK_SIZE;
		size_t start = offset % BLOCK_SIZE;
		size_t part = MIN(size, BLOCK_SIZE - start);
		struct stripe *stripe = &blocks->stripes[number % STRIPE_COUNT];
		const uint8_t *data;

		pthread_mutex_lock(&stripe->lock);
		r = stripe_get(blocks, stripe, number, &data, err);
		if (r == 0)
			memcpy(out, data + start, part);
		pthread_mutex_unlock(&stripe->lock);
		offset += part;
		out += part;
		size -= part;
	}
	return r;
}
