// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two passes over the memmap. The first counts the pages of each class. The second packs
 * some of each, with the very code that writes them (packer.c, to nowhere): what page
 * comes to by itself, in its run, next to pages that are the same.
 *
 * Which ones: page frames in groups of 64, as many as the packer reads at once. Of a
 * class the groups are taken that every Nth page of the class lies in, so one that has
 * more of them is taken the more often, and they are spread as evenly as the class is.
 * Then the mean of the groups' bytes a page is the class', and the spread of those means
 * tells how far off it is. A class of up to SAMPLE_GROUPS * 64 pages is packed as a
 * whole.
 *
 * What stays unknown beside the spread: where the pages between two of a class are kept
 * too, a level makes longer runs of them, in which more pages are the same. That is
 * allowed for by RUNS_MARGIN of the data.
 */
#include "dump/estimate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "dump/chunk.h"
#include "dump/facts.h"
#include "dump/packer.h"
#include "dump/select.h"
#include "dump/writer_diskdump.h"

#define GROUP_PAGES   64
#define SAMPLE_GROUPS 1024
#define RUNS_MARGIN   0.01

/* Of one class in the second pass. */
struct sample {
	uint64_t step;		  /* pages between two that are asked for; 0: all */
	uint64_t next, passed;	  /* pages of the class */
	double bytes;		  /* of a whole class */
	double mean_sum, squares; /* of the groups' bytes a page */
	uint64_t groups;
};

struct survey {
	struct image *image;
	uint32_t page_size;
	struct chunks chunks;
	struct selection *selection;
	struct estimate *ret;

	/* Of the chunk that is being looked at. */
	const uint8_t *classes; /* NULL: all are KERNEL */
	uint8_t ram[SELECTION_CHUNK_BYTES], in[SELECTION_CHUNK_BYTES];

	uint8_t *pages; /* of a group, to be looked at for zeros */
	struct sample samples[PAGE_CLASS_COUNT];
	struct output output;
	struct diskdump dump;
	struct packer *packer;
};

static enum page_class survey_class(const struct survey *survey, size_t i)
{
	return survey->classes ? (enum page_class)survey->classes[i] : PAGE_CLASS_KERNEL;
}

/* The pages of @class that begin at @first, and are in the source. */
static uint64_t survey_group(const struct survey *survey, size_t first,
			     enum page_class class)
{
	uint64_t left = load_le64(survey->in + first / 8), bits = 0;

	for (; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);

