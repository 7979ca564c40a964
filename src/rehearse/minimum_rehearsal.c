// SPDX-License-Identifier: GPL-2.0-or-later
/* The search of minimum.c, with a virtual machine for each probe. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prepare/kernel_image.h"
#include "rehearse/guest_disk.h"
#include "rehearse/minimum.h"
#include "rehearse/rehearse.h"

/* A crash kernel without memory may hang: no probe waits longer than this, and than some
 * times the first one, which was good. */
#define PROBE_TIMEOUT_MIN_S  60
#define PROBE_TIMEOUT_FACTOR 4

struct search {
	struct rehearse_options options;
	struct rehearse_minimum *minimum;
};

static int parse_mib(const char *text, uint32_t *ret, struct err *err)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || strcmp(end, "M") != 0 ||
	    value == 0 || value > REHEARSE_MEMORY_MAX_MIB)
		return err_set(err, ERR_INVALID,
			       "the search begins with a plain size in MiB, as 128M, and "
			       "not with '%s'",
			       text);
	*ret = (uint32_t)value;
	return 0;
}

/* The kernel's own need before it can start at all: nothing smaller is tried. */
static int find_floor(const struct rehearse_options *options, uint32_t *ret,
		      struct err *err)
{
	_cleanup_free struct guest_disk *disk = calloc(1, sizeof(*disk));
	_cleanup_free struct kernel_image *image = calloc(1, sizeof(*image));
	_cleanup_fd int fd = -1;
	int r;

	if (!disk || !image)
		return err_nomem(err);
	r = guest_disk_find_kernel(options->kernel_root, disk, err);
	if (r < 0)
		return r;
	fd = open(disk->kernel, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", disk->kernel);
	r = kernel_image_read(fd, disk->kernel, image, err);
	if (r == 0)
		*ret = (uint32_t)(image->init_size_bytes / MIB);
	return r;
}

static void note(struct rehearse_minimum *minimum, uint32_t mib,
		 const struct rehearse_options *options,
		 const struct rehearse_result *result)
{
	size_t i = minimum->probe_count++;

	minimum->probes[i].mib = mib;
	minimum->probes[i].verdict = result->verdict;
	minimum->probes[i].seconds = result->seconds;
	minimum->probes[i].memory_low_kib = result->memory_low_kib;
	snprintf(minimum->probes[i].why, sizeof(minimum->probes[i].why), "%.255s",
		 result->why);
	memcpy(minimum->kernel_release, result->kernel_release,
	       sizeof(minimum->kernel_release));
	memcpy(minimum->accelerator, result->accelerator, sizeof(minimum->accelerator));
	// Each good probe is smaller than the one before it.
	if (result->verdict == REHEARSED_GOOD) {
		rehearse_to_verdict(options, result, &minimum->lowest);
		minimum->lowest.minimum_mib = mib;
	}
}

static int probe(void *context, uint32_t mib, bool *ret_is_enough, struct err *err)
{
	struct search *search = context;
	struct rehearse_minimum *minimum = search->minimum;
	struct rehearse_options options = search->options;
	_cleanup_free struct rehearse_result *result = calloc(1, sizeof(*result));
	size_t index = minimum->probe_count;
	char size[16], keep[PATH_MAX];
	int r;

	if (!result)
		return err_nomem(err);
	if (index >= MINIMUM_PROBES_MAX)
		return err_set(err, ERR_LIMIT, "too many probes");
	snprintf(size, sizeof(size), "%uM", mib);
	options.crashkernel = size;
	if (options.keep) {
		if (snprintf(keep, sizeof(keep), "%s/%s", options.keep, size) >=
		    (int)sizeof(keep))
			return err_set(err, ERR_LIMIT, "'%s' is too long", options.keep);
		options.keep = keep;
	}
	minimum->probes[index].mib = mib;
	if (minimum->tell)
		minimum->tell(minimum->tell_context, minimum, index, false);
	r = rehearse_run(&options, result, err);
	if (r == 0)
		note(minimum, mib, &options, result);
	rehearse_clean(result);
	if (r < 0)
		return r;
	if (minimum->tell)
		minimum->tell(minimum->tell_context, minimum, index, true);
	if (index == 0)
		search->options.timeout_s =
			MIN(search->options.timeout_s,
			    MAX(PROBE_TIMEOUT_MIN_S,
				(uint32_t)(result->seconds * PROBE_TIMEOUT_FACTOR)));
	*ret_is_enough = result->verdict == REHEARSED_GOOD;
	return 0;
}

int rehearse_find_minimum(const struct rehearse_options *options,
			  struct rehearse_minimum *minimum, struct err *err)
{
	struct search search = { .options = *options, .minimum = minimum };
	struct minimum_search bounds = {
		.step_mib = minimum->step_mib,
		.probe = probe,
		.context = &search,
	};
	int r = parse_mib(options->crashkernel, &bounds.high_mib, err);

	minimum->probe_count = 0;
	search.options.phase = NULL;
	if (r == 0)
		r = find_floor(options, &bounds.low_mib, err);
	if (r == 0)
		r = minimum_find(&bounds, &minimum->minimum_mib, err);
	return r;
}
