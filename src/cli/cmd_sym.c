// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph sym: what is at an address, where a symbol is. */
#include <inttypes.h>

#include "cli/address.h"
#include "cli/answer.h"
#include "cli/line_source.h"
#include "explain/member.h"
#include "kernel/kernel.h"

struct sym {
	const char *about; /* an address or a name */
	struct line_options line_options;
};

static int add_lines_json(struct answer *answer, const struct source_lines *lines,
			  struct err *err)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < lines->count; i++) {
		const struct source_line *line = &lines->items[i];
		json_t *object = json_object();

		r = member_put_string(object, "function", line->function) |
		    member_put_string(object, "file", line->file) |
		    member_put_number(object, "line", line->line) |
		    json_object_set_new(object, "inlined",
					json_boolean(line->is_inlined)) |
		    json_array_append_new(array, object);
	}
	if (r) {
		json_decref(array);
		return err_nomem(err);
	}
	return answer_add(answer, "lines", array, err);
}

/* Innermost first, as in a backtrace. */
static void add_lines_text(struct answer *answer, const struct source_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		const struct source_line *line = &lines->items[i];
		struct answer_name function, file;

		text_add(&answer->text, "%20s%s%s", "",
			 answer_clean(line->function, &function),
			 line->is_inlined ? " [inlined]" : "");
		text_add(&answer->text, "%s(%s:%" PRIu32 ")\n",
			 line->function[0] ? " " : "",
			 line->file[0] ? answer_clean(line->file, &file) : "?",
			 line->line);
	}
}

static int add_lines(struct answer *answer, const struct sym *sym, uint64_t vaddr,
		     struct err *err)
{
	_cleanup_line_source struct line_source source = { 0 };
	struct source_lines lines = { .count = 0 };
	int r = line_source_open(&sym->line_options, answer->cli, &answer->crash, &source,
				 err);

	if (r < 0)
		return r;
	if (source.debuginfo && !line_source_find(&source, vaddr, &lines) &&
	    !source.is_incomplete)
		answer_lacks(answer, "no line is known for 0x%" PRIx64 ": it is no code",
			     vaddr);
	answer->is_incomplete |= source.is_incomplete;
	if (!lines.count)
		return 0;
	if (answer->json)
		return add_lines_json(answer, &lines, err);
	add_lines_text(answer, &lines);
	return 0;
}

static int add_json(struct answer *answer, uint64_t vaddr, const struct kernel_name *name,
		    struct err *err)
{
	int r = member_put_hex(answer->json, "address", vaddr) |
		member_put_string(answer->json, "symbol", name->symbol) |
		member_put_string(answer->json, "module", name->module) |
		json_object_set_new(answer->json, "offset",
				    json_integer((json_int_t)name->offset)) |
		member_put_number(answer->json, "size", name->size);

	return r ? err_nomem(err) : 0;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	const struct sym *sym = about;
	struct kernel_name name = { .symbol = "", .module = "" };
	struct answer_name clean;
	char text[512];
	uint64_t vaddr, number;
	int r = address_parse(answer->kernel, sym->about, &vaddr, err);

	if (r < 0)
		return r;
	r = kernel_name(answer->kernel, vaddr, &name, err);
	// A per-CPU symbol may be a small number, which lies in no range of the image.
	if (r < 0 && !address_is_number(sym->about, &number)) {
		name.symbol = sym->about;
		snprintf(text, sizeof(text), "%s", sym->about);
	} else if (r < 0) {
		return err_in(err, r, "0x%" PRIx64, vaddr);
	} else {
		kernel_format_address(answer->kernel, vaddr, text, sizeof(text));
	}
	if (answer->json)
		r = add_json(answer, vaddr, &name, err);
	else
		text_add(&answer->text, "0x%016" PRIx64 "  %s\n", vaddr,
			 answer_clean(text, &clean));
	return r < 0 ? r : add_lines(answer, sym, vaddr, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "symbols", 1, true, ask };
	static const struct option options[] = { LINE_OPTION_ROWS, { 0 } };
	struct sym sym = { 0 };
	int c;

	while ((c = cli_option(cli, &cmd_sym, argc, argv, "l", options)) >= 0)
		line_options_take(&sym.line_options, c);
	if (c != -1)
		return cli_exit(c);
	if (optind == argc)
		return cli_usage(cli, "an address or the name of a symbol is missing");
	if (argc - optind > 2)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 2]);
	sym.about = argv[optind];
	return answer_print(cli, &question, argv[optind + 1], &sym);
}

const struct command cmd_sym = {
	.name = "sym",
	.arguments = "[OPTION...] ADDRESS|NAME [RECORD|DUMP]",
	.summary = "print the symbol at an address, or where a symbol is",
	.options = LINE_OPTION_HELP,
	.has_json = true,
	.run = run,
};
