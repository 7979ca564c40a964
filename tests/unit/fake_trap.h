/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that publish and remove, wrapped: a program can be killed at, or
 * failed by, each of them in turn. fsync() does nothing: nobody cuts the power here, and
 * hundreds of them take their time.
 */
#ifndef FAKE_TRAP_H
#define FAKE_TRAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
	int at; /* 1: the next call; 0: never */
	bool kills;
	int error; /* of a call that fails; 0: ENOSPC */
	bool happened;
} trap;

#define TRAP_KILLED 42 /* the status of a child that was */

/* 0 to go on, or what to return with errno set. */
static int trap_call(void)
{
	if (trap.at == 0 || --trap.at > 0)
		return 0;
	trap.happened = true;
	if (trap.kills)
		_exit(TRAP_KILLED);
	errno = trap.error ? trap.error : ENOSPC;
	return -1;
}

int fsync(int fd)
{
	return trap_call();
}

int syncfs(int fd)
{
	return trap_call();
}

int renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath)
{
	return trap_call() ? -1
			   : (int)syscall(SYS_renameat2, olddirfd, oldpath, newdirfd,
					  newpath, 0);
}

int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath,
	      unsigned int flags)
{
	return trap_call() ? -1
			   : (int)syscall(SYS_renameat2, olddirfd, oldpath, newdirfd,
					  newpath, flags);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	return trap_call() ? -1 : (int)syscall(SYS_mkdirat, dirfd, path, mode);
}

int unlinkat(int dirfd, const char *path, int flags)
{
	return trap_call() ? -1 : (int)syscall(SYS_unlinkat, dirfd, path, flags);
}

/* Half of the bytes arrive before the end. */
ssize_t write(int fd, const void *buf, size_t size)
{
	if (trap.at == 1)
		syscall(SYS_write, fd, buf, size / 2);
	return trap_call() ? -1 : syscall(SYS_write, fd, buf, size);
}

#endif
