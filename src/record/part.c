// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define PART_PARTIAL ".partial"

/* A record has ten files; a directory with more than this is something else. */
#define PART_ENTRIES_MAX 4096

/* Read at once for a checksum: the crash kernel has little memory. */
#define PART_CHUNK ((size_t)128 << 10)

/*
 * Plain names, in a directory that says the time: those of kdump-utils 1.0.61
 * (dracut-kdump.sh), then openSUSE's kdump 2.1.9 (kdump-save). Both have "vmcore".
 *
 * Names of Debian's kdump-tools (kdump-config of 1.8.1 and 1.10.9): dmesg.STAMP and
 * dump.STAMP as ours; vmcore.STAMP where makedumpfile failed and all was copied; and what
 * they are called while they are written.
 */
static const struct part_kind {
	const char *key;
	const char *base;
	bool has_stamp;
	const char *foreign_base; /* with a stamp */
	const char *foreign_partial[2];
	const char *plain[2];
	const char *plain_partial;
} part_kinds[RECORD_PART_COUNT] = {
	[RECORD_DMESG] = { "dmesg", "dmesg", true,
			   .plain = { "vmcore-dmesg.txt", "dmesg.txt" },
			   .plain_partial = "vmcore-dmesg-incomplete.txt" },
	[RECORD_REPORT_TEXT] = { "report", "report.txt" },
	[RECORD_REPORT_JSON] = { "report_json", "report.json" },
	[RECORD_MINI] = { "mini", "mini", true },
	[RECORD_DUMP] = { "dump",
			  "dump",
			  true,
			  "vmcore",
			  { "dump-incomplete", "vmcore-incomplete" },
			  .plain = { "vmcore", "vmcore.flat" },
			  .plain_partial = "vmcore-incomplete" },
	[RECORD_LOG] = { "log", "log", .plain = { "kexec-dmesg.log", "README.txt" } },
};

const char *record_part_key(enum record_part part)
{
	return (unsigned int)part < RECORD_PART_COUNT ? part_kinds[part].key : "unknown";
}

const char *record_state_name(enum record_state state)
{
	switch (state) {
	case RECORD_ABSENT:
		return "absent";
	case RECORD_PARTIAL:
		return "partial";
	case RECORD_COMPLETE:
		return "complete";
	}
	return "unknown";
}

/* How many characters at the start of @text are a stamp; 0 if none is. */
static size_t part_stamp_length(const char *text)
{
	size_t length = strspn(text, "0123456789");
	size_t suffix;

	if (length != 12)
		return 0;
	if (text[12] != '-')
		return 12;
	suffix = strspn(text + 13, "0123456789");
	return suffix >= 1 && suffix <= 4 ? 13 + suffix : 12;
}

bool part_stamp_is_valid(const char *stamp)
{
	size_t length = part_stamp_length(stamp);

	return length > 0 && stamp[length] == '\0';
}

/* @pattern: "0" stands for a digit. Returns behind it, or NULL. */
static const char *part_match(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++) {
		bool is_digit = *text >= '0' && *text <= '9';

		if (*pattern == '0' ? !is_digit : *text != *pattern)
			return NULL;
	}
	return text;
}

bool part_name_is_plain(const char *name, const char **ret_stamp)
{
	static const char seconds[] = "0000-00-00-00:00:00",
			  minutes[] = "0000-00-00-00:00";
	size_t length = strlen(name);
	const char *stamp = name, *end = part_match(name, minutes);

	if (length > strlen(seconds) && name[length - strlen(seconds) - 1] == '-')
		stamp = name + length - strlen(seconds);
	if (!end || *end)
		end = part_match(stamp, seconds);
	if (!end || *end)
		return false;
	if (ret_stamp)
		*ret_stamp = stamp;
	return true;
}

/* ---- layouts ---- */

static const char *const layout_names[] = { "debian", "redhat" };

/* kdump-utils puts the address of the machine there: of one that saved to itself, this.
 */
#define PART_HOST "127.0.0.1-"

const char *part_layout_name(enum record_layout layout)
{
	return (size_t)layout < ARRAY_SIZE(layout_names) ? layout_names[layout]
							 : "unknown";
}

