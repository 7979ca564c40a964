// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive/foreign.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/fd.h"

#define HEAD_SIZE ((size_t)64 << 10) /* a log has a line with a time in this */

/* ---- what a file is ---- */

/* "[    2.000001] ", maybe behind "<6>": what the kernel's own time looks like. */
static bool is_log_line(const char *line, size_t size)
{
	size_t i = 0, digits;

	if (size > 3 && line[0] == '<') {
		const char *end = memchr(line, '>', MIN(size, (size_t)5));

		i = end ? (size_t)(end + 1 - line) : 0;
	}
	if (i >= size || line[i++] != '[')
		return false;
	while (i < size && line[i] == ' ')
		i++;
	for (digits = 0; i < size && line[i] >= '0' && line[i] <= '9'; i++)
		digits++;
	if (digits == 0 || i >= size || line[i++] != '.')
		return false;
	for (digits = 0; i < size && line[i] >= '0' && line[i] <= '9'; i++)
		digits++;
	return digits == 6 && i < size && line[i] == ']';
}

static bool is_log(const char *text, size_t size)
{
	// A log with a damaged line may have a NUL in it, but does not begin with one.
	if (size == 0 || memchr(text, '\0', MIN(size, (size_t)64)))
		return false;
	for (const char *p = text, *end = text + size; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (is_log_line(p, (size_t)((stop ? stop : end) - p)))
			return true;
		if (!stop)
			break;
		p = stop + 1;
	}
	return false;
}

static bool begins(const void *head, size_t size, const char *magic, size_t length)
{
	return size >= length && memcmp(head, magic, length) == 0;
}

enum foreign_kind foreign_classify(const void *head, size_t size)
{
	static const struct {
		const char *magic;
		size_t length;
		enum foreign_kind kind;
	} magics[] = {
		{ "KDUMP   ", 8, FOREIGN_DUMP },
		{ "makedumpfile", 12, FOREIGN_DUMP }, // flattened
		{ "\x1f\x8b", 2, FOREIGN_PACKED },    // gzip
		{ "\xfd"
		  "7zXZ",
		  5, FOREIGN_PACKED },
		{ "BZh", 3, FOREIGN_PACKED },
		{ "\x04\x22\x4d\x18", 4, FOREIGN_PACKED }, // lz4
		{ "\x28\xb5\x2f\xfd", 4, FOREIGN_PACKED }, // zstd
		{ "ProblemType: KernelCrash", 24, FOREIGN_APPORT },
	};
	const uint8_t *bytes = head;

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (begins(head, size, magics[i].magic, magics[i].length))
			return magics[i].kind;
	}
	if (begins(head, size, ELFMAG, SELFMAG))
		return size >= 18 && load_le16(bytes + 16) == ET_CORE ? FOREIGN_DUMP
								      : FOREIGN_NOTHING;
	return is_log(head, size) ? FOREIGN_DMESG : FOREIGN_NOTHING;
}

/* ---- when ---- */

int64_t foreign_parse_time(const char *name, const char **ret_source)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *source, *stamp = name;
	int end = 0;

	if (strspn(name, "0123456789") == 12 && (!name[12] || name[12] == '-')) {
		sscanf(name, "%4d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		       &tm.tm_hour, &tm.tm_min);
		source = "kdump-tools";
	} else {
		// "HOST-2024-01-02-03:04:05": the host may have dashes in it.
		size_t length = strlen(name);
		bool has_host = length > 20 && name[length - 20] == '-';

		stamp = has_host ? name + length - 19 : name;
		if (sscanf(stamp, "%4d-%2d-%2d-%2d:%2d%n", &tm.tm_year, &tm.tm_mon,
			   &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &end) != 5)
			return 0;
		if (stamp[end] && sscanf(stamp + end, ":%2d", &tm.tm_sec) != 1)
			return 0;
		source = has_host ? "kdump-utils" : "suse-kdump";
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31)
		return 0;
	*ret_source = source;
	return MAX(mktime(&tm), 0);
}

/* ---- files ---- */

static void file_done(struct foreign_file *file)
{
	free(file->name);
	fd_closep(&file->fd);
	*file = (struct foreign_file){ .fd = -1 };
}