		if (survey_class(survey, first + i) == class)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* @ret_is_memory: false for what a header claims and nobody knows; nothing else is made.
 */
static int survey_chunk(struct survey *survey, uint64_t pfn, size_t *range_first,
			bool *ret_is_memory, struct err *err)
{
	int r;

	*ret_is_memory = !chunk_is_missing(survey->image, survey->page_size, pfn) ||
			 selection_is_memory(survey->selection, pfn);
	if (!*ret_is_memory)
		return 0;
	chunk_ram(survey->image, survey->page_size, pfn, range_first, survey->ram);
	r = selection_chunk(survey->selection, pfn, survey->ram, survey->in, err);
	if (r < 0)
		return r;
	survey->classes = selection_classes(survey->selection);
	memcpy(survey->in, survey->ram, sizeof(survey->in));
	chunk_drop_missing(survey->image, survey->page_size, pfn, survey->in);
	return 0;
}

/* --- the first pass ------------------------------------------------------------------
 */

/* Pages [i, i + count) of a group, one after the other. */
static uint64_t count_zero(struct survey *survey, uint64_t pfn, size_t count)
{
	uint64_t paddr = pfn * survey->page_size, zero = 0;
	size_t page_size = survey->page_size;

	if (image_next_data(survey->image, paddr) >= paddr + count * page_size)
		return count;
	if (image_read(survey->image, paddr, survey->pages, count * page_size, NULL) ==
	    0) {
		for (size_t i = 0; i < count; i++)
			zero += page_is_zero(survey->pages + i * page_size, page_size);
		return zero;
	}
	for (size_t i = 0; i < count; i++)
		if (image_read(survey->image, paddr + i * page_size, survey->pages,
			       page_size, NULL) == 0)
			zero += page_is_zero(survey->pages, page_size);
	return zero;
}

static uint64_t count_zero_bits(struct survey *survey, uint64_t pfn, uint64_t bits)
{
	uint64_t zero = 0;

	while (bits) {
		size_t first = (size_t)__builtin_ctzll(bits), count;
		uint64_t rest = ~(bits >> first);

		count = rest ? (size_t)__builtin_ctzll(rest) : GROUP_PAGES;
		zero += count_zero(survey, pfn + first, count);
		if (first + count >= GROUP_PAGES)
			break;
		bits &= UINT64_MAX << (first + count);
	}
	return zero;
}

static void survey_count(struct survey *survey, uint64_t pfn)
{
	struct estimate *ret = survey->ret;

	for (size_t i = 0; i < SELECTION_CHUNK_PAGES; i++) {
		struct estimate_class *class = &ret->classes[survey_class(survey, i)];

		class->pages += bit_is_set(survey->ram, i);
		class->pages_in += bit_is_set(survey->in, i);
	}
	ret->pages_total += bits_count(survey->ram, sizeof(survey->ram));
	for (size_t i = 0; i < SELECTION_CHUNK_PAGES; i += GROUP_PAGES)
		ret->kernel_zero += count_zero_bits(
			survey, pfn + i, survey_group(survey, i, PAGE_CLASS_KERNEL));
}

static int survey_count_all(struct survey *survey, struct err *err)
{
	size_t range_first = 0;
	int r = 0;

	memset(survey->ret->classes, 0, sizeof(survey->ret->classes));
	survey->ret->pages_total = survey->ret->kernel_zero = 0;
	for (size_t i = 0; i < survey->chunks.count && r == 0; i++) {
		uint64_t pfn = chunk_pfn(&survey->chunks.items[i]);
		bool is_memory;

		r = survey_chunk(survey, pfn, &range_first, &is_memory, err);
		if (r == 0 && is_memory)
			survey_count(survey, pfn);
	}
	return r;
}

/* --- the second pass -----------------------------------------------------------------
 */

static void sample_begin(struct sample *sample, uint64_t pages)
{
	*sample = (struct sample){ 0 };
	if (pages <= SAMPLE_GROUPS * GROUP_PAGES)
		return;
	sample->step = pages / SAMPLE_GROUPS;
	sample->next = sample->step / 2;
}

/* How often a group with so many pages of the class is asked for. */
static uint64_t sample_hits(struct sample *sample, uint64_t pages)
{
	uint64_t hits = 0;

	if (!sample->step)
		return 1;
	sample->passed += pages;
	if (sample->next < sample->passed) {
		hits = (sample->passed - sample->next - 1) / sample->step + 1;
		sample->next += hits * sample->step;
	}
	return hits;
}

static void sample_add(struct sample *sample, uint64_t pages, uint64_t bytes,
		       uint64_t hits)
{
	double mean = (double)bytes / (double)pages;

	sample->bytes += (double)bytes;
	sample->mean_sum += mean * (double)hits;
	sample->squares += mean * mean * (double)hits;
	sample->groups += hits;
}

static void sample_end(const struct sample *sample, struct estimate_class *class)
{
	double groups = (double)sample->groups, mean, variance;

	class->bytes = sample->bytes;
	class->error = 0;
	if (!sample->step || sample->groups < 2)
		return;
	mean = sample->mean_sum / groups;
	variance = (sample->squares - groups * mean * mean) / (groups - 1);
	class->bytes = mean * (double)class->pages_in;
	class->error = sqrt(MAX(variance, 0) / groups) * (double)class->pages_in;
}

static int survey_pack_group(struct survey *survey, uint64_t pfn, size_t first,
			     enum page_class class, struct err *err)
{
	struct sample *sample = &survey->samples[class];
	uint64_t bits = survey_group(survey, first, class), before = survey->dump.end;
	uint64_t pages = (uint64_t)__builtin_popcountll(bits), hits;
	uint8_t kept[GROUP_PAGES / 8];
	int r;

	if (!pages)
		return 0;
	hits = sample_hits(sample, pages);
	if (!hits)
		return 0;
	for (size_t i = 0; i < sizeof(kept); i++)
		kept[i] = (uint8_t)(bits >> i * 8);
	r = packer_range(survey->packer, pfn + first, kept, kept, GROUP_PAGES, 0, err);
	if (r == 0)
		r = packer_flush(survey->packer, err);
	if (r < 0)
		return r;
	survey->ret->classes[class].pages_seen += pages;
	sample_add(sample, pages, survey->dump.end - before, hits);
	return 0;
}

/* What is unusable is never in a dump. */
static int survey_pack_chunk(struct survey *survey, uint64_t pfn, struct err *err)
{
	int r = 0;

	for (int class = 0; class < PAGE_CLASS_COUNT && r == 0; class ++)
		for (size_t i = 0; i < SELECTION_CHUNK_PAGES && r == 0; i += GROUP_PAGES)
			if (class != PAGE_CLASS_UNUSABLE)
				r = survey_pack_group(survey, pfn, i,
						      (enum page_class) class, err);
	return r;
}

static int survey_begin_packing(struct survey *survey, struct packer_job *job,
				struct err *err)
{
	int r = diskdump_begin_pages(&survey->dump, GROUP_PAGES, err);

