// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/reservation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "prepare/arm.h"
#include "prepare/module_set.h"
#include "prepare/rehearsed.h"
#include "prepare/target.h"

#define CAPTURE_PROGRAM "epitaph-capture"

/* Builds the image in memory, as epitaph arm would, and throws it away. */
static int image_measure(const char *root, const struct kernel_image *kernel,
			 const char *release, const struct config *config,
			 const struct log *log, struct capture_image_size *ret,
			 struct err *err)
{
	_cleanup_module_set struct module_set *modules = NULL;
	_cleanup_free struct target *target = calloc(1, sizeof(*target));
	char directory[PATH_MAX], program[PATH_MAX];
	_cleanup_fd int fd = -1;
	struct hook_files hooks;
	struct orders orders;
	int r;

	if (!target)
		return err_nomem(err);
	if (snprintf(directory, sizeof(directory), "%s%s%s", root,
		     config->modules[0] ? config->modules : "/lib/modules/",
		     config->modules[0] ? "" : kernel->release) >= (int)sizeof(directory))
		return err_set(err, ERR_INVALID, "the path of the modules is too long");
	r = capture_image_find_program(CAPTURE_PROGRAM, program, err);
	if (r == 0)
		r = target_find(root, config->archive, target, err);
	if (r == 0)
		r = module_set_new(directory, &modules, err);
	if (r == 0)
		r = target_add_modules(target, strcmp(kernel->release, release) != 0,
				       modules, log, err);
	if (r < 0)
		return r;
	fd = memfd_create("capture.img", MFD_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to get memory for the capture image");
	r = hook_files_find(root, log, &hooks, err);
	if (r < 0)
		return r;
	orders_init(&orders);
	orders.targets[0] = target->where;
	orders.target_count = 1;
	r = capture_image_write(fd, program, modules, &hooks, &orders, ret, err);
	orders_done(&orders);
	hook_files_done(&hooks);
	return r;
}

uint64_t reservation_round(uint64_t bytes)
{
	return align_up(bytes, RESERVATION_STEP_BYTES);
}

/* A minimum that was searched for is worth more than any sum. */
static void use_rehearsal(const char *root, struct reservation *ret)
{
	struct rehearsed last;
	char why[256];
	uint64_t bytes;

	if (rehearsed_load(root, &last, NULL) < 0 ||
	    !rehearsed_compare(&last, root, ret->kernel.release, ret->kernel.path, NULL,
			       why, sizeof(why)))
		return;
	bytes = rehearsed_reserve_bytes(
		&last, ret->is_image_guess ? 0 : ret->image.unpacked_bytes);
	if (bytes == 0)
		return;
	ret->is_measured = true;
	ret->minimum_mib = last.minimum_mib;
	ret->needed_bytes = bytes;
}

void reservation_measure(const char *root, const char *release,
			 const struct config *config, const struct log *log,
			 struct reservation *ret)
{
	struct err why = { 0 };

	*ret = (struct reservation){ .needed_bytes = RESERVATION_GUESS_BYTES };
	ret->has_kernel =
		kernel_image_find(root, config->kernel, release, &ret->kernel, &why) == 0;
	if (ret->has_kernel) {
		ret->is_image_guess = image_measure(root, &ret->kernel, release, config,
						    log, &ret->image, &why) < 0;
		if (ret->is_image_guess)
			ret->image =
				(struct capture_image_size){ ARM_GUESS_IMAGE_BYTES,
							     ARM_GUESS_UNPACKED_BYTES };
		ret->needed_bytes = arm_needed_bytes(&ret->kernel, &ret->image);
		use_rehearsal(root, ret);
	}
	snprintf(ret->guess_reason, sizeof(ret->guess_reason), "%.255s",
		 why.code ? err_text(&why) : "");
	ret->size_bytes = reservation_round(ret->needed_bytes);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (double)MIB;
}

void reservation_explain(const struct reservation *reservation, char *ret, size_t size)
{
	if (!reservation->has_kernel) {
		snprintf(ret, size,
			 "memory for the kernel that captures a crash. How much this "
			 "kernel needs is not known, this is a guess");
		return;
	}
	if (reservation->is_measured) {
		snprintf(ret, size,
			 "memory for the kernel that captures a crash: %u MiB were the "
			 "smallest that worked in a rehearsal, %.1f MiB are that and a "
			 "fifth, rounded up",
			 reservation->minimum_mib, mib(reservation->needed_bytes));
		return;
	}
	snprintf(
		ret, size,
		"memory for the kernel that captures a crash: %.1f (init_size of the "
		"kernel) + %.0f (to start and unpack) + %.0f (epitaph-capture) + %.1f (the "
		"capture image%s) + 1.1 x %.1f (unpacked) = %.1f MiB at most, rounded up",
		mib(reservation->kernel.init_size_bytes), mib(ARM_KERNEL_EXTRA_BYTES),
		mib(ARM_CAPTURE_EXTRA_BYTES), mib(reservation->image.file_bytes),
		reservation->is_image_guess ? ", guessed" : "",
		mib(reservation->image.unpacked_bytes), mib(reservation->needed_bytes));
}

bool reservation_is_high(const struct reservation *reservation,
			 const struct memory_map *map)
{
	// its base is aligned to 16 MiB (Linux CRASH_ALIGN)
	return map && memory_map_largest(map, 4 * GIB) <
			      reservation->size_bytes + RESERVATION_STEP_BYTES;
}

int reservation_check(const char *text, struct err *err)
{
	bool has_size = false;
	size_t i;

	for (i = 0; text[i]; i++) {
		bool is_digit = text[i] >= '0' && text[i] <= '9';

		has_size |= is_digit;
		if (!is_digit && !strchr("KMGTkmgtx,:@-", text[i]) &&
		    strcmp(text + i, "high") != 0 && strcmp(text + i, "low") != 0 &&
		    strcmp(text + i, "cma") != 0)
			break;
		if (strchr("hlc", text[i]))
			return 0;
	}
	if (text[i] || !has_size || text[0] < '0' || text[0] > '9')
		return err_set(
			err, ERR_INVALID,
			"'%s' is no value of crashkernel=, as 128M or 4G-:192M are",
			text);
	return 0;
}