/* What is shown, and removed by --move: a name that any tool could have given. */
static bool name_is_sane(const char *name)
{
	for (const char *p = name; *p; p++) {
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return false;
	}
	return name[0] && name[0] != '.';
}

static bool name_is_unfinished(const char *name)
{
	return strstr(name, "incomplete") || strstr(name, ".partial");
}

static int file_open(int dirfd, const char *name, struct foreign_file *ret,
		     enum foreign_kind *ret_kind, struct err *err)
{
	_cleanup_fd int fd = openat(
		dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	_cleanup_free char *head = malloc(HEAD_SIZE);
	_cleanup_free char *copy = strdup(name);
	struct stat st;
	ssize_t n;

	if (!head || !copy)
		return err_nomem(err);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_REFUSED, "it is a link");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "it is no regular file");
	do
		n = pread(fd, head, HEAD_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_os(err, errno, "unable to read");
	*ret_kind = foreign_classify(head, (size_t)n);
	*ret = (struct foreign_file){
		.name = take_ptr(copy),
		.fd = take_fd(&fd),
		.st = st,
		.is_unfinished = name_is_unfinished(name),
	};
	return 0;
}

/* Is @a the one to take, of two of a kind? */
static bool file_is_better(const struct foreign_file *a, const struct foreign_file *b)
{
	bool a_named = strstr(a->name, "dmesg"), b_named = strstr(b->name, "dmesg");

	if (a->is_unfinished != b->is_unfinished)
		return b->is_unfinished;
	if (a_named != b_named)
		return a_named;
	return strcmp(a->name, b->name) < 0;
}

/* Takes @file. */
static void foreign_offer(const struct foreign *foreign, struct foreign_file *place,
			  struct foreign_file *file, const struct log *log)
{
	struct foreign_file loser = *file;

	if (!place->name) {
		*place = *file;
		return;
	}
	if (file_is_better(file, place)) {
		loser = *place;
		*place = *file;
	}
	log_warning(log, "'%s' has two of a kind: '%s' is taken, '%s' is not",
		    foreign->path, place->name, loser.name);
	file_done(&loser);
}

/* A file that can't be taken is a warning where it may have been meant. */
static int foreign_take(struct foreign *foreign, const char *name, const struct log *log,
			struct err *err)
{
	struct foreign_file file = { .fd = -1 };
	enum foreign_kind kind;
	struct err why = { 0 };
	int r = file_open(foreign->dirfd, name, &file, &kind, &why);

