// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "archive/foreign.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/trust.h"
#include "record/field.h"

/* Names that are looked at; /var/crash also holds what other tools leave there. */
#define ARCHIVE_NAMES_MAX 65536

#define NOTED_NAME "noted"

/* ---- which one, and when ---- */

const char *archive_record_name(const struct record *record)
{
	return strrchr(record->path, '/') + 1; // absolute: see record.h
}

int64_t archive_record_time(const struct record *record)
{
	const char *source;

	if (record->crash.crash_time > 0)
		return record->crash.crash_time;
	if (record->crash.capture_time > 0)
		return record->crash.capture_time;
	return foreign_parse_time(record->stamp, &source);
}

static int archive_compare_names(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b); // "-2" before "-10"
}

static int archive_compare_records(const void *a, const void *b)
{
	const struct record *x = *(struct record *const *)a;
	const struct record *y = *(struct record *const *)b;
	int64_t at = archive_record_time(x), bt = archive_record_time(y);

	if (at != bt)
		return at < bt ? -1 : 1;
	return strverscmp(archive_record_name(x), archive_record_name(y));
}

/* ---- opening ---- */

struct names {
	char **names;
	size_t count;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
}

static int names_add(struct names *names, const char *name, struct err *err)
{
	char **grown;

	if (names->count >= ARCHIVE_NAMES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d directories",
			       ARCHIVE_NAMES_MAX);
	grown = reallocarray(names->names, names->count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	names->names = grown;
	grown[names->count] = strdup(name);
	if (!grown[names->count])
		return err_nomem(err);
	names->count++;
	return 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The directories in @path, by name; none where there is no @path. */
static int names_read(const char *path, struct names *ret, struct err *err)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	int r;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return err_os(err, errno, "unable to open");
	while ((errno = 0, entry = readdir(dir))) {
		// Hidden ones are being made or being removed: no crashes, yet or any
		// more.
		if (entry->d_name[0] == '.')
			continue;
		// A link is a second name of something, not a second crash.
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISDIR(st.st_mode))
			continue;
		r = names_add(ret, entry->d_name, err);
		if (r < 0)
			return r;
	}
	if (errno)
		return err_os(err, errno, "unable to read");
	if (ret->count > 0)
		qsort(ret->names, ret->count, sizeof(*ret->names), archive_compare_names);
	return 0;
}

/*
 * Where others may make directories too, as in a /var/crash with apport's mode 3777, a
 * crash is what root, we or the archive's owner recorded. The last record is closed if it
 * is not.
 */
static int check_owner(const struct archive *archive, uid_t owner, struct err *err)
{
	struct record **record = &archive->records[archive->count];
	struct stat st;
	int r = 0;

	if (fstat((*record)->dirfd, &st) < 0)
		r = err_os(err, errno, "unable to look at '%s'", (*record)->path);
	else if (!trust_stat(&st) &&
		 (st.st_uid != owner || (st.st_mode & (S_IWGRP | S_IWOTH))))
		r = err_set(err, ERR_REFUSED,
			    "'%s' is of user %u (mode %03o), and may say anything",
			    (*record)->path, st.st_uid, st.st_mode & 07777);
	if (r < 0)
		record_close(take_ptr(*record));
	return r;
}

/* Says so where others can take records away, or put others in their place. */
static uid_t archive_owner(const struct archive *archive, const struct log *log)
{
	struct stat st;

	if (stat(archive->path, &st) < 0)
		return geteuid();
	if (!trust_stat(&st) && geteuid() == 0)
		log_warning(log,
			    "others than root may remove or replace what is in '%s' "
			    "(user %u, mode %03o): make it root's alone, mode 0700",
			    archive->path, st.st_uid, st.st_mode & 07777);
	return st.st_uid;
}