int part_layout_parse(const char *name, enum record_layout *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(layout_names); i++) {
		if (strcmp(layout_names[i], name) == 0) {
			*ret = (enum record_layout)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID,
		       "the layout '%.64s' is not one of debian, redhat", name);
}

void part_make_stamp(enum record_layout layout, time_t when,
		     char ret[static PART_STAMP_SIZE])
{
	struct tm tm;

	tzset();
	if (!localtime_r(&when, &tm) || tm.tm_year + 1900 < 0 ||
	    tm.tm_year + 1900 > 9999) {
		when = 0;
		gmtime_r(&when, &tm);
	}
	if (layout == RECORD_REDHAT)
		snprintf(ret, PART_STAMP_SIZE, "%04d-%02d-%02d-%02d:%02d:%02d",
			 (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100,
			 tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100,
			 tm.tm_sec % 100);
	else
		snprintf(ret, PART_STAMP_SIZE, "%04d%02d%02d%02d%02d",
			 (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday,
			 tm.tm_hour, tm.tm_min);
}

void part_directory_name(const char *stamp, char ret[static PART_DIRECTORY_SIZE])
{
	snprintf(ret, PART_DIRECTORY_SIZE, "%s%.31s",
		 part_name_is_plain(stamp, NULL) ? PART_HOST : "", stamp);
}

bool part_directory_is_valid(const char *name)
{
	return part_stamp_is_valid(name) || part_name_is_plain(name, NULL);
}

/* ---- names of files ---- */

static void part_make_name(const char *base, const char *stamp, const char *ending,
			   char ret[static PART_FILE_SIZE])
{
	// Fits: "vmcore" + "." + 31 + ".partial" are 46 bytes.
	snprintf(ret, PART_FILE_SIZE, "%s%s%.31s%s", base, stamp ? "." : "",
		 stamp ? stamp : "", ending);
}

void part_file_name(enum record_part part, const char *stamp, bool is_partial,
		    char ret[static PART_FILE_SIZE])
{
	const struct part_kind *kind = &part_kinds[part];
	const char *ending = is_partial ? PART_PARTIAL : "";

	if (!part_name_is_plain(stamp, NULL))
		part_make_name(kind->base, kind->has_stamp ? stamp : NULL, ending, ret);
	else if (is_partial && kind->plain_partial)
		part_make_name(kind->plain_partial, NULL, "", ret);
	else
		part_make_name(kind->plain[0] ? kind->plain[0] : kind->base, NULL, ending,
			       ret);
}

/* Is @file a part with a stamp? Where its stamp begins, and how long it is. */
static bool part_parse_name(const char *file, const char **ret_stamp, size_t *ret_length)
{
	static const char *const bases[] = { "dmesg.", "mini.", "dump.", "vmcore." };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		size_t base = strlen(bases[i]);
		size_t length;

		if (strncmp(file, bases[i], base) != 0)
			continue;
		length = part_stamp_length(file + base);
		if (length == 0)
			return false;
		if (file[base + length] &&
		    strcmp(file + base + length, PART_PARTIAL) != 0)
			return false;
		*ret_stamp = file + base;
		*ret_length = length;
		return true;
	}
	return false;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* The smallest stamp in the file names; *ret stays as it is where there is none. */
static int part_scan_stamps(int dirfd, char ret[static PART_STAMP_SIZE], struct err *err)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_fd int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	int count = 0;

	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir)
		return err_os(err, errno, "unable to open the directory");
	take_fd(&fd);
	while ((errno = 0, entry = readdir(dir))) {
		char stamp[PART_STAMP_SIZE];
		const char *start;
		size_t length;

		if (++count > PART_ENTRIES_MAX)
			return err_set(err, ERR_LIMIT, "more than %d files",
				       PART_ENTRIES_MAX);
		if (!part_parse_name(entry->d_name, &start, &length))
			continue;
		snprintf(stamp, sizeof(stamp), "%.*s", (int)length, start);
		if (!ret[0] || strcmp(stamp, ret) < 0)
			memcpy(ret, stamp, sizeof(stamp));
	}
	if (errno)
		return err_os(err, errno, "unable to read the directory");
	return 0;
}

