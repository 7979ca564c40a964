// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/pstore_entry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/pstore_unpack.h"
#include "base/fd.h"

#define COMPRESSED_END ".enc.z"
#define HEADER_LINES   3 /* "====", "Panic: Total", "Panic#": not deeper than that */

/* ---- its name ---- */

/* Types may hold a "-" themselves, so they are looked for, longest first. */
static const char *const pstore_types[] = {
	"powerpc-common", "powerpc-opal", "powerpc-ofw", "console", "ftrace",
	"dmesg",	  "pmsg",	  "rtas",	 "mce",
};

bool pstore_entry_parse_name(const char *name, struct pstore_entry *ret)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789_.-";
	struct pstore_entry entry = { 0 };
	size_t length = strlen(name), type = 0;
	const char *id;

	if (strspn(name, allowed) != length)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(pstore_types) && type == 0; i++) {
		size_t size = strlen(pstore_types[i]);

		if (strncmp(name, pstore_types[i], size) == 0 && name[size] == '-')
			type = size;
	}
	if (length > strlen(COMPRESSED_END) &&
	    strcmp(name + length - strlen(COMPRESSED_END), COMPRESSED_END) == 0) {
		entry.is_compressed = true;
		length -= strlen(COMPRESSED_END);
	}
	for (id = name + length; id > name && id[-1] >= '0' && id[-1] <= '9';)
		id--;
	if (type == 0 || id == name + length || name + length - id > 20 ||
	    id < name + type + 3 || id[-1] != '-' ||
	    (size_t)(id - 1 - (name + type + 1)) >= sizeof(entry.backend))
		return false;
	snprintf(entry.type, sizeof(entry.type), "%.*s", (int)type, name);
	snprintf(entry.backend, sizeof(entry.backend), "%.*s",
		 (int)(id - 1 - (name + type + 1)), name + type + 1);
	errno = 0;
	entry.id = strtoull(id, NULL, 10);
	if (errno)
		return false;
	*ret = entry;
	return true;
}

/* ---- its bytes ---- */

static void damage(struct pstore_entry *entry, const char *why)
{
	if (!entry->damage[0])
		snprintf(entry->damage, sizeof(entry->damage), "%.60s: %.60s",
			 entry->name, why);
}

/* "Panic#2 Part1" */
static bool parse_header(const char *line, size_t size, struct pstore_entry *entry)
{
	unsigned long long count;
	unsigned int part;

	if (!pstore_parse_header(line, size, entry->reason, &count, &part))
		return false;
	entry->count = count;
	entry->part = part;
	return true;
}

/* How many bytes at the beginning are headers. */
static size_t take_headers(const char *text, size_t size, struct pstore_entry *entry)
{
	size_t at = 0, headers = 0;

	for (int i = 0; i < HEADER_LINES; i++) {
		const char *line = text + at;
		const char *end = memchr(line, '\n', size - at);
		size_t length = end ? (size_t)(end - line) : 0;

		if (!end)
			break;
		at += length + 1;
		if (parse_header(line, length, entry))
			return at;
		if (length > 4 && memcmp(line, "====", 4) == 0)
			headers = at; // ramoops' own, where it was not understood
	}
	return headers;
}

/*
 * "\nECC: 3 Corrected bytes, 0 unrecoverable blocks\n", "\nECC: No errors detected\n";
 * older kernels have it without "ECC: ". Returns the size without it.
 */
