// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/pstore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <xxhash.h>

#include "archive/archive.h"
#include "archive/pstore_panic.h"
#include "archive/report_parts.h"
#include "base/fd.h"
#include "base/trust.h"
#include "explain/report.h"
#include "record/farewell.h"

#define COLLECTED_NAME ".collected"
#define COLLECTED_MAX  ((size_t)1 << 20)

#define DMESG_MAX ((size_t)64 << 20) /* of a record that is compared with */

/* A clock that says less was never set. */
#define TIME_MIN 946684800 /* 2000-01-01 */

struct collect {
	const struct pstore_options *options;
	struct pstore_result *result;
	struct archive archive;
	int source_fd, archive_fd;
	struct text collected; /* lines of .collected */
};

void pstore_mount(const char *path, const struct log *log)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0 || fs.f_type == PSTOREFS_MAGIC)
		return;
	if (mount("pstore", path, "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		log_debug(log, "unable to mount pstore at '%s': %s", path,
			  strerror(errno));
}

/* ---- .collected ---- */

#define DIGEST_SIZE 33

/* Of the name and the bytes. */
static void entry_digest(const struct pstore_entry *entry, char ret[static DIGEST_SIZE])
{
	XXH64_hash_t seed = XXH3_64bits(entry->name, strlen(entry->name));
	XXH128_hash_t hash = XXH3_128bits_withSeed(entry->data, entry->size, seed);

	snprintf(ret, DIGEST_SIZE, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64,
		 (uint64_t)hash.low64);
}

static int collected_read(struct collect *c, struct err *err)
{
	_cleanup_fd int fd = openat(c->archive_fd, COLLECTED_NAME,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free char *data = NULL;
	struct stat st;
	size_t size;
	int r;

	// What it lists is removed from the source and not kept: nobody else may say so.
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !trust_stat(&st))
		return 0;
	r = fd_read_to_end(fd, 2 * COLLECTED_MAX, &data, &size, NULL);

	if (r == ERR_NOMEM)
		return err_nomem(err);
	if (r == 0)
		text_add_bytes(&c->collected, data, size);
	return text_check(&c->collected, err);
}

static bool collected_has(const struct collect *c, const struct pstore_entry *entry)
{
	char digest[DIGEST_SIZE];

	entry_digest(entry, digest);
	return strstr(text_get(&c->collected), digest);
}

static void collected_add(struct collect *c, const struct pstore_entry *entry)
{
	char digest[DIGEST_SIZE];

	entry_digest(entry, digest);
	if (!collected_has(c, entry))
		text_add(&c->collected, "%s %s\n", digest, entry->name);
}

static int collected_save(struct collect *c, struct err *err)
{
	const char *data = text_get(&c->collected);
	size_t size = c->collected.size;

	while (size > COLLECTED_MAX) { // the oldest go
		const char *end = memchr(data, '\n', size);

		if (!end)
			break;
		size -= (size_t)(end + 1 - data);
		data = end + 1;
	}
	return file_replace(c->archive_fd, COLLECTED_NAME, data, size, 0600, err);
}

/* ---- is it there already? ---- */

/* Names that @entry may have in a record: its own, then with "~1", "~2", ... */
#define RAW_NAMES_MAX 100

static void raw_name(const struct pstore_entry *entry, int attempt,
		     char ret[static NAME_MAX + 1])
{
	if (attempt == 0)
		snprintf(ret, NAME_MAX + 1, "%s", entry->name);
	else
		snprintf(ret, NAME_MAX + 1, "%.200s~%d", entry->name, attempt);
}

static bool raw_is_equal(int dirfd, const char *name, const struct pstore_entry *entry)
{
	_cleanup_free char *data = NULL;
	_cleanup_fd int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != entry->size)
		return false;
	data = malloc(entry->size + 1);
	return data && fd_read_full(fd, data, entry->size, NULL) == 0 &&
	       memcmp(data, entry->data, entry->size) == 0;
}

