/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehearsal.json in the state directory: how the last rehearsal ended, and of what it
 * was. It is a claim of the past, like armed.json; rehearsed_compare() says whether it is
 * about what this machine would start now.
 *
 * In a virtual machine the capture image is built for that machine's disk, so it is never
 * this machine's file: there the kernel and epitaph-capture are what must be the same.
 * After a real crash it is the kernel and the very image.
 */
#ifndef PREPARE_REHEARSED_H
#define PREPARE_REHEARSED_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/size.h"
#include "prepare/armed.h"

#define REHEARSED_FILE		 ARMED_STATE_DIR "/rehearsal.json"
#define REHEARSED_SCHEMA_VERSION 1

enum rehearsed_verdict {
	REHEARSED_FAILED,
	REHEARSED_INCOMPLETE,
	REHEARSED_GOOD,
};

struct rehearsed {
	enum rehearsed_verdict verdict;
	char why[512];	  /* "" if good */
	bool is_real;	  /* a crash of this very machine; else of a virtual one */
	char trigger[32]; /* "sysrq", ... */
	int64_t when;	  /* of the verdict, unix seconds */
	char kernel_release[65];
	char kernel_checksum[PART_CHECKSUM_SIZE];
	char image_checksum[PART_CHECKSUM_SIZE];   /* of the capture image; "" unknown */
	char capture_checksum[PART_CHECKSUM_SIZE]; /* of epitaph-capture; "" unknown */
	uint64_t image_bytes, unpacked_bytes;	   /* 0: unknown */
	char crashkernel[64];	  /* what was reserved, as it was asked */
	int64_t memory_low_kib;	  /* the least that was available; -1: unknown */
	int64_t memory_total_kib; /* that the crash kernel had; -1: unknown */
	uint32_t minimum_mib; /* smallest reservation that worked; 0: not searched for */
	int64_t duration_ms;  /* of all; -1: unknown */
	int64_t capture_ms;   /* from the crash kernel's start to its end; -1: unknown */
};

void rehearsed_init(struct rehearsed *rehearsed);
const char *rehearsed_verdict_name(enum rehearsed_verdict verdict);

int rehearsed_to_json(const struct rehearsed *rehearsed, json_t **ret, struct err *err);
int rehearsed_parse(const char *json, size_t size, struct rehearsed *ret,
		    struct err *err);

/*
 * Below @root, where the directory is made. The minimum that is there stays where a newer
 * verdict on the same kernel and epitaph-capture has none.
 */
int rehearsed_save(const char *root, const struct rehearsed *rehearsed, struct err *err);
/* ERR_NOTFOUND where there is none. */
int rehearsed_load(const char *root, struct rehearsed *ret, struct err *err);

/*
 * Is it about @kernel_path, the image of @release that would be loaded now? @armed is
 * what is loaded, or NULL. False: @ret_why says what is another one. What can't be read
 * is not held against it.
 */
bool rehearsed_compare(const struct rehearsed *rehearsed, const char *root,
		       const char *release, const char *kernel_path,
		       const struct armed *armed, char *ret_why, size_t why_size);

/* "good in a virtual machine, 2026-11-25 (UTC), 9.1 of 60.2 MiB left": a line. */
void rehearsed_describe(const struct rehearsed *rehearsed, char *ret, size_t size);

/*
 * What to reserve by what was measured: the smallest that worked, more by 1.1 times what
 * @unpacked_bytes, the image that is to be used (0: that one), is larger than the
 * measured one, and a fifth on top. 0 where no minimum is known.
 */
uint64_t rehearsed_reserve_bytes(const struct rehearsed *rehearsed,
				 uint64_t unpacked_bytes);

#endif
