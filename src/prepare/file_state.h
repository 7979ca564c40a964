/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one name in a file system is, all of it: nothing, a file with its bytes, mode and
 * owner, a symbolic link, a directory. Reading it, comparing two, and making a name be
 * what a state says: in one step, so that at each moment the old or the new is there.
 *
 * Names are absolute, below a root ("" for this machine): links on the way never lead out
 * of it (openat2(2), RESOLVE_IN_ROOT; Linux 5.6). Security labels and ACLs of a file that
 * is replaced go over to the new one; times do not.
 */
#ifndef PREPARE_FILE_STATE_H
#define PREPARE_FILE_STATE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define FILE_STATE_MAX_BYTES ((size_t)4 << 20)

enum file_kind {
	FILE_ABSENT,
	FILE_REGULAR,
	FILE_LINK,
	FILE_DIRECTORY,
};

struct file_state {
	enum file_kind kind;
	mode_t mode; /* permission bits; 0 for a link */
	uid_t uid;
	gid_t gid;
	char *data; /* of a file, or the target of a link; NUL-terminated beyond size */
	size_t size;
};

void file_state_done(struct file_state *state);
#define _cleanup_file_state _cleanup_(file_state_done)

/* Takes a copy of @data. The owner is who we are. */
int file_state_init(struct file_state *ret, enum file_kind kind, mode_t mode,
		    const void *data, size_t size, struct err *err);
int file_state_copy(const struct file_state *from, struct file_state *ret,
		    struct err *err);
bool file_state_equal(const struct file_state *a, const struct file_state *b);

/* ERR_UNSUPPORTED for a device and its like, ERR_LIMIT for a file that is too large. */
int file_state_read(const char *root, const char *path, struct file_state *ret,
		    struct err *err);

/* Makes @path be @state, durably. A directory that is taken away has to be empty, and
 * one that is to be there may be there already. */
int file_state_put(const char *root, const char *path, const struct file_state *state,
		   struct err *err);

/* {kind, mode, uid, gid, and data (text) or hex}. */
int file_state_to_json(const struct file_state *state, json_t **ret, struct err *err);
int file_state_from_json(const json_t *object, struct file_state *ret, struct err *err);

/* The directory of @path below @root, and the name in it (borrowed from @path). */
int file_parent_open(const char *root, const char *path, int *ret_fd,
		     const char **ret_name, struct err *err);

#endif
