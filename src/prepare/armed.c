// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/armed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "record/field.h"

#define ARMED_LIMIT_BYTES ((size_t)1 << 20)

/* ---- to JSON ---- */

static json_t *armed_kernel_json(const struct armed *armed)
{
	return json_pack("{s:o*, s:o*, s:o*}", "path",
			 field_new_string(armed->kernel_path), "release",
			 field_new_string(armed->kernel_release), "checksum",
			 field_new_string(armed->kernel_checksum));
}

static json_t *armed_image_json(const struct armed *armed)
{
	return json_pack("{s:o*, s:o*, s:I, s:I}", "path",
			 field_new_string(armed->image_path), "checksum",
			 field_new_string(armed->image_checksum), "size_bytes",
			 (json_int_t)armed->image_bytes, "unpacked_bytes",
			 (json_int_t)armed->unpacked_bytes);
}

static json_t *armed_target_json(const struct orders_target *target)
{
	return json_pack("{s:o*, s:o*, s:o*, s:o*}", "fstype",
			 field_new_string(target->fstype), "uuid",
			 field_new_string(target->uuid), "device",
			 field_new_string(target->device), "path",
			 field_new_string(target->path));
}

int armed_to_json(const struct armed *armed, json_t **ret, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	int r = 0;

	r |= json_object_set_new(root, "schema_version",
				 json_integer(ARMED_SCHEMA_VERSION));
	r |= json_object_set_new(root, "tool", json_string("epitaph " EPITAPH_VERSION));
	r |= json_object_set_new(root, "kernel", armed_kernel_json(armed));
	r |= json_object_set_new(root, "image", armed_image_json(armed));
	r |= json_object_set_new(root, "cmdline", field_new_string(armed->cmdline));
	r |= json_object_set_new(root, "target", armed_target_json(&armed->target));
	r |= json_object_set_new(root, "mode",
				 json_string(orders_mode_name(armed->mode)));
	r |= json_object_set_new(root, "end", json_string(orders_end_name(armed->end)));
	r |= json_object_set_new(root, "method", field_new_string(armed->method));
	r |= json_object_set_new(root, "armed_at", json_integer(armed->armed_at));
	r |= json_object_set_new(root, "needed_bytes",
				 json_integer((json_int_t)armed->needed_bytes));
	r |= json_object_set_new(root, "boot_id", field_new_string(armed->boot_id));
	if (armed->panic_on_oops_before >= 0)
		r |= json_object_set_new(root, "panic_on_oops_before",
					 json_integer(armed->panic_on_oops_before));
	if (r)
		return err_nomem(err);
	*ret = take_ptr(root);
	return 0;
}

int armed_save(const struct armed *armed, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	_cleanup_free char *text = NULL;
	int r = armed_to_json(armed, &root, err);

	if (r < 0)
		return r;
	text = json_dumps(root, JSON_INDENT(2));
	if (!text)
		return err_nomem(err);
	return file_replace(AT_FDCWD, ARMED_FILE, text, strlen(text), 0600, err);
}

/* ---- from JSON ---- */

struct armed_string {
	const char *object; /* NULL: the root */
	const char *key;
	char *at;
	size_t size;
};

static int armed_parse_strings(const json_t *root, struct armed *armed, struct err *err)
{
#define STRING(member) armed->member, sizeof(armed->member)
	const struct armed_string strings[] = {
		{ "kernel", "path", STRING(kernel_path) },
		{ "kernel", "release", STRING(kernel_release) },
		{ "kernel", "checksum", STRING(kernel_checksum) },
		{ "image", "path", STRING(image_path) },
		{ "image", "checksum", STRING(image_checksum) },
		{ "target", "fstype", STRING(target.fstype) },
		{ "target", "uuid", STRING(target.uuid) },
		{ "target", "device", STRING(target.device) },
		{ "target", "path", STRING(target.path) },
		{ NULL, "cmdline", STRING(cmdline) },
		{ NULL, "method", STRING(method) },
		{ NULL, "boot_id", STRING(boot_id) },
	};
#undef STRING
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(strings); i++) {
		const json_t *object = root;

		if (strings[i].object)
			r = field_object(root, strings[i].object, &object, err);
		if (r == 0)
			r = field_string(object, strings[i].key, true, strings[i].at,
					 strings[i].size, err);
	}
	return r;
}

