// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/setup_plan.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "prepare/line_diff.h"
#include "record/field.h"

int setup_plan_new(const char *root, struct setup_plan **ret, struct err *err)
{
	struct setup_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return err_nomem(err);
	plan->root = root;
	*ret = plan;
	return 0;
}

static void change_done(struct setup_change *change)
{
	file_state_done(&change->before);
	file_state_done(&change->after);
	free(change->why);
}

void setup_plan_free(struct setup_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->change_count; i++)
		change_done(&plan->changes[i]);
	for (size_t i = 0; i < plan->step_count; i++) {
		struct setup_step *step = &plan->steps[i];

		for (size_t j = 0; j < SETUP_WORDS_MAX; j++)
			free(step->words[j]);
		free(step->output);
		free(step->why);
		free(step->expected);
	}
	for (size_t i = 0; i < plan->setting_count; i++)
		free(plan->settings[i].why);
	text_done(&plan->notes);
	free(plan);
}

void setup_plan_note(struct setup_plan *plan, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vadd(&plan->notes, fmt, ap);
	va_end(ap);
	text_add(&plan->notes, "\n");
}

/* ---- files ---- */

static struct setup_change *change_find(struct setup_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (strcmp(plan->changes[i].path, path) == 0)
			return &plan->changes[i];
	}
	return NULL;
}

/* The change of @path, a new one that changes nothing where there is none yet. */
static int change_get(struct setup_plan *plan, const char *path,
		      struct setup_change **ret, struct err *err)
{
	struct setup_change *change = change_find(plan, path);
	int r;

	if (change) {
		*ret = change;
		return 0;
	}
	if (plan->change_count == SETUP_CHANGES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files to change",
			       SETUP_CHANGES_MAX);
	change = &plan->changes[plan->change_count];
	if (snprintf(change->path, sizeof(change->path), "%s", path) >=
	    (int)sizeof(change->path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", path);
	r = file_state_read(plan->root, path, &change->before, err);
	if (r == 0)
		r = file_state_copy(&change->before, &change->after, err);
	if (r < 0) {
		change_done(change);
		*change = (struct setup_change){ 0 };
		return r;
	}
	plan->change_count++;
	*ret = change;
	return 0;
}

/* Takes a change that is none out again: @change is the last, or stands. */
static void change_drop_if_none(struct setup_plan *plan, struct setup_change *change)
{
	if (!file_state_equal(&change->before, &change->after) ||
	    change != &plan->changes[plan->change_count - 1])
		return;
	change_done(change);
	*change = (struct setup_change){ 0 };
	plan->change_count--;
}

size_t setup_plan_count(const struct setup_plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->change_count; i++)
		count += !file_state_equal(&plan->changes[i].before,
					   &plan->changes[i].after);
	return count;
}

void setup_plan_tidy(struct setup_plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->change_count; i++) {
		struct setup_change *change = &plan->changes[i];

		if (file_state_equal(&change->before, &change->after)) {
			change_done(change);
			continue;
		}
		if (kept != i)
			plan->changes[kept] = *change;
		kept++;
	}
	plan->change_count = kept;
}

static int change_set_why(struct setup_change *change, const char *fmt, va_list ap,
			  struct err *err) PRINTF(2, 0);
static int change_set_why(struct setup_change *change, const char *fmt, va_list ap,
			  struct err *err)
{
	_cleanup_text struct text why = { 0 };
	int r;

	if (change->why && change->why[0])
		text_add(&why, "%s; ", change->why);
	text_vadd(&why, fmt, ap);
	r = text_check(&why, err);
	if (r < 0)
		return r;
	free(change->why);
	change->why = take_ptr(why.data);
	return 0;
}

/* The directories above @path. */
static int parents_make(struct setup_plan *plan, const char *path, struct err *err)
{
	for (const char *slash = strchr(path + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		struct setup_change *change;
		char directory[PATH_MAX];
		int r;

		if (snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path),
			     path) >= (int)sizeof(directory))
			return err_set(err, ERR_INVALID,
				       "the path '%.64s...' is too long", path);
		r = change_get(plan, directory, &change, err);
		if (r < 0)
			return r;
		if (change->after.kind == FILE_ABSENT) {
			r = file_state_init(&change->after, FILE_DIRECTORY, 0755, NULL, 0,
					    err);
			if (r < 0)
				return r;
		}
		change_drop_if_none(plan, change);
	}
	return 0;
}

int setup_plan_read(struct setup_plan *plan, const char *path, const char **ret,
		    size_t *ret_size, struct err *err)
{
	struct setup_change *change;
	int r = change_get(plan, path, &change, err);

	if (r < 0)
		return r;
	if (change->after.kind == FILE_REGULAR) {
		*ret = change->after.data;
		*ret_size = change->after.size;
		return 0;
	}
	r = change->after.kind == FILE_ABSENT
		    ? err_set(err, ERR_NOTFOUND, "there is no '%s%s'", plan->root, path)
		    : err_set(err, ERR_UNSUPPORTED,
			      "'%s%s' is a link or a directory, and only a file is edited",
			      plan->root, path);
	change_drop_if_none(plan, change);
	return r;
}

