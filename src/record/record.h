/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ONE crash on disk = one directory:
 *
 *   /var/crash/202611230042/        0700; named as Debian's kdump-tools names it
 *     meta.json                     what is here, in which state, and of which crash
 *     dmesg.202611230042            parts; all files 0600
 *     report.txt  report.json
 *     dump.202611230042  mini.202611230042
 *     log                           what capture itself did
 *
 * While a part is being written its name ends in ".partial"; it is fsynced, renamed, then
 * the directory is fsynced, then meta.json is replaced the same way. So a part without
 * ".partial" is whole as its writer made it, whatever happened afterwards, and meta.json
 * never claims more than what lies there.
 *
 * Knows names, states and publishing; nothing of what the parts contain.
 */
#ifndef RECORD_RECORD_H
#define RECORD_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "record/contents.h"

#define RECORD_SCHEMA_VERSION 1

/*
 * Larger parts are published without a checksum. It has to be made by reading the file
 * back (a dump is not written in order), and that time is taken from the deadline of a
 * step that has already done its work. 256 MiB is three seconds of a disk that gives 100
 * MB/s.
 */
#define RECORD_CHECKSUM_MAX_BYTES ((uint64_t)256 << 20)

/* Crashes that start in one minute: "202611230042", "-1" ... "-99". */
#define RECORD_SAME_MINUTE_MAX 100

/*
 * How a new record is named, for the tools that look for crashes: they find theirs, and
 * what else is in the directory does not disturb them. Read are all of them, always.
 *
 *   debian   202611230042/{dmesg,dump,mini}.202611230042   kdump-tools; apport
 *   redhat   127.0.0.1-2026-11-23-00:42:07/{vmcore-dmesg.txt,vmcore,mini,kexec-dmesg.log}
 *            kdump-utils; sos, abrt-harvest-vmcore. Another crash of the same second is
 *            named after the next one that is free.
 */
enum record_layout {
	RECORD_DEBIAN,
	RECORD_REDHAT,
};

enum record_part {
	RECORD_DMESG,
	RECORD_REPORT_TEXT,
	RECORD_REPORT_JSON,
	RECORD_MINI,
	RECORD_DUMP,
	RECORD_LOG,
	RECORD_PART_COUNT,
};

enum record_state {
	RECORD_ABSENT,	/* not there; the reason says why, or "" if nobody wanted it */
	RECORD_PARTIAL, /* there and readable as far as it goes; the reason says why */
	RECORD_COMPLETE,
};

struct record_part_meta {
	enum record_state state;
	char reason[256];     /* "" for complete */
	char note[160];	      /* "level 31 in place of 1: ..."; or "" */
	uint64_t size_bytes;  /* of the file; 0 if absent */
	char checksum[48];    /* "xxh3-128:<32 hex digits>"; "" if absent or not made */
	uint64_t duration_ms; /* that the step took */
	char file[64];	      /* its name as found on disk, never as read; "" if absent */
	struct record_contents contents; /* of "mini" and "dump", if its writer told */
};

/*
 * Facts of the crash that every reader of a list wants; "" or 0 where unknown. After
 * record_open() each string is one line of valid UTF-8 without control characters, so
 * that it can be shown on a terminal; what is saved is made so first.
 */
struct record_crash {
	char kernel_release[65];
	char build_id[41];
	char machine[16]; /* "x86_64" */
	char host[65];
	char boot_id[37];
	char cause[256]; /* one line */
	char title[160];
	char signature[32];   /* the same for equal crashes */
	char source[16];      /* "kdump", "pstore" */
	char step[16];	      /* of the capture, as it began: see RECORD_STEP_END */
	int64_t crash_time;   /* unix seconds, VMCOREINFO's CRASHTIME */
	int64_t capture_time; /* unix seconds */
	uint64_t uptime_ms;   /* of the dead kernel */
};

/*
 * What crash.step says once capture has done all its steps. Another word, and no capture
 * that goes on: the crash kernel died in that step, or the power was cut.
 */
#define RECORD_STEP_END "end"

struct record {
	char *path;	/* of the directory: absolute, without links */
	char stamp[32]; /* "202611230042", maybe with a suffix "-1"; in part names; or
			   "2026-11-23-00:42:07", of which they have nothing */
	int dirfd;
	char meta_reason[256]; /* why meta.json says nothing; "" where it was read */
	struct record_crash crash;
	struct record_part_meta parts[RECORD_PART_COUNT];
	int part_fd[RECORD_PART_COUNT]; /* -1 unless being written */
};

