// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define WORDS_MAX 64

static const char *const directories[] = { "/usr/local/sbin", "/usr/local/bin",
					   "/usr/sbin",	      "/usr/bin",
					   "/sbin",	      "/bin" };

bool program_find(const char *name, char ret[static PATH_MAX])
{
	if (strchr(name, '/'))
		return snprintf(ret, PATH_MAX, "%s", name) < PATH_MAX &&
		       access(ret, X_OK) == 0;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		if (snprintf(ret, PATH_MAX, "%s/%s", directories[i], name) < PATH_MAX &&
		    access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

static int spawn(char *const *argv, int out, pid_t *ret, struct err *err)
{
	char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C", NULL
	};
	posix_spawn_file_actions_t actions;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_nomem(err);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					     O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret, argv[0], &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? 0 : err_os(err, r, "unable to start '%s'", argv[0]);
}

int program_run(char *const *argv, struct text *ret_said, int *ret_status,
		struct err *err)
{
	_cleanup_fd int out = -1, in = -1;
	char buffer[512];
	int pipes[2], r;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_os(err, errno, "unable to make a pipe");
	out = pipes[0];
	in = pipes[1];
	r = spawn(argv, in, &pid, err);
	if (r < 0)
		return r;
	close(take_fd(&in));
	while ((n = read(out, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && ret_said->size < PROGRAM_SAID_MAX_BYTES)
			text_add_bytes(ret_said, buffer, (size_t)n);
	}
	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return err_os(err, errno, "unable to wait for '%s'", argv[0]);
	}
	return 0;
}

/* The last line that is not empty. */
static void last_line(const struct text *said, char *ret, size_t size)
{
	const char *text = text_get(said);
	size_t end = said->size, start;

	while (end && (text[end - 1] == '\n' || text[end - 1] == ' '))
		end--;
	for (start = end; start && text[start - 1] != '\n'; start--)
		;
	snprintf(ret, size, "%.*s", (int)(end - start), text + start);
}

int program_run_or_fail(char *const *argv, struct text *ret_said, struct err *err)
{
	char *copy[WORDS_MAX + 1] = { 0 };
	char path[PATH_MAX], line[256];
	int status = 0, r;

	if (!program_find(argv[0], path))
		return err_set(err, ERR_NOTFOUND, "there is no program '%s'", argv[0]);
	copy[0] = path;
	for (size_t i = 1; i < WORDS_MAX && argv[i]; i++)
		copy[i] = argv[i];
	r = program_run(copy, ret_said, &status, err);
	if (r < 0)
		return r;
	last_line(ret_said, line, sizeof(line));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_OS, "'%s' failed with %s %d%s%s", argv[0],
		       WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
		       line[0] ? ": " : "", line);
}
