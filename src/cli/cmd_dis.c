// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph dis: the code of a function as it was in memory: patched by alternatives, by
 * tracing, or by what should not have written there.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/address.h"
#include "cli/answer.h"
#include "explain/disassembly.h"
#include "explain/member.h"
#include "explain/report_listing.h"
#include "kernel/arch.h"

#define FUNCTION_MAX	 (256u << 10) /* bytes of one function that are shown */
#define FUNCTION_UNKNOWN 256	      /* where its end is not known */

static int add_json(struct answer *answer, const struct disassembly *disassembly,
		    struct err *err)
{
	json_t *instructions = json_array();

	for (size_t i = 0; instructions && i < disassembly->count; i++) {
		const struct instruction *instruction = &disassembly->instructions[i];
		char bytes[2 * INSTRUCTION_BYTES_MAX + 1] = "", target[256] = "";
		json_t *object = json_object();
		int r = 0;

		for (size_t j = 0; j < instruction->size; j++)
			snprintf(bytes + 2 * j, 3, "%02x", instruction->bytes[j]);
		if (instruction->has_target)
			kernel_format_address(answer->kernel, instruction->target, target,
					      sizeof(target));
		r |= member_put_hex(object, "address", instruction->vaddr);
		r |= member_put_string(object, "bytes", bytes);
		r |= member_put_string(object, "text", instruction->text);
		r |= member_put_string(object, "target", target);
		if (json_array_append_new(instructions, object) | r) {
			json_decref(instructions);
			return err_nomem(err);
		}
	}
	return answer_add(answer, "instructions", instructions, err);
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_disassembly struct disassembly disassembly = { 0 };
	_cleanup_free uint8_t *code = NULL;
	struct kernel_name name;
	struct answer_name clean;
	uint64_t vaddr, start, size;
	char text[512];
	int r = address_parse(answer->kernel, about, &vaddr, err);

	if (r == 0)
		r = kernel_name(answer->kernel, vaddr, &name, err);
	if (r < 0)
		return r;
	start = vaddr - name.offset;
	size = MIN(name.size ? name.size : FUNCTION_UNKNOWN, (uint64_t)FUNCTION_MAX);
	code = malloc(size);
	if (!code)
		return err_nomem(err);
	r = kernel_read(answer->kernel, start, code, size, err);
	if (r == 0)
		r = disassembly_new(kernel_arch(answer->kernel)->machine, start, code,
				    size, &disassembly, err);
	if (r < 0)
		return r;
	kernel_format_address(answer->kernel, start, text, sizeof(text));
	if (answer->json) {
		r = member_put_hex(answer->json, "address", start) |
		    member_put_string(answer->json, "function",
				      answer_clean(text, &clean));
		return r ? err_nomem(err) : add_json(answer, &disassembly, err);
	}
	text_add(&answer->text, "0x%016" PRIx64 "  %s\n", start,
		 answer_clean(text, &clean));
	report_listing_add(&disassembly, start, name.offset ? vaddr : 0, answer->kernel,
			   &answer->text);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "code", 1, true, ask };
	int c = cli_option(cli, &cmd_dis, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (optind == argc)
		return cli_usage(cli, "a function or an address is missing");
	if (argc - optind > 2)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 2]);
	return answer_print(cli, &question, argv[optind + 1], argv[optind]);
}

const struct command cmd_dis = {
	.name = "dis",
	.arguments = "[OPTION...] FUNCTION|ADDRESS [RECORD|DUMP]",
	.summary = "print the instructions of a function as they were in memory",
	.has_json = true,
	.run = run,
};