	if (r == 0)
		r = packer_new(job, &survey->packer, err);
	for (int i = 0; i < PAGE_CLASS_COUNT; i++)
		sample_begin(&survey->samples[i], survey->ret->classes[i].pages_in);
	return r;
}

static int survey_pack_all(struct survey *survey, const struct estimate_options *options,
			   struct err *err)
{
	struct packer_job job = { .image = survey->image,
				  .dump = &survey->dump,
				  .page_size = survey->page_size,
				  .codec = options->codec,
				  .codec_level = options->codec_level };
	size_t range_first = 0;
	int r = survey_begin_packing(survey, &job, err);

	for (size_t i = 0; i < survey->chunks.count && r == 0; i++) {
		uint64_t pfn = chunk_pfn(&survey->chunks.items[i]);
		bool is_memory;

		r = survey_chunk(survey, pfn, &range_first, &is_memory, err);
		if (r == 0 && is_memory)
			r = survey_pack_chunk(survey, pfn, err);
	}
	for (int i = 0; i < PAGE_CLASS_COUNT && r == 0; i++)
		sample_end(&survey->samples[i], &survey->ret->classes[i]);
	survey->ret->has_sizes = r == 0;
	return r;
}

/* --- all of it -----------------------------------------------------------------------
 */

static int survey_begin(struct survey *survey, struct kernel *kernel,
			const struct estimate_options *options, struct err *err)
{
	struct diskdump_facts facts;
	int r;

	facts_gather(survey->image, kernel, 0, options->codec, &facts);
	survey->page_size = survey->ret->page_size = facts.page_size;
	survey->pages = malloc((size_t)GROUP_PAGES * facts.page_size);
	if (!survey->pages)
		return err_nomem(err);
	r = chunks_init(&survey->chunks, survey->image, facts.page_size, err);
	if (r == 0)
		r = output_begin(&survey->output, OUTPUT_NONE, -1, 0, err);
	if (r == 0)
		r = diskdump_begin(&survey->dump, &facts, &survey->output, err);
	if (r == 0)
		r = selection_open(kernel, DUMP_LEVEL_MAX, &survey->selection, err);
	survey->ret->head_bytes = survey->dump.desc_offset;
	return r;
}

static void survey_done(struct survey *survey)
{
	packer_free(survey->packer);
	selection_close(survey->selection);
	chunks_done(&survey->chunks);
	free(survey->pages);
}

int estimate_run(struct image *image, struct kernel *kernel,
		 const struct estimate_options *options, struct estimate *ret,
		 struct err *err)
{
	struct estimate estimate = { 0 };
	struct survey *survey = calloc(1, sizeof(*survey));
	int r;

	if (!survey)
		return err_nomem(err);
	survey->image = image;
	survey->ret = &estimate;
	r = survey_begin(survey, kernel, options, err);
	if (r == 0)
		r = survey_count_all(survey, err);
	if (r == 0 && !selection_judge(survey->selection))
		r = survey_count_all(survey, err);
	if (r == 0) {
		estimate.selection = selection_kind(survey->selection);
		estimate.selection_lost = selection_lost(survey->selection);
		snprintf(estimate.selection_why, sizeof(estimate.selection_why), "%s",
			 selection_why(survey->selection));
	}
	if (r == 0 && options->has_sizes)
		r = survey_pack_all(survey, options, err);
	survey_done(survey);
	free(survey);
	if (r == 0)
		*ret = estimate;
	return r;
}

void estimate_level(const struct estimate *estimate, int level, struct estimate_size *ret)
{
	double data = 0, variance = 0;

	*ret = (struct estimate_size){ 0 };
	for (int i = 0; i < PAGE_CLASS_COUNT; i++) {
		const struct estimate_class *class = &estimate->classes[i];

		if (selection_drops(level, (enum page_class)i))
			continue;
		ret->pages += class->pages_in;
		data += class->bytes;
		variance += class->error * class->error;
	}
	if (!estimate->has_sizes)
		return;
	ret->bytes = estimate->head_bytes + ret->pages * sizeof(struct diskdump_desc) +
		     estimate->page_size + (uint64_t)data;
	ret->error_bytes = (uint64_t)(2 * sqrt(variance) + RUNS_MARGIN * data);
}
