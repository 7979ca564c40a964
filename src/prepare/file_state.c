// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/file_state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "record/field.h"

#define LABELS_MAX_BYTES     4096
#define LABEL_MAX_BYTES	     4096
#define PERMISSION_BITS	     07777
#define TEMPORARY_NAME_BYTES (NAME_MAX + 1)

void file_state_done(struct file_state *state)
{
	free(take_ptr(state->data));
	*state = (struct file_state){ 0 };
}

static int state_set_data(struct file_state *state, const void *data, size_t size,
			  struct err *err)
{
	char *copy = malloc(size + 1);

	if (!copy)
		return err_nomem(err);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	state->data = copy;
	state->size = size;
	return 0;
}

int file_state_init(struct file_state *ret, enum file_kind kind, mode_t mode,
		    const void *data, size_t size, struct err *err)
{
	struct file_state state = { .kind = kind };
	int r = 0;

	if (kind != FILE_ABSENT) {
		state.mode = kind == FILE_LINK ? 0 : mode & PERMISSION_BITS;
		state.uid = geteuid();
		state.gid = getegid();
	}
	if (kind == FILE_REGULAR || kind == FILE_LINK)
		r = state_set_data(&state, data, size, err);
	if (r == 0)
		*ret = state;
	return r;
}

int file_state_copy(const struct file_state *from, struct file_state *ret,
		    struct err *err)
{
	struct file_state state = *from;
	int r;

	state.data = NULL;
	if (from->data) {
		r = state_set_data(&state, from->data, from->size, err);
		if (r < 0)
			return r;
	}
	*ret = state;
	return 0;
}

bool file_state_equal(const struct file_state *a, const struct file_state *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == FILE_ABSENT)
		return true;
	if (a->uid != b->uid || a->gid != b->gid || a->mode != b->mode ||
	    a->size != b->size)
		return false;
	return a->size == 0 || memcmp(a->data, b->data, a->size) == 0;
}

/* ---- names below a root ---- */

static int open_in_root(int root, const char *path, struct err *err)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0)
		return err_os(err, errno, "unable to open the directory '%s'", path);
	return fd;
}

int file_parent_open(const char *root, const char *path, int *ret_fd,
		     const char **ret_name, struct err *err)
{
	_cleanup_fd int top =
		open(root[0] ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	int fd;

	if (path[0] != '/' || !slash[1] || strlen(slash + 1) > NAME_MAX - 5 ||
	    slash - path >= PATH_MAX)
		return err_set(err, ERR_INVALID, "'%.256s' is no usable path", path);
	if (top < 0)
		return err_os(err, errno, "unable to open '%s'", root[0] ? root : "/");
	snprintf(directory, sizeof(directory), "%.*s/", (int)(slash - path), path);
	fd = open_in_root(top, directory, err);
	if (fd < 0)
		return fd;
	*ret_fd = fd;
	*ret_name = slash + 1;
	return 0;
}

/* ---- reading ---- */

static int read_regular(int directory, const char *name, struct file_state *state,
			struct err *err)
{
	_cleanup_fd int fd =
		openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED, "'%s' has just changed", name);
	if ((uint64_t)st.st_size > FILE_STATE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", name,
			       FILE_STATE_MAX_BYTES);
	state->size = (size_t)st.st_size;
	state->data = calloc(1, state->size + 1);
	if (!state->data)
		return err_nomem(err);
	return fd_pread_full(fd, state->data, state->size, 0, err);
}

static int read_link(int directory, const char *name, struct file_state *state,
		     struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(directory, name, target, sizeof(target));

	if (n < 0 || n == sizeof(target))
		return err_os(err, n < 0 ? errno : ENAMETOOLONG,
			      "unable to read the link '%s'", name);
	return state_set_data(state, target, (size_t)n, err);
}

static int state_read_at(int directory, const char *name, struct file_state *state,
			 struct err *err)
{
	struct stat st;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? 0
			       : err_os(err, errno, "unable to look at '%s'", name);
	state->uid = st.st_uid;
	state->gid = st.st_gid;
	if (S_ISLNK(st.st_mode)) {
		state->kind = FILE_LINK;
		return read_link(directory, name, state, err);
	}
	state->mode = st.st_mode & PERMISSION_BITS;
	if (S_ISDIR(st.st_mode)) {
		state->kind = FILE_DIRECTORY;
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is neither a file nor a link nor a directory", name);
	state->kind = FILE_REGULAR;
	return read_regular(directory, name, state, err);
}

int file_state_read(const char *root, const char *path, struct file_state *ret,
		    struct err *err)
{
	_cleanup_file_state struct file_state state = { 0 };
	_cleanup_fd int directory = -1;
	struct err why = { 0 };
	const char *name;
	int r = file_parent_open(root, path, &directory, &name, &why);

