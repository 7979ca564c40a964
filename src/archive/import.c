// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "archive/archive.h"
#include "archive/foreign.h"
#include "archive/pstore.h"
#include "archive/pstore_panic.h"
#include "archive/removal.h"
#include "archive/report_parts.h"
#include "base/fd.h"
#include "explain/log_text.h"
#include "image/image.h"
#include "kernel/printk.h"
#include "record/field.h"
#include "record/part.h"

#define COPY_CHUNK ((size_t)1 << 20)
#define TEXT_MAX   ((size_t)256 << 20) /* a dmesg that is read for its report */
#define LOG_MAX	   ((size_t)16 << 20)  /* of the tool that saved */

struct import {
	const struct import_options *options;
	struct import_result *result;
	const struct foreign *foreign;
	struct record *record; /* being made */
	struct image *image;   /* its dump; NULL without one that can be read */
	struct kernel *kernel;
	char no_kernel[256];
};

/* ---- copying ---- */

/* [offset, end) by the kernel where it can, else through memory. */
static int copy_range(int from, int to, off_t offset, off_t end, char *chunk,
		      struct err *err)
{
	bool by_kernel = true;

	while (offset < end) {
		off_t in = offset, out = offset;
		size_t size = MIN((uint64_t)(end - offset), (uint64_t)COPY_CHUNK);
		ssize_t n = -1;

		if (by_kernel)
			n = copy_file_range(from, &in, to, &out, size, 0);
		if (by_kernel && n <= 0) {
			if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT))
				return err_os(err, errno, "unable to copy");
			by_kernel = false; // another file system, or none that can
			continue;
		}
		if (!by_kernel) {
			n = pread(from, chunk, size, offset);
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return err_os(err, errno, "unable to read");
			if (n == 0)
				return err_set(err, ERR_TRUNCATED,
					       "it became shorter while it was copied");
			if (fd_pwrite_full(to, chunk, (size_t)n, (uint64_t)offset, err) <
			    0)
				return err ? err->code : ERR_OS;
		}
		offset += n;
	}
	return 0;
}

