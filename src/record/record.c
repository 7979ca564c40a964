// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "record/field.h"
#include "record/meta.h"
#include "record/part.h"

_Static_assert(sizeof(((struct record *)0)->stamp) == PART_STAMP_SIZE, "stamp");
_Static_assert(sizeof(((struct record_part_meta *)0)->file) == PART_FILE_SIZE, "file");
_Static_assert(sizeof(((struct record_part_meta *)0)->checksum) == PART_CHECKSUM_SIZE,
	       "checksum");

void record_close(struct record *record)
{
	if (!record)
		return;
	for (int i = 0; i < RECORD_PART_COUNT; i++)
		fd_closep(&record->part_fd[i]);
	fd_closep(&record->dirfd);
	free(record->path);
	free(record);
}

/* Takes @path and @dirfd, also when it fails. */
static struct record *record_new(char *path, int dirfd)
{
	struct record *record = calloc(1, sizeof(*record));

	if (!record) {
		fd_closep(&dirfd);
		free(path);
		return NULL;
	}
	record->path = path;
	record->dirfd = dirfd;
	for (int i = 0; i < RECORD_PART_COUNT; i++)
		record->part_fd[i] = -1;
	return record;
}

/* ---- making one ---- */

/* Opens the archive; makes it where it is missing. */
static int record_open_archive(const char *archive, int *ret_fd, struct err *err)
{
	_cleanup_fd int fd = open(archive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = dir_make_path(archive, 0700, err);
		if (r < 0)
			return r;
		fd = open(archive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		// The way to it is new as well: one call for all of its directories.
		if (fd >= 0 && syncfs(fd) < 0)
			return err_os(err, errno, "unable to sync '%s'", archive);
	}
	if (fd < 0)
		return err_os(err, errno, "unable to open the archive '%s'", archive);
	*ret_fd = take_fd(&fd);
	return 0;
}

#define HIDDEN_SIZE (PART_DIRECTORY_SIZE + sizeof("." RECORD_HIDDEN_END))

static void record_hidden_name(const char *stamp, char ret[static HIDDEN_SIZE])
{
	char directory[PART_DIRECTORY_SIZE];

	part_directory_name(stamp, directory);
	snprintf(ret, HIDDEN_SIZE, ".%.47s" RECORD_HIDDEN_END, directory);
}

/* The @i-th name that a crash of that time may have. */
static void record_nth_stamp(enum record_layout layout, time_t when, int i,
			     char ret[static PART_STAMP_SIZE])
{
	char minute[PART_STAMP_SIZE];

	if (layout == RECORD_REDHAT) {
		part_make_stamp(layout, when + i, ret);
		return;
	}
	part_make_stamp(layout, when, minute);
	if (i == 0)
		snprintf(ret, PART_STAMP_SIZE, "%.12s", minute);
	else
		snprintf(ret, PART_STAMP_SIZE, "%.12s-%d", minute, i);
}

/* Takes the first free name; hidden ones look for both. */
static int record_make_directory(int archive_fd, enum record_layout layout, time_t when,
				 bool is_hidden, char ret[static PART_STAMP_SIZE],
				 struct err *err)
{
	char stamp[PART_STAMP_SIZE], name[PART_DIRECTORY_SIZE], hidden[HIDDEN_SIZE];

	for (int i = 0; i < RECORD_SAME_MINUTE_MAX; i++) {
		record_nth_stamp(layout, when, i, stamp);
		part_directory_name(stamp, name);
		record_hidden_name(stamp, hidden);
		if (is_hidden &&
		    faccessat(archive_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (mkdirat(archive_fd, is_hidden ? hidden : name, 0700) == 0) {
			memcpy(ret, stamp, sizeof(stamp));
			return 0;
		}
		if (errno != EEXIST)
			return err_os(err, errno, "unable to create the directory '%s'",
				      name);
	}
	record_nth_stamp(layout, when, 0, stamp);
	return err_set(err, ERR_LIMIT, "%d crashes are named '%s' already",
		       RECORD_SAME_MINUTE_MAX, stamp);
}

static int record_start(int archive_fd, const char *archive, const char *directory,
			const char *stamp, time_t when, struct record **ret,
			struct err *err)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *real = realpath(archive, NULL);
	char *path = NULL;
	int r, dirfd;

	if (!real)
		return err_os(err, errno, "unable to resolve '%s'", archive);
	if (asprintf(&path, "%s/%s", strcmp(real, "/") == 0 ? "" : real, directory) < 0)
		return err_nomem(err);
	dirfd = openat(archive_fd, directory,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0) {
		r = err_os(err, errno, "unable to open '%s'", path);
		free(path);
		return r;
	}
	record = record_new(path, dirfd);
	if (!record)
		return err_nomem(err);
	snprintf(record->stamp, sizeof(record->stamp), "%s", stamp);
	record->crash.capture_time = when;
	r = record_save_meta(record, err);
	if (r < 0)
		return r;
	if (fsync(archive_fd) < 0)
		return err_os(err, errno, "unable to fsync '%s'", archive);
	*ret = take_ptr(record);
	return 0;
}

static int record_create_in(const char *archive, enum record_layout layout, time_t when,
			    bool is_hidden, struct record **ret, struct err *err)
{
	char stamp[PART_STAMP_SIZE], name[PART_DIRECTORY_SIZE], hidden[HIDDEN_SIZE];
	char meta[PART_FILE_SIZE * 2];
	const char *directory;
	_cleanup_fd int archive_fd = -1;
	int r = record_open_archive(archive, &archive_fd, err);

	if (r == 0)
		r = record_make_directory(archive_fd, layout, when, is_hidden, stamp,
					  err);
	if (r < 0)
		return err_in(err, r, "creating a record in '%s'", archive);
	part_directory_name(stamp, name);
	record_hidden_name(stamp, hidden);
	directory = is_hidden ? hidden : name;
	r = record_start(archive_fd, archive, directory, stamp, when, ret, err);
	if (r < 0) {
		// Nothing but our own meta.json can be in it, else it stays.
		snprintf(meta, sizeof(meta), "%s/" META_NAME, directory);
		unlinkat(archive_fd, meta, 0);
		unlinkat(archive_fd, directory, AT_REMOVEDIR);
		return err_in(err, r, "creating the record '%s/%s'", archive, name);
	}
	return 0;
}

int record_create(const char *archive, time_t when, struct record **ret, struct err *err)
{
	return record_create_in(archive, RECORD_DEBIAN, when, false, ret, err);
}

int record_create_as(const char *archive, enum record_layout layout, time_t when,
		     struct record **ret, struct err *err)
{
	return record_create_in(archive, layout, when, false, ret, err);
}

int record_create_hidden(const char *archive, enum record_layout layout, time_t when,
			 struct record **ret, struct err *err)
{
	return record_create_in(archive, layout, when, true, ret, err);
}

int record_reveal(struct record *record, struct err *err)
{
	_cleanup_fd int archive_fd = -1;
	_cleanup_free char *path = NULL;
	char name[PART_DIRECTORY_SIZE], hidden[HIDDEN_SIZE];
	size_t above = (size_t)(strrchr(record->path, '/') - record->path);

	part_directory_name(record->stamp, name);
	record_hidden_name(record->stamp, hidden);
	if (strcmp(record->path + above + 1, hidden) != 0)
		return err_set(err, ERR_INVALID, "'%s' is not hidden", record->path);
	if (asprintf(&path, "%.*s/%s", (int)above, record->path, name) < 0)
		return err_nomem(err);
	archive_fd = openat(record->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (archive_fd < 0)
		return err_os(err, errno, "unable to open the archive of '%s'", path);
	if (renameat2(archive_fd, hidden, archive_fd, name, RENAME_NOREPLACE) < 0)
		return err_os(err, errno, "unable to reveal '%s'", path);
	freep(&record->path);
	record->path = take_ptr(path);
	if (fsync(archive_fd) < 0)
		return err_os(err, errno, "unable to fsync the archive of '%s'",
			      record->path);
	return 0;
}

/* ---- reading one ---- */

static void record_weigh_partial(const struct record_part_meta *claim,
				 struct record_part_meta *ret)
{
	if (claim->state == RECORD_PARTIAL && ret->size_bytes < claim->size_bytes)
		snprintf(ret->reason, sizeof(ret->reason), "%llu of %llu bytes are left",
			 (unsigned long long)ret->size_bytes,
			 (unsigned long long)claim->size_bytes);
	else if (!ret->reason[0])
		snprintf(ret->reason, sizeof(ret->reason),
			 "its writing was never finished");
}

static void record_weigh_complete(const struct record_part_meta *claim,
				  struct record_part_meta *ret)
{
	if (claim->state == RECORD_COMPLETE && ret->size_bytes < claim->size_bytes) {
		ret->state = RECORD_PARTIAL;
		snprintf(ret->reason, sizeof(ret->reason), "%llu of %llu bytes are left",
			 (unsigned long long)ret->size_bytes,
			 (unsigned long long)claim->size_bytes);
	} else if (claim->state != RECORD_COMPLETE && ret->size_bytes == 0) {
		// Another tool's, or the disk's: ours is fsynced before it has this name.
		ret->state = RECORD_PARTIAL;
		snprintf(ret->reason, sizeof(ret->reason), "the file is empty");
	}
}

/*
 * What lies there against what meta.json claims. The name decides, because a part is
 * renamed before meta.json says so: a claim of less is out of date, a claim of more is
 * wrong.
 */
static void record_weigh(const struct part_found *found,
			 const struct record_part_meta *claim,
			 struct record_part_meta *ret)
{
	struct record_part_meta part = { .duration_ms = claim->duration_ms };

	part.state = !found->file[0]   ? RECORD_ABSENT
		     : found->is_whole ? RECORD_COMPLETE
				       : RECORD_PARTIAL;
	part.size_bytes = found->size_bytes;
	snprintf(part.file, sizeof(part.file), "%s", found->file);
	if (claim->state == part.state) {
		if (part.state != RECORD_COMPLETE)
			memcpy(part.reason, claim->reason, sizeof(part.reason));
		if (part.state != RECORD_ABSENT)
			memcpy(part.checksum, claim->checksum, sizeof(part.checksum));
		memcpy(part.note, claim->note, sizeof(part.note));
		part.contents = claim->contents;
	}
	if (part.state == RECORD_PARTIAL)
		record_weigh_partial(claim, &part);
	else if (part.state == RECORD_COMPLETE)
		record_weigh_complete(claim, &part);
	else if (found->why_not[0])
		snprintf(part.reason, sizeof(part.reason), "%s", found->why_not);
	else if (claim->state != RECORD_ABSENT)
		snprintf(part.reason, sizeof(part.reason), "the file is gone");
	*ret = part;
}

/*
 * A directory is a record if meta.json says so, or if there is a file that has a stamp in
 * its name, or any part at all in a directory that is named as a record is. So that
 * another directory with some "log" in it is none.
 */
static bool record_is_ours(const struct record *record, const char *name)
{
	bool is_named = part_directory_is_valid(name);

	if (!record->meta_reason[0])
		return true;
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		if (record->parts[i].state != RECORD_ABSENT &&
		    (is_named ||
		     (record->stamp[0] && strstr(record->parts[i].file, record->stamp))))
			return true;
	}
	return is_named &&
	       faccessat(record->dirfd, META_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int record_read(struct record *record, struct err *err)
{
	const char *name = strrchr(record->path, '/') + 1; // realpath() begins with one
	struct err why = { 0 };
	struct meta meta = { 0 };
	int r = part_find_stamp(record->dirfd, name, record->stamp, err);

	if (r < 0)
		return r;
	r = meta_read(record->dirfd, &meta, &why);
	if (r == ERR_NOMEM)
		return err_nomem(err);
	if (r < 0)
		field_clean(err_text(&why), record->meta_reason,
			    sizeof(record->meta_reason));
	record->crash = meta.crash;
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		struct part_found found;

		part_look(record->dirfd, (enum record_part)i, record->stamp, &found);
		record_weigh(&found, &meta.parts[i], &record->parts[i]);
	}
	if (!record_is_ours(record, name))
		return err_set(err, ERR_NOTFOUND, "no crash is recorded there");
	return 0;
}

int record_open(const char *path, struct record **ret, struct err *err)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_free char *real = realpath(path, NULL);
	int r, dirfd;

	if (!real)
		return err_os(err, errno, "unable to open '%s'", path);
	dirfd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return err_os(err, errno, "unable to open the record '%s'", path);
	record = record_new(take_ptr(real), dirfd);
	if (!record)
		return err_nomem(err);
	r = record_read(record, err);
	if (r < 0)
		return err_in(err, r, "'%s'", path);
	*ret = take_ptr(record);
	return 0;
}

/* ---- writing its parts ---- */

static void record_set_part(struct record *record, enum record_part part,
			    enum record_state state, const char *reason,
			    uint64_t duration_ms)
{
	struct record_part_meta *meta = &record->parts[part];
	struct part_found found;

	part_look(record->dirfd, part, record->stamp, &found);
	meta->state = state;
	meta->size_bytes = found.size_bytes;
	meta->duration_ms = duration_ms;
	memcpy(meta->file, found.file, sizeof(meta->file));
	memset(meta->reason, 0, sizeof(meta->reason));
	if (state == RECORD_ABSENT) {
		memset(meta->note, 0, sizeof(meta->note));
		meta->contents = (struct record_contents){ 0 };
	}
	if (state != RECORD_COMPLETE)
		field_clean(reason ? reason : "", meta->reason, sizeof(meta->reason));
}

int record_save_meta(struct record *record, struct err *err)
{
	_cleanup_text struct text text = { 0 };
	int r = meta_format(record, &text, err);

	if (r == 0)
		r = file_replace(record->dirfd, META_NAME, text.data, text.size, 0600,
				 err);
	if (r < 0)
		return err_in(err, r, "saving what is known of '%s'", record->path);
	return 0;
}

int record_part_begin(struct record *record, enum record_part part, int *ret_fd,
		      struct err *err)
{
	char file[PART_FILE_SIZE];
	int fd;

	if (record->part_fd[part] >= 0 || record->parts[part].state == RECORD_COMPLETE)
		return err_set(err, ERR_INVALID, "the %s of '%s' is %s already",
			       record_part_key(part), record->path,
			       record->part_fd[part] >= 0 ? "being written" : "complete");
	part_file_name(part, record->stamp, true, file);
	// What is left of an earlier attempt; O_EXCL then refuses a link in its place.
	if (unlinkat(record->dirfd, file, 0) < 0 && errno != ENOENT)
		return err_os(err, errno, "unable to remove '%s/%s'", record->path, file);
	fd = openat(record->dirfd, file,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s/%s'", record->path, file);
	record->part_fd[part] = fd;
	*ret_fd = fd;
	return 0;
}

/* All of publishing but meta.json. */
static int record_part_seal(struct record *record, enum record_part part,
			    enum record_state state, struct err *err)
{
	int fd = record->part_fd[part];
	char partial[PART_FILE_SIZE], whole[PART_FILE_SIZE];
	char checksum[PART_CHECKSUM_SIZE] = "";
	struct stat st;
	int r = 0;

	part_file_name(part, record->stamp, true, partial);
	part_file_name(part, record->stamp, false, whole);
	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to fsync '%s'", partial);
	if ((uint64_t)st.st_size <= RECORD_CHECKSUM_MAX_BYTES)
		r = part_checksum(fd, checksum, err);
	if (r == 0 && state == RECORD_COMPLETE)
		r = fd_publish(fd, record->dirfd, partial, whole, err);
	else if (r == 0 && fsync(record->dirfd) < 0)
		r = err_os(err, errno, "unable to fsync the directory of '%s'", partial);
	if (r == 0)
		r = fd_close(&record->part_fd[part], err);
	if (r == 0)
		memcpy(record->parts[part].checksum, checksum, sizeof(checksum));
	return r;
}

int record_part_publish(struct record *record, enum record_part part,
			enum record_state state, const char *reason, uint64_t duration_ms,
			struct err *err)
{
	struct err why = { 0 };
	int r;

	if (record->part_fd[part] < 0 || state == RECORD_ABSENT)
		return err_set(err, ERR_INVALID, "the %s of '%s' is not being written",
			       record_part_key(part), record->path);
	r = record_part_seal(record, part, state, &why);
	if (r < 0) {
		fd_closep(&record->part_fd[part]);
		record->parts[part].checksum[0] = '\0';
		record_set_part(record, part, RECORD_PARTIAL, err_text(&why),
				duration_ms);
		record_save_meta(record, NULL); // the names tell as much
		if (err)
			*err = why;
		return err_in(err, r, "publishing the %s of '%s'", record_part_key(part),
			      record->path);
	}
	record_set_part(record, part, state, reason, duration_ms);
	return record_save_meta(record, err);
}

int record_part_abandon(struct record *record, enum record_part part, const char *reason,
			uint64_t duration_ms, struct err *err)
{
	char file[PART_FILE_SIZE];
	int r;

	if (record->parts[part].state == RECORD_COMPLETE)
		return err_set(err, ERR_INVALID, "the %s of '%s' is complete",
			       record_part_key(part), record->path);
	fd_closep(&record->part_fd[part]);
	record->part_fd[part] = -1;
	part_file_name(part, record->stamp, true, file);
	record->parts[part].checksum[0] = '\0';
	if (unlinkat(record->dirfd, file, 0) < 0 && errno != ENOENT) {
		r = err_os(err, errno, "unable to remove '%s/%s'", record->path, file);
		record_set_part(record, part, RECORD_PARTIAL, reason, duration_ms);
		record_save_meta(record, NULL);
		return r;
	}
	record_set_part(record, part, RECORD_ABSENT, reason, duration_ms);
	return record_save_meta(record, err);
}

int record_part_remove(struct record *record, enum record_part part, const char *reason,
		       struct err *err)
{
	struct record_part_meta *meta = &record->parts[part];
	struct record_part_meta before = *meta;
	int r;

	if (meta->state == RECORD_ABSENT || record->part_fd[part] >= 0)
		return err_set(err, ERR_INVALID, "'%s' has no %s to be removed",
			       record->path, record_part_key(part));
	*meta = (struct record_part_meta){ .duration_ms = before.duration_ms };
	field_clean(reason, meta->reason, sizeof(meta->reason));
	r = record_save_meta(record, err);
	if (r < 0) {
		*meta = before;
		return r;
	}
	if (unlinkat(record->dirfd, before.file, 0) < 0 && errno != ENOENT)
		return err_os(err, errno, "unable to remove '%s/%s'", record->path,
			      before.file);
	return 0;
}

void record_part_note(struct record *record, enum record_part part, const char *note)
{
	field_clean(note, record->parts[part].note, sizeof(record->parts[part].note));
}

void record_part_contents(struct record *record, enum record_part part,
			  const struct record_contents *contents)
{
	record->parts[part].contents = *contents;
}

bool record_was_cut(const struct record *record)
{
	const char *step = record->crash.step;

	return step[0] && strcmp(step, RECORD_STEP_END) != 0;
}

int record_part_write(struct record *record, enum record_part part, const void *data,
		      size_t size, uint64_t duration_ms, struct err *err)
{
	struct err why = { 0 };
	int fd, r;

	r = record_part_begin(record, part, &fd, err);
	if (r < 0)
		return r;
	r = fd_write_full(fd, data, size, &why);
	if (r == 0)
		return record_part_publish(record, part, RECORD_COMPLETE, "", duration_ms,
					   err);
	// A full disk, as a rule: the beginning is better than nothing.
	record_part_publish(record, part, RECORD_PARTIAL, err_text(&why), duration_ms,
			    NULL);
	if (err)
		*err = why;
	return err_in(err, r, "writing the %s of '%s'", record_part_key(part),
		      record->path);
}

/* ---- reading its parts ---- */

void record_part_name(const struct record *record, enum record_part part,
		      char ret[static NAME_MAX + 1])
{
	const struct record_part_meta *meta = &record->parts[part];
	char file[PART_FILE_SIZE];

	if (record->part_fd[part] < 0 && meta->file[0])
		snprintf(file, sizeof(file), "%s", meta->file);
	else
		part_file_name(part, record->stamp, record->part_fd[part] >= 0, file);
	memcpy(ret, file, sizeof(file));
}

int record_part_open(const struct record *record, enum record_part part, int *ret_fd,
		     struct err *err)
{
	const struct record_part_meta *meta = &record->parts[part];
	int r;

	if (meta->state == RECORD_ABSENT)
		return err_set(err, ERR_NOTFOUND, "'%s' has no %s%s%s", record->path,
			       record_part_key(part), meta->reason[0] ? ": " : "",
			       meta->reason);
	r = part_open(record->dirfd, meta->file, ret_fd, err);
	if (r < 0)
		return err_in(err, r, "'%s'", record->path);
	return 0;
}

int record_part_verify(struct record *record, enum record_part part, struct err *err)
{
	const struct record_part_meta *meta = &record->parts[part];
	char checksum[PART_CHECKSUM_SIZE];
	_cleanup_fd int fd = -1;
	int r = record_part_open(record, part, &fd, err);

	if (r < 0)
		return r;
	if (!meta->checksum[0])
		return err_set(err, ERR_NOTFOUND, "no checksum was made of '%s/%s'",
			       record->path, meta->file);
	if (strncmp(meta->checksum, "xxh3-128:", strlen("xxh3-128:")) != 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "the checksum '%s' is not of our kind", meta->checksum);
	r = part_checksum(fd, checksum, err);
	if (r < 0)
		return err_in(err, r, "'%s/%s'", record->path, meta->file);
	if (strcmp(checksum, meta->checksum) != 0)
		return err_set(err, ERR_CORRUPT, "'%s/%s' has changed: %s, not %s",
			       record->path, meta->file, checksum, meta->checksum);
	return 0;
}