static int raw_open_directory(const struct record *record)
{
	return openat(record->dirfd, PSTORE_DIRECTORY,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool record_has_entry(const struct record *record,
			     const struct pstore_entry *entry)
{
	_cleanup_fd int fd = raw_open_directory(record);
	char name[NAME_MAX + 1];

	for (int i = 0; fd >= 0 && i < RAW_NAMES_MAX; i++) {
		raw_name(entry, i, name);
		if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
		if (raw_is_equal(fd, name, entry))
			return true;
	}
	return false;
}

static struct record *find_record_of_entry(const struct collect *c,
					   const struct pstore_entry *entry)
{
	for (size_t i = c->archive.count; i > 0; i--) {
		if (record_has_entry(c->archive.records[i - 1], entry))
			return c->archive.records[i - 1];
	}
	return NULL;
}

static bool record_is_same_crash(const struct record *record,
				 const struct printk_log *log)
{
	_cleanup_printk_log struct printk_log other = { 0 };
	_cleanup_free char *data = NULL;
	_cleanup_fd int fd = -1;
	struct stat st;

	if (record_part_open(record, RECORD_DMESG, &fd, NULL) < 0 || fstat(fd, &st) < 0 ||
	    (uint64_t)st.st_size > DMESG_MAX)
		return false;
	data = malloc((size_t)st.st_size + 1);
	if (!data || fd_read_full(fd, data, (size_t)st.st_size, NULL) < 0 ||
	    log_text_parse(data, (size_t)st.st_size, &other, NULL) < 0)
		return false;
	return pstore_panic_is_same(log, &other);
}

/* The record that a crash kernel made of the same crash; NULL if none is known to be. */
static struct record *find_record_of_crash(const struct collect *c,
					   const struct printk_log *log)
{
	for (size_t i = c->archive.count; i > 0; i--) {
		if (record_is_same_crash(c->archive.records[i - 1], log))
			return c->archive.records[i - 1];
	}
	return NULL;
}

/* ---- keeping ---- */

static int keep_raw(int dirfd, const struct pstore_entry *entry, struct err *err)
{
	char name[NAME_MAX + 1];

	for (int i = 0; i < RAW_NAMES_MAX; i++) {
		raw_name(entry, i, name);
		if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
			if (raw_is_equal(dirfd, name, entry))
				return 0;
			continue;
		}
		return file_replace(dirfd, name, entry->data, entry->size, 0600, err);
	}
	return err_set(err, ERR_LIMIT, "'%s' is there %d times already", entry->name,
		       RAW_NAMES_MAX);
}

typedef int entry_visit(void *context, struct pstore_entry *entry, struct err *err);

static int panic_visit(const struct pstore_panic *panic, entry_visit *visit,
		       void *context, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < panic->writing_count; i++) {
		const struct pstore_writing *writing = &panic->writings[i];

		for (size_t j = 0; r == 0 && j < writing->count; j++)
			r = visit(context, writing->parts[j], err);
	}
	for (size_t i = 0; r == 0 && i < panic->other_count; i++)
		r = visit(context, panic->others[i], err);
	return r;
}

static int visit_keep(void *context, struct pstore_entry *entry, struct err *err)
{
	return keep_raw(*(int *)context, entry, err);
}

/* All files of the panic into the record's own directory of them. */
static int keep_panic(const struct record *record, const struct pstore_panic *panic,
		      struct err *err)
{
	_cleanup_fd int fd = -1;
	int r;

