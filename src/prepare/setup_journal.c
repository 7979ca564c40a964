// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/setup_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "prepare/file_state.h"
#include "record/field.h"

#define JOURNAL_MAX_BYTES ((size_t)64 << 20)
#define JOURNAL_RUNS_MAX  1000

void setup_journal_done(struct setup_journal *journal)
{
	json_decref(journal->runs);
	json_decref(journal->made);
	*journal = (struct setup_journal){ 0 };
}

bool setup_journal_is_empty(const struct setup_journal *journal)
{
	return json_array_size(journal->runs) == 0;
}

static json_t *last_run(const struct setup_journal *journal)
{
	return json_array_get(journal->runs, json_array_size(journal->runs) - 1);
}

bool setup_journal_is_complete(const struct setup_journal *journal)
{
	return setup_journal_is_empty(journal) ||
	       json_is_true(json_object_get(last_run(journal), "complete"));
}

/* ---- the file ---- */

static int journal_parse(const char *data, size_t size, struct setup_journal *journal,
			 struct err *err)
{
	_cleanup_json json_t *root = NULL;
	int64_t version = 0;
	int r = field_load(data, size, JOURNAL_MAX_BYTES, &root, err);

	if (r == 0)
		r = field_int(root, "schema_version", 0, INT64_MAX, &version, err);
	if (r < 0)
		return r;
	if (version != SETUP_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is of version %lld, and this program knows %d",
			       (long long)version, SETUP_SCHEMA_VERSION);
	if (!json_is_array(json_object_get(root, "runs")))
		return err_set(err, ERR_CORRUPT, "'runs' is no array");
	json_decref(journal->runs);
	journal->runs = json_incref(json_object_get(root, "runs"));
	if (json_is_array(json_object_get(root, "made"))) {
		json_decref(journal->made);
		journal->made = json_incref(json_object_get(root, "made"));
	}
	return 0;
}

int setup_journal_load(const char *root, struct setup_journal *ret, struct err *err)
{
	_cleanup_setup_journal struct setup_journal journal = { .root = root,
								.runs = json_array(),
								.made = json_array() };
	_cleanup_file_state struct file_state file = { 0 };
	int r;

	if (!journal.runs || !journal.made)
		return err_nomem(err);
	r = file_state_read(root, SETUP_JOURNAL, &file, err);
	if (r == 0 && file.kind == FILE_REGULAR) {
		r = journal_parse(file.data, file.size, &journal, err);
		if (r < 0)
			return err_in(err, r,
				      "'%s" SETUP_JOURNAL "', which remembers what setup "
				      "changed",
				      root);
	}
	if (r < 0)
		return r;
	*ret = journal;
	journal = (struct setup_journal){ 0 };
	return 0;
}

static int state_directory_make(struct setup_journal *journal, struct err *err)
{
	static const char *const directories[] = { "/var", "/var/lib", SETUP_STATE_DIR };

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		_cleanup_file_state struct file_state now = { 0 }, new = { 0 };
		int r = file_state_read(journal->root, directories[i], &now, err);

		if (r == 0 && now.kind != FILE_ABSENT)
			continue;
		if (r == 0)
			r = file_state_init(&new, FILE_DIRECTORY, 0755, NULL, 0, err);
		if (r == 0)
			r = file_state_put(journal->root, directories[i], &new, err);
		if (r == 0 &&
		    json_array_append_new(journal->made, json_string(directories[i])))
			r = err_nomem(err);
		if (r < 0)
			return r;
	}
	return 0;
}

int setup_journal_save(struct setup_journal *journal, struct err *err)
{
	_cleanup_file_state struct file_state file = { 0 };
	_cleanup_free char *text = NULL;
	_cleanup_json json_t *root = NULL;
	int r = state_directory_make(journal, err);

	if (r < 0)
		return r;
	root = json_pack("{s:i, s:O, s:O}", "schema_version", SETUP_SCHEMA_VERSION,
			 "made", journal->made, "runs", journal->runs);
	text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	if (!text)
		return err_nomem(err);
	r = file_state_init(&file, FILE_REGULAR, 0600, text, strlen(text), err);
	return r < 0 ? r : file_state_put(journal->root, SETUP_JOURNAL, &file, err);
}

int setup_journal_remove(struct setup_journal *journal, struct err *err)
{
	struct file_state absent = { 0 };
	int r = file_state_put(journal->root, SETUP_JOURNAL, &absent, err);

	// What is in use by now stays.
	for (size_t i = json_array_size(journal->made); r == 0 && i-- > 0;) {
		const char *path = json_string_value(json_array_get(journal->made, i));

		if (path && strncmp(SETUP_STATE_DIR, path, strlen(path)) == 0)
			file_state_put(journal->root, path, &absent, NULL);
	}
	return r;
}

/* ---- a run ---- */