bool setup_plan_has(struct setup_plan *plan, const char *path)
{
	struct setup_change *change;
	bool has;

	if (change_get(plan, path, &change, NULL) < 0)
		return false;
	has = change->after.kind != FILE_ABSENT;
	change_drop_if_none(plan, change);
	return has;
}

static int change_begin(struct setup_plan *plan, const char *path, bool is_made,
			struct setup_change **ret, struct err *err)
{
	int r = is_made ? parents_make(plan, path, err) : 0;

	return r < 0 ? r : change_get(plan, path, ret, err);
}

int setup_plan_write(struct setup_plan *plan, const char *path, mode_t mode,
		     const char *data, size_t size, enum setup_syntax syntax,
		     bool *ret_changed, struct err *err, const char *why, ...)
{
	struct file_state state = { 0 };
	struct setup_change *change;
	va_list ap;
	int r = change_begin(plan, path, true, &change, err);

	if (r < 0)
		return r;
	if (change->after.kind == FILE_DIRECTORY || change->after.kind == FILE_LINK)
		return err_set(
			err, ERR_UNSUPPORTED,
			"'%s%s' is a link or a directory, and a file is to be there",
			plan->root, path);
	r = file_state_init(&state, FILE_REGULAR, mode, data, size, err);
	if (r < 0)
		return r;
	if (change->after.kind == FILE_REGULAR) {
		state.mode = change->after.mode;
		state.uid = change->after.uid;
		state.gid = change->after.gid;
	}
	file_state_done(&change->after);
	change->after = state;
	change->syntax = syntax;
	if (ret_changed)
		*ret_changed = !file_state_equal(&change->before, &change->after);
	if (!file_state_equal(&change->before, &change->after)) {
		va_start(ap, why);
		r = change_set_why(change, why, ap, err);
		va_end(ap);
	}
	change_drop_if_none(plan, change);
	return r;
}

int setup_plan_link(struct setup_plan *plan, const char *path, const char *target,
		    struct err *err, const char *why, ...)
{
	struct setup_change *change;
	va_list ap;
	int r = change_begin(plan, path, true, &change, err);

	if (r < 0)
		return r;
	// Whatever leads there already does.
	if (change->after.kind == FILE_ABSENT) {
		r = file_state_init(&change->after, FILE_LINK, 0, target, strlen(target),
				    err);
		va_start(ap, why);
		if (r == 0)
			r = change_set_why(change, why, ap, err);
		va_end(ap);
	}
	change_drop_if_none(plan, change);
	return r;
}

int setup_plan_remove(struct setup_plan *plan, const char *path, struct err *err,
		      const char *why, ...)
{
	struct setup_change *change;
	va_list ap;
	int r = change_begin(plan, path, false, &change, err);

	if (r < 0)
		return r;
	if (change->after.kind == FILE_REGULAR || change->after.kind == FILE_LINK) {
		file_state_done(&change->after);
		va_start(ap, why);
		r = change_set_why(change, why, ap, err);
		va_end(ap);
	}
	change_drop_if_none(plan, change);
	return r;
}

int setup_plan_restore(struct setup_plan *plan, const char *path,
		       const struct file_state *before, const struct file_state *after,
		       struct err *err)
{
	struct setup_change *change;
	int r;

	if (file_state_equal(before, after))
		return 0;
	if (plan->change_count == SETUP_CHANGES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files to change",
			       SETUP_CHANGES_MAX);
	change = &plan->changes[plan->change_count];
	snprintf(change->path, sizeof(change->path), "%s", path);
	r = file_state_copy(before, &change->before, err);
	if (r == 0)
		r = file_state_copy(after, &change->after, err);
	plan->change_count++;
	return r;
}

/* ---- programs and values ---- */

static bool words_equal(char *const *a, const char *const *b)
{
	size_t i = 0;

	while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
		i++;
	return !a[i] && !b[i];
}

static int copy_string(const char *from, char **ret, struct err *err)
{
	*ret = from ? strdup(from) : NULL;
	return from && !*ret ? err_nomem(err) : 0;
}

int setup_plan_run(struct setup_plan *plan, const char *const *words, const char *output,
		   const char *expected, bool may_fail, const char *why, struct err *err)
{
	struct setup_step *step;
	int r = 0;

	for (size_t i = 0; i < plan->step_count; i++) {
		if (words_equal(plan->steps[i].words, words))
			return 0;
	}
	if (plan->step_count == SETUP_STEPS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d programs to run",
			       SETUP_STEPS_MAX);
	step = &plan->steps[plan->step_count++];
	step->may_fail = may_fail;
	for (size_t i = 0; r == 0 && words[i]; i++)
		r = i == SETUP_WORDS_MAX
			    ? err_set(err, ERR_LIMIT, "a command of too many words")
			    : copy_string(words[i], &step->words[i], err);
	if (r == 0)
		r = copy_string(output, &step->output, err);
	if (r == 0)
		r = copy_string(expected, &step->expected, err);
	return r < 0 ? r : copy_string(why, &step->why, err);
}