static int archive_open_records(struct archive *archive, const struct names *names,
				const struct log *log, struct err *err)
{
	uid_t owner = archive_owner(archive, log);

	archive->records = calloc(MIN(names->count, ARCHIVE_RECORDS_MAX) + 1,
				  sizeof(*archive->records));
	if (!archive->records)
		return err_nomem(err);
	for (size_t i = names->count; i > 0; i--) {
		_cleanup_free char *path = NULL;
		struct err why = { 0 };
		int r;

		if (archive->count == ARCHIVE_RECORDS_MAX) {
			log_warning(
				log,
				"'%s' holds more than %d crashes, the oldest are left out",
				archive->path, ARCHIVE_RECORDS_MAX);
			break;
		}
		if (asprintf(&path, "%s/%s", archive->path, names->names[i - 1]) < 0)
			return err_nomem(err);
		r = record_open(path, &archive->records[archive->count], &why);
		if (r == 0)
			r = check_owner(archive, owner, &why);
		if (r == ERR_NOMEM)
			return err_nomem(err);
		if (r == ERR_NOTFOUND)
			log_debug(log, "%s", err_text(&why));
		else if (r < 0)
			log_warning(log, "%s; it is left out", err_text(&why));
		else
			archive->count++;
	}
	if (archive->count > 0)
		qsort(archive->records, archive->count, sizeof(*archive->records),
		      archive_compare_records);
	return 0;
}

int archive_open(const char *path, const struct log *log, struct archive *ret,
		 struct err *err)
{
	_cleanup_archive struct archive archive = { .path = strdup(path) };
	_cleanup_(names_done) struct names names = { 0 };
	int r;

	if (!archive.path)
		return err_nomem(err);
	r = names_read(path, &names, err);
	if (r == 0)
		r = archive_open_records(&archive, &names, log, err);
	if (r < 0)
		return err_in(err, r, "the archive '%s'", path);
	*ret = archive;
	archive = (struct archive){ 0 }; // it is the caller's now
	return 0;
}

void archive_done(struct archive *archive)
{
	for (size_t i = 0; i < archive->count; i++)
		record_close(archive->records[i]);
	free(archive->records);
	free(archive->path);
	*archive = (struct archive){ 0 };
}

int archive_add(struct archive *archive, struct record **record, struct err *err)
{
	struct record **grown = reallocarray(archive->records, archive->count + 1,
					     sizeof(struct record *));

	if (!grown)
		return err_nomem(err);
	archive->records = grown;
	grown[archive->count++] = take_ptr(*record);
	return 0;
}

int archive_lock(const char *path, int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = dir_make_path(path, 0700, err);
		if (r < 0)
			return err_in(err, r, "the archive '%s'", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && syncfs(fd) < 0) // the way to it is new as well
			return err_os(err, errno, "unable to sync '%s'", path);
	}
	if (fd < 0)
		return err_os(err, errno, "unable to open the archive '%s'", path);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_os(err, errno, "unable to lock the archive '%s'",
				      path);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- finding ---- */

/* "last", "-1", "-2", ...: 1 for the last; 0 if @name is none of them. */
static unsigned long archive_parse_index(const char *name)
{
	if (strcmp(name, "last") == 0)
		return 1;
	if (name[0] != '-' || !name[1] ||
	    strspn(name + 1, "0123456789") != strlen(name + 1))
		return 0;
	return strtoul(name + 1, NULL, 10); // ULONG_MAX for too much: not found either
}

static int archive_find_by_start(const struct archive *archive, const char *name,
				 const struct record **ret, struct err *err)
{
	const struct record *found = NULL;

	for (size_t i = 0; i < archive->count; i++) {
		const char *full = archive_record_name(archive->records[i]);

		if (strcmp(full, name) == 0) {
			*ret = archive->records[i];
			return 0;
		}
	}
	for (size_t i = 0; i < archive->count; i++) {
		const struct record *record = archive->records[i];

		if (strncmp(archive_record_name(record), name, strlen(name)) != 0)
			continue;
		if (found)
			return err_set(err, ERR_INVALID, "'%s' could be '%s' or '%s'",
				       name, archive_record_name(found),
				       archive_record_name(record));
		found = record;
	}
	if (!found)
		return err_set(err, ERR_NOTFOUND, "no crash '%s' in '%s'", name,
			       archive->path);
	*ret = found;
	return 0;
}

