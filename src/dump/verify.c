// SPDX-License-Identifier: GPL-2.0-or-later
#include "dump/verify.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"

#define UNIT_PAGES	  1024 /* what a worker takes at a time */
#define UNITS_MAX	  ((uint64_t)1 << 18)
#define THREADS_MAX	  64
#define PROGRESS_EVERY_MS 100

struct verifier {
	struct image *image;
	const struct verify_options *options;
	uint32_t page_size;
	_Atomic uint64_t next; /* pages of all ranges, numbered through */
	_Atomic uint64_t done;
	uint64_t *range_first; /* the number of each range's first page */
	uint64_t total;
	int64_t progress_ms;

	pthread_mutex_t lock; /* of the result */
	struct verify_result *result;
};

static uint64_t range_page_count(const struct image_range *range, uint32_t page_size)
{
	return range->size_bytes / page_size + (range->size_bytes % page_size != 0);
}

/* --- one page ------------------------------------------------------------------------
 */

static void verify_found(struct verifier *v, const struct err *err)
{
	struct verify_result *result = v->result;

	pthread_mutex_lock(&v->lock);
	if (result->finding_count < VERIFY_FINDINGS_MAX)
		snprintf(result->findings[result->finding_count++],
			 sizeof(result->findings[0]), "%.159s", err_text(err));
	pthread_mutex_unlock(&v->lock);
}

/*
 * How many pages from the one at @paddr on are absent as that one is, it among them, at
 * most @max. A header that is damaged can speak of more memory than can be gone through.
 */
static uint64_t absent_count(struct image *image, uint64_t paddr, uint32_t page_size,
			     uint64_t max)
{
	uint64_t count = (image_next_page(image, paddr) - paddr) / page_size;

	return MIN(MAX(count, UINT64_C(1)), max);
}

/* The page at @paddr, and if it is absent those behind it that are too: of @max. */
static uint64_t verify_page(struct verifier *v, uint64_t paddr, size_t size, uint64_t max,
			    uint8_t *page, struct verify_result *counts)
{
	struct err err = { 0 };
	int r = image_read(v->image, paddr, page, size, &err);
	uint64_t count = 1;

	if (r != 0 && r != ERR_CORRUPT)
		count = absent_count(v->image, paddr, v->page_size, max);
	counts->pages_total += count;
	switch (r) {
	case 0:
		counts->pages_good++;
		return 1;
	case ERR_FILTERED:
		counts->pages_left_out += count;
		return count;
	case ERR_CORRUPT:
		counts->pages_corrupt++;
		break;
	default:
		counts->pages_lost += count;
	}
	verify_found(v, &err);
	return count;
}

