// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What makedumpfile's command line may say: a table of its options. Some have lost their
 * meaning and are taken without a word, because scripts give them: memory is bounded, all
 * CPUs work, mmap() is used where it can be. Some ask for what is not there: the dump
 * would not be what the caller relies on, so they are refused with the reason.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/size.h"
#include "cli/makedumpfile.h"
#include "dump/dump.h"

enum row_kind {
	ROW_FLAG,   /* a bool of struct mdf_options */
	ROW_IGNORE, /* no meaning here */
	ROW_REFUSE, /* @why */
	ROW_CODEC,  /* @why is its name */
	ROW_VALUE,  /* set_value() */
};

/* Long options without a letter. */
enum {
	OPTION_FIRST = 256,
	OPTION_MESSAGE_LEVEL,
	OPTION_NUM_THREADS,
	OPTION_VTOP,
};

struct row {
	char letter;
	const char *name;
	int has_value; /* required_argument, no_argument */
	enum row_kind kind;
	size_t flag;
	const char *why;
	int code; /* of a VALUE without a letter */
};

#define FLAG(member) ROW_FLAG, offsetof(struct mdf_options, member)
#define NO_ERASE     "data can't be erased from a dump yet, and it would be in there"
#define NO_XEN	     "dumps of Xen are not supported"

static const struct row rows[] = {
	{ 'b', NULL, required_argument, ROW_IGNORE },
	{ 'c', NULL, no_argument, ROW_CODEC, 0, "zlib:1" },
	{ 'D', NULL, no_argument, FLAG(debug) },
	{ 'd', NULL, required_argument, ROW_VALUE },
	{ 'E', NULL, no_argument, FLAG(elf) },
	{ 'e', NULL, no_argument, FLAG(excludes_memmap) },
	{ 'F', NULL, no_argument, FLAG(flattened) },
	{ 'f', NULL, no_argument, FLAG(force) },
	{ 'g', NULL, required_argument, ROW_REFUSE, 0,
	  "-g is not supported: the dump itself says what is needed to know its kernel" },
	{ 'h', "help", no_argument, FLAG(help) },
	{ 'i', NULL, required_argument, FLAG(has_vmcoreinfo) },
	{ 'L', NULL, required_argument, ROW_VALUE },
	{ 'l', NULL, no_argument, ROW_CODEC, 0, "lzo" },
	{ 'p', NULL, no_argument, ROW_CODEC, 0, "snappy" },
	{ 'R', NULL, no_argument, FLAG(rearrange) },
	{ 'v', NULL, no_argument, FLAG(version) },
	{ 'X', NULL, no_argument, ROW_REFUSE, 0, NO_XEN },
	{ 'x', NULL, required_argument, FLAG(has_vmlinux) },
	{ 'z', NULL, no_argument, ROW_CODEC, 0, "zstd:1" },
	{ 0, "check-params", no_argument, FLAG(check) },
	{ 0, "config", required_argument, ROW_REFUSE, 0, NO_ERASE },
	{ 0, "cyclic-buffer", required_argument, ROW_IGNORE },
	{ 0, "diskset", required_argument, ROW_REFUSE, 0,
	  "sadump's dumps are not supported" },
	{ 0, "dry-run", no_argument, FLAG(dry_run) },
	{ 0, "dump-dmesg", no_argument, FLAG(dmesg) },
	{ 0, "eppic", required_argument, ROW_REFUSE, 0, NO_ERASE },
	{ 0, "extension", required_argument, ROW_REFUSE, 0,
	  "extensions of makedumpfile can't be loaded" },
	{ 0, "mem-usage", no_argument, FLAG(mem_usage) },
	{ 0, "message-level", required_argument, ROW_VALUE, 0, NULL,
	  OPTION_MESSAGE_LEVEL },
	{ 0, "non-cyclic", no_argument, ROW_IGNORE },
	{ 0, "non-mmap", no_argument, ROW_IGNORE },
	{ 0, "num-threads", required_argument, ROW_VALUE, 0, NULL, OPTION_NUM_THREADS },
	{ 0, "partial-dmesg", no_argument, FLAG(partial_dmesg) },
	{ 0, "reassemble", no_argument, FLAG(reassemble) },
	{ 0, "show-stats", no_argument, FLAG(stats) },
	{ 0, "split", no_argument, ROW_REFUSE, 0,
	  "--split is not supported: all CPUs work on one dump file anyway" },
	{ 0, "splitblock-size", required_argument, ROW_IGNORE },
	{ 0, "vtop", required_argument, ROW_VALUE, 0, NULL, OPTION_VTOP },
	{ 0, "work-dir", required_argument, FLAG(has_work_dir) },
	{ 0, "xen-syms", required_argument, ROW_REFUSE, 0, NO_XEN },
	{ 0, "xen-vmcoreinfo", required_argument, ROW_REFUSE, 0, NO_XEN },
	{ 0, "xen_phys_start", required_argument, ROW_REFUSE, 0, NO_XEN },
};

