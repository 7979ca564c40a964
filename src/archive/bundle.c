// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "archive/pstore.h"
#include "base/fd.h"
#include "base/text.h"
#include "record/meta.h"

#define BUNDLE_CHUNK	 ((size_t)256 << 10)
#define BUNDLE_FILES_MAX 4096

struct bundle {
	const struct record *record;
	struct archive *archive;
	struct archive_entry *entry;
	XXH3_state_t *hash;
	uint8_t *chunk;
	struct text sums;
	struct bundle_result result;
};

static int archive_failed(struct bundle *bundle, struct err *err)
{
	const char *why = archive_error_string(bundle->archive);

	return err_set(err, ERR_OS, "%s", why ? why : "libarchive failed");
}

static int bundle_begin(struct bundle *bundle, const char *name, uint64_t size,
			time_t when, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "epitaph-%s/%s", bundle->record->stamp, name);
	archive_entry_clear(bundle->entry);
	archive_entry_set_pathname(bundle->entry, path);
	archive_entry_set_filetype(bundle->entry, AE_IFREG);
	archive_entry_set_perm(bundle->entry, 0600);
	archive_entry_set_size(bundle->entry, (la_int64_t)size);
	archive_entry_set_mtime(bundle->entry, when, 0);
	if (archive_write_header(bundle->archive, bundle->entry) != ARCHIVE_OK)
		return archive_failed(bundle, err);
	return 0;
}

static int bundle_data(struct bundle *bundle, const void *data, size_t size,
		       struct err *err)
{
	if (archive_write_data(bundle->archive, data, size) != (la_ssize_t)size)
		return archive_failed(bundle, err);
	return 0;
}

/* As many bytes as the header says: a file that has shrunk meanwhile is an error. */
static int bundle_copy(struct bundle *bundle, int fd, uint64_t size, struct err *err)
{
	XXH3_128bits_reset(bundle->hash);
	for (uint64_t at = 0; at < size;) {
		size_t n = (size_t)MIN(size - at, BUNDLE_CHUNK);
		int r = fd_read_full(fd, bundle->chunk, n, err);

		if (r == 0)
			r = bundle_data(bundle, bundle->chunk, n, err);
		if (r < 0)
			return r;
		XXH3_128bits_update(bundle->hash, bundle->chunk, n);
		at += n;
	}
	return 0;
}

static int bundle_fd(struct bundle *bundle, int fd, const char *name, struct err *err)
{
	XXH128_canonical_t sum;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "'%s' is no regular file", name);
	if (bundle->result.file_count >= BUNDLE_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files", BUNDLE_FILES_MAX);
	r = bundle_begin(bundle, name, (uint64_t)st.st_size, st.st_mtim.tv_sec, err);
	if (r == 0)
		r = bundle_copy(bundle, fd, (uint64_t)st.st_size, err);
	if (r < 0)
		return err_in(err, r, "'%s'", name);
	XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(bundle->hash));
	for (size_t i = 0; i < sizeof(sum.digest); i++)
		text_add(&bundle->sums, "%02x", sum.digest[i]);
	text_add(&bundle->sums, "  %s\n", name);
	bundle->result.file_count++;
	return text_check(&bundle->sums, err);
}

static int bundle_parts(struct bundle *bundle, bool with_dump, struct err *err)
{
	const struct record *record = bundle->record;
	int r = 0;

	for (int i = 0; r == 0 && i < RECORD_PART_COUNT; i++) {
		enum record_part part = (enum record_part)i;
		_cleanup_fd int fd = -1;

		if (record->parts[i].state == RECORD_ABSENT)
			continue;
		if (part == RECORD_DUMP && !with_dump) {
			bundle->result.left_dump = true;
			continue;
		}
		r = record_part_open(record, part, &fd, err);
		if (r == 0)
			r = bundle_fd(bundle, fd, record->parts[i].file, err);
	}
	return r;
}