/* The range that has page number @number of all. */
static size_t verify_find_range(const struct verifier *v, uint64_t number,
				size_t range_count)
{
	size_t low = 0, high = range_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (v->range_first[middle] <= number)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Pages number @first to @end of all. */
static void verify_unit(struct verifier *v, uint64_t first, uint64_t end, uint8_t *page,
			struct verify_result *counts)
{
	size_t range_count;
	const struct image_range *ranges = image_ranges(v->image, &range_count);
	size_t i = verify_find_range(v, first, range_count);

	for (; first < end && i < range_count; i++) {
		uint64_t pages = range_page_count(&ranges[i], v->page_size);
		uint64_t n = first - v->range_first[i];

		while (n < pages && first < end) {
			uint64_t offset = n * v->page_size;
			uint64_t left = ranges[i].size_bytes - offset;
			uint64_t count =
				verify_page(v, ranges[i].paddr + offset,
					    (size_t)MIN((uint64_t)v->page_size, left),
					    MIN(pages - n, end - first), page, counts);

			n += count;
			first += count;
		}
	}
}

/* --- workers -------------------------------------------------------------------------
 */

static bool verify_is_stopped(const struct verifier *v)
{
	return v->options->cancel && *v->options->cancel;
}

static void verify_tell(struct verifier *v)
{
	struct verify_progress progress = { atomic_load(&v->done), v->total };
	struct timespec now;
	int64_t now_ms;

	if (!v->options->progress)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
	if (now_ms - v->progress_ms < PROGRESS_EVERY_MS)
		return;
	v->progress_ms = now_ms;
	v->options->progress(v->options->progress_context, &progress);
}

static void verify_work(struct verifier *v, uint8_t *page, bool is_caller)
{
	/* Of memory that a header only claims there can be any number of units. */
	const uint64_t unit = MAX(v->total / UNITS_MAX, (uint64_t)UNIT_PAGES);
	struct verify_result counts = { 0 };

	while (!verify_is_stopped(v)) {
		uint64_t first = atomic_fetch_add(&v->next, unit);

		if (first >= v->total)
			break;
		verify_unit(v, first, MIN(first + unit, v->total), page, &counts);
		atomic_fetch_add(&v->done, unit);
		if (is_caller)
			verify_tell(v);
	}
	pthread_mutex_lock(&v->lock);
	v->result->pages_total += counts.pages_total;
	v->result->pages_good += counts.pages_good;
	v->result->pages_left_out += counts.pages_left_out;
	v->result->pages_lost += counts.pages_lost;
	v->result->pages_corrupt += counts.pages_corrupt;
	pthread_mutex_unlock(&v->lock);
}

/* A worker that finds no memory leaves its work to the others. */
static void *verify_main(void *context)
{
	struct verifier *v = context;
	_cleanup_free uint8_t *page = malloc(v->page_size);

	if (page)
		verify_work(v, page, false);
	return NULL;
}

static unsigned int verify_thread_count(const struct verify_options *options)
{
	cpu_set_t cpus;
	unsigned int count = options->threads;

	if (!count)
		count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
				? (unsigned int)CPU_COUNT(&cpus)
				: 1;
	return MIN(MAX(count, 1u), (unsigned int)THREADS_MAX);
}

static int verify_number_pages(struct verifier *v, struct err *err)
{
	size_t range_count;
	const struct image_range *ranges = image_ranges(v->image, &range_count);

	v->range_first = calloc(range_count + 1, sizeof(*v->range_first));
	if (!v->range_first)
		return err_nomem(err);
	for (size_t i = 0; i < range_count; i++) {
		v->range_first[i] = v->total;
		v->total += range_page_count(&ranges[i], v->page_size);
	}
	return 0;
}

int verify_image(struct image *image, const struct verify_options *options,
		 struct verify_result *ret, struct err *err)
{
	struct verifier v = { .image = image,
			      .options = options,
			      .page_size = options->page_size,
			      .lock = PTHREAD_MUTEX_INITIALIZER,
			      .result = ret };
	_cleanup_free uint8_t *page = malloc(options->page_size);
	pthread_t threads[THREADS_MAX];
	unsigned int wanted = verify_thread_count(options) - 1, count = 0;
	int r = page ? verify_number_pages(&v, err) : err_nomem(err);

	if (r < 0)
		return r;
	*ret = (struct verify_result){ 0 };
	while (count < wanted &&
	       pthread_create(&threads[count], NULL, verify_main, &v) == 0)
		count++;
	verify_work(&v, page, true);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(v.range_first);
	ret->is_stopped = ret->pages_total < v.total;
	return 0;
}

/* --- what the descriptors say --------------------------------------------------------
 */

static void shares_add(struct verify_shares *shares, const struct image_storage *storage)
{
	size_t i = 0;

	while (i < shares->codec_count &&
	       strcmp(shares->codecs[i].name, storage->codec) != 0)
		i++;
	if (i == VERIFY_CODECS_MAX)
		return;
	if (i == shares->codec_count) {
		shares->codecs[i].name = storage->codec;
		shares->codec_count++;
	}
	shares->codecs[i].pages++;
	shares->codecs[i].bytes += storage->size;
}

#define PLACES_BITS 12

/* Places in the file that were met last, by their hash, and the one met again last. */
struct places {
	uint64_t offsets[1 << PLACES_BITS];
	uint64_t again;
};

static bool places_has(struct places *places, uint64_t offset)
{
	uint64_t *place = &places->offsets[offset * UINT64_C(0x9e3779b97f4a7c15) >>
					   (64 - PLACES_BITS)];

	if (offset == places->again)
		return true;
	if (*place == offset)
		places->again = offset;
	*place = offset;
	return offset == places->again;
}

static void shares_page(struct verify_shares *shares, struct places *places,
			struct image *image, uint64_t paddr, uint64_t count)
{
	struct image_storage storage;
	int r = image_page_storage(image, paddr, &storage, NULL);

	shares->pages_total += count;
	if (r == ERR_UNSUPPORTED) {
		bool is_in = image_has_page(image, paddr);

		shares->pages_in += is_in ? count : 0;
		shares->pages_left_out += is_in ? 0 : count;
	} else if (r == ERR_FILTERED) {
		shares->pages_left_out++;
	} else if (r < 0) {
		shares->pages_lost++;
	} else {
		shares->pages_in++;
		if (places_has(places, storage.offset)) {
			shares->pages_shared++;
			storage.size = 0;
		}
		shares_add(shares, &storage);
	}
}

void verify_shares(struct image *image, uint32_t page_size, struct verify_shares *ret)
{
	struct places places = { 0 };
	size_t range_count;
	const struct image_range *ranges = image_ranges(image, &range_count);

	*ret = (struct verify_shares){ 0 };
	for (size_t i = 0; i < range_count; i++) {
		uint64_t pages = range_page_count(&ranges[i], page_size);

		for (uint64_t n = 0, count; n < pages; n += count) {
			uint64_t paddr = ranges[i].paddr + n * page_size;

			count = absent_count(image, paddr, page_size, pages - n);
			shares_page(ret, &places, image, paddr, count);
		}
	}
}
