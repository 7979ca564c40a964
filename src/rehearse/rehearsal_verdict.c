// SPDX-License-Identifier: GPL-2.0-or-later
/* A rehearsal's result, as what is kept of it: rehearsal.json. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "prepare/capture_image.h"
#include "record/field.h"
#include "rehearse/guest_lines.h"
#include "rehearse/rehearse.h"

#define STATUS_LIMIT ((size_t)1 << 20)

/* What the machine's own `epitaph arm` loaded there, as its `epitaph status` said. */
static void verdict_take_armed(const struct rehearse_result *result,
			       struct rehearsed *ret)
{
	const json_t *armed = NULL, *image = NULL;
	_cleanup_json json_t *status = NULL;
	_cleanup_free char *text = NULL;
	int64_t size = 0, unpacked = 0;
	char path[PATH_MAX + 64];
	size_t length;

	snprintf(path, sizeof(path), "%s%s", result->directory, GUEST_STATUS);
	if (file_read(AT_FDCWD, path, STATUS_LIMIT, &text, &length, NULL) < 0 ||
	    field_load(text, length, STATUS_LIMIT, &status, NULL) < 0 ||
	    field_object(status, "last_armed", &armed, NULL) < 0 || !armed ||
	    field_object(armed, "image", &image, NULL) < 0 || !image)
		return;
	field_string(image, "checksum", false, ret->image_checksum,
		     sizeof(ret->image_checksum), NULL);
	if (field_int(image, "size_bytes", 0, INT64_MAX, &size, NULL) == 0)
		ret->image_bytes = (uint64_t)size;
	if (field_int(image, "unpacked_bytes", 0, INT64_MAX, &unpacked, NULL) == 0)
		ret->unpacked_bytes = (uint64_t)unpacked;
}

void rehearse_to_verdict(const struct rehearse_options *options,
			 const struct rehearse_result *result, struct rehearsed *ret)
{
	char capture[PATH_MAX];

	rehearsed_init(ret);
	ret->verdict = result->verdict;
	snprintf(ret->why, sizeof(ret->why), "%s", result->why);
	snprintf(ret->trigger, sizeof(ret->trigger), "%s",
		 rehearse_trigger_name(options->trigger));
	ret->when = time(NULL);
	snprintf(ret->kernel_release, sizeof(ret->kernel_release), "%s",
		 result->kernel_release);
	// What can't be read any more stays "": not held against anything later.
	armed_checksum(result->kernel, ret->kernel_checksum, NULL);
	if (capture_image_find_program("epitaph-capture", capture, NULL) == 0)
		armed_checksum(capture, ret->capture_checksum, NULL);
	verdict_take_armed(result, ret);
	snprintf(ret->crashkernel, sizeof(ret->crashkernel), "%s", options->crashkernel);
	ret->memory_low_kib = result->memory_low_kib;
	ret->memory_total_kib = result->memory_total_kib;
	ret->duration_ms = (int64_t)(result->seconds * 1000);
	if (result->capture_seconds >= 0)
		ret->capture_ms = (int64_t)(result->capture_seconds * 1000);
}