	if (r == ERR_NOMEM)
		return err_nomem(err);
	if (r < 0) {
		log_warning(log, "'%s/%s' is left out: %s", foreign->path, name,
			    err_text(&why));
		return 0;
	}
	// Its lines have the same look; whose they are only the name tells.
	if (strcmp(name, "kexec-dmesg.log") == 0 || strcmp(name, "README.txt") == 0)
		foreign_offer(foreign, &foreign->log, &file, log);
	else if (kind == FOREIGN_DUMP)
		foreign_offer(foreign, &foreign->dump, &file, log);
	else if (kind == FOREIGN_DMESG)
		foreign_offer(foreign, &foreign->dmesg, &file, log);
	else
		file_done(&file);
	if (kind == FOREIGN_PACKED || kind == FOREIGN_APPORT)
		log_warning(
			log, "'%s/%s' is left out: %s", foreign->path, name,
			kind == FOREIGN_PACKED
				? "it is compressed: unpack it first"
				: "take it apart first: apport-unpack FILE DIRECTORY");
	return 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int foreign_scan(struct foreign *foreign, const struct log *log, struct err *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_fd int fd =
		openat(foreign->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t count = 0;
	int r = 0;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return err_os(err, errno, "unable to open the directory");
	take_fd(&fd);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (++count > FOREIGN_ENTRIES_MAX)
			return err_set(err, ERR_LIMIT, "more than %d files",
				       FOREIGN_ENTRIES_MAX);
		if (fstatat(foreign->dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) <
			    0 ||
		    S_ISDIR(st.st_mode))
			continue;
		if (!name_is_sane(entry->d_name))
			log_warning(log, "a file with a strange name in '%s' is left out",
				    foreign->path);
		else
			r = foreign_take(foreign, entry->d_name, log, err);
	}
	if (r == 0 && errno)
		r = err_os(err, errno, "unable to read the directory");
	return r;
}

/* ---- a single file ---- */

static int foreign_open_file(struct foreign *foreign, struct err *err)
{
	_cleanup_free char *above = strdup(foreign->path);
	struct foreign_file file = { .fd = -1 };
	enum foreign_kind kind = FOREIGN_NOTHING;
	char *slash, *name;
	int r;

	if (!above)
		return err_nomem(err);
	slash = strrchr(above, '/');
	name = slash ? slash + 1 : above;
	if (!name_is_sane(name))
		return err_set(err, ERR_REFUSED, "a strange name");
	if (slash)
		*slash = '\0';
	foreign->is_file = true;
	foreign->dirfd = open(!slash	 ? "."
			      : above[0] ? above
					 : "/",
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (foreign->dirfd < 0)
		return err_os(err, errno, "unable to open its directory");
	r = file_open(foreign->dirfd, name, &file, &kind, err);
	if (r < 0)
		return r;
	if (kind == FOREIGN_DUMP)
		foreign->dump = file;
	else if (kind == FOREIGN_DMESG)
		foreign->dmesg = file;
	else
		file_done(&file);
	if (kind == FOREIGN_PACKED)
		return err_set(err, ERR_UNSUPPORTED, "it is compressed: unpack it first");
	if (kind == FOREIGN_APPORT)
		return err_set(err, ERR_UNSUPPORTED,
			       "take it apart first: apport-unpack FILE DIRECTORY");
	return 0;
}

/* ---- all ---- */

static void foreign_find_time(struct foreign *foreign)
{
	_cleanup_free char *real = realpath(foreign->path, NULL);
	const struct foreign_file *file =
		foreign->dump.name ? &foreign->dump : &foreign->dmesg;
	const char *slash = real ? strrchr(real, '/') : NULL;

	foreign->source = "file";
	if (!foreign->is_file && slash)
		foreign->time = foreign_parse_time(slash + 1, &foreign->source);
	if (foreign->time <= 0)
		foreign->time = file->st.st_mtime;
}

int foreign_open(const char *path, const struct log *log, struct foreign *ret,
		 struct err *err)
{
	_cleanup_foreign struct foreign foreign = {
		.path = strdup(path),
		.dirfd = -1,
		.dump.fd = -1,
		.dmesg.fd = -1,
		.log.fd = -1,
	};
	struct stat st;
	int r;

	if (!foreign.path)
		return err_nomem(err);
	for (size_t n = strlen(path); n > 1 && foreign.path[n - 1] == '/'; n--)
		foreign.path[n - 1] = '\0';
	if (lstat(foreign.path, &st) < 0)
		return err_os(err, errno, "'%s'", path);
	if (S_ISREG(st.st_mode)) {
		r = foreign_open_file(&foreign, err);
	} else if (S_ISDIR(st.st_mode)) {
		foreign.dirfd = open(foreign.path,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = foreign.dirfd < 0 ? err_os(err, errno, "unable to open")
				      : foreign_scan(&foreign, log, err);
	} else {
		r = err_set(err, ERR_REFUSED, "%s",
			    S_ISLNK(st.st_mode) ? "it is a link: name what it leads to"
						: "neither a file nor a directory");
	}
	if (r == 0 && !foreign.dump.name && !foreign.dmesg.name)
		r = err_set(err, ERR_NOTFOUND, "no dump and no kernel log is there");
	if (r < 0)
		return err_in(err, r, "'%s'", path);
	foreign_find_time(&foreign);
	*ret = foreign;
	foreign = (struct foreign){
		.dirfd = -1, .dump.fd = -1, .dmesg.fd = -1, .log.fd = -1
	};
	return 0;
}

void foreign_done(struct foreign *foreign)
{
	free(foreign->path);
	fd_closep(&foreign->dirfd);
	file_done(&foreign->dump);
	file_done(&foreign->dmesg);
	file_done(&foreign->log);
}
