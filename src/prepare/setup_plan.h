/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan to change a machine: which files become what, which values of the running
 * kernel are set, which programs run afterwards. Nothing is changed by making one; what
 * is as it should be is not in it, so that a plan made twice is empty the second time.
 */
#ifndef PREPARE_SETUP_PLAN_H
#define PREPARE_SETUP_PLAN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "prepare/file_state.h"

#define SETUP_CHANGES_MAX  128
#define SETUP_STEPS_MAX	   16
#define SETUP_SETTINGS_MAX 32
#define SETUP_WORDS_MAX	   8

/* How a file is looked at before it replaces the old one. */
enum setup_syntax {
	SETUP_ANY,
	SETUP_SHELL, /* sh -n takes it */
};

struct setup_change {
	char path[PATH_MAX]; /* below the root */
	enum setup_syntax syntax;
	struct file_state before, after;
	char *why;
};

/* A program that carries on what the files say. Only run on this machine. */
struct setup_step {
	char *words[SETUP_WORDS_MAX + 1]; /* ends with NULL */
	char *output; /* a file that it makes anew, restored if it fails; may be NULL */
	char *why;
	char *expected; /* a text that has to be in @output afterwards; may be NULL */
	bool may_fail;	/* a failure is told, and changes nothing else */
};

/* A value of the running kernel, gone with the next boot. */
struct setup_setting {
	char path[PATH_MAX];
	char before[64], after[64];
	bool is_final; /* can't be taken back */
	char *why;
};

struct setup_plan {
	const char *root; /* borrowed; "" for this machine */
	struct setup_change changes[SETUP_CHANGES_MAX];
	size_t change_count;
	struct setup_step steps[SETUP_STEPS_MAX];
	size_t step_count;
	struct setup_setting settings[SETUP_SETTINGS_MAX];
	size_t setting_count;
	struct text notes; /* lines for the person who decides */
	bool needs_reboot;
};

int setup_plan_new(const char *root, struct setup_plan **ret, struct err *err);
void setup_plan_free(struct setup_plan *plan);
static inline void setup_plan_freep(struct setup_plan **plan)
{
	setup_plan_free(*plan);
}
#define _cleanup_setup_plan _cleanup_(setup_plan_freep)

/* How many files will be others than they are. */
size_t setup_plan_count(const struct setup_plan *plan);

/* Takes out what changes nothing: files that were only looked at. */
void setup_plan_tidy(struct setup_plan *plan);

/* Nothing to do? Notes don't count, and below a root nothing but files is changed. */
static inline bool setup_plan_is_empty(const struct setup_plan *plan)
{
	return !setup_plan_count(plan) &&
	       (plan->root[0] || (!plan->step_count && !plan->setting_count));
}

/*
 * The bytes of @path as they will be when the changes so far are done; ERR_NOTFOUND where
 * there is no file, ERR_UNSUPPORTED for a link. Borrowed until the next change.
 */
int setup_plan_read(struct setup_plan *plan, const char *path, const char **ret,
		    size_t *ret_size, struct err *err);

/*
 * @path shall have these bytes; directories on the way are made. A file that is there
 * keeps its mode and owner, a new one gets @mode. A second call for the same name goes on
 * from the first. Nothing where it is so already. @ret_changed may be NULL: is it another
 * one than now?
 */
int setup_plan_write(struct setup_plan *plan, const char *path, mode_t mode,
		     const char *data, size_t size, enum setup_syntax syntax,
		     bool *ret_changed, struct err *err, const char *why, ...)
	PRINTF(9, 10);
int setup_plan_link(struct setup_plan *plan, const char *path, const char *target,
		    struct err *err, const char *why, ...) PRINTF(5, 6);
int setup_plan_remove(struct setup_plan *plan, const char *path, struct err *err,
		      const char *why, ...) PRINTF(4, 5);
/* For undo: @path is @before, and shall be @after. */
int setup_plan_restore(struct setup_plan *plan, const char *path,
		       const struct file_state *before, const struct file_state *after,
		       struct err *err);

/* @words ends with NULL. The same words are run once. */
int setup_plan_run(struct setup_plan *plan, const char *const *words, const char *output,
		   const char *expected, bool may_fail, const char *why, struct err *err);

/* Nothing where @path has that value, or is not there. */
int setup_plan_set(struct setup_plan *plan, const char *path, const char *value,
		   bool is_final, const char *why, struct err *err);

void setup_plan_note(struct setup_plan *plan, const char *fmt, ...) PRINTF(2, 3);

/* What will be done, as a person reads it: each file as a unified diff under its reason.
 */
int setup_plan_format(const struct setup_plan *plan, struct text *ret, struct err *err);

/* The same for programs: notes, files (as file_state_to_json()), settings, programs. */
int setup_plan_to_json(const struct setup_plan *plan, json_t **ret, struct err *err);

/* As it will be: the lines of @text, each with "# " before it, broken at blanks. */
void setup_comment(const char *text, struct text *ret);

/* Is there such a name below the plan's root, now or when it is done? */
bool setup_plan_has(struct setup_plan *plan, const char *path);

#endif