int part_find_stamp(int dirfd, const char *name, char ret[static PART_STAMP_SIZE],
		    struct err *err)
{
	char stamp[PART_STAMP_SIZE] = "";
	const char *plain;
	int r = 0;

	if (part_stamp_is_valid(name))
		snprintf(stamp, sizeof(stamp), "%.31s", name);
	else if (part_name_is_plain(name, &plain))
		snprintf(stamp, sizeof(stamp), "%.31s", plain);
	else
		r = part_scan_stamps(dirfd, stamp, err);
	if (r == 0)
		memcpy(ret, stamp, sizeof(stamp));
	return r;
}

static bool part_look_at(int dirfd, const char *file, bool is_whole,
			 struct part_found *ret)
{
	struct stat st;

	if (fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			snprintf(ret->why_not, sizeof(ret->why_not), "'%s': %s", file,
				 strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(ret->why_not, sizeof(ret->why_not), "'%s' is no regular file",
			 file);
		return false;
	}
	snprintf(ret->file, sizeof(ret->file), "%s", file);
	ret->is_whole = is_whole;
	ret->size_bytes = (uint64_t)st.st_size;
	ret->why_not[0] = '\0';
	return true;
}

static bool part_look_plain(int dirfd, const struct part_kind *kind,
			    struct part_found *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind->plain); i++) {
		if (kind->plain[i] && part_look_at(dirfd, kind->plain[i], true, ret))
			return true;
	}
	return kind->plain_partial &&
	       part_look_at(dirfd, kind->plain_partial, false, ret);
}

void part_look(int dirfd, enum record_part part, const char *stamp,
	       struct part_found *ret)
{
	const struct part_kind *kind = &part_kinds[part];
	char file[PART_FILE_SIZE];

	*ret = (struct part_found){ 0 };
	if (kind->has_stamp && !stamp[0])
		return;
	part_file_name(part, stamp, false, file);
	if (part_look_at(dirfd, file, true, ret))
		return;
	if (part_name_is_plain(stamp, NULL) && part_look_plain(dirfd, kind, ret))
		return;
	if (kind->foreign_base) {
		part_make_name(kind->foreign_base, stamp, "", file);
		if (part_look_at(dirfd, file, true, ret))
			return;
	}
	part_file_name(part, stamp, true, file);
	if (part_look_at(dirfd, file, false, ret))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kind->foreign_partial); i++) {
		if (kind->foreign_partial[i] &&
		    part_look_at(dirfd, kind->foreign_partial[i], false, ret))
			return;
	}
}

int part_open(int dirfd, const char *file, int *ret_fd, struct err *err)
{
	// O_NONBLOCK: a FIFO in the file's place must not hang us.
	_cleanup_fd int fd =
		openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open '%s'", file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REFUSED, "'%s' is no regular file", file);
	*ret_fd = take_fd(&fd);
	return 0;
}

static void xxh3_freep(XXH3_state_t **state)
{
	XXH3_freeState(*state);
}

int part_checksum(int fd, char ret[static PART_CHECKSUM_SIZE], struct err *err)
{
	_cleanup_(xxh3_freep) XXH3_state_t *state = XXH3_createState();
	_cleanup_free uint8_t *chunk = malloc(PART_CHUNK);
	XXH128_canonical_t canonical;
	uint64_t offset = 0;
	char *out = ret;

	if (!state || !chunk)
		return err_nomem(err);
	XXH3_128bits_reset(state);
	// Clean pages go, and we read what the disk has. Whether it worked is no matter.
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	for (;;) {
		ssize_t n = pread(fd, chunk, PART_CHUNK, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "unable to read back at offset %llu",
				      (unsigned long long)offset);
		if (n == 0)
			break;
		XXH3_128bits_update(state, chunk, (size_t)n);
		offset += (uint64_t)n;
	}
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
	out += sprintf(out, "xxh3-128:");
	for (size_t i = 0; i < sizeof(canonical.digest); i++)
		out += sprintf(out, "%02x", canonical.digest[i]);
	return 0;
}