/* --- values --------------------------------------------------------------------------
 */

/* "31" or "1,31" */
static bool set_levels(struct mdf *mdf, char *text)
{
	struct mdf_options *options = &mdf->options;
	char *place = NULL;

	options->level_count = 0;
	for (const char *word = strtok_r(text, ",", &place); word;
	     word = strtok_r(NULL, ",", &place)) {
		uint64_t level;

		if (!number_parse(word, 0, 0, DUMP_LEVEL_MAX, &level)) {
			mdf_say(mdf, MDF_COMMON, "Dump_level(%s) is invalid.\n", word);
			return false;
		}
		if (options->level_count == MDF_LEVELS_MAX) {
			mdf_say(mdf, MDF_COMMON, "Dump_level is invalid.\n");
			return false;
		}
		options->levels[options->level_count++] = (int)level;
	}
	if (!options->level_count)
		mdf_say(mdf, MDF_COMMON, "Dump_level is invalid.\n");
	return options->level_count > 0;
}

/* Bytes, or with K, M, G, T, P. */
static bool set_size_limit(struct mdf *mdf, const char *text)
{
	uint64_t size;

	if (!size_parse(text, 0, &size) || size == 0) {
		mdf_say(mdf, MDF_COMMON, "Limit size(%s) is invalid.\n", text);
		return false;
	}
	mdf->options.size_limit = size;
	return true;
}

static bool set_value(struct mdf *mdf, int code, char *text)
{
	struct mdf_options *options = &mdf->options;
	uint64_t number;

	switch (code) {
	case 'd':
		return set_levels(mdf, text);
	case 'L':
		return set_size_limit(mdf, text);
	case OPTION_MESSAGE_LEVEL:
		if (!number_parse(text, 0, 0, MDF_MESSAGES_MAX, &number)) {
			options->message_level = MDF_MESSAGES_DEFAULT;
			mdf_say(mdf, MDF_COMMON, "Message_level(%s) is invalid.\n", text);
			return false;
		}
		options->message_level = (int)number;
		return true;
	case OPTION_NUM_THREADS:
		/* As many as are useful are started: a larger number is no mistake. */
		options->threads = (unsigned int)MIN(strtoul(text, NULL, 10), 1024ul);
		options->num_threads_given = options->threads > 0;
		return true;
	default: /* OPTION_VTOP */
		return number_parse(text, 0, 0, UINT64_MAX, &options->vtop);
	}
}

/* --- options -------------------------------------------------------------------------
 */

#define CODE_BASE 1024 /* of rows without a letter or a code of their own */

static int row_code(size_t i)
{
	if (rows[i].letter)
		return rows[i].letter;
	return rows[i].code ? rows[i].code : CODE_BASE + (int)i;
}

static const struct row *row_find(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (row_code(i) == code)
			return &rows[i];
	return NULL;
}

static void set_codec(struct mdf *mdf, const struct row *row)
{
	struct mdf_options *options = &mdf->options;

	options->has_codec = true;
	codec_parse(row->why, &options->codec, &options->codec_level, NULL);
}

