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

#define ORDERS_PATH	      "/etc/epitaph/orders.json"
#define ORDERS_SCHEMA_VERSION 1
#define ORDERS_MODULES_MAX    256
#define ORDERS_LIMIT_BYTES    ((size_t)1 << 20) /* of the JSON */
#define ORDERS_TIMEOUT_MAX_S  (7 * 24 * 3600)
#define ORDERS_LOG_LINES_MAX  10000

enum orders_mode {
	ORDERS_FULL,  /* dmesg, report, dump */
	ORDERS_DMESG, /* dmesg and report only */
};

enum orders_end {
	ORDERS_REBOOT,
	ORDERS_POWEROFF,
	ORDERS_HALT,
};

/* A file system, found by what is in its superblock: names of disks change. */
struct orders_target {
	char fstype[16]; /* "ext4" */
	char uuid[40];	 /* as blkid prints it */
	char device[64]; /* what it was called when armed: for messages only */
	char path[256];	 /* of the archive inside this file system: "/var/crash" */
};

struct orders {
	enum orders_mode mode;
	enum orders_end end;
	struct orders_target target;
	int dump_level; /* makedumpfile's -d */
	char codec[16]; /* "zstd", "zlib", "lzo", "snappy", "none" */
	int codec_level;
	uint32_t step_timeout_s[4]; /* target, dmesg, report, dump: see capture */
	uint32_t total_timeout_s;
	uint32_t log_tail_lines; /* of dmesg in the report */
	char host[65];
	/* TZ of the running system (POSIX, tzset(3)), so that records are named in its
	 * local time: the crash kernel has no zone files. "": UTC. */
	char time_zone[64];
	char **modules; /* paths in the image, in the order of loading */
	size_t module_count;
};

enum orders_step {
	ORDERS_STEP_TARGET,
	ORDERS_STEP_DMESG,
	ORDERS_STEP_REPORT,
	ORDERS_STEP_DUMP
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
