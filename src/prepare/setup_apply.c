// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/setup_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "prepare/program.h"

int setup_lock(const char *root, int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = -1;
	char path[PATH_MAX];

	// /etc is there on every machine: nothing has to be made for a lock.
	if (snprintf(path, sizeof(path), "%s/etc", root) >= (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? err_set(err, ERR_REFUSED,
					 "another epitaph setup is running on '%s'", path)
			       : err_os(err, errno, "unable to lock '%s'", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- before anything is touched ---- */

static int shell_check(const struct setup_change *change, struct err *err)
{
	_cleanup_fd int fd = memfd_create("setup", 0);
	_cleanup_text struct text said = { 0 };
	char path[64];
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to get memory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = fd_write_full(fd, change->after.data, change->after.size, err);
	if (r == 0)
		r = program_run_or_fail((char *const[]){ "sh", "-n", path, NULL }, &said,
					err);
	return r < 0 ? err_in(err, r, "'%s' as it would be is no shell script",
			      change->path)
		     : 0;
}

static int plan_check(const struct setup_plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct setup_change *change = &plan->changes[i];
		_cleanup_file_state struct file_state now = { 0 };
		int r = file_state_read(plan->root, change->path, &now, err);

		if (r < 0)
			return r;
		if (!file_state_equal(&now, &change->before))
			return err_set(err, ERR_REFUSED,
				       "'%s%s' was changed since the plan was made; look "
				       "at a new plan",
				       plan->root, change->path);
		if (change->syntax == SETUP_SHELL && change->after.kind == FILE_REGULAR)
			r = shell_check(change, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; !plan->root[0] && i < plan->step_count; i++) {
		char path[PATH_MAX];

		if (!plan->steps[i].may_fail &&
		    !program_find(plan->steps[i].words[0], path))
			return err_set(err, ERR_NOTFOUND,
				       "there is no program '%s', and without it the "
				       "change would not reach the boot loader",
				       plan->steps[i].words[0]);
	}
	return 0;
}

/* ---- programs ---- */

static int output_check(const struct setup_step *step, struct err *err)
{
	_cleanup_text struct text said = { 0 };
	_cleanup_free char *data = NULL;
	char path[PATH_MAX];
	const char *base = strrchr(step->output, '/');
	int r = file_read(AT_FDCWD, step->output, FILE_STATE_MAX_BYTES, &data, NULL, err);

	if (r < 0)
		return r;
	if (step->expected && !strstr(data, step->expected))
		return err_set(err, ERR_CORRUPT,
			       "'%s' does not have '%s' afterwards: something else sets "
			       "the command line",
			       step->output, step->expected);
	if (!base || strcmp(base, "/grub.cfg") != 0)
		return 0;
	if (!program_find("grub-script-check", path) &&
	    !program_find("grub2-script-check", path))
		return 0;
	return program_run_or_fail((char *const[]){ path, step->output, NULL }, &said,
				   err);
}

static int step_run(const struct setup_step *step, const struct log *log, struct err *err)
{
	_cleanup_file_state struct file_state output = { 0 };
	_cleanup_text struct text said = { 0 };
	struct err why = { 0 };
	int r = step->output ? file_state_read("", step->output, &output, err) : 0;

	if (r < 0)
		return r;
	log_info(log, "running %s %s", step->words[0],
		 step->words[1] ? step->words[1] : "");
	r = program_run_or_fail(step->words, &said, err);
	if (r == 0 && step->output)
		r = output_check(step, err);
	if (r < 0 && step->output && output.kind == FILE_REGULAR &&
	    file_state_put("", step->output, &output, &why) < 0)
		log_error(log, "%s: it may not be whole, look before you reboot",
			  err_text(&why));
	return r;
}

static int steps_run(const struct setup_plan *plan, const struct log *log,
		     struct err *err)
{
	if (plan->root[0])
		return 0;
	for (size_t i = 0; i < plan->step_count; i++) {
		const struct setup_step *step = &plan->steps[i];
		struct err why = { 0 };
		int r = step_run(step, log, &why);

		if (r == 0)
			continue;
		if (!step->may_fail) {
			if (err)
				*err = why;
			return r;
		}
		log_warning(log, "%s; it takes effect with the next boot",
			    err_text(&why));
	}
	return 0;
}

static void settings_set(const struct setup_plan *plan, const struct log *log)
{
	if (plan->root[0])
		return;
	for (size_t i = 0; i < plan->setting_count; i++) {
		const struct setup_setting *setting = &plan->settings[i];
		struct err why = { 0 };

		if (file_write_existing(AT_FDCWD, setting->path, setting->after, &why) <
		    0)
			log_warning(log, "%s; it stays %s until the next boot",
				    err_text(&why), setting->before);
	}
}

/* ---- files ---- */

/* What was not changed yet needs nothing, and may not even be writable. */
static int change_take_back(const struct setup_plan *plan,
			    const struct setup_change *change, struct err *err)
{
	_cleanup_file_state struct file_state now = { 0 };
	int r = file_state_read(plan->root, change->path, &now, err);

	if (r < 0 || file_state_equal(&now, &change->before))
		return r;
	return file_state_put(plan->root, change->path, &change->before, err);
}

/* @count changes, the last first. @cause stands in @err and is returned. */
static int changes_take_back(const struct setup_plan *plan, size_t count,
			     struct setup_journal *journal, const struct log *log,
			     int cause, struct err *err)
{
	struct err why = { 0 };
	int r = 0;

	while (r == 0 && count-- > 0)
		r = change_take_back(plan, &plan->changes[count], &why);
	if (r == 0) {
		setup_journal_forget(journal);
		r = setup_journal_is_empty(journal) ? setup_journal_remove(journal, &why)
						    : setup_journal_save(journal, &why);
	}
	if (r == 0)
		return err_in(err, cause, "nothing was changed");
	log_error(log, "%s; 'epitaph setup --undo' takes back what was changed",
		  err_text(&why));
	return err_in(err, cause, "STOPPED IN THE MIDDLE");
}

int setup_apply(const struct setup_plan *plan, struct setup_journal *journal,
		const struct log *log, struct err *err)
{
	struct err why = { 0 };
	size_t done = 0;
	int r = plan_check(plan, err);

	if (r == 0)
		r = setup_journal_begin(journal, plan, err);
	if (r < 0)
		return err_in(err, r, "nothing was changed");
	for (; r == 0 && done < plan->change_count; done++) {
		const struct setup_change *change = &plan->changes[done];

		log_debug(log, "changing '%s%s'", plan->root, change->path);
		r = file_state_put(plan->root, change->path, &change->after, err);
	}
	if (r == 0)
		r = steps_run(plan, log, err);
	if (r < 0)
		return changes_take_back(plan, done, journal, log, r, err);
	settings_set(plan, log);
	log_debug(log, "remembering it");
	if (setup_journal_complete(journal, &why) < 0)
		log_warning(log, "%s; the next setup runs its programs again",
			    err_text(&why));
	return 0;
}

int setup_apply_undo(const struct setup_plan *plan, struct setup_journal *journal,
		     const struct log *log, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->change_count; i++) {
		const struct setup_change *change = &plan->changes[i];
		bool is_directory = change->before.kind == FILE_DIRECTORY &&
				    change->after.kind == FILE_ABSENT;
		struct err why = { 0 };

		log_debug(log, "changing '%s%s'", plan->root, change->path);
		r = file_state_put(plan->root, change->path, &change->after, &why);
		if (r < 0 && is_directory &&
		    (why.os_errno == ENOTEMPTY || why.os_errno == EBUSY)) {
			log_warning(log, "'%s%s' stays: it is in use", plan->root,
				    change->path);
			r = 0;
		} else if (r < 0 && err) {
			*err = why;
		}
	}
	if (r == 0)
		r = steps_run(plan, log, err);
	if (r < 0)
		return err_in(
			err, r,
			"STOPPED IN THE MIDDLE; run it again when this is repaired");
	settings_set(plan, log);
	return setup_journal_remove(journal, err);
}