static int armed_parse_numbers(const json_t *root, struct armed *armed, struct err *err)
{
	int64_t version = 0, size = 0, unpacked = 0, needed = 0;
	const json_t *image;
	int r = field_int(root, "schema_version", 0, INT32_MAX, &version, err);

	if (r == 0 && version != ARMED_SCHEMA_VERSION)
		r = err_set(err, ERR_UNSUPPORTED, "schema %lld; this version reads %d",
			    (long long)version, ARMED_SCHEMA_VERSION);
	if (r == 0)
		r = field_object(root, "image", &image, err);
	if (r == 0)
		r = field_int(image, "size_bytes", 0, INT64_MAX, &size, err);
	if (r == 0)
		r = field_int(image, "unpacked_bytes", 0, INT64_MAX, &unpacked, err);
	if (r == 0)
		r = field_int(root, "needed_bytes", 0, INT64_MAX, &needed, err);
	if (r == 0)
		r = field_int(root, "armed_at", 0, INT64_MAX, &armed->armed_at, err);
	if (r == 0)
		r = field_int(root, "panic_on_oops_before", 0, 1,
			      &armed->panic_on_oops_before, err);
	armed->image_bytes = (uint64_t)size;
	armed->unpacked_bytes = (uint64_t)unpacked;
	armed->needed_bytes = (uint64_t)needed;
	return r;
}

static int armed_parse_names(const json_t *root, struct armed *armed, struct err *err)
{
	char mode[16] = "full", end[16] = "reboot";
	int r = field_string(root, "mode", true, mode, sizeof(mode), err);

	if (r == 0)
		r = orders_mode_parse(mode, &armed->mode, err);
	if (r == 0)
		r = field_string(root, "end", true, end, sizeof(end), err);
	if (r == 0)
		r = orders_end_parse(end, &armed->end, err);
	return r;
}

int armed_load(const char *root, struct armed *ret, struct err *err)
{
	_cleanup_json json_t *json = NULL;
	_cleanup_free char *data = NULL;
	_cleanup_free struct armed *armed = calloc(1, sizeof(*armed));
	char path[PATH_MAX];
	struct err why = { 0 };
	size_t size;
	int r;

	if (!armed)
		return err_nomem(err);
	armed->panic_on_oops_before = -1;
	if (snprintf(path, sizeof(path), "%s%s", root, ARMED_FILE) >= (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	r = file_read(AT_FDCWD, path, ARMED_LIMIT_BYTES, &data, &size, &why);
	if (r < 0)
		return err_set(err, why.os_errno == ENOENT ? ERR_NOTFOUND : r, "%s",
			       err_text(&why));
	r = field_load(data, size, ARMED_LIMIT_BYTES, &json, err);
	if (r == 0)
		r = armed_parse_numbers(json, armed, err);
	if (r == 0)
		r = armed_parse_strings(json, armed, err);
	if (r == 0)
		r = armed_parse_names(json, armed, err);
	if (r < 0)
		return err_in(err, r, "'%s'", path);
	*ret = *armed;
	return 0;
}

/* ---- the running machine ---- */

int armed_checksum(const char *path, char ret[static PART_CHECKSUM_SIZE], struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	return part_checksum(fd, ret, err);
}

void armed_boot_id(const char *root, char ret[static 37])
{
	char path[PATH_MAX];

	ret[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/proc/sys/kernel/random/boot_id", root) <
	    (int)sizeof(path))
		file_read_line(AT_FDCWD, path, ret, 37, NULL);
}

static void status_compare_image(const char *root, struct armed_status *status)
{
	char path[PATH_MAX], checksum[PART_CHECKSUM_SIZE];
	struct err err = { 0 };

	if (snprintf(path, sizeof(path), "%s%s", root, status->state.image_path) >=
	    (int)sizeof(path))
		return;
	if (armed_checksum(path, checksum, &err) < 0)
		snprintf(status->warning, sizeof(status->warning),
			 "%.160s; it is loaded, but could not be loaded again",
			 err_text(&err));
	else if (strcmp(checksum, status->state.image_checksum) != 0)
		snprintf(status->warning, sizeof(status->warning),
			 "'%.160s' is not what was loaded; run epitaph arm", path);
}

void armed_look(const char *root, struct armed_status *ret)
{
	struct err err = { 0 };
	char boot_id[37];
	int r;

	memset(ret, 0, sizeof(*ret));
	kexec_look(root, &ret->kexec);
	armed_boot_id(root, boot_id);
	r = armed_load(root, &ret->state, &err);
	ret->has_state = r == 0;
	ret->is_this_boot =
		ret->has_state && boot_id[0] && strcmp(boot_id, ret->state.boot_id) == 0;
	ret->is_armed = ret->kexec.is_loaded && ret->is_this_boot;
	if (ret->is_armed) {
		status_compare_image(root, ret);
		return;
	}
	if (!ret->kexec.is_loaded && kexec_check(&ret->kexec, &err) < 0)
		snprintf(ret->reason, sizeof(ret->reason), "%.255s", err_text(&err));
	else if (!ret->kexec.is_loaded)
		snprintf(ret->reason, sizeof(ret->reason),
			 "no crash kernel is loaded%s; run epitaph arm",
			 ret->is_this_boot ? ", though one was armed in this boot" : "");
	else if (r < 0 && r != ERR_NOTFOUND)
		snprintf(ret->reason, sizeof(ret->reason),
			 "a crash kernel is loaded, but it is not known whose: %.180s",
			 err_text(&err));
	else
		snprintf(ret->reason, sizeof(ret->reason),
			 "a crash kernel is loaded, but not by epitaph; run epitaph arm");
}
