// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mem_table.h"

#include <inttypes.h>
#include <string.h>

#include "cli/crash.h"
#include "record/field.h"

#define MEM_SCHEMA_VERSION 1

struct mem {
	const char *source;
	const struct mem_table_options *options;
	bool is_incomplete;
	struct estimate estimate;
};

/* As a dump's level leaves them out. */
struct class_row {
	const char *name; /* in JSON */
	const char *title, *left_out;
	const char *what;
	uint64_t pages;
};

#define CLASS_ROWS 7

static void class_rows(const struct estimate *e, struct class_row ret[CLASS_ROWS])
{
	const struct estimate_class *c = e->classes;
	const struct class_row rows[CLASS_ROWS] = {
		{ "kernel", "kernel", "-", "the kernel's own: code, data, memory map",
		  c[PAGE_CLASS_KERNEL].pages - e->kernel_zero },
		{ "zero", "zero", "1", "the kernel's that hold only zeros",
		  e->kernel_zero },
		{ "cache", "cache", "2", "page cache without private data",
		  c[PAGE_CLASS_CACHE].pages },
		{ "cache_private", "private cache", "4", "page cache with private data",
		  c[PAGE_CLASS_CACHE_PRIVATE].pages },
		{ "user", "user", "8", "of processes, and huge pages",
		  c[PAGE_CLASS_USER].pages },
		{ "free", "free", "16", "not in use", c[PAGE_CLASS_FREE].pages },
		{ "unusable", "unusable", "always", "broken, or a balloon's",
		  c[PAGE_CLASS_UNUSABLE].pages },
	};

	memcpy(ret, rows, sizeof(rows));
}

/* The levels that people ask for; what they leave out besides zeros, in words. */
static const struct {
	int level;
	const char *left_out;
} level_rows[] = {
	{ 31, "page cache, user memory, free pages" },
	{ 27, "page cache without private data, user memory, free pages" },
	{ 25, "user memory, free pages" },
	{ 17, "free pages" },
	{ 1, "pages of zeros" },
	{ 0, "nothing; pages of zeros take no room" },
};

/* --- text ----------------------------------------------------------------------------
 */

static void print_class(const char *title, uint64_t pages, const struct estimate *e,
			const char *left_out, const char *what)
{
	char size[32];

	cli_format_size(pages * e->page_size, size, sizeof(size));
	printf("%-14s %12" PRIu64 " %11s %4.0f%%  %-8s  %s\n", title, pages, size,
	       e->pages_total ? 100.0 * (double)pages / (double)e->pages_total : 0,
	       left_out, what);
}

static void print_classes(const struct estimate *e)
{
	struct class_row rows[CLASS_ROWS];

	class_rows(e, rows);
	printf("%-14s %12s %11s %5s  %-8s  %s\n", "MEMORY", "PAGES", "SIZE", "", "LEVEL",
	       "WHAT IT IS");
	for (size_t i = 0; i < CLASS_ROWS; i++)
		print_class(rows[i].title, rows[i].pages, e, rows[i].left_out,
			    rows[i].what);
	print_class("all", e->pages_total, e, "", "RAM");
}

static void print_levels(const struct mem *mem)
{
	const struct estimate *e = &mem->estimate;

	printf("%5s %12s %11s %7s  LEFT OUT\n", "LEVEL", "PAGES", "DUMP", "ABOUT");
	for (size_t i = 0; i < ARRAY_SIZE(level_rows); i++) {
		struct estimate_size size;
		char bytes[32], about[16];

		estimate_level(e, level_rows[i].level, &size);
		cli_format_size(size.bytes, bytes, sizeof(bytes));
		snprintf(about, sizeof(about), "+-%.0f%%",
			 100.0 * (double)size.error_bytes /
				 (double)MAX(size.bytes, UINT64_C(1)));
		printf("%5d %12" PRIu64 " %11s %7s  %s\n", level_rows[i].level,
		       size.pages, bytes, about, level_rows[i].left_out);
	}
}

