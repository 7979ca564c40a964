// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan for programs: what setup_plan_format() tells people. */
#include <string.h>

#include "prepare/setup_plan.h"
#include "record/field.h"

static json_t *text_or_null(const char *text)
{
	return text ? field_new_string(text) : json_null();
}

static json_t *notes_to_json(const char *notes)
{
	json_t *array = json_array();

	while (*notes) {
		size_t size = strcspn(notes, "\n");

		if (size)
			json_array_append_new(array, json_stringn(notes, size));
		notes += size + (notes[size] == '\n');
	}
	return array;
}

static int change_to_json(const struct setup_change *change, json_t *array,
			  struct err *err)
{
	_cleanup_json json_t *before = NULL, *after = NULL;
	int r = file_state_to_json(&change->before, &before, err);

	if (r == 0)
		r = file_state_to_json(&change->after, &after, err);
	if (r < 0)
		return r;
	return json_array_append_new(array, json_pack("{s:o, s:o, s:O, s:O}", "path",
						      field_new_string(change->path),
						      "why", text_or_null(change->why),
						      "before", before, "after", after)) <
			       0
		       ? err_nomem(err)
		       : 0;
}

static json_t *step_to_json(const struct setup_step *step)
{
	json_t *words = json_array();

	for (size_t i = 0; step->words[i]; i++)
		json_array_append_new(words, field_new_string(step->words[i]));
	return json_pack("{s:o, s:o, s:b}", "words", words, "why",
			 text_or_null(step->why), "may_fail", step->may_fail);
}

static json_t *setting_to_json(const struct setup_setting *setting)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:o}", "path",
			 field_new_string(setting->path), "before",
			 field_new_string(setting->before), "after",
			 field_new_string(setting->after), "final", setting->is_final,
			 "why", text_or_null(setting->why));
}

int setup_plan_to_json(const struct setup_plan *plan, json_t **ret, struct err *err)
{
	_cleanup_json json_t *files = json_array();
	_cleanup_json json_t *settings = json_array();
	_cleanup_json json_t *programs = json_array();
	int bad = 0, r = 0;

	for (size_t i = 0; r == 0 && i < plan->change_count; i++)
		r = change_to_json(&plan->changes[i], files, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->setting_count; i++)
		bad |= json_array_append_new(settings,
					     setting_to_json(&plan->settings[i]));
	for (size_t i = 0; i < plan->step_count; i++)
		bad |= json_array_append_new(programs, step_to_json(&plan->steps[i]));
	*ret = bad ? NULL
		   : json_pack("{s:o, s:O, s:O, s:O, s:b}", "notes",
			       notes_to_json(text_get(&plan->notes)), "files", files,
			       "settings", settings, "programs", programs, "needs_reboot",
			       plan->needs_reboot);
	return *ret ? 0 : err_nomem(err);
}
