// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph mod: the modules that a kernel had loaded when it crashed. */
#include "cli/answer.h"
#include "explain/report_modules.h"

#define MOD_SCHEMA_VERSION 1

/* From the dump, else from the report that the crash kernel left. */
static int find_modules(const struct crash *crash, struct report **ret_report,
			struct report_modules *ret, enum crash_source *ret_source,
			struct err *err)
{
	int r;

	*ret_source = CRASH_SOURCE_DUMP;
	if (crash->kernel)
		return report_modules_build(crash->kernel, ret, err);
	r = crash_report(crash, ret_report, ret_source, err);
	if (r < 0)
		return r;
	*ret = (*ret_report)->modules;
	return 0;
}

static int add_modules(struct answer *answer, const struct report_modules *modules,
		       enum crash_source source, struct err *err)
{
	int r;

	if (modules->unknown.why[0])
		answer_lacks(answer, "the list of modules broke off: %s",
			     modules->unknown.why);
	if (!answer->json) {
		report_modules_format_text(modules, &answer->text);
		return 0;
	}
	r = answer_add(answer, "source", json_string(crash_source_name(source)), err);
	return r < 0 ? r
		     : answer_add(answer, "modules", report_modules_new_json(modules),
				  err);
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	struct report_modules modules = { 0 };
	enum crash_source source;
	int r = find_modules(&answer->crash, &report, &modules, &source, err);

	(void)about;
	if (r == 0 && !modules.modules)
		r = err_set(err, ERR_NOTFOUND, "the modules are unknown: %s",
			    modules.unknown.why[0] ? modules.unknown.why
						   : answer->crash.no_kernel);
	if (r == 0 && source != CRASH_SOURCE_DUMP)
		log_warning(&answer->cli->log, "this is from %s: %s",
			    crash_source_name(source), crash_no_dump_why(&answer->crash));
	if (r == 0)
		r = add_modules(answer, &modules, source, err);
	if (!report) // else they are its
		report_modules_done(&modules);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "modules", MOD_SCHEMA_VERSION, false,
						  ask };

	return answer_run(cli, &cmd_mod, &question, argc, argv);
}

const struct command cmd_mod = {
	.name = "mod",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the loaded modules: address, size, taints, version",
	.has_json = true,
	.run = run,
};
