/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads all of a dump: is every page there that it says to have, and does it unpack to a
 * page? Whether the bytes are those of the machine can't be told: the formats have no
 * checksums.
 */
#ifndef DUMP_VERIFY_H
#define DUMP_VERIFY_H

#include <signal.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

#define VERIFY_FINDINGS_MAX 8

struct verify_progress {
	uint64_t pages_done, pages_total;
};

struct verify_options {
	uint32_t page_size;
	unsigned int threads; /* 0: one for each CPU that we may run on */
	/* In the caller's thread, at most ten times a second. */
	void (*progress)(void *context, const struct verify_progress *progress);
	void *progress_context;
	const volatile sig_atomic_t *cancel; /* NULL, or non-zero: stop */
};

struct verify_result {
	bool is_stopped;	 /* not all was read */
	uint64_t pages_total;	 /* of RAM */
	uint64_t pages_good;	 /* in the dump, and read */
	uint64_t pages_left_out; /* on purpose */
	uint64_t pages_lost;	 /* never written, or behind the end of the file */
	uint64_t pages_corrupt;	 /* there, but no page */
	/* The first that are lost or corrupt, as they were found. */
	char findings[VERIFY_FINDINGS_MAX][160];
	size_t finding_count;
};

/* A failure is one of ours; what is wrong with the dump is in @ret. */
int verify_image(struct image *image, const struct verify_options *options,
		 struct verify_result *ret, struct err *err);

/* What the descriptors say, without reading a page. */
#define VERIFY_CODECS_MAX 8
struct verify_shares {
	uint64_t pages_total, pages_in, pages_left_out, pages_lost;
	/*
	 * Of those in the dump the ones whose bytes are another page's too, as those of
	 * zeros are. Only the last places are remembered: a page of many may be missed.
	 */
	uint64_t pages_shared;
	/* Of those that are in; empty where the format does not pack its pages. */
	struct {
		const char *name;      /* as of struct image_storage */
		uint64_t pages, bytes; /* shared ones not twice */
	} codecs[VERIFY_CODECS_MAX];
	size_t codec_count;
};
void verify_shares(struct image *image, uint32_t page_size, struct verify_shares *ret);

#endif