	if (r < 0 && why.os_errno == ENOENT) {
		*ret = (struct file_state){ 0 };
		return 0;
	}
	if (r == 0)
		r = state_read_at(directory, name, &state, &why);
	if (r < 0) {
		if (err)
			*err = why;
		return err_in(err, r, "'%s%s'", root, path);
	}
	*ret = state;
	state = (struct file_state){ 0 };
	return 0;
}

/* ---- making it so ---- */

/* What SELinux and ACLs say of the old file. One that can't be carried over (another file
 * system, no permission) is no reason to leave the machine without its change. */
static void labels_copy(int directory, const char *name, int to)
{
	_cleanup_fd int from =
		openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char names[LABELS_MAX_BYTES], value[LABEL_MAX_BYTES];
	ssize_t size = from < 0 ? 0 : flistxattr(from, names, sizeof(names));
	size_t length;

	for (ssize_t at = 0; at < size; at += (ssize_t)length + 1) {
		ssize_t n;

		length = strnlen(names + at, (size_t)(size - at));
		n = fgetxattr(from, names + at, value, sizeof(value));
		if (n >= 0 && fsetxattr(to, names + at, value, (size_t)n, 0) < 0)
			continue;
	}
}

static int owner_set(int fd, const struct file_state *state, const char *name,
		     struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to look at '%s'", name);
	if ((st.st_uid != state->uid || st.st_gid != state->gid) &&
	    fchown(fd, state->uid, state->gid) < 0)
		return err_os(err, errno, "unable to give '%s' to its owner", name);
	// vfat refuses a mode that its mount options don't give, and has no other
	if ((st.st_mode & PERMISSION_BITS) != state->mode && fchmod(fd, state->mode) < 0)
		return err_os(err, errno, "unable to set the mode of '%s'", name);
	return 0;
}

static int put_regular(int directory, const char *name, const char *temporary,
		       const struct file_state *state, struct err *err)
{
	_cleanup_fd int fd =
		openat(directory, temporary,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", temporary);
	r = fd_write_full(fd, state->data, state->size, err);
	if (r == 0)
		labels_copy(directory, name, fd);
	if (r == 0)
		r = owner_set(fd, state, temporary, err);
	if (r == 0)
		r = fd_publish(fd, directory, temporary, name, err);
	if (r == 0)
		r = fd_close(&fd, err);
	return r;
}

static int put_link(int directory, const char *name, const char *temporary,
		    const struct file_state *state, struct err *err)
{
	if (symlinkat(state->data, directory, temporary) < 0)
		return err_os(err, errno, "unable to make the link '%s'", temporary);
	if (fchownat(directory, temporary, state->uid, state->gid, AT_SYMLINK_NOFOLLOW) <
	    0)
		return err_os(err, errno, "unable to give '%s' to its owner", temporary);
	if (renameat(directory, temporary, directory, name) < 0)
		return err_os(err, errno, "unable to rename '%s' to '%s'", temporary,
			      name);
	return 0;
}

static int put_directory(int directory, const char *name, const struct file_state *state,
			 struct err *err)
{
	_cleanup_fd int fd = -1;
	bool is_new = mkdirat(directory, name, 0700) == 0;

	if (!is_new && errno != EEXIST)
		return err_os(err, errno, "unable to create the directory '%s'", name);
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "unable to open the directory '%s'", name);
	return is_new ? owner_set(fd, state, name, err) : 0;
}

static int put_absent(int directory, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT
			       ? 0
			       : err_os(err, errno, "unable to look at '%s'", name);
	if (unlinkat(directory, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		return err_os(err, errno, "unable to remove '%s'", name);
	return 0;
}

int file_state_put(const char *root, const char *path, const struct file_state *state,
		   struct err *err)
{
	_cleanup_fd int directory = -1;
	char temporary[TEMPORARY_NAME_BYTES];
	struct err why = { 0 };
	const char *name = "";
	int r = file_parent_open(root, path, &directory, &name, &why);

	if (r < 0 && state->kind == FILE_ABSENT && why.os_errno == ENOENT)
		return 0;
	if (r == 0) {
		snprintf(temporary, sizeof(temporary), ".%.248s.tmp", name);
		// A leftover of a run that died is ours.
		unlinkat(directory, temporary, 0);
		r = state->kind == FILE_REGULAR
			    ? put_regular(directory, name, temporary, state, &why)
		    : state->kind == FILE_LINK
			    ? put_link(directory, name, temporary, state, &why)
		    : state->kind == FILE_DIRECTORY
			    ? put_directory(directory, name, state, &why)
			    : put_absent(directory, name, &why);
		if (r < 0)
			unlinkat(directory, temporary, 0);
		else if (fsync(directory) < 0)
			r = err_os(&why, errno, "unable to fsync its directory");
	}
	if (r < 0) {
		if (err)
			*err = why;
		return err_in(err, r, "'%s%s'", root, path);
	}
	return 0;
}

/* ---- JSON ---- */

static const char *const kind_names[] = {
	[FILE_ABSENT] = "absent",
	[FILE_REGULAR] = "file",
	[FILE_LINK] = "link",
	[FILE_DIRECTORY] = "directory",
};

static json_t *hex_new(const char *data, size_t size)
{
	_cleanup_free char *hex = malloc(size * 2 + 1);

	if (!hex)
		return NULL;
	for (size_t i = 0; i < size; i++)
		snprintf(hex + i * 2, 3, "%02x", (unsigned char)data[i]);
	return json_stringn(hex, size * 2);
}

int file_state_to_json(const struct file_state *state, json_t **ret, struct err *err)
{
	_cleanup_json json_t *object =
		json_pack("{s:s}", "kind", kind_names[state->kind]);
	json_t *data = NULL;
	int bad = 0;

	if (!object)
		return err_nomem(err);
	if (state->kind != FILE_ABSENT) {
		bad |= json_object_set_new(object, "mode", json_integer(state->mode));
		bad |= json_object_set_new(object, "uid", json_integer(state->uid));
		bad |= json_object_set_new(object, "gid", json_integer(state->gid));
	}
	if (state->data) {
		// What is no text is written as hex.
		if (!memchr(state->data, '\0', state->size))
			data = json_stringn(state->data, state->size);
		bad |= data ? json_object_set_new(object, "data", data)
			    : json_object_set_new(object, "hex",
						  hex_new(state->data, state->size));
	}
	if (bad)
		return err_nomem(err);
	*ret = take_ptr(object);
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_parse(const json_t *hex, struct file_state *state, struct err *err)
{
	const char *text = json_string_value(hex);
	size_t size = json_string_length(hex) / 2;

	state->data = calloc(1, size + 1);
	if (!state->data)
		return err_nomem(err);
	state->size = size;
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[i * 2]), low = hex_digit(text[i * 2 + 1]);

		if (high < 0 || low < 0)
			return err_set(err, ERR_CORRUPT, "'hex' is not hexadecimal");
		state->data[i] = (char)(high << 4 | low);
	}
	return 0;
}

static int kind_parse(const json_t *object, enum file_kind *ret, struct err *err)
{
	char kind[16] = "";
	int r = field_string(object, "kind", true, kind, sizeof(kind), err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kind_names); i++) {
		if (strcmp(kind, kind_names[i]) == 0) {
			*ret = (enum file_kind)i;
			return 0;
		}
	}
	return r < 0 ? r : err_set(err, ERR_CORRUPT, "'kind' is '%s'", kind);
}

int file_state_from_json(const json_t *object, struct file_state *ret, struct err *err)
{
	_cleanup_file_state struct file_state state = { 0 };
	int64_t mode = 0, uid = 0, gid = 0;
	const json_t *data = json_object_get(object, "data");
	const json_t *hex = json_object_get(object, "hex");
	bool needs_data;
	int r = kind_parse(object, &state.kind, err);

	if (r == 0)
		r = field_int(object, "mode", 0, PERMISSION_BITS, &mode, err);
	if (r == 0)
		r = field_int(object, "uid", 0, UINT32_MAX, &uid, err);
	if (r == 0)
		r = field_int(object, "gid", 0, UINT32_MAX, &gid, err);
	if (r < 0)
		return r;
	state.mode = (mode_t)mode;
	state.uid = (uid_t)uid;
	state.gid = (gid_t)gid;
	needs_data = state.kind == FILE_REGULAR || state.kind == FILE_LINK;
	if (needs_data && json_is_string(data))
		r = state_set_data(&state, json_string_value(data),
				   json_string_length(data), err);
	else if (needs_data && json_is_string(hex))
		r = hex_parse(hex, &state, err);
	else if (needs_data)
		r = err_set(err, ERR_CORRUPT, "neither 'data' nor 'hex'");
	if (r < 0)
		return r;
	*ret = state;
	state = (struct file_state){ 0 };
	return 0;
}
