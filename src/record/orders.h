/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running system tells the crash kernel: written by prepare into the capture
 * image as /etc/epitaph/orders.json, read by capture. It lives beside the record because
 * both of them know the record and nothing else of each other.
 */
#ifndef RECORD_ORDERS_H
#define RECORD_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "record/record.h"

#define ORDERS_PATH	      "/etc/epitaph/orders.json"
#define ORDERS_SCHEMA_VERSION 2
#define ORDERS_MODULES_MAX    256
#define ORDERS_TARGETS_MAX    8
#define ORDERS_LIMIT_BYTES    ((size_t)1 << 20) /* of the JSON */
#define ORDERS_TIMEOUT_MAX_S  (7 * 24 * 3600)
#define ORDERS_LOG_LINES_MAX  10000
#define ORDERS_DEVICES_MAX    8
#define ORDERS_SEGMENTS_MAX   32
#define ORDERS_LOOP_MAX	      1000
#define ORDERS_LOOP_MAX_S     (30 * 24 * 3600)
#define ORDERS_PAGES_MAX_S    600
#define ORDERS_WATCHDOG_MAX_S 3600

enum orders_mode {
	ORDERS_FULL,  /* dmesg, report, mini dump, dump */
	ORDERS_DMESG, /* dmesg and report only */
	ORDERS_MINI,  /* dmesg, report, mini dump */
};

enum orders_end {
	ORDERS_REBOOT,
	ORDERS_POWEROFF,
	ORDERS_HALT,
};

enum orders_target_kind {
	ORDERS_FILE_SYSTEM, /* found by what is in its superblock: names of disks change
			     */
	ORDERS_RAW,	    /* a partition of our own: see record/raw.h */
};

/*
 * A block device that is made by software of others, below a target: LVM's logical volume
 * (device mapper, linear) or an MD array. The crash kernel makes it again by the kernel's
 * own calls; what it lies on is found by UUIDs, as a file system is.
 */
struct orders_segment {
	uint64_t start, length; /* sectors of 512 bytes, of the device */
	char uuid[40];		/* of the physical volume, as blkid prints it */
	uint64_t offset;	/* sectors, in there */
};

enum orders_device_kind {
	ORDERS_LINEAR,
	ORDERS_MD,
};

struct orders_device {
	enum orders_device_kind kind;
	char name[128]; /* of the mapping: "vg-lv"; of the array: "md127" */
	/* ORDERS_LINEAR */
	struct orders_segment segments[ORDERS_SEGMENTS_MAX];
	size_t segment_count;
	/* ORDERS_MD */
	char uuid[40];				 /* of the array */
	uint32_t disks;				 /* that it has when it is whole */
	uint32_t metadata_major, metadata_minor; /* 1.2 */
};

struct orders_target {
	enum orders_target_kind kind;
	char fstype[16]; /* "ext4"; "" for raw */
	char uuid[40];	 /* as blkid prints it; of a raw one: of its header */
	char device[64]; /* what it was called when armed: for messages only */
	char path[256];	 /* of the archive inside this file system: "/var/crash" */
};

enum orders_step {
	ORDERS_STEP_TARGET,
	ORDERS_STEP_DMESG,
	ORDERS_STEP_REPORT,
	ORDERS_STEP_MINI,
	ORDERS_STEP_DUMP,
	ORDERS_STEP_HOOK, /* each of them */
	ORDERS_STEP_COUNT,
};

struct orders {
	enum orders_mode mode;
	enum orders_end end;
	enum record_layout layout;			  /* of the record's names */
	struct orders_target targets[ORDERS_TARGETS_MAX]; /* the next when one fails */
	size_t target_count;
	struct orders_device devices[ORDERS_DEVICES_MAX]; /* each after what it lies on */
	size_t device_count;
	int dump_level; /* makedumpfile's -d */
	char codec[16]; /* "zstd", "zlib", "lzo", "snappy", "none" */
	int codec_level;
	uint64_t size_limit_bytes; /* of the dump; 0: none */
	bool makes_room;	   /* old dumps may go where the disk is too full */
	uint32_t step_timeout_s[ORDERS_STEP_COUNT];
	uint32_t total_timeout_s;
	uint32_t stall_timeout_s; /* a step that does not move at all for so long ends */
	/* With so many crashes in so many seconds before this one only dmesg and report
	 * are kept; 0: never. */
	uint32_t loop_crashes, loop_s;
	uint32_t console_pages_s;    /* a page of the dead kernel's log; 0: not shown */
	uint32_t watchdog_timeout_s; /* 0: no watchdog is touched */
	uint32_t log_tail_lines;     /* of dmesg in the report */
	char host[65];
	/* TZ of the running system (POSIX, tzset(3)), so that records are named in its
	 * local time: the crash kernel has no zone files. "": UTC. */
	char time_zone[64];
	char **modules; /* paths in the image, in the order of loading */
	size_t module_count;
	/* How many at the end of them are the watchdog's: loaded without being opened,
	 * one that runs is stopped. */
	uint32_t watchdog_module_count;
	/* How many before those are of last resort only: loaded when every target has
	 * failed. */
	uint32_t last_resort_module_count;
	/* Arguments of ramoops' driver, for the place that it has; "": there is none. */
	char ramoops[256];
	bool efi_variable; /* last words may go into one */
};

void orders_init(struct orders *orders); /* the defaults of epitaph.conf(5) */
void orders_done(struct orders *orders);
int orders_add_module(struct orders *orders, const char *path, struct err *err);

/*
 * JSON both ways. Reading takes unknown keys; a key that is missing has its default. It
 * refuses wrong types (ERR_CORRUPT), values that make no sense (ERR_INVALID), too long or
 * too many (ERR_LIMIT) and a later schema (ERR_UNSUPPORTED), and names the key. @ret
 * needs no orders_init(); orders_done() afterwards.
 */
int orders_format(const struct orders *orders, struct text *ret, struct err *err);
int orders_parse(const char *json, size_t size, struct orders *ret, struct err *err);

const char *orders_mode_name(enum orders_mode mode);
const char *orders_end_name(enum orders_end end);
int orders_mode_parse(const char *name, enum orders_mode *ret, struct err *err);
int orders_end_parse(const char *name, enum orders_end *ret, struct err *err);

#endif
