// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/removal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "record/part.h"

#define REMOVED_END ".removed"

#define DEPTH_MAX    8 /* of directories in a record: ours has one */
#define ATTEMPTS_MAX 100

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* ---- walking ---- */

/*
 * What is below @fd, on @device: its size added up, or, with @is_removal, removed. Goes
 * DEPTH_MAX deep.
 */
static int walk(int fd, dev_t device, int depth, bool is_removal, uint64_t *size,
		struct err *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_fd int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (own >= 0)
		dir = fdopendir(own);
	if (!dir)
		return err_os(err, errno, "unable to open a directory");
	take_fd(&own);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		const char *name = entry->d_name;
		bool is_directory;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_os(err, errno, "unable to look at '%s'", name);
		if (st.st_dev != device)
			return err_set(err, ERR_REFUSED, "'%s' is on another file system",
				       name);
		is_directory = S_ISDIR(st.st_mode);
		if (is_directory) {
			_cleanup_fd int below =
				openat(fd, name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (below < 0)
				return err_os(err, errno, "unable to open '%s'", name);
			if (depth == 0)
				return err_set(err, ERR_LIMIT,
					       "directories more than %d deep",
					       DEPTH_MAX);
			r = walk(below, device, depth - 1, is_removal, size, err);
		} else {
			*size += (uint64_t)st.st_size;
		}
		if (r == 0 && is_removal &&
		    unlinkat(fd, name, is_directory ? AT_REMOVEDIR : 0) < 0)
			r = err_os(err, errno, "unable to remove '%s'", name);
	}
	if (r == 0 && errno)
		r = err_os(err, errno, "unable to read a directory");
	return r;
}

uint64_t removal_size(const struct record *record)
{
	uint64_t size = 0;
	struct stat st;

	if (fstat(record->dirfd, &st) == 0)
		walk(record->dirfd, st.st_dev, DEPTH_MAX, false, &size, NULL);
	return size;
}

/* The hidden directory @name of @parent and all that is in it. */
static int remove_hidden(int parent, const char *name, struct err *err)
{
	_cleanup_fd int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t size = 0;
	struct stat above, st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || fstat(parent, &above) < 0)
		return err_os(err, errno, "unable to open '%s'", name);
	if (st.st_dev != above.st_dev)
		return err_set(err, ERR_REFUSED, "'%s' is on another file system", name);
	r = walk(fd, st.st_dev, DEPTH_MAX, true, &size, err);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = err_os(err, errno, "unable to remove '%s'", name);
	return r;
}

/* ---- a record ---- */

/* Is what stands under its name still the directory that was opened, and no mount? */
static int check_same(const struct record *record, int parent, const char *name,
		      struct err *err)
{
	struct stat opened, there, above;

	if (fstat(record->dirfd, &opened) < 0 || fstat(parent, &above) < 0 ||
	    fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, errno, "unable to look at '%s'", record->path);
	if (opened.st_dev != there.st_dev || opened.st_ino != there.st_ino)
		return err_set(err, ERR_REFUSED, "'%s' is another one by now",
			       record->path);
	if (opened.st_dev != above.st_dev)
		return err_set(err, ERR_REFUSED, "a file system is mounted at '%s'",
			       record->path);
	return 0;
}

static int hide(int parent, const char *name, char ret[static NAME_MAX + 1],
		struct err *err)
{
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		snprintf(ret, NAME_MAX + 1, ".%.200s-%d" REMOVED_END, name, i);
		if (renameat2(parent, name, parent, ret, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return err_os(err, errno, "unable to rename '%s'", name);
}

int removal_remove(const struct record *record, const struct log *log, struct err *err)
{
	const char *name = strrchr(record->path, '/') + 1; // absolute: see record.h
	_cleanup_free char *above = strndup(record->path, (size_t)(name - record->path));
	_cleanup_fd int parent = -1;
	char hidden[NAME_MAX + 1];
	struct err why = { 0 };
	int r;

	if (!above)
		return err_nomem(err);
	parent = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return err_os(err, errno, "unable to open '%s'", above);
	r = check_same(record, parent, name, err);
	if (r == 0)
		r = hide(parent, name, hidden, err);
	if (r < 0)
		return err_in(err, r, "removing '%s'", record->path);
	if (fsync(parent) < 0)
		return err_os(err, errno, "unable to fsync '%s'", above);
	r = remove_hidden(parent, hidden, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return err_in(err, r, "the rest of '%s' is in '%s%s'", record->path,
			      above, hidden);
	}
	log_debug(log, "'%s' was removed", record->path);
	return 0;
}

/* ---- leftovers ---- */

static bool ends_with(const char *name, size_t length, const char *end)
{
	return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* ".202611230042.new", ".202611230042-0.removed": nobody else names so. */
static bool is_leftover(const char *name)
{
	size_t length = strlen(name);
	char directory[NAME_MAX + 1];

	if (name[0] != '.')
		return false;
	if (ends_with(name, length, REMOVED_END))
		return true;
	if (!ends_with(name, length, RECORD_HIDDEN_END))
		return false;
	snprintf(directory, sizeof(directory), "%.*s",
		 (int)(length - 1 - strlen(RECORD_HIDDEN_END)), name + 1);
	return part_directory_is_valid(directory);
}

void removal_sweep(const char *archive, const struct log *log)
{
	_cleanup_(closedirp) DIR *dir = opendir(archive);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		struct err why = { 0 };

		if (!is_leftover(entry->d_name))
			continue;
		if (remove_hidden(dirfd(dir), entry->d_name, &why) < 0)
			log_warning(log,
				    "a leftover in '%s' can't be removed, and takes up "
				    "its space: %s",
				    archive, err_text(&why));
	}
}
