// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph mod: the modules that a kernel had loaded when it crashed. */
#include "cli/crash.h"
#include "explain/report_modules.h"

#define MOD_SCHEMA_VERSION 1

static int print_modules(const struct cli *cli, const struct report_modules *modules,
			 enum crash_source source)
{
	_cleanup_text struct text text = { 0 };
	struct err err = { 0 };

	if (cli->json)
		return crash_print_json(cli,
					json_pack("{s:i, s:s, s:o}", "schema_version",
						  MOD_SCHEMA_VERSION, "source",
						  crash_source_name(source), "modules",
						  report_modules_new_json(modules)));
	report_modules_format_text(modules, &text);
	if (text_check(&text, &err) < 0)
		return cli_failed(cli, &err);
	fputs(text_get(&text), stdout);
	return EXIT_DONE;
}

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

static int mod(struct cli *cli, const char *name)
{
	_cleanup_crash struct crash crash = { 0 };
	_cleanup_report struct report *report = NULL;
	struct report_modules modules = { 0 };
	enum crash_source source;
	struct err err = { 0 };
	bool is_incomplete;
	int r = crash_open(cli, name, &crash, &err), code;

	if (r == 0)
		r = find_modules(&crash, &report, &modules, &source, &err);
	if (r == 0 && !modules.modules)
		r = err_set(&err, ERR_NOTFOUND, "the modules are unknown: %s",
			    modules.unknown.why[0] ? modules.unknown.why
						   : crash.no_kernel);
	if (r < 0)
		return cli_failed(cli, &err);
	is_incomplete = crash_warn_incomplete(cli, &crash);
	if (source != CRASH_SOURCE_DUMP)
		log_warning(&cli->log, "this is from %s: %s", crash_source_name(source),
			    crash_no_dump_why(&crash));
	if (modules.unknown.why[0]) {
		log_warning(&cli->log, "incomplete: the list of modules broke off: %s",
			    modules.unknown.why);
		is_incomplete = true;
	}
	code = print_modules(cli, &modules, source);
	if (!report) // else they are its
		report_modules_done(&modules);
	return code == EXIT_DONE && is_incomplete ? EXIT_INCOMPLETE : code;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int c = cli_option(cli, &cmd_mod, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return mod(cli, argv[optind]);
}

const struct command cmd_mod = {
	.name = "mod",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the loaded modules: address, size, taints, version",
	.has_json = true,
	.run = run,
};