int setup_plan_set(struct setup_plan *plan, const char *path, const char *value,
		   bool is_final, const char *why, struct err *err)
{
	struct setup_setting *setting;
	char full[PATH_MAX], line[64];

	if (snprintf(full, sizeof(full), "%s%s", plan->root, path) >= (int)sizeof(full) ||
	    file_read_line(AT_FDCWD, full, line, sizeof(line), NULL) < 0 ||
	    strcmp(line, value) == 0)
		return 0;
	if (plan->setting_count == SETUP_SETTINGS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d values to set",
			       SETUP_SETTINGS_MAX);
	setting = &plan->settings[plan->setting_count++];
	snprintf(setting->path, sizeof(setting->path), "%s", path);
	field_clean(line, setting->before, sizeof(setting->before));
	snprintf(setting->after, sizeof(setting->after), "%s", value);
	setting->is_final = is_final;
	return copy_string(why, &setting->why, err);
}

/* ---- for a person ---- */

/* "# " before each line of at most 78 characters, broken at blanks. */
void setup_comment(const char *why, struct text *ret)
{
	size_t column = 0;

	while (*why) {
		size_t length = strcspn(why, " ");

		if (column && column + 1 + length > 78) {
			text_add(ret, "\n");
			column = 0;
		}
		if (column == 0) {
			text_add(ret, "# ");
			column = 2;
		} else {
			text_add(ret, " ");
			column++;
		}
		text_add(ret, "%.*s", (int)length, why);
		column += length;
		why += length;
		why += strspn(why, " ");
	}
	text_add(ret, "\n");
}

static void format_attributes(const struct file_state *state, const char *sign,
			      struct text *ret)
{
	if (state->kind == FILE_LINK)
		text_add(ret, "%slink to %s\n", sign, state->data);
	else if (state->kind == FILE_DIRECTORY)
		text_add(ret, "%sdirectory\n", sign);
}

/* Of one reason for several files only the first is told. */
static int format_change(const struct setup_change *change, const char **why,
			 struct text *ret, struct err *err)
{
	const struct file_state *before = &change->before, *after = &change->after;
	bool is_text = before->kind == FILE_REGULAR || after->kind == FILE_REGULAR;

	if (after->kind == FILE_DIRECTORY && before->kind == FILE_ABSENT)
		return 0; // goes without saying
	text_add(ret, "\n");
	if (change->why && (!*why || strcmp(*why, change->why) != 0)) {
		setup_comment(change->why, ret);
		*why = change->why;
	}
	text_add(ret, "--- %s\n",
		 before->kind == FILE_ABSENT ? "/dev/null" : change->path);
	text_add(ret, "+++ %s\n",
		 after->kind == FILE_ABSENT ? "/dev/null" : change->path);
	format_attributes(before, "-", ret);
	format_attributes(after, "+", ret);
	if (before->kind == FILE_REGULAR && after->kind == FILE_REGULAR &&
	    before->mode != after->mode)
		text_add(ret, "-mode %04o\n+mode %04o\n", before->mode, after->mode);
	if (!is_text)
		return 0;
	return line_diff(before->kind == FILE_REGULAR ? before->data : "",
			 before->kind == FILE_REGULAR ? before->size : 0,
			 after->kind == FILE_REGULAR ? after->data : "",
			 after->kind == FILE_REGULAR ? after->size : 0, ret, err);
}

int setup_plan_format(const struct setup_plan *plan, struct text *ret, struct err *err)
{
	const char *why = NULL;

	text_add(ret, "%s", text_get(&plan->notes));
	for (size_t i = 0; i < plan->change_count; i++) {
		int r = format_change(&plan->changes[i], &why, ret, err);

		if (r < 0)
			return r;
	}
	if (setup_plan_is_empty(plan))
		return text_check(ret, err);
	for (size_t i = 0; i < plan->setting_count; i++) {
		const struct setup_setting *setting = &plan->settings[i];

		text_add(ret, "%sset %s: %s -> %s%s%s\n", i ? "" : "\n", setting->path,
			 setting->before, setting->after,
			 setting->is_final ? " (can't be undone before a reboot)" : "",
			 plan->root[0] ? " (not done below --root)" : "");
	}
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct setup_step *step = &plan->steps[i];

		text_add(ret, "%srun", i ? "" : "\n");
		for (size_t j = 0; step->words[j]; j++)
			text_add(ret, " %s", step->words[j]);
		text_add(ret, "%s\n", plan->root[0] ? " (not done below --root)" : "");
	}
	return text_check(ret, err);
}