static int change_to_json(const struct setup_change *change, json_t **ret,
			  struct err *err)
{
	_cleanup_json json_t *before = NULL, *after = NULL;
	int r = file_state_to_json(&change->before, &before, err);

	if (r == 0)
		r = file_state_to_json(&change->after, &after, err);
	if (r < 0)
		return r;
	*ret = json_pack("{s:s, s:O, s:O}", "path", change->path, "before", before,
			 "after", after);
	return *ret ? 0 : err_nomem(err);
}

static json_t *step_to_json(const struct setup_step *step)
{
	json_t *words = json_array();

	for (size_t i = 0; step->words[i]; i++)
		json_array_append_new(words, json_string(step->words[i]));
	return json_pack("{s:o, s:s*, s:b}", "words", words, "output", step->output,
			 "may_fail", step->may_fail);
}

static json_t *setting_to_json(const struct setup_setting *setting)
{
	return json_pack("{s:s, s:s, s:s}", "path", setting->path, "before",
			 setting->before, "after", setting->after);
}

int setup_journal_begin(struct setup_journal *journal, const struct setup_plan *plan,
			struct err *err)
{
	_cleanup_json json_t *changes = json_array(), *steps = json_array(),
			     *settings = json_array();
	json_t *object = NULL;
	int bad = 0, r;

	if (json_array_size(journal->runs) >= JOURNAL_RUNS_MAX)
		return err_set(err, ERR_LIMIT, "setup was run %d times; undo it first",
			       JOURNAL_RUNS_MAX);
	for (size_t i = 0; i < plan->change_count; i++) {
		r = change_to_json(&plan->changes[i], &object, err);
		if (r < 0)
			return r;
		bad |= json_array_append_new(changes, object);
	}
	for (size_t i = 0; i < plan->step_count; i++)
		bad |= json_array_append_new(steps, step_to_json(&plan->steps[i]));
	for (size_t i = 0; i < plan->setting_count; i++) {
		if (!plan->settings[i].is_final)
			bad |= json_array_append_new(settings,
						     setting_to_json(&plan->settings[i]));
	}
	bad |= json_array_append_new(
		journal->runs, json_pack("{s:I, s:b, s:O, s:O, s:O}", "at",
					 (json_int_t)time(NULL), "complete", 0, "changes",
					 changes, "settings", settings, "steps", steps));
	return bad ? err_nomem(err) : setup_journal_save(journal, err);
}

int setup_journal_complete(struct setup_journal *journal, struct err *err)
{
	if (json_object_set_new(last_run(journal), "complete", json_true()) < 0)
		return err_nomem(err);
	return setup_journal_save(journal, err);
}

void setup_journal_forget(struct setup_journal *journal)
{
	json_array_remove(journal->runs, json_array_size(journal->runs) - 1);
}

/* ---- what is owed ---- */

static int run_add_steps(const json_t *run, struct setup_plan *plan, struct err *err)
{
	const json_t *steps = json_object_get(run, "steps");
	size_t i, j;
	json_t *step, *word;

	json_array_foreach(steps, i, step)
	{
		const char *words[SETUP_WORDS_MAX + 1] = { 0 };
		const json_t *array = json_object_get(step, "words");
		const char *output = json_string_value(json_object_get(step, "output"));
		int r;

		if (json_array_size(array) > SETUP_WORDS_MAX)
			return err_set(err, ERR_CORRUPT, "a command of too many words");
		json_array_foreach(array, j, word) words[j] =
			json_is_string(word) ? json_string_value(word) : "";
		if (!words[0] || words[0][0] == '\0')
			return err_set(err, ERR_CORRUPT, "a command without words");
		r = setup_plan_run(plan, words, output, NULL,
				   json_is_true(json_object_get(step, "may_fail")), "",
				   err);
		if (r < 0)
			return r;
	}
	return 0;
}

int setup_journal_owed(const struct setup_journal *journal, struct setup_plan *plan,
		       struct err *err)
{
	return setup_journal_is_complete(journal)
		       ? 0
		       : run_add_steps(last_run(journal), plan, err);
}

/* ---- undo ---- */

/* All that the journal says of one name. */
struct chain {
	struct file_state now, first, last;
	bool has_first;
	bool is_known;	/* it is now as some run left or found it */
	bool is_broken; /* one run did not find what the run before it had left */
};

static void chain_done(struct chain *chain)
{
	file_state_done(&chain->now);
	file_state_done(&chain->first);
	file_state_done(&chain->last);
}

