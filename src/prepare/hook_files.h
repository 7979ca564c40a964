/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's own programs for the crash kernel: what lies in pre.d and post.d of
 * /etc/epitaph, and all that those need to start there. Of an ELF program its loader and
 * its libraries (DT_NEEDED, and theirs), of a script its interpreter ("#!"), and what
 * that needs. Found as the loader finds them without ld.so.cache: DT_RUNPATH and
 * DT_RPATH ($ORIGIN), then the usual directories and those that ld.so.conf names.
 *
 * What a program opens by itself later (configuration, plugins, what a script calls) is
 * not known: files that are not executable go in too, beside the hooks, for that.
 */
#ifndef PREPARE_HOOK_FILES_H
#define PREPARE_HOOK_FILES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

#define HOOK_FILES_MAX	   256
#define HOOK_DIRECTORY	   "/etc/epitaph"
#define HOOK_PROGRAM_BYTES ((size_t)64 << 20)
#define HOOK_NEEDED_MAX	   128

struct hook_files {
	struct hook_file {
		char *source; /* where it lies, below the root: resolved */
		char *name;   /* as it is asked for, and is called in the image */
		unsigned int mode;
	} files[HOOK_FILES_MAX];
	size_t count;
	size_t hook_count; /* executables in pre.d and post.d */
};

/* A hook of which something is missing is left out as a whole, with a warning. */
int hook_files_find(const char *root, const struct log *log, struct hook_files *ret,
		    struct err *err);
void hook_files_done(struct hook_files *files);

/* What an ELF file asks its loader for. The strings point into the file's bytes. */
struct hook_elf {
	const char *interpreter; /* NULL: it needs none */
	const char *needed[HOOK_NEEDED_MAX];
	size_t needed_count;
	const char *run_path; /* of DT_RUNPATH, else DT_RPATH; or NULL */
};

/* 64 bit, little endian. ERR_CORRUPT for anything that points out of @data. */
int hook_elf_parse(const uint8_t *data, size_t size, struct hook_elf *ret,
		   struct err *err);

/* The interpreter of "#!/bin/sh -e", in @ret; ERR_NOTFOUND if it is no script. */
int hook_script_parse(const uint8_t *data, size_t size, char ret[static PATH_MAX],
		      struct err *err);

#endif