int archive_find(const struct archive *archive, const char *name, struct record **ret,
		 struct err *err)
{
	unsigned long index = archive_parse_index(name);
	const struct record *found = NULL;
	struct stat st;
	int r;

	if (!name[0])
		return err_set(err, ERR_INVALID, "the name of a crash is empty");
	if (index > 0) {
		if (archive->count == 0)
			return err_set(err, ERR_NOTFOUND, "no crashes in '%s'",
				       archive->path);
		if (index > archive->count)
			return err_set(err, ERR_NOTFOUND,
				       "no crash '%s' in '%s': it has %zu", name,
				       archive->path, archive->count);
		found = archive->records[archive->count - index];
		return record_open(found->path, ret, err);
	}
	if (strchr(name, '/'))
		return record_open(name, ret, err);
	r = archive_find_by_start(archive, name, &found, err);
	if (r == 0)
		return record_open(found->path, ret, err);
	// The archive goes before the working directory: a stamp means the same
	// everywhere.
	if (r == ERR_NOTFOUND && stat(name, &st) == 0 && S_ISDIR(st.st_mode))
		return record_open(name, ret, err);
	return r;
}

/* ---- noting ---- */

static const char *or_dash(const char *text)
{
	return text[0] ? text : "-";
}

/* One line; the texts hold no control characters (record.h), the path may. */
static int note_format(const struct record *record, struct text *ret, struct err *err)
{
	const struct record_crash *crash = &record->crash;
	const char *cause = crash->cause[0] ? crash->cause : crash->title;
	time_t when = (time_t)archive_record_time(record);
	char time_text[64] = "-", path[PATH_MAX];
	struct tm tm;

	if (when > 0 && localtime_r(&when, &tm))
		strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S%z", &tm);
	field_clean(record->path, path, sizeof(path));
	text_add(ret, "%s %s %s: %s (%s)\n", time_text, or_dash(crash->host),
		 or_dash(crash->kernel_release), cause[0] ? cause : "cause unknown",
		 path);
	return text_check(ret, err);
}

static int note_append(int log_fd, const struct record *record, struct err *err)
{
	_cleanup_text struct text line = { 0 };
	ssize_t n;
	int r = note_format(record, &line, err);

	if (r < 0)
		return r;
	// One write(), so that others who append to this log do not get in between.
	do
		n = write(log_fd, line.data, line.size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_os(err, errno, "unable to write");
	if ((size_t)n != line.size)
		return err_set(err, ERR_TRUNCATED, "%zd of %zu bytes were written", n,
			       line.size);
	if (fsync(log_fd) < 0)
		return err_os(err, errno, "unable to fsync");
	return 0;
}

static int note_open_log(const char *log_path, int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = open(log_path,
				  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW |
					  O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
				  0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "not a regular file");
	*ret_fd = take_fd(&fd);
	return 0;
}

static int note_records(const struct archive *archive, int log_fd, size_t *ret_count,
			struct err *err)
{
	int r;

	for (size_t i = 0; i < archive->count; i++) {
		const struct record *record = archive->records[i];

		if (faccessat(record->dirfd, NOTED_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		r = note_append(log_fd, record, err);
		if (r < 0)
			return r;
		++*ret_count;
		r = file_replace(record->dirfd, NOTED_NAME, "", 0, 0600, err);
		if (r < 0)
			return err_in(err, r, "remembering that '%s' was noted",
				      record->path);
	}
	return 0;
}

int archive_note(const struct archive *archive, const char *log_path, size_t *ret_count,
		 struct err *err)
{
	_cleanup_fd int lock_fd = -1, log_fd = -1;
	size_t count = 0;
	int r = 0;

	if (archive->count > 0) {
		r = note_open_log(log_path, &log_fd, err);
		if (r < 0)
			return err_in(err, r, "the log '%s'", log_path);
		r = archive_lock(archive->path, &lock_fd, err);
		if (r == 0)
			r = note_records(archive, log_fd, &count, err);
	}
	if (ret_count)
		*ret_count = count;
	if (r < 0)
		return err_in(err, r, "noting crashes in '%s'", log_path);
	return 0;
}
