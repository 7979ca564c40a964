// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph info: what a dump is, from its headers, notes and descriptors: no page is read
 * but those that say which kernel it is of.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/crash.h"
#include "dump/facts.h"
#include "dump/verify.h"
#include "record/field.h"

#define INFO_SCHEMA_VERSION 1

struct info {
	const struct image *image;
	struct diskdump_facts facts;
	struct verify_shares shares;
};

static const char *state(const struct info *info)
{
	return image_info(info->image)->is_incomplete || info->shares.pages_lost
		       ? "incomplete"
		       : "complete";
}

static void format_time(uint64_t seconds, char *ret, size_t size)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm) ||
	    !strftime(ret, size, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(ret, size, "unknown");
}

static void print_codecs(const struct verify_shares *shares)
{
	char size[32];

	for (size_t i = 0; i < shares->codec_count; i++) {
		cli_format_size(shares->codecs[i].bytes, size, sizeof(size));
		printf("%s%s: %" PRIu64 " pages in %s\n",
		       i ? "            " : "  codecs    ", shares->codecs[i].name,
		       shares->codecs[i].pages, size);
	}
}

static void print(const struct info *info)
{
	const struct image_info *image = image_info(info->image);
	const struct diskdump_facts *facts = &info->facts;
	const struct verify_shares *shares = &info->shares;
	char memory[32], file[32], when[64];

	cli_format_size(shares->pages_total * facts->page_size, memory, sizeof(memory));
	cli_format_size(image->file_size, file, sizeof(file));
	format_time(facts->crash_time_s, when, sizeof(when));
	printf("%s: %s%s%s\n", image_path(info->image), state(info),
	       image->is_incomplete ? ": " : "",
	       image->is_incomplete ? image->incomplete_why : "");
	printf("  format    %s%s", image_format_name(image->format),
	       image->is_flattened ? ", flattened" : "");
	if (image->format_version)
		printf(", version %" PRIu32 ", level %d", image->format_version,
		       image->dump_level);
	printf("\n  kernel    %s, %s\n",
	       facts->utsname.release[0] ? facts->utsname.release : "unknown",
	       facts->utsname.machine[0] ? facts->utsname.machine : "unknown machine");
	if (image->is_vmcoreinfo_searched)
		printf("            its VMCOREINFO is in no note: found in memory\n");
	printf("  crashed   %s\n  CPUs      %" PRIu32 "\n", when, facts->cpu_count);
	printf("  memory    %s, %" PRIu64 " pages of %" PRIu32 " bytes\n", memory,
	       shares->pages_total, facts->page_size);
	printf("  pages     %" PRIu64 " in the dump, %" PRIu64 " left out, %" PRIu64
	       " lost\n",
	       shares->pages_in, shares->pages_left_out, shares->pages_lost);
	if (shares->pages_shared)
		printf("            %" PRIu64 " lie where others do, as those of zeros\n",
		       shares->pages_shared);
	print_codecs(shares);
	printf("  file      %s\n", file);
}

static int print_json(const struct cli *cli, const struct info *info)
{
	const struct image_info *image = image_info(info->image);
	const struct diskdump_facts *facts = &info->facts;
	const struct verify_shares *shares = &info->shares;
	json_t *codecs = json_object(), *root;

	for (size_t i = 0; i < shares->codec_count; i++)
		json_object_set_new(codecs, shares->codecs[i].name,
				    json_pack("{s:I, s:I}", "pages",
					      (json_int_t)shares->codecs[i].pages,
					      "bytes",
					      (json_int_t)shares->codecs[i].bytes));
	root = json_pack(
		"{s:i, s:o, s:s, s:o, s:s, s:b, s:I, s:i, s:o, s:o, s:b, s:I, s:I, s:I,"
		" s:I, s:{s:I, s:I, s:I, s:I, s:I}, s:o}",
		"schema_version", INFO_SCHEMA_VERSION, "path",
		field_new_string(image_path(info->image)), "state", state(info), "reason",
		field_new_string(image->incomplete_why), "format",
		image_format_name(image->format), "flattened", image->is_flattened,
		"format_version", (json_int_t)image->format_version, "level",
		image->dump_level, "release", field_new_string(facts->utsname.release),
		"machine", field_new_string(facts->utsname.machine),
		"vmcoreinfo_searched", image->is_vmcoreinfo_searched, "crash_time",
		(json_int_t)(facts->crash_time_s & INT64_MAX), "cpus",
		(json_int_t)facts->cpu_count, "page_size", (json_int_t)facts->page_size,
		"file_bytes", (json_int_t)image->file_size, "pages", "total",
		(json_int_t)shares->pages_total, "in_dump", (json_int_t)shares->pages_in,
		"left_out", (json_int_t)shares->pages_left_out, "lost",
		(json_int_t)shares->pages_lost, "shared",
		(json_int_t)shares->pages_shared, "codecs", codecs);
	return crash_print_json(cli, root);
}

static int show_info(struct cli *cli, const char *path)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct err err = { 0 }, why = { 0 };
	struct info info = { 0 };
	int code = EXIT_DONE;

	if (image_open(path, &image, &err) < 0)
		return cli_failed(cli, &err);
	if (kernel_open(image, &kernel, &why) < 0)
		log_warning(&cli->log, "%s", err_text(&why));
	info.image = image;
	facts_gather(image, kernel, 0, CODEC_NONE, &info.facts);
	verify_shares(image, info.facts.page_size, &info.shares);
	if (cli->json)
		code = print_json(cli, &info);
	else
		print(&info);
	if (code == EXIT_DONE && strcmp(state(&info), "complete") != 0)
		code = EXIT_INCOMPLETE;
	return code;
}

static int run(struct cli *cli, int argc, char **argv)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *path = NULL;
	struct err err = { 0 };
	int c = cli_option(cli, &cmd_info, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one dump at a time, not '%s' too",
				 argv[optind + 1]);
	if (cli_find_crash(cli, argv[optind], &record, &path, &err) < 0)
		return cli_failed(cli, &err);
	if (!path) {
		err_set(&err, ERR_NOTFOUND, "'%s' has no dump", record->path);
		return cli_failed(cli, &err);
	}
	return show_info(cli, path);
}

const struct command cmd_info = {
	.name = "info",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "say what a dump is: format, kernel, pages, sizes",
	.has_json = true,
	.run = run,
};
