// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/trust.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

bool trust_stat(const struct stat *st)
{
	mode_t mode = st->st_mode;

	if (!is_ours(st->st_uid))
		return false;
	if (S_ISLNK(mode) || (S_ISDIR(mode) && (mode & S_ISVTX)))
		return true; // a link's mode says nothing, and only its owner removes it
	return !(mode & S_IWOTH) && (!(mode & S_IWGRP) || st->st_gid == 0);
}

static int trust_step(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_os(err, errno, "unable to look at '%s'", path);
	if (!trust_stat(&st))
		return err_set(err, ERR_REFUSED,
			       "others than root may change '%s' (user %u, mode %03o)",
			       path, st.st_uid, st.st_mode & 07777);
	return 0;
}

/* "/", "/usr", "/usr/local", ... */
static int trust_steps(const char *path, struct err *err)
{
	char part[PATH_MAX];
	size_t size = strlen(path);
	int r = trust_step("/", err);

	if (size >= sizeof(part))
		return err_set(err, ERR_INVALID, "a path of %zu bytes", size);
	for (size_t i = 1; r == 0 && i <= size; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		r = trust_step(part, err);
	}
	return r;
}

int trust_path(const char *path, struct err *err)
{
	_cleanup_free char *real = NULL;
	int r;

	if (path[0] != '/')
		return err_set(err, ERR_INVALID, "no absolute path");
	r = trust_steps(path, err);
	if (r < 0)
		return r;
	// Links on the way lead elsewhere, and those there again: in the end here.
	real = realpath(path, NULL);
	if (!real)
		return err_os(err, errno, "unable to resolve '%s'", path);
	return trust_steps(real, err);
}
