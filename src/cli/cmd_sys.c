// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph sys: how the machine was when it died: since when up, how busy, and how it was
 * set to behave when something goes wrong.
 */
#include <inttypes.h>

#include "cli/answer.h"
#include "explain/survey.h"
#include "kernel/setting.h"

static int add_uptime(struct answer *answer, struct err *err)
{
	struct err why = { 0 };
	uint64_t ns;
	char text[32];

	if (setting_uptime_ns(answer->kernel, &ns, &why) < 0) {
		answer_lacks(answer, "uptime: %s", err_text(&why));
		return 0;
	}
	survey_format_ms(ns / 1000000, text, sizeof(text));
	text_add(&answer->text, "%-34s %s\n", "uptime", text);
	return answer->json ? answer_add(answer, "uptime_ms",
					 json_integer((json_int_t)(ns / 1000000)), err)
			    : 0;
}

static int add_load(struct answer *answer, struct err *err)
{
	struct err why = { 0 };
	uint64_t load[3];

	if (setting_load(answer->kernel, load, &why) < 0) {
		answer_lacks(answer, "load average: %s", err_text(&why));
		return 0;
	}
	text_add(&answer->text, "%-34s", "load average");
	for (size_t i = 0; i < 3; i++)
		text_add(&answer->text, " %" PRIu64 ".%02" PRIu64, load[i] / 100,
			 load[i] % 100);
	text_add(&answer->text, "\n");
	if (!answer->json)
		return 0;
	return answer_add(answer, "load_average",
			  json_pack("[f, f, f]", (double)load[0] / 100,
				    (double)load[1] / 100, (double)load[2] / 100),
			  err);
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	json_t *object = answer->json ? json_object() : NULL;
	struct settings settings;
	int r;

	(void)about;
	r = add_uptime(answer, err);
	if (r == 0)
		r = add_load(answer, err);
	settings_read(answer->kernel, &settings);
	if (settings.lost[0])
		answer_lacks(answer, "settings: %s", settings.lost);
	for (size_t i = 0; r == 0 && i < settings.count; i++) {
		const struct setting *setting = &settings.settings[i];

		text_add(&answer->text, "%-34s %" PRId64 "\n", setting->name,
			 setting->value);
		if (object && json_object_set_new(object, setting->name,
						  json_integer(setting->value)) < 0)
			r = err_nomem(err);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "sysctls", object, err);
	json_decref(object);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "its settings", 1, true, ask };

	return answer_run(cli, &cmd_sys, &question, argc, argv);
}

const struct command cmd_sys = {
	.name = "sys",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print uptime, load, and the settings of panics",
	.has_json = true,
	.run = run,
};
