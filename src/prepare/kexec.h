/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel says of its crash kernel, and the system calls that load it.
 *
 * A load that fails UNLOADS what was loaded before: kexec_file_load() and kexec_load()
 * free the old image before they look at the new one (Linux kernel/kexec_file.c). So the
 * caller checks first, and loads its last good image again afterwards.
 */
#ifndef PREPARE_KEXEC_H
#define PREPARE_KEXEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

struct kexec_state {
	bool is_supported;	 /* the kernel has a crash kernel at all */
	uint64_t reserved_bytes; /* crashkernel=; 0: nothing is reserved */
	bool is_loaded;
	bool is_disabled;   /* sysctl kernel.kexec_load_disabled */
	int64_t loads_left; /* sysctl kernel.kexec_load_limit_panic; -1: no limit */
	char lockdown[32];  /* "none", "integrity", "confidentiality"; "" unknown */
};

/* Never fails: what can't be read is not there. */
void kexec_look(const char *root, struct kexec_state *ret);

/* Would a load be let through? ERR_REFUSED or ERR_UNSUPPORTED, with what to do about it.
 */
int kexec_check(const struct kexec_state *state, struct err *err);

enum kexec_method {
	KEXEC_FILE, /* kexec_file_load(2) */
	KEXEC_TOOL, /* kexec(8) of kexec-tools, with kexec_load(2) */
};
const char *kexec_method_name(enum kexec_method method);

/*
 * Loads a crash kernel; where the kernel has no kexec_file_load() for it, by way of
 * kexec(8). Looks afterwards whether it is really loaded.
 */
int kexec_load_crash(const char *kernel, const char *image, const char *cmdline,
		     const struct log *log, enum kexec_method *ret, struct err *err);

/* The same for the kernel that a reboot by kexec starts; @image "": without initramfs. */
int kexec_load_next(const char *kernel, const char *image, const char *cmdline,
		    const struct log *log, enum kexec_method *ret, struct err *err);

int kexec_unload_crash(struct err *err);

#endif
