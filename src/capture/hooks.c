// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define HOOKS_MAX      64 /* of one directory */
#define HOOK_LINES_MAX 100
#define HOOK_LINE_SIZE 200
#define HOOK_POLL_MS   100

struct hook {
	const struct capture *capture;
	const char *directory; /* "pre.d" */
	char path[PATH_MAX];
};

/* What a hook may know: epitaph-capture(8). */
static void hook_environment(const struct hook *hook)
{
	const struct capture *capture = hook->capture;
	char target[PATH_MAX];

	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/", 1);
	setenv("EPITAPH_WHEN", strcmp(hook->directory, "pre.d") == 0 ? "pre" : "post", 1);
	setenv("EPITAPH_VMCORE", capture->vmcore, 1);
	if (!capture->record_path[0])
		return;
	setenv("EPITAPH_RECORD", capture->record_path, 1);
	if (capture->raw_device[0])
		return;
	capture_mount_path(capture, capture->target, target);
	setenv("EPITAPH_TARGET", target, 1);
}

static _Noreturn void hook_exec(const struct hook *hook, int out)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing >= 0)
		dup2(nothing, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	hook_environment(hook);
	if (chdir("/") == 0)
		execl(hook->path, hook->path, (char *)NULL);
	dprintf(STDERR_FILENO, "unable to start it: %s\n", strerror(errno));
	_exit(127);
}

/* Its words, line by line; a flood of them is cut. */
static void hook_log(const struct worker_call *call, char *line, size_t *length,
		     int *lines, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n' && *length < HOOK_LINE_SIZE - 1) {
			line[(*length)++] = data[i];
			continue;
		}
		line[*length] = '\0';
		if (++*lines <= HOOK_LINES_MAX)
			log_info(&call->log, "  %s", line);
		*length = 0;
	}
}

/* Until it ends, or the time is up; what it started and left behind is not waited for. */
static int hook_wait(pid_t pid, int fd, const struct worker_call *call, struct err *err)
{
	char data[512], line[HOOK_LINE_SIZE];
	size_t length = 0;
	int lines = 0, status = 0;
	bool has_ended = false;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (!has_ended) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (*call->cancel) {
			kill(pid, SIGKILL);
			return err_set(err, ERR_TRUNCATED, "its time was up");
		}
		has_ended = waitpid(pid, &status, WNOHANG) == pid;
		if (!has_ended && poll(&ready, 1, HOOK_POLL_MS) > 0 &&
		    (ready.revents & (POLLIN | POLLHUP)) == POLLHUP)
			poll(NULL, 0, HOOK_POLL_MS);
		while ((n = read(fd, data, sizeof(data))) > 0)
			hook_log(call, line, &length, &lines, data, (size_t)n);
	}
	if (length > 0)
		hook_log(call, line, &length, &lines, "\n", 1);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_OS, "it was ended by signal %d",
			       WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_OS, "it ended with status %d",
			       WEXITSTATUS(status));
	return 0;
}

static int hook_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct hook *hook = context;
	_cleanup_fd int ours = -1, theirs = -1;
	int fds[2];
	pid_t pid;

	log_info(&call->log, "hook '%s'", hook->path);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_os(err, errno, "unable to make a pipe");
	ours = fds[0];
	theirs = fds[1];
	pid = fork();
	if (pid < 0)
		return err_os(err, errno, "unable to fork");
	if (pid == 0)
		hook_exec(hook, theirs);
	fd_closep(&theirs);
	theirs = -1;
	return hook_wait(pid, ours, call, err);
}

static int is_hook(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

void hooks_run(struct capture *capture, const char *directory)
{
	struct hook hook = { .capture = capture, .directory = directory };
	char path[PATH_MAX];
	struct dirent **names;
	struct stat st;
	int count;

	snprintf(path, sizeof(path), "%s" HOOKS_PATH "/%s", capture->root, directory);
	count = scandir(path, &names, is_hook, alphasort);
	for (int i = 0; i < count; i++) {
		uint32_t timeout = capture_timeout_ms(
			capture, capture->orders.step_timeout_s[ORDERS_STEP_HOOK]);
		struct worker_result result;
		int n = snprintf(hook.path, sizeof(hook.path), "%s/%s", path,
				 names[i]->d_name);

		free(names[i]);
		if (n >= (int)sizeof(hook.path) || i >= HOOKS_MAX || timeout == 0 ||
		    stat(hook.path, &st) < 0 || !(st.st_mode & 0100))
			continue;
		capture_work(capture, "hook", timeout, hook_work, &hook, &result);
		if (result.end != WORKER_DONE)
			log_error(&capture->log, "hook '%s': %s", hook.path, result.why);
	}
	if (count >= 0)
		free(names);
}