static bool row_apply(struct mdf *mdf, const struct row *row, char *value)
{
	struct mdf_options *options = &mdf->options;

	switch (row->kind) {
	case ROW_FLAG:
		*(bool *)((char *)options + row->flag) = true;
		return true;
	case ROW_IGNORE:
		return true;
	case ROW_REFUSE:
		if (!options->refused)
			options->refused = row->why;
		return true;
	case ROW_CODEC:
		set_codec(mdf, row);
		return true;
	default:
		return set_value(mdf, row->letter ? row->letter : row->code, value);
	}
}

static bool parse_options(struct mdf *mdf, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(rows) + 1] = { 0 };
	char letters[2 * ARRAY_SIZE(rows) + 1];
	size_t long_count = 0, used = 0;
	int code;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].name)
			longs[long_count++] =
				(struct option){ rows[i].name, rows[i].has_value, NULL,
						 row_code(i) };
		if (rows[i].letter)
			letters[used++] = rows[i].letter;
		if (rows[i].letter && rows[i].has_value)
			letters[used++] = ':';
	}
	letters[used] = '\0';
	while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct row *row = row_find(code);

		if (!row) {
			mdf_say(mdf, MDF_COMMON,
				"Commandline parameter is invalid.\n"
				"Try `makedumpfile --help' for more information.\n");
			return false;
		}
		if (!row_apply(mdf, row, optarg))
			return false;
	}
	return true;
}

/* --- what goes together --------------------------------------------------------------
 */

static bool wrong(const struct mdf *mdf, const char *why)
{
	if (why)
		mdf_say(mdf, MDF_COMMON, "%s\n", why);
	mdf_say(mdf, MDF_COMMON,
		"Commandline parameter is invalid.\n"
		"Try `makedumpfile --help' for more information.\n");
	return false;
}

/* What says how a dump is made has no meaning where one is there already. */
static bool is_of_making(const struct mdf_options *o)
{
	return o->has_codec || (o->level_count && o->levels[0]) || o->elf ||
	       o->has_vmcoreinfo || o->has_vmlinux || o->flattened;
}

static void set_sources(struct mdf *mdf, char **words, size_t count)
{
	mdf->options.sources = (const char *const *)words;
	mdf->options.source_count = count;
}

static bool check_rearrange(struct mdf *mdf, int count, char **words)
{
	const struct mdf_options *o = &mdf->options;

	if (count != 1 || is_of_making(o))
		return wrong(mdf, NULL);
	if (o->dry_run)
		return wrong(mdf, "--dry-run cannot be used with -R.");
	mdf->options.destination = words[0];
	return true;
}

static bool check_reassemble(struct mdf *mdf, int count, char **words)
{
	const struct mdf_options *o = &mdf->options;

	if (count < 2 || is_of_making(o))
		return wrong(mdf, NULL);
	if (o->dry_run)
		return wrong(mdf, "--dry-run cannot be used with --reassemble.");
	set_sources(mdf, words, (size_t)count - 1);
	mdf->options.destination = words[count - 1];
	return true;
}

static bool check_create(struct mdf *mdf, int count, char **words)
{
	struct mdf_options *o = &mdf->options;

	if ((o->has_codec && o->elf) || (o->has_vmcoreinfo && o->has_vmlinux) ||
	    (o->partial_dmesg && !o->dmesg) ||
	    count != (o->flattened || o->mem_usage ? 1 : 2))
		return wrong(mdf, NULL);
	if (o->dry_run && o->dmesg)
		return wrong(mdf, "--dry-run cannot be used with --dump-dmesg.");
	if (o->num_threads_given && o->elf)
		return wrong(mdf, "--num-threads cannot used with ELF format.");
	if (o->excludes_memmap && !o->has_work_dir)
		return wrong(mdf, "-e requires --work-dir");
	set_sources(mdf, words, 1);
	o->destination = count == 1 ? NULL : words[1];
	return true;
}

