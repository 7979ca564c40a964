// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph sym: what is at an address, where a symbol is. */
#include <inttypes.h>

#include "cli/address.h"
#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/kernel.h"

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
	struct kernel_name name = { .symbol = "", .module = "" };
	struct answer_name clean;
	char text[512];
	uint64_t vaddr, number;
	int r = address_parse(answer->kernel, about, &vaddr, err);

	if (r < 0)
		return r;
	r = kernel_name(answer->kernel, vaddr, &name, err);
	// A per-CPU symbol may be a small number, which lies in no range of the image.
	if (r < 0 && !address_is_number(about, &number)) {
		name.symbol = about;
		snprintf(text, sizeof(text), "%s", (const char *)about);
	} else if (r < 0) {
		return err_in(err, r, "0x%" PRIx64, vaddr);
	} else {
		kernel_format_address(answer->kernel, vaddr, text, sizeof(text));
	}
	if (answer->json)
		return add_json(answer, vaddr, &name, err);
	text_add(&answer->text, "0x%016" PRIx64 "  %s\n", vaddr,
		 answer_clean(text, &clean));
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "symbols", 1, true, ask };
	int c = cli_option(cli, &cmd_sym, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (optind == argc)
		return cli_usage(cli, "an address or the name of a symbol is missing");
	if (argc - optind > 2)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 2]);
	return answer_print(cli, &question, argv[optind + 1], argv[optind]);
}

const struct command cmd_sym = {
	.name = "sym",
	.arguments = "[OPTION...] ADDRESS|NAME [RECORD|DUMP]",
	.summary = "print the symbol at an address, or where a symbol is",
	.has_json = true,
	.run = run,
};
