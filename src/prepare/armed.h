/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * armed.json in the state directory: what was loaded last, so that a failed load can be
 * taken back, and so that `status` can say more than the kernel's one bit. It is a claim
 * of the past; armed_look() weighs it against the running kernel.
 */
#ifndef PREPARE_ARMED_H
#define PREPARE_ARMED_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "prepare/kexec.h"
#include "record/orders.h"
#include "record/part.h"

#define ARMED_STATE_DIR	     "/var/lib/epitaph"
#define ARMED_FILE	     ARMED_STATE_DIR "/armed.json"
#define ARMED_SCHEMA_VERSION 1

struct armed {
	char kernel_path[PATH_MAX];
	char kernel_release[65];
	char kernel_checksum[PART_CHECKSUM_SIZE];
	char image_path[PATH_MAX];
	char image_checksum[PART_CHECKSUM_SIZE];
	uint64_t image_bytes;
	uint64_t unpacked_bytes;
	char cmdline[4096];
	char method[32]; /* kexec_method_name() */
	struct orders_target target;
	enum orders_mode mode;
	enum orders_end end;
	int64_t armed_at; /* unix seconds */
	char boot_id[37];
	uint64_t needed_bytes;	      /* of the reservation, at most; 0: not told */
	int64_t panic_on_oops_before; /* -1: was not changed */
};

int armed_to_json(const struct armed *armed, json_t **ret, struct err *err);
int armed_save(const struct armed *armed, struct err *err);
/* ERR_NOTFOUND where there is none. */
int armed_load(const char *root, struct armed *ret, struct err *err);

/* The checksum of a whole file, as in a record's meta.json. */
int armed_checksum(const char *path, char ret[static PART_CHECKSUM_SIZE],
		   struct err *err);

/* /proc/sys/kernel/random/boot_id; "" if it can't be read. */
void armed_boot_id(const char *root, char ret[static 37]);

struct armed_status {
	bool is_armed;	   /* a panic now would be captured, by us */
	char reason[256];  /* why not; "" if armed */
	char warning[256]; /* armed, but ...; "" if nothing */
	struct kexec_state kexec;
	bool has_state; /* state is that of armed.json */
	bool is_this_boot;
	struct armed state;
};

void armed_look(const char *root, struct armed_status *ret);

#endif
