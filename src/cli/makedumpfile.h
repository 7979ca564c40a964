/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * makedumpfile's command line, for scripts that call it: what epitaph does when it is
 * started under that name. Options, messages and exit codes are those of makedumpfile
 * 1.7.x (its makedumpfile.c and print_info.c), as far as scripts depend on them.
 */
#ifndef CLI_MAKEDUMPFILE_H
#define CLI_MAKEDUMPFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dump/codec.h"

#define MAKEDUMPFILE_NAME    "makedumpfile"
#define MAKEDUMPFILE_VERSION "1.7.8" /* whose options these are */

/* makedumpfile.h: COMPLETED, FAILED. Its third, 2, is for a vmlinux that is another's. */
enum {
	MDF_COMPLETED = 0,
	MDF_FAILED = 1,
};

/* Bits of --message-level (print_info.h). */
enum {
	MDF_PROGRESS = 1,
	MDF_COMMON = 2,
	MDF_ERROR = 4,
	MDF_DEBUG = 8,
	MDF_REPORT = 16,
	MDF_MESSAGES_DEFAULT = MDF_PROGRESS | MDF_COMMON | MDF_ERROR,
	MDF_MESSAGES_MAX = 31,
};

#define MDF_LEVELS_MAX 32

struct mdf_options {
	bool elf, flattened, rearrange, dmesg, partial_dmesg, force, check, dry_run;
	bool reassemble, mem_usage, debug, stats, help, version, num_threads_given;
	bool excludes_memmap, has_work_dir, has_vmlinux, has_vmcoreinfo;
	const char *refused;	    /* why something that was asked for can't be had */
	int levels[MDF_LEVELS_MAX]; /* to be tried in turn, where there is no room */
	int level_count;
	int message_level;
	bool has_codec;
	enum codec codec;
	int codec_level;
	unsigned int threads;
	uint64_t size_limit;	    /* 0: none */
	uint64_t vtop;		    /* a virtual address, or 0 */
	const char *const *sources; /* one, but of REASSEMBLE */
	size_t source_count;
	const char *destination; /* NULL: the standard output, or none */
};

struct mdf {
	struct mdf_options options;
	bool has_line; /* an unfinished one of progress is on stderr */
};

/* False: they are wrong, which has been said. */
bool mdf_parse(struct mdf *mdf, int argc, char **argv);
void mdf_print_help(const struct mdf *mdf);
void mdf_print_version(const struct mdf *mdf);

/*
 * Messages, if their level is asked for: common ones, debug and reports to stdout, or to
 * stderr where stdout takes the dump; errors to stderr.
 */
void mdf_say(const struct mdf *mdf, int level, const char *fmt, ...) PRINTF(3, 4);

int makedumpfile_main(int argc, char **argv);

#endif