static size_t take_ecc_notice(const char *text, size_t size, struct pstore_entry *entry)
{
	unsigned int corrected, lost = 0;
	char line[80];
	const char *start;

	if (size < 3 || text[size - 1] != '\n')
		return size;
	start = memrchr(text, '\n', size - 1);
	start = start ? start + 1 : text;
	if ((size_t)(text + size - start) >= sizeof(line))
		return size;
	snprintf(line, sizeof(line), "%.*s", (int)(text + size - 1 - start), start);
	if (sscanf(line, "ECC: %u Corrected bytes, %u unrecoverable", &corrected,
		   &lost) != 2 &&
	    sscanf(line, "%u Corrected bytes, %u unrecoverable", &corrected, &lost) !=
		    2 &&
	    strcmp(line, "ECC: No errors detected") != 0 &&
	    strcmp(line, "No errors detected") != 0)
		return size;
	if (lost > 0)
		damage(entry, "bytes of it could not be corrected");
	size = (size_t)(start - text);
	return size > 0 && text[size - 1] == '\n' ? size - 1 : size;
}

/* What efi put into its id, where the header is gone. */
static void take_efi_id(struct pstore_entry *entry)
{
	if (strncmp(entry->backend, "efi", 3) != 0 || entry->part)
		return;
	entry->count = entry->id % 1000;
	entry->part = (uint32_t)(entry->id / 1000 % 100);
}

/* The ECC notice stands behind the packed bytes: it is of ramoops, not of the codec. */
static int unpack_text(struct pstore_entry *entry, char **ret, size_t *ret_size,
		       struct err *err)
{
	size_t size = take_ecc_notice(entry->data, entry->size, entry);
	struct pstore_unpacked unpacked;
	int r = pstore_unpack(entry->data, size, &unpacked, err);

	if (r < 0)
		return r;
	if (unpacked.damage)
		damage(entry, unpacked.damage);
	*ret = unpacked.text;
	*ret_size = unpacked.size;
	return 0;
}

int pstore_entry_read_text(struct pstore_entry *entry, struct err *err)
{
	_cleanup_free char *unpacked = NULL;
	const char *text = entry->data;
	size_t size = entry->size, start;

	if (entry->is_compressed) {
		int r = unpack_text(entry, &unpacked, &size, err);

		if (r < 0)
			return r;
		text = unpacked;
	}
	start = strcmp(entry->type, "dmesg") == 0 ? take_headers(text, size, entry) : 0;
	size = start + take_ecc_notice(text + start, size - start, entry);
	if (strcmp(entry->type, "dmesg") == 0 && !entry->part) {
		take_efi_id(entry);
		damage(entry, "its header can't be read");
	}
	// Freed RAM behind a cut text: zeros are no text.
	while (size > start && text[size - 1] == '\0')
		size--;
	entry->text = malloc(size - start + 1);
	if (!entry->text)
		return err_nomem(err);
	memcpy(entry->text, text + start, size - start);
	entry->text[size - start] = '\0';
	entry->text_size = size - start;
	return 0;
}

static void entry_done(struct pstore_entry *entry)
{
	free(entry->path);
	free(entry->data);
	free(entry->text);
}

/* Of the record, where its id tells: the file's may be that of the mount. */
static int64_t entry_time(const struct pstore_entry *entry, const struct stat *st)
{
	if (strncmp(entry->backend, "efi", 3) == 0)
		return (int64_t)(entry->id / 100000);
	if (strcmp(entry->backend, "erst") == 0 && entry->id >> 32)
		return (int64_t)(entry->id >> 32);
	return st->st_mtim.tv_sec;
}

static int entry_read(int dirfd, struct pstore_entry *entry, size_t *total,
		      struct err *err)
{
	_cleanup_fd int fd = openat(dirfd, entry->name,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	size_t limit = MIN(PSTORE_FILE_MAX, PSTORE_TOTAL_MAX - *total);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "it is no regular file");
	if ((uint64_t)st.st_size > limit)
		return err_set(err, ERR_LIMIT, "it has %lld bytes, that is too much",
			       (long long)st.st_size);
	// To its end: of ftrace the file's size is that of the packed calls, not of the
	// text that is read (Linux fs/pstore/inode.c pstore_ftrace_seq_show()).
	r = fd_read_to_end(fd, limit, &entry->data, &entry->size, err);
	if (r < 0)
		return r;
	entry->time = entry_time(entry, &st);
	r = pstore_entry_read_text(entry, err);
	if (r == 0)
		*total = MIN(*total + entry->size + entry->text_size,
			     PSTORE_TOTAL_MAX); // at most one text too many
	return r;
}

