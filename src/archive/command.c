// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fd.h"
#include "base/trust.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int check_program(const char *path, struct err *err)
{
	struct stat st;

	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "no absolute path");
	if (stat(path, &st) < 0)
		return err_os(err, errno, "unable to look at it");
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(err, ERR_REFUSED, "it is no program");
	return trust_path(path, err);
}

/* A file in memory: a pipe would make us wait for a program that does not read. */
static int open_input(const struct command_run *command, int *ret, struct err *err)
{
	_cleanup_fd int fd = memfd_create("epitaph", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to make its input");
	r = fd_pwrite_full(fd, command->input, command->input_size, 0, err);
	if (r == 0)
		*ret = take_fd(&fd);
	return r;
}

/* In the child: only what is safe after fork(). */
static void become(const struct command_run *command, int input)
{
	sigset_t none;
	int out = open("/dev/null", O_WRONLY);

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (chdir("/") == 0 && out >= 0 && dup2(input, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2)
		execve(command->argv[0], (char *const *)command->argv,
		       (char *const *)command->environment);
	_exit(127);
}

/* Has it ended within the budget? What it left running stays, if it ended by itself. */
static int wait_for(pid_t pid, uint32_t budget_ms, int *ret_status, struct err *err)
{
	_cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	uint64_t end = now_ms() + budget_ms;
	bool is_late = pidfd < 0;

	while (!is_late) {
		uint64_t now = now_ms();
		int n = poll(&poll_fd, 1, now < end ? (int)(end - now) : 0);

		if (n > 0)
			break;
		is_late = n == 0 || errno != EINTR;
	}
	if (is_late)
		kill(-pid, SIGKILL);
	if (is_late)
		kill(pid, SIGKILL); // before its setpgid()
	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return err_os(err, errno, "unable to wait for it");
	}
	return is_late ? err_set(err, ERR_LIMIT, "it took too long, and was ended") : 0;
}

static int run(const struct command_run *command, uint32_t budget_ms, struct err *err)
{
	_cleanup_fd int input = -1;
	int status, r = check_program(command->argv[0], err);
	pid_t pid;

	if (r == 0 && budget_ms == 0)
		r = err_set(err, ERR_LIMIT, "no time is left for it");
	if (r == 0)
		r = open_input(command, &input, err);
	if (r < 0)
		return r;
	pid = fork();
	if (pid < 0)
		return err_os(err, errno, "unable to fork");
	if (pid == 0)
		become(command, input);
	r = wait_for(pid, budget_ms, &status, err);
	if (r < 0)
		return r;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_OS, "it was ended by signal %d",
			       WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_OS, "it ended with status %d",
			       WEXITSTATUS(status));
	return 0;
}

int command_run(const struct command_run *command, uint32_t *budget_ms, struct err *err)
{
	uint64_t start = now_ms();
	int r = run(command, *budget_ms, err);

	*budget_ms -= (uint32_t)MIN(now_ms() - start, (uint64_t)*budget_ms);
	return r < 0 ? err_in(err, r, "'%s'", command->argv[0]) : 0;
}
