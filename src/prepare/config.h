/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/epitaph.conf: INI (libinih). Every key has a default, so no file is a good file.
 * An unknown key, a key out of its section or a value that can't be read is a warning
 * with its file and line, and the default stands: a typing error never leaves a machine
 * unarmed. docs/man/epitaph.conf.5.scd documents each key.
 */
#ifndef PREPARE_CONFIG_H
#define PREPARE_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "record/orders.h"

#define CONFIG_PATH	   "/etc/epitaph.conf"
#define CONFIG_TARGETS_MAX (ORDERS_TARGETS_MAX - 1)

struct config {
	char archive[PATH_MAX];	   /* [archive] path = /var/crash */
	enum record_layout layout; /* [archive] layout = debian */
	char panic_log[PATH_MAX];  /* [archive] panic_log = (empty: none) */
	bool syslog;		   /* [archive] syslog = yes */
	char motd[PATH_MAX];	   /* [archive] motd = /run/motd.d/epitaph */
	char mail_to[512];	   /* [archive] mail_to = (empty: nobody) */
	char notify[PATH_MAX];	   /* [archive] notify = (empty: nothing) */
	bool collect_pstore;	   /* [archive] collect_pstore = yes */
	uint32_t keep;		   /* [archive] keep = 0: any number */
	uint32_t keep_days;	   /* [archive] keep_days = 0: any age */
	uint64_t keep_size_bytes;  /* [archive] keep_size = 0: any size */
	uint64_t keep_free_bytes;  /* [archive] keep_free = 0: any space */
	enum orders_mode mode;	   /* [capture] mode = full | dmesg */
	enum orders_end end;	   /* [capture] end = reboot | poweroff | halt */
	int dump_level;		   /* [capture] level = 31 */
	char codec[16]; /* [capture] codec = zstd[:N] | zlib | lzo | snappy | none */
	int codec_level;
	/* [capture] target = PATH or raw:DEVICE: after [archive] path; may be repeated */
	char targets[CONFIG_TARGETS_MAX][PATH_MAX];
	uint32_t target_count;
	uint64_t size_limit_bytes; /* [capture] size_limit = 0: none */
	bool makes_room;	   /* [capture] make_room = yes */
	/* [capture] target_timeout=60 dmesg_timeout=60 report_timeout=60
	 * mini_timeout=120 dump_timeout=1800 hook_timeout=30 */
	uint32_t step_timeout_s[ORDERS_STEP_COUNT];
	uint32_t total_timeout_s;    /* [capture] timeout = 3600 */
	uint32_t stall_timeout_s;    /* [capture] stall_timeout = 120 */
	uint32_t loop_crashes;	     /* [capture] loop_crashes = 5; 0: never */
	uint32_t loop_minutes;	     /* [capture] loop_minutes = 60 */
	uint32_t console_pages_s;    /* [capture] console_pages = 0: none */
	bool last_resort;	     /* [capture] last_resort = yes */
	uint32_t watchdog_timeout_s; /* [capture] watchdog = 60; 0: none */
	uint32_t log_tail_lines;     /* [capture] log_lines = 40 */
	char kernel[PATH_MAX];	     /* [kernel] image = (empty: the running kernel's) */
	char modules[PATH_MAX];	     /* [kernel] modules = /lib/modules/RELEASE */
	char cmdline_append[2048];   /* [kernel] cmdline_append = */
	uint32_t panic_timeout_s; /* [kernel] panic = 10: the crash kernel's own panic= */
	bool panic_on_oops;	  /* [panic] panic_on_oops = yes */
};

void config_init(struct config *config);

/*
 * Defaults, then the file. No file at @path is fine (a debug message); a file that can't
 * be read is a warning. Never fails but for memory.
 */
int config_load(struct config *config, const char *path, const struct log *log,
		struct err *err);

#endif
