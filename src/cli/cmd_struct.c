// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph struct: the layout of a type, or what a struct in memory holds. */
#include <inttypes.h>

#include "cli/address.h"
#include "cli/answer.h"
#include "explain/member.h"
#include "explain/type_rows.h"

struct subject {
	const char *type;
	const char *address; /* NULL: the layout */
};

static int add_json(struct answer *answer, const struct type_rows *rows, uint64_t vaddr,
		    struct err *err)
{
	int r = answer_add(answer, "type", json_string(rows->type), err);

	if (r == 0)
		r = answer_add(answer, "size_bytes",
			       json_integer((json_int_t)rows->size_bytes), err);
	if (r == 0 && member_put_hex(answer->json, "address", vaddr) < 0)
		r = err_nomem(err);
	if (r == 0)
		r = answer_add(answer, "members", type_rows_new_json(rows), err);
	return r;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_type_rows struct type_rows rows = { 0 };
	const struct subject *subject = about;
	uint64_t vaddr = 0;
	int r = 0;

	if (subject->address)
		r = address_parse(answer->kernel, subject->address, &vaddr, err);
	if (r == 0 && subject->address && !vaddr)
		r = err_set(err, ERR_INVALID, "nothing lies at address 0");
	if (r == 0)
		r = type_rows_read(answer->kernel, subject->type, vaddr, &rows, err);
	if (r < 0)
		return r;
	if (rows.lost[0])
		answer_lacks(answer, "values that stand as ?: %s", rows.lost);
	if (rows.is_cut)
		answer_lacks(answer, "more than %d members", TYPE_ROWS_MAX);
	if (answer->json)
		return add_json(answer, &rows, vaddr, err);
	type_rows_format_text(&rows, &answer->text);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "types", 1, true, ask };
	struct subject subject = { 0 };
	const char *word;
	int c = cli_option(cli, &cmd_struct, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (optind == argc)
		return cli_usage(cli, "the name of a type is missing");
	subject.type = argv[optind++];
	word = argv[optind];
	if (word && (address_is_marked(&word) || argc - optind == 2)) {
		subject.address = word;
		optind++;
	}
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return answer_print(cli, &question, argv[optind], &subject);
}

const struct command cmd_struct = {
	.name = "struct",
	.arguments = "[OPTION...] TYPE[.MEMBER] [ADDRESS] [RECORD|DUMP]",
	.summary = "print a type, or the struct of that type in memory",
	.has_json = true,
	.run = run,
};