static void print(const struct mem *mem)
{
	if (mem->options->has_classes)
		print_classes(&mem->estimate);
	if (mem->options->has_classes && mem->estimate.has_sizes)
		putchar('\n');
	if (mem->estimate.has_sizes)
		print_levels(mem);
}

/* --- JSON ----------------------------------------------------------------------------
 */

static json_t *classes_json(const struct estimate *e)
{
	struct class_row rows[CLASS_ROWS];
	json_t *pages = json_object();

	class_rows(e, rows);
	json_object_set_new(pages, "total", json_integer((json_int_t)e->pages_total));
	for (size_t i = 0; i < CLASS_ROWS; i++)
		json_object_set_new(pages, rows[i].name,
				    json_integer((json_int_t)rows[i].pages));
	return pages;
}

static json_t *levels_json(const struct estimate *e)
{
	json_t *levels = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(level_rows) && e->has_sizes; i++) {
		struct estimate_size size;

		estimate_level(e, level_rows[i].level, &size);
		json_array_append_new(levels,
				      json_pack("{s:i, s:I, s:I, s:I}", "level",
						level_rows[i].level, "pages",
						(json_int_t)size.pages, "size_bytes",
						(json_int_t)size.bytes, "error_bytes",
						(json_int_t)size.error_bytes));
	}
	return levels;
}

static int print_json(const struct cli *cli, const struct mem *mem)
{
	const struct estimate *e = &mem->estimate;

	return crash_print_json(
		cli,
		json_pack("{s:i, s:o, s:b, s:i, s:s, s:o, s:o, s:s, s:o}",
			  "schema_version", MEM_SCHEMA_VERSION, "source",
			  field_new_string(mem->source), "incomplete", mem->is_incomplete,
			  "page_size", (int)e->page_size, "selection",
			  dump_selection_name(e->selection), "selection_reason",
			  field_new_string(e->selection_why), "pages", classes_json(e),
			  "codec", codec_name(mem->options->estimate.codec), "levels",
			  levels_json(e)));
}

/* --- all of it -----------------------------------------------------------------------
 */

/* What makes the counts less than the truth; true where anything does. */
static bool warn(const struct cli *cli, const struct image *image, const struct mem *mem)
{
	const struct estimate *e = &mem->estimate;
	bool is_incomplete = image_info(image)->is_incomplete;

	if (is_incomplete)
		log_warning(&cli->log, "'%s' is incomplete: %s", mem->source,
			    image_info(image)->incomplete_why);
	if (e->selection == DUMP_SELECTION_ZERO)
		log_warning(&cli->log,
			    "all pages count as the kernel's, nobody can tell them "
			    "apart: %s",
			    e->selection_why);
	if (e->selection_lost)
		log_warning(&cli->log,
			    "%" PRIu64 " pages count as the kernel's, what they were "
			    "used for can't be read",
			    e->selection_lost);
	return is_incomplete || e->selection == DUMP_SELECTION_ZERO || e->selection_lost;
}

int mem_table_run(const struct cli *cli, const char *const paths[], size_t count,
		  const struct mem_table_options *options)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	struct mem mem = { .source = paths[0], .options = options };
	struct err err = { 0 }, why = { 0 };
	int code = EXIT_DONE;

	if (image_open_set(paths, count, &image, &err) < 0)
		return cli_failed(cli, &err);
	if (kernel_open(image, &kernel, &why) < 0)
		log_warning(&cli->log, "%s", err_text(&why));
	if (estimate_run(image, kernel, &options->estimate, &mem.estimate, &err) < 0)
		return cli_failed(cli, &err);
	mem.is_incomplete = warn(cli, image, &mem);
	if (cli->json)
		code = print_json(cli, &mem);
	else
		print(&mem);
	return code == EXIT_DONE && mem.is_incomplete ? EXIT_INCOMPLETE : code;
}
