// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESS_POLL_MS	 20
#define PROCESS_TERM_MS	 3000
#define PROCESS_SAID_MAX 400
#define PROCESS_SBIN	 ":/usr/sbin:/sbin"

int process_find(const char *program, const char *package, char ret[static PATH_MAX],
		 struct err *err)
{
	const char *path = getenv("PATH");
	_cleanup_free char *all = NULL;
	char *dir, *rest;

	if (asprintf(&all, "%s" PROCESS_SBIN, path ? path : "/usr/bin:/bin") < 0)
		return err_nomem(err);
	for (dir = strtok_r(all, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
		int n = snprintf(ret, PATH_MAX, "%s/%s", dir, program);

		if (n < PATH_MAX && access(ret, X_OK) == 0)
			return 0;
	}
	return err_set(err, ERR_NOTFOUND, "'%s' is missing: install the package %s",
		       program, package);
}

static _Noreturn void process_become(const char *const *argv, int stdout_fd,
				     int stderr_fd)
{
	int null = open("/dev/null", O_RDONLY);

	// A rehearsal that is killed leaves no machine behind.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(stdout_fd, STDOUT_FILENO) >= 0 && dup2(stderr_fd, STDERR_FILENO) >= 0)
		execv(argv[0], (char *const *)argv);
	_exit(127);
}

int process_start(const char *const *argv, int stdout_fd, int stderr_fd, pid_t *ret,
		  struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_os(err, errno, "unable to start '%s'", argv[0]);
	if (pid == 0)
		process_become(argv, stdout_fd, stderr_fd);
	*ret = pid;
	return 0;
}

void process_end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	for (int waited = 0; waited < PROCESS_TERM_MS; waited += PROCESS_POLL_MS) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		poll(NULL, 0, PROCESS_POLL_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The end of what was said, as one line. */
static void process_said(int fd, char ret[static PROCESS_SAID_MAX])
{
	off_t size = lseek(fd, 0, SEEK_END);
	off_t from = MAX(size - (PROCESS_SAID_MAX - 1), 0);
	ssize_t n = pread(fd, ret, PROCESS_SAID_MAX - 1, from);

	if (n < 0)
		n = 0;
	while (n > 0 && ret[n - 1] == '\n')
		n--;
	ret[n] = '\0';
	for (char *c = ret; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
}

int process_run(const char *const *argv, const volatile sig_atomic_t *cancel,
		struct err *err)
{
	_cleanup_fd int out = memfd_create("output", MFD_CLOEXEC);
	char said[PROCESS_SAID_MAX];
	int status = 0, r;
	pid_t pid, done;

	if (out < 0)
		return err_os(err, errno, "unable to make a memfd");
	r = process_start(argv, out, out, &pid, err);
	if (r < 0)
		return r;
	while ((done = waitpid(pid, &status, WNOHANG)) == 0) {
		if (cancel && *cancel) {
			process_end(pid);
			return err_set(err, ERR_REFUSED, "interrupted");
		}
		poll(NULL, 0, PROCESS_POLL_MS);
	}
	if (done < 0)
		return err_os(err, errno, "unable to wait for '%s'", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	process_said(out, said);
	return err_set(err, ERR_OS, "'%s' failed with status %d%s%s", argv[0],
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		       said[0] ? ": " : "", said);
}
