/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to a question about one crash: what all such commands do around it. The
 * crash is opened, what of it is not whole is told, the question is asked, its text or
 * JSON is printed, and the exit code says whether the answer is whole.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/crash.h"

struct answer {
	struct cli *cli;
	struct crash crash;
	struct kernel *kernel; /* the crash's; never NULL where the question needs_dump */
	struct text text;      /* printed without --json */
	json_t *json; /* the object with --json, else NULL; schema_version is in it */
	bool is_incomplete;
};

struct question {
	const char *topic;  /* "open files": "only a dump tells of open files" */
	int schema_version; /* of its JSON */
	bool needs_dump;
	/* Adds to answer->text or, where there is one, to answer->json. */
	int (*ask)(struct answer *answer, const void *about, struct err *err);
};

/* @name: the crash, NULL the last. Returns an enum exit_code. */
int answer_print(struct cli *cli, const struct question *question, const char *name,
		 const void *about);

/* A whole command of one question that has no options and no other words of its own. */
int answer_run(struct cli *cli, const struct command *command,
	       const struct question *question, int argc, char **argv);

/* A part is not known: says so on stderr, and the answer is no longer whole. */
void answer_lacks(struct answer *answer, const char *fmt, ...) PRINTF(2, 3);

/* Adds @value, whose reference it takes, to the object; ERR_NOMEM where it is NULL. */
int answer_add(struct answer *answer, const char *key, json_t *value, struct err *err);

/* What @text holds becomes printable ASCII; for names from the kernel. Borrowed. */
struct answer_name {
	char text[1100];
};
const char *answer_clean(const char *text, struct answer_name *ret);

#endif