	if (mkdirat(record->dirfd, PSTORE_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return err_os(err, errno, "unable to create '%s/%s'", record->path,
			      PSTORE_DIRECTORY);
	fd = raw_open_directory(record);
	if (fd < 0)
		return err_os(err, errno, "unable to open '%s/%s'", record->path,
			      PSTORE_DIRECTORY);
	r = panic_visit(panic, visit_keep, &fd, err);
	if (r == 0 && fsync(record->dirfd) < 0)
		r = err_os(err, errno, "unable to fsync '%s'", record->path);
	return r;
}

static int write_dmesg(struct record *record, const struct text *text, const char *damage,
		       struct err *err)
{
	int fd, r;

	if (!damage[0])
		return record_part_write(record, RECORD_DMESG, text_get(text), text->size,
					 0, err);
	r = record_part_begin(record, RECORD_DMESG, &fd, err);
	if (r == 0)
		r = fd_write_full(fd, text_get(text), text->size, err);
	if (r == 0)
		r = record_part_publish(record, RECORD_DMESG, RECORD_PARTIAL, damage, 0,
					err);
	return r;
}

static int make_report(const struct pstore_panic *panic, const struct printk_log *log,
		       int64_t crash_time, struct report **ret, struct err *err)
{
	char why[128];
	int r;

	snprintf(why, sizeof(why), "only the end of the log was kept, by pstore (%s)",
		 panic->writings[0].parts[0]->backend);
	r = report_build_from_log(log, why, NULL, ret, err);
	if (r == 0) {
		(*ret)->crash_time = crash_time;
		pstore_panic_release(log, (*ret)->release, sizeof((*ret)->release));
	}
	return r;
}

/* The machine's own name: what pstore holds is of this machine. */
static void describe(struct record *record, const struct report *report, time_t now)
{
	struct record_crash *crash = &record->crash;
	struct utsname name;

	snprintf(crash->source, sizeof(crash->source), "pstore");
	report_parts_describe(report, crash);
	if (uname(&name) == 0) {
		snprintf(crash->host, sizeof(crash->host), "%.64s", name.nodename);
		snprintf(crash->machine, sizeof(crash->machine), "%.15s", name.machine);
	}
	crash->capture_time = now;
}

static int write_record(struct record *record, const struct pstore_panic *panic,
			const struct text *text, const char *damage,
			const struct report *report, struct err *err)
{
	int r = keep_panic(record, panic, err);

	describe(record, report, time(NULL));
	if (r == 0)
		r = write_dmesg(record, text, damage, err);
	if (r == 0)
		r = report_parts_write(record, report, err);
	if (r == 0)
		r = record_save_meta(record, err);
	return r;
}

static int make_record(struct collect *c, const struct pstore_panic *panic,
		       const struct text *text, const char *damage,
		       const struct printk_log *log, struct err *err)
{
	_cleanup_record struct record *record = NULL;
	_cleanup_report struct report *report = NULL;
	int64_t crash_time = panic->time >= TIME_MIN ? panic->time : 0;
	int r = make_report(panic, log, crash_time, &report, err);

	if (r == 0)
		r = record_create_hidden(c->options->archive, c->options->layout,
					 crash_time ? (time_t)crash_time : time(NULL),
					 &record, err);
	if (r < 0)
		return r;
	r = write_record(record, panic, text, damage, report, err);
	if (r == 0)
		r = record_reveal(record, err);
	if (r < 0)
		return r; // what is hidden is swept by the next run
	c->result->made++;
	log_info(c->options->log, "'%s' was made: %s", record->path,
		 report->cause[0] ? report->cause : "cause unknown");
	// Another backend may have kept the same crash: it is to find this record.
	return archive_add(&c->archive, &record, err);
}

static int join_record(struct collect *c, const struct record *record,
		       const struct pstore_panic *panic, struct err *err)
{
	int r = keep_panic(record, panic, err);

	if (r == 0) {
		c->result->joined++;
		log_info(c->options->log, "what pstore kept of '%s' was put into it",
			 record->path);
	}
	return r;
}

/* ---- one panic ---- */

struct known {
	const struct collect *collect;
	size_t count, total;
	struct record *record; /* that has one of them */
};

static int visit_known(void *context, struct pstore_entry *entry, struct err *err)
{
	struct known *known = context;
	struct record *record = find_record_of_entry(known->collect, entry);

	known->total++;
	if (record || collected_has(known->collect, entry))
		known->count++;
	// An empty or cut one, or what is no log, may be the same at each crash.
	if (record && (entry->part || strcmp(entry->type, "console") == 0) &&
	    entry->text_size > 0)
		known->record = record;
	return 0;
}

static int visit_remove(void *context, struct pstore_entry *entry, struct err *err)
{
	struct collect *c = context;

	if (!c->options->keep_source &&
	    (unlinkat(c->source_fd, entry->path, 0) == 0 || errno == ENOENT))
		return 0;
	if (!c->options->keep_source) {
		log_warning(c->options->log,
			    "unable to remove '%s/%s': %s; it takes up its space there",
			    c->options->source, entry->path, strerror(errno));
		c->result->left++;
	}
	collected_add(c, entry);
	return 0;
}

/* What a crash kernel has left there of another crash is that one's log. */
static int farewell_unwrap(struct text *text, char damage[static 256], struct err *err)
{
	_cleanup_text struct text log = { 0 };
	struct text whole = *text;

	if (!farewell_find_log(text_get(text), text->size, &log))
		return text_check(&log, err);
	snprintf(damage, 256, "the last words only: no target took the record");
	*text = log;
	log = whole;
	return text_check(text, err);
}

static int keep(struct collect *c, const struct pstore_panic *panic,
		struct record *known_record, struct err *err)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text text = { 0 };
	struct record *record = known_record;
	char damage[256];
	int r = pstore_panic_text(panic, &text, damage, err);

	if (r == 0)
		r = farewell_unwrap(&text, damage, err);
	if (r == 0)
		r = log_text_parse(text_get(&text), text.size, &log, err);
	if (r < 0)
		return r;
	if (!record)
		record = find_record_of_crash(c, &log);
	return record ? join_record(c, record, panic, err)
		      : make_record(c, panic, &text, damage, &log, err);
}

static int collect_panic(struct collect *c, const struct pstore_panic *panic,
			 struct err *err)
{
	struct known known = { .collect = c };
	struct err why = { 0 };
	int r = 0;