/* Holes stay holes: a dump may be a hundred times as long as what it takes up. */
static int copy_data(int from, int to, off_t size, struct err *err)
{
	_cleanup_free char *chunk = NULL;
	off_t data = 0;
	int r;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	chunk = malloc(COPY_CHUNK);
	if (!chunk)
		return err_nomem(err);
	if (ftruncate(to, size) < 0)
		return err_os(err, errno, "unable to make room");
	while (data < size) {
		off_t hole;

		data = lseek(from, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; // but holes to the end
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return err_os(err, errno, "unable to look for holes");
		hole = MIN(hole, size);
		r = copy_range(from, to, data, hole, chunk, err);
		if (r < 0)
			return r;
		data = hole;
	}
	return 0;
}

static bool is_unchanged(const struct foreign_file *file)
{
	struct stat st;

	return fstat(file->fd, &st) == 0 && st.st_size == file->st.st_size &&
	       st.st_mtim.tv_sec == file->st.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == file->st.st_mtim.tv_nsec;
}

/* The part's file is open afterwards, and not published. */
static int import_copy(struct import *im, enum record_part part,
		       const struct foreign_file *file, struct err *err)
{
	int fd, r = record_part_begin(im->record, part, &fd, err);

	if (r == 0)
		r = copy_data(file->fd, fd, file->st.st_size, err);
	if (r == 0 && !is_unchanged(file))
		r = err_set(err, ERR_REFUSED,
			    "it changed while it was copied: is it still being written?");
	if (r < 0)
		return err_in(err, r, "copying '%s'", file->name);
	return 0;
}

/* ---- is it there already? ---- */

static bool is_same_file(const struct record *record, enum record_part part,
			 const struct foreign_file *file, char *checksum)
{
	const struct record_part_meta *meta = &record->parts[part];
	char other[PART_CHECKSUM_SIZE];
	_cleanup_fd int fd = -1;

	if (!file->name || meta->state == RECORD_ABSENT ||
	    meta->size_bytes != (uint64_t)file->st.st_size)
		return false;
	if (!checksum[0] && part_checksum(file->fd, checksum, NULL) < 0)
		return false;
	if (meta->checksum[0])
		return strcmp(meta->checksum, checksum) == 0;
	return record_part_open(record, part, &fd, NULL) == 0 &&
	       part_checksum(fd, other, NULL) == 0 && strcmp(other, checksum) == 0;
}

static bool is_same_directory(const struct record *record, const struct foreign *foreign)
{
	struct stat a, b;

	return fstat(record->dirfd, &a) == 0 && fstat(foreign->dirfd, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* By the dump if there is one: that a log is known does not save its dump. */
static const struct record *find_known(const struct archive *archive,
				       const struct foreign *foreign)
{
	char checksum[PART_CHECKSUM_SIZE] = "";

	for (size_t i = archive->count; i > 0; i--) {
		if (is_same_directory(archive->records[i - 1], foreign))
			return archive->records[i - 1];
	}
	for (size_t i = archive->count; i > 0; i--) {
		const struct record *record = archive->records[i - 1];

		if (foreign->dump.name
			    ? is_same_file(record, RECORD_DUMP, &foreign->dump, checksum)
			    : is_same_file(record, RECORD_DMESG, &foreign->dmesg,
					   checksum))
			return record;
	}
	return NULL;
}

/* ---- its parts ---- */

static void import_open_dump(struct import *im, struct err *why)
{
	char name[NAME_MAX + 1];
	_cleanup_free char *path = NULL;
	int r;

	record_part_name(im->record, RECORD_DUMP, name);
	if (asprintf(&path, "%s/%s", im->record->path, name) < 0) {
		err_nomem(why);
		return;
	}
	r = image_open(path, &im->image, why);
	if (r == 0)
		r = kernel_open(im->image, &im->kernel, why);
	if (r < 0)
		snprintf(im->no_kernel, sizeof(im->no_kernel), "%.255s", err_text(why));
}

static int import_dump(struct import *im, struct err *err)
{
	const struct foreign_file *file = &im->foreign->dump;
	struct err why = { 0 };
	const char *reason = "";
	int r = import_copy(im, RECORD_DUMP, file, err);

	if (r < 0)
		return r;
	import_open_dump(im, &why);
	if (file->is_unfinished)
		reason = "by its name, its writing was never finished";
	else if (im->image && image_info(im->image)->is_incomplete)
		reason = image_info(im->image)->incomplete_why;
	else if (!im->image)
		reason = im->no_kernel;
	else if (!im->kernel && !im->foreign->dmesg.name)
		return err_set(err, ERR_REFUSED, "no kernel is found in '%s': %.300s",
			       file->name, im->no_kernel);
	return record_part_publish(im->record, RECORD_DUMP,
				   reason[0] ? RECORD_PARTIAL : RECORD_COMPLETE, reason,
				   0, err);
}

static int import_dmesg(struct import *im, struct err *err)
{
	const struct foreign_file *file = &im->foreign->dmesg;
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };
	int r;

	if (file->name) {
		r = import_copy(im, RECORD_DMESG, file, err);
		if (r < 0)
			return r;
		return record_part_publish(
			im->record, RECORD_DMESG,
			file->is_unfinished ? RECORD_PARTIAL : RECORD_COMPLETE,
			"by its name, its writing was never finished", 0, err);
	}
	if (!im->kernel || printk_read(im->kernel, &log, NULL) < 0)
		return 0; // the report says why
	printk_format(&log, &text);
	r = text_check(&text, err);
	return r < 0 ? r
		     : record_part_write(im->record, RECORD_DMESG, text_get(&text),
					 text.size, 0, err);
}

/* From where and what, then what the tool that saved it wrote of its work. */
static int import_log(struct import *im, struct err *err)
{
	const struct foreign *foreign = im->foreign;
	_cleanup_text struct text text = { 0 };
	_cleanup_free char *rest = NULL;
	size_t size = (size_t)MIN((uint64_t)foreign->log.st.st_size, (uint64_t)LOG_MAX);
	char from[PATH_MAX];
	int r;

	field_clean(foreign->path, from, sizeof(from));
	text_add(&text,
		 "imported by epitaph " EPITAPH_VERSION " from '%s' (%s):%s%s%s%s\n",
		 from, foreign->source, foreign->dump.name ? " dump " : "",
		 foreign->dump.name ? foreign->dump.name : "",
		 foreign->dmesg.name ? " dmesg " : "",
		 foreign->dmesg.name ? foreign->dmesg.name : "");
	if (foreign->log.name) {
		rest = malloc(size + 1);
		if (!rest)
			return err_nomem(err);
		r = fd_pread_full(foreign->log.fd, rest, size, 0, err);
		if (r < 0)
			return err_in(err, r, "reading '%s'", foreign->log.name);
		text_add(&text, "---- %s ----\n", foreign->log.name);
		text_add_bytes(&text, rest, size);
	}
	r = text_check(&text, err);
	return r < 0 ? r
		     : record_part_write(im->record, RECORD_LOG, text_get(&text),
					 text.size, 0, err);
}

/* The log as the record has it; borrows @ret_text. */
static int read_dmesg(struct import *im, char **ret_text, struct printk_log *ret,
		      struct err *err)
{
	_cleanup_fd int fd = -1;
	struct stat st;
	int r = record_part_open(im->record, RECORD_DMESG, &fd, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to look at the dmesg");
	if ((uint64_t)st.st_size > TEXT_MAX)
		return err_set(err, ERR_LIMIT, "the dmesg is larger than %zu MiB",
			       TEXT_MAX >> 20);
	*ret_text = malloc((size_t)st.st_size + 1);
	if (!*ret_text)
		return err_nomem(err);
	r = fd_pread_full(fd, *ret_text, (size_t)st.st_size, 0, err);
	return r < 0 ? r : log_text_parse(*ret_text, (size_t)st.st_size, ret, err);
}

/* A dump that is cut may lack the log, which was saved before it. */
static int import_report_build(struct import *im, struct report **ret, struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_free char *text = NULL;
	struct err why = { 0 };
	bool has_log = im->kernel && printk_read(im->kernel, &log, &why) == 0;
	int r;

	if (!has_log)
		has_log = read_dmesg(im, &text, &log, &why) == 0;
	if (im->kernel)
		return report_build(im->kernel, has_log ? &log : NULL, NULL, ret, err);
	if (!has_log)
		return report_build_unknown(
			im->no_kernel[0] ? im->no_kernel : err_text(&why), ret, err);
	r = report_build_from_log(&log, im->no_kernel, NULL, ret, err);
	if (r == 0)
		pstore_panic_release(&log, (*ret)->release, sizeof((*ret)->release));
	return r;
}

static int import_report(struct import *im, struct err *err)
{
	_cleanup_report struct report *report = NULL;
	int r = import_report_build(im, &report, err);

	if (r == 0) {
		report_parts_describe(report, &im->record->crash);
		r = report_parts_write(im->record, report, err);
	}
	return r;
}

static int import_parts(struct import *im, struct err *err)
{
	struct record_crash *crash = &im->record->crash;
	int r = 0;

	snprintf(crash->source, sizeof(crash->source), "%s", im->foreign->source);
	if (im->foreign->dump.name)
		r = import_dump(im, err);
	else
		snprintf(im->no_kernel, sizeof(im->no_kernel), "no dump was saved");
	if (r == 0)
		r = import_dmesg(im, err);
	if (r == 0)
		r = import_report(im, err);
	if (r == 0)
		r = import_log(im, err);
	if (r == 0)
		r = record_save_meta(im->record, err);
	return r;
}

/* ---- moving ---- */

static int check_copy(const struct record *record, enum record_part part,
		      const struct foreign_file *file, struct err *err)
{
	char checksum[PART_CHECKSUM_SIZE] = "";

	if (file->name &&
	    (!is_same_file(record, part, file, checksum) || !is_unchanged(file)))
		return err_set(err, ERR_CORRUPT, "'%s' differs from its copy",
			       file->name);
	return 0;
}

static int remove_original(const struct foreign *foreign, const struct foreign_file *file,
			   struct err *err)
{
	struct stat st;

	if (!file->name)
		return 0;
	if (fstatat(foreign->dirfd, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_os(err, errno, "unable to look at '%s'", file->name);
	if (st.st_dev != file->st.st_dev || st.st_ino != file->st.st_ino)
		return err_set(err, ERR_REFUSED, "'%s' is another one by now",
			       file->name);
	if (unlinkat(foreign->dirfd, file->name, 0) < 0)
		return err_os(err, errno, "unable to remove '%s'", file->name);
	return 0;
}

/*
 * The record is there whatever happens here. It may be of an earlier run, which was cut
 * off before this; but what lies in the archive itself is the record.
 */
static int import_remove(const struct import *im, const struct record *record,
			 struct err *err)
{
	const struct foreign *foreign = im->foreign;
	bool has_log = strcmp(record->crash.source, foreign->source) == 0 &&
		       (uint64_t)foreign->log.st.st_size <= LOG_MAX;
	int r;

	if (!im->options->is_move || is_same_directory(record, foreign))
		return 0;
	r = check_copy(record, RECORD_DUMP, &foreign->dump, err);
	if (r == 0)
		r = check_copy(record, RECORD_DMESG, &foreign->dmesg, err);
	if (r == 0)
		r = remove_original(foreign, &foreign->dump, err);
	if (r == 0)
		r = remove_original(foreign, &foreign->dmesg, err);
	if (r == 0 && has_log)
		r = remove_original(foreign, &foreign->log, err);
	if (r == 0 && !foreign->is_file)
		rmdir(foreign->path); // stays where something else is in it
	if (r < 0)
		return err_in(err, r, "the originals in '%s' stay", foreign->path);
	return 0;
}

/* ---- one crash ---- */

/* Asked first, so that a disk is not filled only to be emptied again. */
static int check_room(const struct import *im, struct err *err)
{
	const struct foreign *foreign = im->foreign;
	uint64_t need = (uint64_t)foreign->dump.st.st_blocks * 512 +
			(uint64_t)foreign->dmesg.st.st_blocks * 512;
	struct statvfs fs;

	if (statvfs(im->options->archive, &fs) < 0 ||
	    need <= (uint64_t)fs.f_bavail * fs.f_frsize)
		return 0;
	return err_set(err, ERR_LIMIT,
		       "%" PRIu64 " MiB are needed, and the disk of '%s' has %" PRIu64
		       " free",
		       need >> 20, im->options->archive,
		       ((uint64_t)fs.f_bavail * fs.f_frsize) >> 20);
}

static int import_make(struct import *im, struct err *err)
{
	const struct foreign *foreign = im->foreign;
	int r = check_room(im, err);

	if (r == 0)
		r = record_create_hidden(im->options->archive, im->options->layout,
					 (time_t)foreign->time, &im->record, err);
	if (r < 0)
		return r;
	r = import_parts(im, err);
	kernel_close(im->kernel);
	image_close(im->image);
	im->kernel = NULL;
	im->image = NULL;
	if (r == 0)
		r = record_reveal(im->record, err);
	if (r < 0) {
		// What was copied takes up the space that may have been missing.
		removal_sweep(im->options->archive, im->options->log);
		return r;
	}
	return 0;
}

static void import_tell(const struct import *im, enum import_outcome outcome,
			const struct record *record)
{
	struct err why = { 0 };

	if (outcome == IMPORT_MADE)
		im->result->made++;
	else
		im->result->known++;
	if (im->options->tell)
		im->options->tell(im->options->context, im->foreign->path, outcome,
				  record);
	if (import_remove(im, record, &why) < 0) {
		log_warning(im->options->log, "%s", err_text(&why));
		im->result->failed++;
	}
}

static int import_foreign(const struct import_options *options,
			  const struct foreign *foreign, struct import_result *result,
			  struct err *err)
{
	struct import im = { .options = options, .result = result, .foreign = foreign };
	_cleanup_archive struct archive archive = { 0 };
	const struct record *known;
	int r = archive_open(options->archive, options->log, &archive, err);

	if (r < 0)
		return r;
	known = find_known(&archive, foreign);
	if (known) {
		import_tell(&im, IMPORT_KNOWN, known);
		return 0;
	}
	r = import_make(&im, err);
	if (r == 0)
		import_tell(&im, IMPORT_MADE, im.record);
	record_close(im.record);
	return r < 0 ? err_in(err, r, "importing '%s'", foreign->path) : 0;
}

/* ---- directories ---- */

static int import_tree(const struct import_options *options, const char *path, int depth,
		       struct import_result *result, struct err *err);

static int is_directory(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN);
}

/* What one of them can't give does not keep the next from being tried. */
static int import_below(const struct import_options *options, const char *path, int depth,
			struct import_result *result, struct err *err)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_directory, alphasort);
	int r = 0;

	if (count < 0)
		return err_os(err, errno, "unable to read '%s'", path);
	if (count > FOREIGN_ENTRIES_MAX)
		r = err_set(err, ERR_LIMIT, "more than %d directories in '%s'",
			    FOREIGN_ENTRIES_MAX, path);
	for (int i = 0; i < count; i++) {
		_cleanup_free char *below = NULL;
		struct err why = { 0 };
		struct stat st;

		if (r == 0 && asprintf(&below, "%s/%s", path, entries[i]->d_name) < 0)
			r = err_nomem(err);
		if (r == 0 && lstat(below, &st) == 0 && S_ISDIR(st.st_mode) &&
		    import_tree(options, below, depth, result, &why) < 0 &&
		    why.code != ERR_NOTFOUND) {
			log_warning(options->log, "%s", err_text(&why));
			result->failed++;
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* True: it held files of pstore, which are dealt with. */
static int import_pstore(const struct import_options *options, const char *path,
			 struct import_result *result, bool *ret_any, struct err *err)
{
	const struct pstore_options pstore = {
		.archive = options->archive,
		.layout = options->layout,
		.source = path,
		.keep_source = !options->is_move,
		.depth = IMPORT_DEPTH,
		.log = options->log,
	};
	struct pstore_result got;
	int r = pstore_collect(&pstore, &got, err);

	result->made += got.made + got.joined;
	result->known += got.known;
	result->failed += got.failed;
	*ret_any = got.made + got.joined + got.known + got.failed > 0;
	return r;
}

/* Its states and checksums are its own: a copy keeps them, an import would not. */
static int import_own(const struct import_options *options, const char *path, int depth,
		      struct err *err)
{
	if (depth == IMPORT_DEPTH)
		return err_set(
			err, ERR_REFUSED,
			"'%s' is a record of epitaph's: copy the directory (cp -a) "
			"into '%s'",
			path, options->archive);
	log_debug(options->log, "'%s' is a record of epitaph's", path);
	return 0;
}

static int import_tree(const struct import_options *options, const char *path, int depth,
		       struct import_result *result, struct err *err)
{
	_cleanup_foreign struct foreign foreign = {
		.dirfd = -1, .dump.fd = -1, .dmesg.fd = -1, .log.fd = -1
	};
	size_t had = result->made + result->known + result->failed;
	struct err why = { 0 };
	struct stat st;
	bool any = false;
	int r;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		_cleanup_record struct record *own = NULL;

		if (record_open(path, &own, NULL) == 0 && !own->meta_reason[0])
			return import_own(options, path, depth, err);
		r = import_pstore(options, path, result, &any, err);
		if (r < 0 || any)
			return r;
	}
	r = foreign_open(path, options->log, &foreign, &why);
	if (r == 0)
		return import_foreign(options, &foreign, result, err);
	if (r == ERR_NOTFOUND && S_ISDIR(st.st_mode) && depth > 0) {
		r = import_below(options, path, depth - 1, result, err);
		if (r < 0 || result->made + result->known + result->failed > had)
			return r;
		r = ERR_NOTFOUND;
	}
	if (err)
		*err = why;
	return r;
}

int import_path(const struct import_options *options, const char *path,
		struct import_result *ret, struct err *err)
{
	return import_tree(options, path, IMPORT_DEPTH, ret, err);
}