static int chain_add(struct chain *chain, const json_t *change, struct err *err)
{
	_cleanup_file_state struct file_state before = { 0 }, after = { 0 };
	int r = file_state_from_json(json_object_get(change, "before"), &before, err);

	if (r == 0)
		r = file_state_from_json(json_object_get(change, "after"), &after, err);
	if (r < 0)
		return r;
	if (file_state_equal(&chain->now, &before) ||
	    file_state_equal(&chain->now, &after))
		chain->is_known = true;
	if (!chain->has_first) {
		chain->has_first = true;
		r = file_state_copy(&before, &chain->first, err);
	} else if (!file_state_equal(&before, &chain->last) &&
		   !file_state_equal(&before, &chain->first)) {
		chain->is_broken = true;
	}
	file_state_done(&chain->last);
	return r < 0 ? r : file_state_copy(&after, &chain->last, err);
}

/* Everything that the runs say of @path. */
static int chain_make(const struct setup_journal *journal, const char *path,
		      struct chain *chain, struct err *err)
{
	json_t *run, *change;
	size_t i, j;
	int r = file_state_read(journal->root, path, &chain->now, err);

	json_array_foreach(journal->runs, i, run)
	{
		json_array_foreach(json_object_get(run, "changes"), j, change)
		{
			const char *name =
				json_string_value(json_object_get(change, "path"));

			if (r == 0 && name && strcmp(name, path) == 0)
				r = chain_add(chain, change, err);
		}
	}
	return r;
}

static bool is_planned(const struct setup_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (strcmp(plan->changes[i].path, path) == 0)
			return true;
	}
	return false;
}

/* A directory that others use by now stays; one whose mode was changed is theirs too. */
static bool is_kept_directory(const struct chain *chain, const char *path,
			      struct setup_plan *plan)
{
	if (chain->now.kind != FILE_DIRECTORY || chain->first.kind != FILE_ABSENT)
		return false;
	if (!chain->is_known)
		setup_plan_note(plan, "'%s' stays: it was changed since", path);
	return !chain->is_known;
}

static int undo_name(const struct setup_journal *journal, const char *path,
		     bool is_forced, struct setup_plan *plan, struct text *refused,
		     struct err *err)
{
	struct chain chain = { 0 };
	int r;

	if (is_planned(plan, path))
		return 0;
	r = chain_make(journal, path, &chain, err);
	if (r == 0 && !is_kept_directory(&chain, path, plan)) {
		if (!is_forced && (!chain.is_known || chain.is_broken) &&
		    !file_state_equal(&chain.now, &chain.first))
			text_add(refused, "%s'%s'", refused->size ? ", " : "", path);
		else
			r = setup_plan_restore(plan, path, &chain.now, &chain.first, err);
	}
	chain_done(&chain);
	return r;
}

static int undo_settings(const json_t *run, struct setup_plan *plan, struct err *err)
{
	const json_t *settings = json_object_get(run, "settings");
	size_t i;
	json_t *setting;

	json_array_foreach(settings, i, setting)
	{
		char path[PATH_MAX] = "", before[64] = "", after[64] = "", now[64];
		char full[PATH_MAX];
		int r = field_string(setting, "path", true, path, sizeof(path), err);

		if (r == 0)
			r = field_string(setting, "before", true, before, sizeof(before),
					 err);
		if (r == 0)
			r = field_string(setting, "after", true, after, sizeof(after),
					 err);
		// Another value was set since, or it is another boot: not ours any more.
		if (r == 0 &&
		    snprintf(full, sizeof(full), "%s%s", plan->root, path) <
			    (int)sizeof(full) &&
		    file_read_line(AT_FDCWD, full, now, sizeof(now), NULL) == 0 &&
		    strcmp(now, after) == 0)
			r = setup_plan_set(plan, path, before, false, "as before", err);
		if (r < 0)
			return r;
	}
	return 0;
}

int setup_journal_undo_plan(const struct setup_journal *journal, bool is_forced,
			    struct setup_plan *plan, struct err *err)
{
	_cleanup_text struct text refused = { 0 };

	for (size_t i = json_array_size(journal->runs); i-- > 0;) {
		const json_t *run = json_array_get(journal->runs, i);
		const json_t *changes = json_object_get(run, "changes");
		int r = 0;

		for (size_t j = json_array_size(changes); r == 0 && j-- > 0;) {
			const char *path = json_string_value(
				json_object_get(json_array_get(changes, j), "path"));

			r = !path || path[0] != '/' || strlen(path) >= PATH_MAX
				    ? err_set(err, ERR_CORRUPT,
					      "a change without a usable path")
				    : undo_name(journal, path, is_forced, plan, &refused,
						err);
		}
		if (r == 0)
			r = undo_settings(run, plan, err);
		if (r == 0)
			r = run_add_steps(run, plan, err);
		if (r < 0)
			return err_in(err, r, "'%s" SETUP_JOURNAL "'", journal->root);
	}
	if (refused.size)
		return err_set(
			err, ERR_REFUSED,
			"changed since setup wrote it: %.300s; nothing was undone. "
			"With --force it becomes what it was before setup",
			text_get(&refused));
	return 0;
}