bool mdf_parse(struct mdf *mdf, int argc, char **argv)
{
	struct mdf_options *o = &mdf->options;

	if (!parse_options(mdf, argc, argv))
		return false;
	if (o->debug)
		o->message_level |= MDF_DEBUG;
	if (o->stats)
		o->message_level |= MDF_REPORT;
	if (o->check)
		o->message_level = MDF_MESSAGES_DEFAULT;
	if (o->help || o->version)
		return true;
	if (o->refused)
		return wrong(mdf, o->refused);
	if (!o->level_count)
		o->level_count = 1; /* level 0 */
	if (o->rearrange)
		return check_rearrange(mdf, argc - optind, argv + optind);
	if (o->reassemble)
		return check_reassemble(mdf, argc - optind, argv + optind);
	return check_create(mdf, argc - optind, argv + optind);
}

/* --- help ----------------------------------------------------------------------------
 */

static const char help_text[] =
	"Usage:\n"
	"  makedumpfile    [-c|-l|-p|-z|-E] [-d DL] [OPTION...] VMCORE DUMPFILE\n"
	"  makedumpfile -F [-c|-l|-p|-z|-E] [-d DL] [OPTION...] VMCORE\n"
	"  makedumpfile -R DUMPFILE\n"
	"  makedumpfile --dump-dmesg [--partial-dmesg] VMCORE LOGFILE\n"
	"  makedumpfile --reassemble PART... DUMPFILE\n"
	"  makedumpfile --mem-usage VMCORE|/proc/kcore\n"
	"\n"
	"This is epitaph under the name of makedumpfile.\n"
	"\n"
	"  -c, -l, -p, -z       compress pages by zlib, lzo, snappy, zstd\n"
	"  -E                   write an ELF file\n"
	"  -d DL[,DL...]        leave out 1 zero pages, 2 page cache, 4 also that with\n"
	"                       private data, 8 user memory, 16 free pages: the sum of\n"
	"                       them; the next DL is tried where there is no room\n"
	"  -F                   a flattened dump to the standard output\n"
	"  -R                   make a file of the flattened dump on the standard input\n"
	"  -L SIZE              end the dump at SIZE bytes (K, M, G)\n"
	"  -f                   overwrite DUMPFILE\n"
	"      --dump-dmesg     write the kernel's log to LOGFILE\n"
	"      --partial-dmesg  only what came after the log was last cleared\n"
	"      --reassemble     make one file of those that a dump was split into\n"
	"      --mem-usage      print what memory was used for\n"
	"      --num-threads N  this many threads (default one for each CPU)\n"
	"      --dry-run        do everything but write\n"
	"      --check-params   only look whether the parameters are right\n"
	"      --vtop ADDRESS   print which physical address a virtual one has\n"
	"      --show-stats     print how many pages of which kind there are\n"
	"      --message-level N  1 progress, 2 common messages, 4 errors, 8 debug,\n"
	"                       16 statistics: the sum of them (default 7)\n"
	"  -D                   print debug messages\n"
	"  -v                   print the version\n"
	"  -h, --help           print this\n"
	"\n"
	"Without any effect: -b, -e, -i, -x, --cyclic-buffer, --non-cyclic, --non-mmap,\n"
	"--splitblock-size, --work-dir. Not supported: -g, -X, --config, --diskset,\n"
	"--eppic, --extension, --split, --xen*.\n"
	"\n"
	"See epitaph-makedumpfile(1).\n";

void mdf_print_help(const struct mdf *mdf)
{
	mdf_say(mdf, MDF_COMMON, "%s", help_text);
}

void mdf_print_version(const struct mdf *mdf)
{
	enum codec codec;
	int level;

	mdf_say(mdf, MDF_COMMON,
		"makedumpfile: version " MAKEDUMPFILE_VERSION " (epitaph " EPITAPH_VERSION
		")\n");
	for (const char *const *name =
		     (const char *const[]){ "lzo", "snappy", "zstd", NULL };
	     *name; name++)
		mdf_say(mdf, MDF_COMMON, "%s\t%s\n", *name,
			codec_parse(*name, &codec, &level, NULL) == 0 ? "enabled"
								      : "disabled");
	mdf_say(mdf, MDF_COMMON, "\n");
}
