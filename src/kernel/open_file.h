/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files that a task had open, and where it was: its directories, its program.
 * Source: Linux include/linux/{fdtable,fs,fs_struct}.h, fs/proc/fd.c; members by BTF.
 */
#ifndef KERNEL_OPEN_FILE_H
#define KERNEL_OPEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "kernel/kernel.h"
#include "kernel/path.h"
#include "kernel/socket.h"

#define OPEN_FILE_FD_MAX (1u << 20) /* fs.nr_open */

enum open_file_kind {
	OPEN_FILE_REGULAR,
	OPEN_FILE_DIRECTORY,
	OPEN_FILE_CHAR,
	OPEN_FILE_BLOCK,
	OPEN_FILE_PIPE,
	OPEN_FILE_SOCKET,
	OPEN_FILE_LINK,
	OPEN_FILE_ANON, /* eventfd, epoll, timerfd, ...: its path says which */
};

struct open_file {
	int32_t fd;
	uint64_t vaddr; /* of its struct file */
	enum open_file_kind kind;
	uint32_t flags; /* O_* of open(2) */
	int64_t pos;
	uint64_t inode;
	char path[PATH_SIZE]; /* as /proc/PID/fd has it: "/etc/x", "pipe:[12]" */
	bool has_socket;
	struct socket_info socket;
	char unknown[160]; /* why not all of it is known; "" it is */
};

struct open_files {
	struct open_file *files; /* by fd */
	size_t count;
	char cut_why[256]; /* "" they are all here */
	/* "" unknown, or it has none: then why */
	char cwd[PATH_SIZE], root[PATH_SIZE], exe[PATH_SIZE];
	char cwd_why[160], root_why[160], exe_why[160];
	bool is_exiting; /* or a kernel thread: it has no table of files */
};

/* @task_vaddr: a struct task_struct. Fails only for memory: see the reasons in @ret. */
int open_files_read(struct kernel *kernel, uint64_t task_vaddr, struct open_files *ret,
		    struct err *err);
void open_files_done(struct open_files *files);

/* Of a struct file at @vaddr. Never fails: see ret->unknown. */
void open_file_read(struct kernel *kernel, uint64_t vaddr, struct open_file *ret);

/* The file that @fd of a task is. ERR_NOTFOUND: it is not open. */
int open_file_of_fd(struct kernel *kernel, uint64_t task_vaddr, uint32_t fd,
		    struct open_file *ret, struct err *err);

/* "file", "directory", "char", "block", "pipe", "socket", "link", "anon" */
const char *open_file_kind_name(enum open_file_kind kind);

#define _cleanup_open_files _cleanup_(open_files_done)

#endif
