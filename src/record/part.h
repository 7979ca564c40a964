/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of a record: what each part is called, by us, by Debian's kdump-tools, by
 * kdump-utils of Fedora and Red Hat and by openSUSE's kdump, and what lies in a directory
 * under those names. All names are made here, from the stamp of the directory; none comes
 * from outside.
 */
#ifndef RECORD_PART_H
#define RECORD_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record.h"

#define PART_STAMP_SIZE	   32
#define PART_FILE_SIZE	   64
#define PART_CHECKSUM_SIZE 48

/* "202611230042" or "202611230042-7" */
bool part_stamp_is_valid(const char *stamp);

/*
 * Is a directory of this name one of kdump-utils, "127.0.0.1-2026-11-23-00:42:07", or of
 * openSUSE's kdump, "2026-11-23-00:42"? @ret_stamp: the time in it, which is the stamp of
 * such a record; its files have none in their names, and are only read. May be NULL.
 */
bool part_name_is_plain(const char *name, const char **ret_stamp);

/* "debian", "redhat" */
const char *part_layout_name(enum record_layout layout);
int part_layout_parse(const char *name, enum record_layout *ret, struct err *err);

/* The stamp of @when, in local time, in that layout. A clock that is out of its mind must
 * not cost the record: such a time becomes 1970. */
void part_make_stamp(enum record_layout layout, time_t when,
		     char ret[static PART_STAMP_SIZE]);

/* The directory of that stamp: the stamp, or "127.0.0.1-" before a plain one. */
#define PART_DIRECTORY_SIZE (PART_STAMP_SIZE + 16)
void part_directory_name(const char *stamp, char ret[static PART_DIRECTORY_SIZE]);

/* Of a record in the archive: as we name it, or another tool does? */
bool part_directory_is_valid(const char *name);

/* "dump.202611230042", "dump.202611230042.partial", "report.txt", ...; of a plain stamp
 * "vmcore", "vmcore-incomplete", ... */
void part_file_name(enum record_part part, const char *stamp, bool is_partial,
		    char ret[static PART_FILE_SIZE]);

/*
 * The stamp in the names of this directory's parts: @name, which is that of the
 * directory, if it is one; the time in it if it is a plain one; else (a directory that
 * was renamed or copied) the first found in the file names; else "".
 */
int part_find_stamp(int dirfd, const char *name, char ret[static PART_STAMP_SIZE],
		    struct err *err);

struct part_found {
	char file[PART_FILE_SIZE]; /* "" if there is none */
	bool is_whole;		   /* by its name */
	uint64_t size_bytes;
	char why_not[128]; /* a file of that name is there, but can't be one */
};

/* A whole file goes before a partial one. Only regular files; links are not followed. */
void part_look(int dirfd, enum record_part part, const char *stamp,
	       struct part_found *ret);

/* For reading, if it is a regular file and no link. */
int part_open(int dirfd, const char *file, int *ret_fd, struct err *err);

/* XXH3 with 128 bits of the file's bytes, read from the disk and not from the cache where
 * the kernel lets us: "xxh3-128:<32 hex digits>", the digits of `xxhsum -H2`. */
int part_checksum(int fd, char ret[static PART_CHECKSUM_SIZE], struct err *err);

#endif
