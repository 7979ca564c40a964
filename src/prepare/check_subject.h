/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What requirements are asked about: this machine, a recorded one (its files below a
 * directory), a kernel's configuration, or a kernel's image. Everything that more than
 * one requirement looks at is gathered here once; what can't be had stays with the
 * reason.
 */
#ifndef PREPARE_CHECK_SUBJECT_H
#define PREPARE_CHECK_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "prepare/armed.h"
#include "prepare/config.h"
#include "prepare/kernel_config.h"
#include "prepare/kernel_image.h"
#include "prepare/target.h"

/* A result is 0, or the code of its error. */
struct check_subject {
	const char *root; /* "" for this machine, never with a slash at its end */
	const struct config *config;
	const struct log *log;

	bool without_system, without_dump; /* rows of that kernel are not asked */
	bool is_machine;		   /* false: only what can be said of a kernel */
	bool has_sysfs;			   /* /sys/kernel can be looked at */
	char release[65];		   /* of the running kernel; "" if unknown */
	char *cmdline;			   /* of the running kernel; NULL if unknown */
	struct armed_status armed;

	struct kernel_config system; /* of the kernel that may crash */
	int system_result;
	struct err system_err;
	struct kernel_config dump; /* of the crash kernel: the same file, or another */
	int dump_result;
	struct err dump_err;

	bool has_image; /* one was looked for */
	struct kernel_image image;
	int image_result;
	struct err image_err;

	struct target target;
	int target_result;
	struct err target_err;
};

/* Each borrows its arguments. Fails without memory, and where the one file that is to be
 * checked can't be read. */
int check_subject_machine(const char *root, const struct config *config,
			  const struct log *log, struct check_subject **ret,
			  struct err *err);
int check_subject_kernel_config(const char *path, struct check_subject **ret,
				struct err *err);
/* The configuration in the image, else the one beside it (config-RELEASE, config). */
int check_subject_kernel(const char *path, const struct log *log,
			 struct check_subject **ret, struct err *err);

void check_subject_free(struct check_subject *subject);
static inline void check_subject_freep(struct check_subject **subject)
{
	check_subject_free(*subject);
}
#define _cleanup_check_subject _cleanup_(check_subject_freep)

/* @path below the root. */
bool check_subject_has(const struct check_subject *subject, const char *path);
bool check_subject_line(const struct check_subject *subject, const char *path, char *ret,
			size_t size);

/* The architecture of the one kernel or the other; 0 if it is not known. */
enum kernel_arch check_subject_arch(const struct check_subject *subject, bool is_dump);

#endif
