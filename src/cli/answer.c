// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/answer.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"

static int print(struct answer *answer, struct err *err)
{
	int r;

	if (answer->json)
		return crash_print_json(answer->cli, json_incref(answer->json));
	r = text_check(&answer->text, err);
	if (r < 0)
		return r;
	fputs(text_get(&answer->text), stdout);
	return EXIT_DONE;
}

static int open_and_ask(struct answer *answer, const struct question *question,
			const char *name, const void *about, struct err *err)
{
	struct cli *cli = answer->cli;
	int r = crash_open(cli, name, &answer->crash, err);

	if (r < 0)
		return r;
	answer->kernel = answer->crash.kernel;
	if (question->needs_dump && !answer->kernel)
		return err_set(err, ERR_NOTFOUND, "only a dump tells of %s: %.400s",
			       question->topic, answer->crash.no_kernel);
	if (cli->json) {
		answer->json =
			json_pack("{s:i}", "schema_version", question->schema_version);
		if (!answer->json)
			return err_nomem(err);
	}
	answer->is_incomplete = crash_warn_incomplete(cli, &answer->crash);
	r = question->ask(answer, about, err);
	return r < 0 ? r : print(answer, err);
}

int answer_print(struct cli *cli, const struct question *question, const char *name,
		 const void *about)
{
	struct answer answer = { .cli = cli };
	struct err err = { 0 };
	int r = open_and_ask(&answer, question, name, about, &err);

	if (r < 0)
		r = cli_failed(cli, &err);
	else if (r == EXIT_DONE && answer.is_incomplete)
		r = EXIT_INCOMPLETE;
	json_decref(answer.json);
	text_done(&answer.text);
	crash_done(&answer.crash);
	return r;
}

int answer_run(struct cli *cli, const struct command *command,
	       const struct question *question, int argc, char **argv)
{
	int c = cli_option(cli, command, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	if (argc - optind > 1)
		return cli_usage(cli, "only one crash at a time, not '%s' too",
				 argv[optind + 1]);
	return answer_print(cli, question, argv[optind], NULL);
}

void answer_lacks(struct answer *answer, const char *fmt, ...)
{
	char why[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	log_warning(&answer->cli->log, "incomplete: %s", why);
	answer->is_incomplete = true;
}

int answer_add(struct answer *answer, const char *key, json_t *value, struct err *err)
{
	if (!value || json_object_set_new(answer->json, key, value) < 0)
		return err_nomem(err);
	return 0;
}

const char *answer_clean(const char *text, struct answer_name *ret)
{
	ascii_escape(text, strlen(text), ret->text, sizeof(ret->text));
	return ret->text;
}
