// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph files: what tasks had open, and where they were. */
#include <inttypes.h>
#include <string.h>

#include "cli/answer.h"
#include "explain/ascii.h"
#include "explain/file_facts.h"
#include "explain/member.h"
#include "kernel/task.h"

#define FILES_PIDS_MAX 256

struct files {
	int32_t pids[FILES_PIDS_MAX];
	size_t pid_count; /* 0: all processes */
};

static void add_place(struct text *ret, const char *label, const char *path,
		      const char *why)
{
	struct answer_name clean;

	if (path[0])
		text_add(ret, "  %-5s %s\n", label, answer_clean(path, &clean));
	else
		text_add(ret, "  %-5s unknown, because %s\n", label, why);
}

static void add_text(const struct task *task, const struct open_files *files,
		     struct text *ret)
{
	char line[FILE_FACTS_SIZE], flags[64], comm[4 * sizeof(task->comm)];

	ascii_escape(task->comm, strlen(task->comm), comm, sizeof(comm));
	text_add(ret, "%sPID %" PRId32 "  %s\n", ret->size ? "\n" : "", task->pid, comm);
	add_place(ret, "exe", files->exe, files->exe_why);
	add_place(ret, "cwd", files->cwd, files->cwd_why);
	add_place(ret, "root", files->root, files->root_why);
	if (files->count)
		text_add(ret, "  %5s %-12s %-9s %12s  %s\n", "FD", "MODE", "KIND", "POS",
			 "FILE");
	for (size_t i = 0; i < files->count; i++) {
		const struct open_file *file = &files->files[i];

		file_facts_format(file, line, sizeof(line));
		file_facts_format_flags(file->flags, flags, sizeof(flags));
		text_add(ret, "  %5" PRId32 " %-12s %-9s %12" PRId64 "  %s\n", file->fd,
			 flags, open_file_kind_name(file->kind), file->pos, line);
	}
	if (files->cut_why[0])
		text_add(ret, "  no %sfiles, because %s\n", files->count ? "more " : "",
			 files->cut_why);
}

static json_t *new_json(const struct task *task, const struct open_files *files)
{
	json_t *list = json_array();
	json_t *object = json_pack("{s:i, s:o}", "pid", task->pid, "files", list);
	int r = object ? 0 : -1;

	if (r == 0)
		r = member_put_string(object, "comm", task->comm) |
		    member_put_string(object, "exe", files->exe) |
		    member_put_string(object, "cwd", files->cwd) |
		    member_put_string(object, "root", files->root) |
		    member_put_string(object, "files_unknown", files->cut_why);
	for (size_t i = 0; r == 0 && i < files->count; i++)
		r = json_array_append_new(list, file_facts_new_json(&files->files[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* What should have been in the dump, and is not. */
static void find_losses(struct answer *answer, const struct task *task,
			const struct open_files *files)
{
	if (files->cut_why[0] && !files->is_exiting)
		answer_lacks(answer, "files of task %" PRId32 ": %s", task->pid,
			     files->cut_why);
	for (size_t i = 0; i < files->count; i++) {
		if (!files->files[i].unknown[0])
			continue;
		answer_lacks(answer, "file %" PRId32 " of task %" PRId32 ": %s",
			     files->files[i].fd, task->pid, files->files[i].unknown);
		break; // one of a task is enough
	}
}

static int add_task(struct answer *answer, const struct task *task, json_t *array,
		    struct err *err)
{
	_cleanup_open_files struct open_files files = { 0 };
	int r = open_files_read(answer->kernel, task->vaddr, &files, err);

	if (r < 0)
		return r;
	find_losses(answer, task, &files);
	if (!array)
		add_text(task, &files, &answer->text);
	else if (json_array_append_new(array, new_json(task, &files)) < 0)
		return err_nomem(err);
	return 0;
}

/* Without a PID: every process, whose threads have the same files, but the kernel's. */
static bool is_wanted(const struct files *wanted, const struct task *task)
{
	for (size_t i = 0; i < wanted->pid_count; i++)
		if (wanted->pids[i] == task->pid)
			return true;
	return !wanted->pid_count && task->pid == task->tgid && task->pid &&
	       !task->is_kthread && task->state != 'Z' && task->state != 'X';
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_task_list struct task_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	size_t found = 0;
	int r = task_list_read(answer->kernel, &list, err);

	if (r == 0 && list.is_cut)
		answer_lacks(answer, "the list of tasks broke off: %s", list.cut_why);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (!is_wanted(about, &list.tasks[i]))
			continue;
		found++;
		r = add_task(answer, &list.tasks[i], array, err);
	}
	if (r == 0 && !found)
		r = err_set(err, ERR_NOTFOUND, "there is no such task");
	if (r == 0 && answer->json)
		return answer_add(answer, "tasks", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "open files", 1, true, ask };
	struct files files = { 0 };
	const char *name = NULL;
	int c = cli_option(cli, &cmd_files, argc, argv, NULL, NULL);

	if (c != -1)
		return cli_exit(c);
	c = cli_crash_and_pids(cli, argc, argv, &name, files.pids, FILES_PIDS_MAX,
			       &files.pid_count);
	return c ? c : answer_print(cli, &question, name, &files);
}

const struct command cmd_files = {
	.name = "files",
	.arguments = "[OPTION...] [RECORD|DUMP] [PID...]",
	.summary = "print the open files of tasks, and their directories",
	.has_json = true,
	.run = run,
};