/*
 * Makes a new directory below @archive (made too if it is missing) named after @when in
 * local time, with a suffix if that minute is taken, and writes its first meta.json, in
 * which every part is absent and crash.capture_time is @when. Without a layout: debian.
 */
int record_create(const char *archive, time_t when, struct record **ret, struct err *err);
int record_create_as(const char *archive, enum record_layout layout, time_t when,
		     struct record **ret, struct err *err);

/*
 * The same, in a hidden directory ".202611230042.new", which is no record to anybody yet,
 * and its revealing when all is in it: one rename, durable. So a record that is made from
 * something that is deleted afterwards is there as a whole or not at all. What a kill
 * leaves is the archive's to sweep. One at a time: the caller holds the archive's lock.
 */
int record_create_hidden(const char *archive, enum record_layout layout, time_t when,
			 struct record **ret, struct err *err);
int record_reveal(struct record *record, struct err *err);
#define RECORD_HIDDEN_END ".new"

/*
 * Reads meta.json of an existing record. A directory without one (another tool's, or cut
 * off before its first byte), or with one that makes no sense, is read from its file
 * names, and meta_reason says so: ERR_NOTFOUND only if nothing in it is ours. Parts that
 * are named partial on disk are partial whatever meta.json says, so is one that is
 * shorter than meta.json says, and a part whose file is missing is absent. Links are not
 * followed.
 */
int record_open(const char *path, struct record **ret, struct err *err);
void record_close(struct record *record);
static inline void record_closep(struct record **record)
{
	record_close(*record);
}

/*
 * Opens NAME.partial for writing and reading, empty, 0600. The descriptor is the
 * record's. ERR_INVALID for a part that is complete: it is never opened again.
 */
int record_part_begin(struct record *record, enum record_part part, int *ret_fd,
		      struct err *err);

/*
 * fsync, checksum (see RECORD_CHECKSUM_MAX_BYTES), rename, fsync of the directory,
 * meta.json. @state is COMPLETE or PARTIAL; a partial part keeps its ".partial" name and
 * is listed with @reason. On failure the part is closed and stays partial, with the
 * failure as its reason.
 */
int record_part_publish(struct record *record, enum record_part part,
			enum record_state state, const char *reason, uint64_t duration_ms,
			struct err *err);

/* The step failed with nothing of use: removes the file, notes the reason. */
int record_part_abandon(struct record *record, enum record_part part, const char *reason,
			uint64_t duration_ms, struct err *err);

/*
 * Takes a published part away again, to make room for another crash's; @reason says so in
 * meta.json first, so that nobody misses it without knowing why.
 */
int record_part_remove(struct record *record, enum record_part part, const char *reason,
		       struct err *err);

/* What is special about a part, and what is in a dump; into meta.json with the next
 * change. Of a part that lies elsewhere (record/raw.h) too, which is absent here. */
void record_part_note(struct record *record, enum record_part part, const char *note);
void record_part_contents(struct record *record, enum record_part part,
			  const struct record_contents *contents);

/* Was its capture cut off? In which step: see RECORD_STEP_END. */
bool record_was_cut(const struct record *record);

/* begin + write + publish of something that is in memory. */
int record_part_write(struct record *record, enum record_part part, const void *data,
		      size_t size, uint64_t duration_ms, struct err *err);

/* Replaces meta.json durably: after changing record->crash. */
int record_save_meta(struct record *record, struct err *err);

/* Opens what is there of a part for reading; the caller closes. ERR_NOTFOUND if absent.
 */
int record_part_open(const struct record *record, enum record_part part, int *ret_fd,
		     struct err *err);

/*
 * Does the file on disk still have the checksum of meta.json? ERR_CORRUPT if not,
 * ERR_NOTFOUND if there is no part or no checksum of it.
 */
int record_part_verify(struct record *record, enum record_part part, struct err *err);

/* The file name of a part in this record, ".partial" included where it is so. */
void record_part_name(const struct record *record, enum record_part part,
		      char ret[static NAME_MAX + 1]);

/* "dmesg", "report", "report_json", "mini", "dump", "log": stable, as in meta.json. */
const char *record_part_key(enum record_part part);
const char *record_state_name(enum record_state state);

#define _cleanup_record _cleanup_(record_closep)

#endif