/* ---- all of a directory ---- */

struct reader {
	const struct log *log;
	struct pstore_entries *entries;
	size_t total;
};

static int reader_file(struct reader *reader, int dirfd, const char *prefix,
		       const char *name, struct err *err)
{
	struct pstore_entries *all = reader->entries;
	struct pstore_entry entry, *grown;
	struct err why = { 0 };
	int r;

	if (!pstore_entry_parse_name(name, &entry)) {
		log_debug(reader->log, "a file that is no record of pstore is left");
		return 0;
	}
	if (all->count >= PSTORE_ENTRIES_MAX) {
		if (all->left++ == 0)
			log_warning(reader->log, "more than %d records: the rest is left",
				    PSTORE_ENTRIES_MAX);
		return 0;
	}
	if (asprintf(&entry.path, "%s%s", prefix, name) < 0)
		return err_nomem(err);
	entry.name = entry.path + strlen(prefix);
	r = entry_read(dirfd, &entry, &reader->total, &why);
	grown = r == 0 ? reallocarray(all->entries, all->count + 1, sizeof(*grown))
		       : NULL;
	if (grown) {
		all->entries = grown;
		grown[all->count++] = entry;
		return 0;
	}
	entry_done(&entry);
	if (r == 0 || r == ERR_NOMEM)
		return err_nomem(err);
	log_warning(reader->log, "'%s%s' is left where it is: %s", prefix, name,
		    err_text(&why));
	all->left++;
	return 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int reader_directory(struct reader *reader, int dirfd, int depth,
			    const char *prefix, struct err *err);

static int reader_below(struct reader *reader, int dirfd, int depth, const char *prefix,
			const char *name, struct err *err)
{
	_cleanup_fd int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free char *below = NULL;

	if (fd < 0)
		return 0; // it is going, or is not ours to read
	if (asprintf(&below, "%s%s/", prefix, name) < 0)
		return err_nomem(err);
	return reader_directory(reader, fd, depth - 1, below, err);
}

/* Recurses at most as deep as pstore_entries_read() was told. */
static int reader_directory(struct reader *reader, int dirfd, int depth,
			    const char *prefix, struct err *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return err_os(err, errno, "unable to open the directory '%s'", prefix);
	take_fd(&fd);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0)
			r = reader_below(reader, dirfd, depth, prefix, entry->d_name,
					 err);
		else if (!S_ISDIR(st.st_mode))
			r = reader_file(reader, dirfd, prefix, entry->d_name, err);
	}
	if (r == 0 && errno)
		return err_os(err, errno, "unable to read the directory '%s'", prefix);
	return r;
}

static int compare_entries(const void *a, const void *b)
{
	const struct pstore_entry *x = a, *y = b;
	int r = strcmp(x->backend, y->backend);

	if (r == 0)
		r = (x->id > y->id) - (x->id < y->id);
	return r ? r : strcmp(x->path, y->path);
}

int pstore_entries_read(int dirfd, int depth, const struct log *log,
			struct pstore_entries *ret, struct err *err)
{
	_cleanup_pstore_entries struct pstore_entries entries = { 0 };
	struct reader reader = { .log = log, .entries = &entries };
	int r = reader_directory(&reader, dirfd, depth, "", err);

	if (r < 0)
		return r;
	if (entries.count > 0)
		qsort(entries.entries, entries.count, sizeof(*entries.entries),
		      compare_entries);
	*ret = entries;
	entries = (struct pstore_entries){ 0 };
	return 0;
}

void pstore_entries_done(struct pstore_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		entry_done(&entries->entries[i]);
	free(entries->entries);
	*entries = (struct pstore_entries){ 0 };
}
