// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/mount_table.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

#define MOUNTINFO_MAX_BYTES ((size_t)16 << 20)

/* \040 and its like, in place. */
static void mount_unescape(char *text)
{
	char *to = text;

	for (const char *at = text; *at; to++) {
		if (at[0] == '\\' && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
		    at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
			*to = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 |
				     (at[3] - '0'));
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

/* Borrows from @line, which it cuts. False for a line that is none. */
static bool mount_parse(char *line, struct mount *ret)
{
	char *rest = strstr(line, " - "), *save;
	char *fields[6], *last[3];

	if (!rest)
		return false;
	*rest = '\0';
	fields[0] = strtok_r(line, " ", &save);
	for (size_t i = 1; i < ARRAY_SIZE(fields); i++)
		fields[i] = fields[i - 1] ? strtok_r(NULL, " ", &save) : NULL;
	last[0] = strtok_r(rest + 3, " ", &save);
	for (size_t i = 1; i < ARRAY_SIZE(last); i++)
		last[i] = last[i - 1] ? strtok_r(NULL, " ", &save) : NULL;
	if (!fields[5] || !last[1] || sscanf(fields[0], "%u", &ret->id) != 1 ||
	    sscanf(fields[2], "%u:%u", &ret->device_major, &ret->device_minor) != 2)
		return false;
	ret->root = fields[3];
	ret->point = fields[4];
	ret->type = last[0];
	ret->source = last[1];
	ret->options = last[2] ? last[2] : last[1] + strlen(last[1]);
	mount_unescape(ret->root);
	mount_unescape(ret->point);
	mount_unescape(ret->source);
	return true;
}

const char *mount_path_below(const char *path, const char *point)
{
	size_t length = strlen(point);

	if (strcmp(point, "/") == 0)
		return path;
	if (strncmp(path, point, length) != 0 || (path[length] && path[length] != '/'))
		return NULL;
	return path + length;
}

/* The kernel's own answer, where the path is this machine's; 0 where it has none. A mount
 * can be hidden by a later one: mount points alone don't tell. */
static unsigned int mount_id_of(const char *root, const char *path)
{
	struct statx st;
	char part[PATH_MAX];

	if (root[0] || snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return 0;
	for (;;) {
		char *slash;

		if (statx(AT_FDCWD, part, 0, STATX_MNT_ID, &st) == 0)
			return st.stx_mask & STATX_MNT_ID ? (unsigned int)st.stx_mnt_id
							  : 0;
		slash = strrchr(part, '/');
		if (!slash || !part[1])
			return 0;
		slash[slash == part] = '\0';
	}
}

/* @ret borrows from @table, which is cut into lines. */
static int table_find(char *table, const char *path, unsigned int id, struct mount *ret,
		      struct err *err)
{
	struct mount mount, best = { 0 };
	char *save, *line = strtok_r(table, "\n", &save);

	for (; line; line = strtok_r(NULL, "\n", &save)) {
		if (!mount_parse(line, &mount) || !mount_path_below(path, mount.point))
			continue;
		if (id ? mount.id == id
		       : !best.point || strlen(mount.point) >= strlen(best.point))
			best = mount;
	}
	if (!best.point)
		return err_set(err, ERR_NOTFOUND, "'%s' lies on no mount of mountinfo",
			       path);
	*ret = best;
	return 0;
}

int mount_find(const char *root, const char *path, char **ret_table, struct mount *ret,
	       struct err *err)
{
	_cleanup_free char *table = NULL;
	char name[PATH_MAX];
	int r;

	if (snprintf(name, sizeof(name), "%s/proc/self/mountinfo", root) >=
	    (int)sizeof(name))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	r = file_read(AT_FDCWD, name, MOUNTINFO_MAX_BYTES, &table, NULL, err);
	if (r == 0)
		r = table_find(table, path, mount_id_of(root, path), ret, err);
	if (r == 0)
		*ret_table = take_ptr(table);
	return r;
}

/* "/dev/disk/by-uuid/x" leads to "../../sda3": the last part is the device's name. */
static void device_name(const char *root, const char *device, char ret[static PATH_MAX])
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *equals = strchr(device, '='), *slash;
	ssize_t n = -1;
	int length;

	if (equals && equals != device && device[0] != '/')
		length = snprintf(path, sizeof(path), "%s/dev/disk/by-%s/%s", root,
				  strncmp(device, "UUID", 4) == 0    ? "uuid"
				  : strncmp(device, "LABEL", 5) == 0 ? "label"
								     : "partuuid",
				  equals + 1);
	else
		length = snprintf(path, sizeof(path), "%s%s", root, device);
	if (length < (int)sizeof(path))
		n = readlink(path, target, sizeof(target) - 1);
	if (n > 0)
		target[n] = '\0';
	slash = strrchr(n > 0 ? target : device, '/');
	snprintf(ret, PATH_MAX, "%s", slash ? slash + 1 : device);
}

int mount_point_of(const char *root, const char *device, char *ret, size_t size,
		   struct err *err)
{
	_cleanup_free char *table = NULL;
	char path[PATH_MAX], name[PATH_MAX];
	char *save = NULL, *line;
	int r;

	device_name(root, device, name);
	if (snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root) >=
	    (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	r = file_read(AT_FDCWD, path, MOUNTINFO_MAX_BYTES, &table, NULL, err);
	if (r < 0)
		return r;
	for (line = strtok_r(table, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct mount mount;
		const char *slash;

		if (!mount_parse(line, &mount) || strcmp(mount.root, "/") != 0)
			continue;
		slash = strrchr(mount.source, '/');
		if (slash && strcmp(slash + 1, name) == 0) {
			snprintf(ret, size, "%s", mount.point);
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "'%s' is not mounted", device);
}