	panic_visit(panic, visit_known, &known, NULL);
	c->result->known += known.count;
	if (known.count < known.total)
		r = keep(c, panic, known.record, &why);
	if (r == 0)
		return panic_visit(panic, visit_remove, c, err);
	c->result->failed++;
	log_warning(c->options->log, "'%s' and what belongs to it stay in '%s': %s",
		    panic->writings[0].parts[0]->path, c->options->source,
		    err_text(&why));
	return r == ERR_NOMEM ? err_nomem(err) : 0;
}

/* ---- all ---- */

static int collect_all(struct collect *c, struct pstore_entries *entries, struct err *err)
{
	_cleanup_pstore_panics struct pstore_panics panics = { 0 };
	size_t had;
	int r = pstore_panics_find(entries, &panics, err);

	if (r < 0)
		return r;
	c->result->left += entries->left + panics.left;
	if (panics.count == 0)
		return 0;
	c->archive_fd = open(c->options->archive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->archive_fd < 0)
		return err_os(err, errno, "unable to open the archive '%s'",
			      c->options->archive);
	r = archive_open(c->options->archive, c->options->log, &c->archive, err);
	if (r == 0)
		r = collected_read(c, err);
	had = c->collected.size;
	for (size_t i = 0; r == 0 && i < panics.count; i++)
		r = collect_panic(c, &panics.panics[i], err);
	if (r == 0 && c->collected.size != had)
		r = collected_save(c, err);
	return r;
}

int pstore_collect(const struct pstore_options *options, struct pstore_result *ret,
		   struct err *err)
{
	_cleanup_pstore_entries struct pstore_entries entries = { 0 };
	struct collect c = {
		.options = options, .result = ret, .source_fd = -1, .archive_fd = -1
	};
	int r;

	*ret = (struct pstore_result){ 0 };
	c.source_fd = open(options->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.source_fd < 0 && errno == ENOENT)
		return 0;
	if (c.source_fd < 0)
		r = err_os(err, errno, "unable to open");
	else
		r = pstore_entries_read(c.source_fd, options->depth, options->log,
					&entries, err);
	if (r == 0 && entries.count + entries.left > 0)
		r = collect_all(&c, &entries, err);
	fd_closep(&c.source_fd);
	fd_closep(&c.archive_fd);
	archive_done(&c.archive);
	text_done(&c.collected);
	if (r < 0)
		return err_in(err, r, "the records of pstore in '%s'", options->source);
	return 0;
}
