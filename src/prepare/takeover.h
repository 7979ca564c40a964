/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From another tool: the settings of Debian's kdump-tools (/etc/default/kdump-tools), of
 * Fedora's and Red Hat's kdump-utils (/etc/kdump.conf, /etc/sysconfig/kdump) and of
 * SUSE's kdump (/etc/sysconfig/kdump) become keys of epitaph.conf, in a table of what
 * became what; the other's service is disabled.
 *
 * Files are read, never run: a value that a shell would compute is not taken over.
 */
#ifndef PREPARE_TAKEOVER_H
#define PREPARE_TAKEOVER_H

#include "base/err.h"
#include "prepare/setup_plan.h"

enum takeover_kind {
	TAKEOVER_KDUMP_TOOLS,
	TAKEOVER_KDUMP_CONF,
	TAKEOVER_SYSCONFIG,
};

/* One setting and what became of it. */
struct takeover_row {
	char name[64], value[512];
	char key[32];	/* of epitaph.conf; "" if it was not taken over */
	char text[512]; /* the value there, or why not */
};

#define TAKEOVER_ROWS_MAX 128

struct takeover {
	struct takeover_row rows[TAKEOVER_ROWS_MAX];
	size_t count;
};

/* By its file's name and what is in it. ERR_UNSUPPORTED. */
int takeover_kind_of(const char *path, const char *text, enum takeover_kind *ret,
		     struct err *err);

/* @mounts: /proc/self/mountinfo below @root says where a target's device is mounted. */
int takeover_read(enum takeover_kind kind, const char *text, const char *root,
		  struct takeover *ret, struct err *err);

/* The table as notes, epitaph.conf, and the other's service disabled. */
int takeover_plan(const char *path, struct setup_plan *plan, struct err *err);

/* A note where another tool is enabled: of two, the later one wins at each boot. */
void takeover_warn(struct setup_plan *plan);

#endif
