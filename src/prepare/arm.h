/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arming: the plan, then only the plan. arm_plan_make() looks and builds the capture
 * image in memory, and changes nothing; arm_plan_apply() writes it, loads it, and
 * remembers it.
 */
#ifndef PREPARE_ARM_H
#define PREPARE_ARM_H

#include "base/err.h"
#include "base/log.h"
#include "base/size.h"
#include "prepare/armed.h"
#include "prepare/capture_image.h"
#include "prepare/config.h"
#include "prepare/crash_cmdline.h"
#include "prepare/hook_files.h"
#include "prepare/kernel_image.h"
#include "prepare/target.h"
#include "prepare/watchdog_device.h"

/*
 * What the kernel puts beside ours into the reservation: purgatory, boot parameters, and
 * the ELF header of the dump, (2 + 8192 + 8192) * 56 bytes where memory can be plugged
 * in.
 */
#define ARM_LOAD_EXTRA_BYTES (2 * MIB)

/*
 * A crash kernel that starts and unpacks its initramfs needs no more than init_size + 24
 * MiB + the compressed + 1.1 times the unpacked image: bounds all of 17 smallest
 * reservations measured with 6.1, 6.12 and 7.2, by 5 to 18 MiB. epitaph-capture goes by
 * what is free then, and takes 4 MiB beside: with 6.12 the sum without them is 84 MiB,
 * and 68 are the smallest that capture all (docs/reservation.md).
 */
#define ARM_KERNEL_EXTRA_BYTES	(24 * MIB)
#define ARM_CAPTURE_EXTRA_BYTES (4 * MIB)

/* A capture image for one plain disk: measured with Debian's 6.1 and 6.12, rounded up. */
#define ARM_GUESS_IMAGE_BYTES	 (4 * MIB)
#define ARM_GUESS_UNPACKED_BYTES (10 * MIB)

struct arm_plan {
	struct kexec_state kexec;
	struct kernel_image kernel;
	struct target targets[ORDERS_TARGETS_MAX]; /* the archive's, then the others */
	size_t target_count;
	struct watchdog_device watchdog;
	struct module_set *modules;
	struct hook_files hooks;
	char program[PATH_MAX]; /* epitaph-capture */
	struct orders orders;
	int image_fd; /* the capture image, in memory */
	struct capture_image_size image;
	char image_path[PATH_MAX]; /* where it will lie */
	struct text cmdline;
	uint64_t needed_bytes; /* of the reservation: an estimate from above */
};

void arm_plan_free(struct arm_plan *plan);
static inline void arm_plan_freep(struct arm_plan **plan)
{
	arm_plan_free(*plan);
}
#define _cleanup_arm_plan _cleanup_(arm_plan_freep)

/* @is_dry: even a raw target that is empty stays as it is; else it gets its header. */
int arm_plan_make(const struct config *config, bool is_dry, const struct log *log,
		  struct arm_plan **ret, struct err *err);

/* What would be remembered of it, but for checksums and method. */
int arm_plan_describe(const struct arm_plan *plan, struct armed *ret, struct err *err);

/*
 * Needs root. Where the new image can't be loaded, the last good one is loaded again, and
 * the error says which of the two happened. @ret may be NULL.
 */
int arm_plan_apply(struct arm_plan *plan, const struct config *config,
		   const struct log *log, struct armed *ret, struct err *err);

/* Of the reservation: without the first nothing can be loaded; the second, an estimate
 * from above, is enough to run. */
uint64_t arm_load_bytes(const struct kernel_image *kernel,
			const struct capture_image_size *image);
uint64_t arm_needed_bytes(const struct kernel_image *kernel,
			  const struct capture_image_size *image);

/* Unloads, takes back what arming changed, forgets the state. Fine if nothing is loaded.
 */
int arm_disarm(const struct log *log, struct err *err);

#endif