static int bundle_meta(struct bundle *bundle, struct err *err)
{
	_cleanup_fd int fd = openat(bundle->record->dirfd, META_NAME,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0; // another tool's record
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", META_NAME);
	return bundle_fd(bundle, fd, META_NAME, err);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int bundle_pstore(struct bundle *bundle, struct err *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_fd int own = openat(bundle->record->dirfd, PSTORE_DIRECTORY,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *entry;
	int r = 0;

	if (own < 0)
		return 0; // as a rule
	dir = fdopendir(own);
	if (!dir)
		return err_os(err, errno, "unable to read '%s'", PSTORE_DIRECTORY);
	take_fd(&own);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		_cleanup_fd int fd = -1;
		char name[NAME_MAX + sizeof(PSTORE_DIRECTORY "/")];
		struct stat st;

		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		snprintf(name, sizeof(name), PSTORE_DIRECTORY "/%s", entry->d_name);
		r = fd < 0 ? err_os(err, errno, "unable to open '%s'", name)
			   : bundle_fd(bundle, fd, name, err);
	}
	return r;
}

static int bundle_sums(struct bundle *bundle, struct err *err)
{
	int r = bundle_begin(bundle, BUNDLE_SUMS, bundle->sums.size, time(NULL), err);

	if (r == 0)
		r = bundle_data(bundle, text_get(&bundle->sums), bundle->sums.size, err);
	return r;
}

static int bundle_fill(struct bundle *bundle, int fd, bool with_dump, struct err *err)
{
	int r;

	bundle->archive = archive_write_new();
	bundle->entry = archive_entry_new();
	bundle->hash = XXH3_createState();
	bundle->chunk = malloc(BUNDLE_CHUNK);
	if (!bundle->archive || !bundle->entry || !bundle->hash || !bundle->chunk)
		return err_nomem(err);
	if (archive_write_set_format_pax_restricted(bundle->archive) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(bundle->archive) != ARCHIVE_OK ||
	    archive_write_open_fd(bundle->archive, fd) != ARCHIVE_OK)
		return archive_failed(bundle, err);
	r = bundle_meta(bundle, err);
	if (r == 0)
		r = bundle_parts(bundle, with_dump, err);
	if (r == 0)
		r = bundle_pstore(bundle, err);
	if (r == 0)
		r = bundle_sums(bundle, err);
	if (r == 0 && archive_write_close(bundle->archive) != ARCHIVE_OK)
		r = archive_failed(bundle, err);
	return r;
}

static void bundle_done(struct bundle *bundle)
{
	if (bundle->archive)
		archive_write_free(bundle->archive);
	archive_entry_free(bundle->entry);
	XXH3_freeState(bundle->hash);
	free(bundle->chunk);
	text_done(&bundle->sums);
}

/* Never replaces what is there by now. */
static int bundle_publish(int fd, const char *temporary, const char *path,
			  struct err *err)
{
	if (fsync(fd) < 0)
		return err_os(err, errno, "unable to fsync");
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		return err_os(err, errno, "unable to rename");
	return 0;
}

int bundle_write(const struct record *record, const char *path, bool with_dump,
		 struct bundle_result *ret, struct err *err)
{
	struct bundle bundle = { .record = record };
	_cleanup_free char *temporary = NULL;
	_cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (lstat(path, &st) == 0)
		return err_set(err, ERR_REFUSED, "'%s' exists already", path);
	if (asprintf(&temporary, "%s.partial", path) < 0)
		return err_nomem(err);
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", temporary);
	r = bundle_fill(&bundle, fd, with_dump, err);
	if (r == 0)
		r = bundle_publish(fd, temporary, path, err);
	if (r == 0 && fstat(fd, &st) == 0)
		bundle.result.size_bytes = (uint64_t)st.st_size;
	if (r == 0)
		*ret = bundle.result;
	bundle_done(&bundle);
	if (r < 0) {
		unlink(temporary);
		return err_in(err, r, "writing '%s'", path);
	}
	return 0;
}
