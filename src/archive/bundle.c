// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
	struct sha256_ctx hash;
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
	sha256_init(&bundle->hash);
	for (uint64_t at = 0; at < size;) {
		size_t n = (size_t)MIN(size - at, BUNDLE_CHUNK);
		int r = fd_read_full(fd, bundle->chunk, n, err);

		if (r == 0)
			r = bundle_data(bundle, bundle->chunk, n, err);
		if (r < 0)
			return r;
		sha256_update(&bundle->hash, n, bundle->chunk);
		at += n;
	}
	return 0;
}

/* A line as sha256sum(1) writes and checks it. */
static void bundle_add_sum(struct bundle *bundle, const char *name)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&bundle->hash, digest);
#else
	sha256_digest(&bundle->hash, sizeof(digest), digest);
#endif
	for (size_t i = 0; i < sizeof(digest); i++)
		text_add(&bundle->sums, "%02x", digest[i]);
	text_add(&bundle->sums, "  %s\n", name);
}

static int bundle_fd(struct bundle *bundle, int fd, const char *name, struct err *err)
{
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
	bundle_add_sum(bundle, name);
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

/* As they were made by us: nothing that has a meaning in a list of checksums. */
static bool name_is_sane(const char *name)
{
	return name[0] != '.' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.~-")];
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

		if (!name_is_sane(entry->d_name) ||
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
	bundle->chunk = malloc(BUNDLE_CHUNK);
	if (!bundle->archive || !bundle->entry || !bundle->chunk)
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
	free(bundle->chunk);
	text_done(&bundle->sums);
}

/* ---- the file ---- */

struct output {
	const char *path;
	char *above;	 /* its directory */
	char *temporary; /* NULL: the file has no name yet */
	int fd;
};

static void output_done(struct output *out)
{
	if (out->temporary)
		unlink(out->temporary);
	free(out->temporary);
	free(out->above);
	fd_closep(&out->fd);
}

static int output_open(struct output *out, struct err *err)
{
	const char *slash = strrchr(out->path, '/');
	struct stat st;

	if (lstat(out->path, &st) == 0)
		return err_set(err, ERR_REFUSED, "it exists already");
	out->above =
		slash ? strndup(out->path, (size_t)(slash + 1 - out->path)) : strdup(".");
	if (!out->above)
		return err_nomem(err);
	out->fd = open(out->above, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (out->fd >= 0)
		return 0;
	if (asprintf(&out->temporary, "%s.partial", out->path) < 0) {
		out->temporary = NULL;
		return err_nomem(err);
	}
	out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (out->fd < 0) {
		int why = errno;
		int r = err_os(err, why, "unable to create '%s'%s", out->temporary,
			       why == EEXIST ? ", which an export left that was cut off "
					       "or is running"
					     : "");

		free(take_ptr(out->temporary)); // not ours to remove
		return r;
	}
	return 0;
}

/* Never replaces what is there by now. */
static int output_publish(struct output *out, struct err *err)
{
	char self[64];
	_cleanup_fd int above = open(out->above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fsync(out->fd) < 0)
		return err_os(err, errno, "unable to fsync");
	snprintf(self, sizeof(self), "/proc/self/fd/%d", out->fd);
	if (!out->temporary &&
	    linkat(AT_FDCWD, self, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) < 0)
		return err_os(err, errno, "unable to give it its name");
	if (out->temporary && renameat2(AT_FDCWD, out->temporary, AT_FDCWD, out->path,
					RENAME_NOREPLACE) < 0)
		return err_os(err, errno, "unable to rename");
	free(take_ptr(out->temporary));
	if (above < 0 || fsync(above) < 0)
		return err_os(err, errno, "unable to fsync its directory");
	return 0;
}

int bundle_write(const struct record *record, const char *path, bool with_dump,
		 struct bundle_result *ret, struct err *err)
{
	_cleanup_(output_done) struct output out = { .path = path, .fd = -1 };
	struct bundle bundle = { .record = record };
	struct stat st;
	int r = output_open(&out, err);

	if (r == 0)
		r = bundle_fill(&bundle, out.fd, with_dump, err);
	if (r == 0)
		r = output_publish(&out, err);
	if (r == 0 && fstat(out.fd, &st) == 0)
		bundle.result.size_bytes = (uint64_t)st.st_size;
	if (r == 0)
		*ret = bundle.result;
	bundle_done(&bundle);
	return r < 0 ? err_in(err, r, "writing '%s'", path) : 0;
}
