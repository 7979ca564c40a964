// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "record/field.h"

/* The strings of struct record_crash. */
static const struct crash_string {
	const char *key;
	size_t offset;
	size_t size;
} crash_strings[] = {
#define CRASH_STRING(member)                                       \
	{                                                          \
#member, offsetof(struct record_crash, member),    \
			sizeof(((struct record_crash *)0)->member) \
	}
	CRASH_STRING(source),	CRASH_STRING(cause),   CRASH_STRING(title),
	CRASH_STRING(host),	CRASH_STRING(machine), CRASH_STRING(kernel_release),
	CRASH_STRING(build_id), CRASH_STRING(boot_id), CRASH_STRING(step),
#undef CRASH_STRING
};

/* JSON has no unsigned numbers of 64 bits; nothing that is counted here comes near. */
static json_t *meta_unsigned(uint64_t value)
{
	return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

static json_t *meta_crash_json(const struct record_crash *crash)
{
	_cleanup_json json_t *object = json_object();
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(crash_strings); i++) {
		const struct crash_string *s = &crash_strings[i];
		const char *value = (const char *)crash + s->offset;

		r |= json_object_set_new(object, s->key, field_new_string(value));
	}
	r |= json_object_set_new(object, "crash_time", json_integer(crash->crash_time));
	r |= json_object_set_new(object, "capture_time",
				 json_integer(crash->capture_time));
	r |= json_object_set_new(object, "uptime_ms", meta_unsigned(crash->uptime_ms));
	return r ? NULL : take_ptr(object);
}

static json_t *meta_part_json(const struct record_part_meta *part)
{
	_cleanup_json json_t *object = json_object();
	int r = json_object_set_new(object, "state",
				    json_string(record_state_name(part->state)));

	if (part->state != RECORD_COMPLETE)
		r |= json_object_set_new(object, "reason",
					 field_new_string(part->reason));
	if (part->note[0])
		r |= json_object_set_new(object, "note", field_new_string(part->note));
	if (part->state != RECORD_ABSENT) {
		r |= json_object_set_new(object, "file", field_new_string(part->file));
		r |= json_object_set_new(object, "size_bytes",
					 meta_unsigned(part->size_bytes));
		r |= json_object_set_new(object, "checksum",
					 field_new_string(part->checksum));
	}
	r |= json_object_set_new(object, "duration_ms", meta_unsigned(part->duration_ms));
	return r ? NULL : take_ptr(object);
}

int meta_to_json(const struct record *record, json_t **ret, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	json_t *parts = json_object();
	int r = 0;

	for (int i = 0; i < RECORD_PART_COUNT; i++)
		r |= json_object_set_new(parts, record_part_key((enum record_part)i),
					 meta_part_json(&record->parts[i]));
	r |= json_object_set_new(root, "schema_version",
				 json_integer(RECORD_SCHEMA_VERSION));
	r |= json_object_set_new(root, "tool", json_string("epitaph " EPITAPH_VERSION));
	r |= json_object_set_new(root, "crash", meta_crash_json(&record->crash));
	r |= json_object_set_new(root, "parts", parts); // takes it, even when it fails
	if (r)
		return err_nomem(err);
	*ret = take_ptr(root);
	return 0;
}

int meta_format(const struct record *record, struct text *ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	_cleanup_free char *dumped = NULL;
	int r = meta_to_json(record, &root, err);

	if (r < 0)
		return r;
	dumped = json_dumps(root, JSON_INDENT(2));
	if (!dumped)
		return err_nomem(err);
	text_add(ret, "%s\n", dumped);
	return text_check(ret, err);
}

static int meta_parse_crash(const json_t *object, struct record_crash *ret,
			    struct err *err)
{
	int64_t uptime_ms = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(crash_strings); i++) {
		const struct crash_string *s = &crash_strings[i];

		r = field_string(object, s->key, false, (char *)ret + s->offset, s->size,
				 err);
	}
	if (r == 0)
		r = field_int(object, "crash_time", INT64_MIN, INT64_MAX,
			      &ret->crash_time, err);
	if (r == 0)
		r = field_int(object, "capture_time", INT64_MIN, INT64_MAX,
			      &ret->capture_time, err);
	if (r == 0)
		r = field_int(object, "uptime_ms", 0, INT64_MAX, &uptime_ms, err);
	ret->uptime_ms = (uint64_t)uptime_ms;
	return r;
}

static int meta_parse_part(const json_t *object, struct record_part_meta *ret,
			   struct err *err)
{
	int64_t size_bytes = 0, duration_ms = 0;
	char state[16] = "";
	int r = field_string(object, "state", true, state, sizeof(state), err);

	if (r < 0)
		return r;
	for (ret->state = RECORD_ABSENT; ret->state < RECORD_COMPLETE; ret->state++) {
		if (strcmp(state, record_state_name(ret->state)) == 0)
			break;
	}
	if (strcmp(state, record_state_name(ret->state)) != 0)
		return err_set(err, ERR_CORRUPT, "the state '%s' is not known", state);
	r = field_string(object, "reason", false, ret->reason, sizeof(ret->reason), err);
	if (r == 0)
		r = field_string(object, "note", false, ret->note, sizeof(ret->note),
				 err);
	if (r == 0)
		r = field_string(object, "checksum", true, ret->checksum,
				 sizeof(ret->checksum), err);
	if (r == 0)
		r = field_int(object, "size_bytes", 0, INT64_MAX, &size_bytes, err);
	if (r == 0)
		r = field_int(object, "duration_ms", 0, INT64_MAX, &duration_ms, err);
	ret->size_bytes = (uint64_t)size_bytes;
	ret->duration_ms = (uint64_t)duration_ms;
	return r;
}

static int meta_parse_root(const json_t *root, struct meta *ret, struct err *err)
{
	const json_t *crash, *parts, *part;
	int64_t version = 0;
	int r = field_int(root, "schema_version", 1, INT64_MAX, &version, err);

	if (r == 0 && version == 0)
		return err_set(err, ERR_CORRUPT, "without 'schema_version'");
	if (r == 0 && version > RECORD_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "schema %lld, from a later version; this one reads %d",
			       (long long)version, RECORD_SCHEMA_VERSION);
	if (r == 0)
		r = field_object(root, "crash", &crash, err);
	if (r == 0)
		r = field_object(root, "parts", &parts, err);
	if (r == 0)
		r = meta_parse_crash(crash, &ret->crash, err);
	if (r < 0)
		return r;
	for (int i = 0; i < RECORD_PART_COUNT; i++) {
		const char *key = record_part_key((enum record_part)i);

		r = field_object(parts, key, &part, err);
		if (r == 0 && part)
			r = meta_parse_part(part, &ret->parts[i], err);
		if (r < 0)
			return err_in(err, r, "part '%s'", key);
	}
	return 0;
}

int meta_parse(const char *json, size_t size, struct meta *ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	struct meta meta = { 0 };
	int r = field_load(json, size, META_LIMIT_BYTES, &root, err);

	if (r == 0)
		r = meta_parse_root(root, &meta, err);
	if (r == ERR_INVALID || r == ERR_LIMIT) // of a field: no writer of ours does that
		r = err_in(err, ERR_CORRUPT, "%s", META_NAME);
	else if (r < 0)
		r = err_in(err, r, "%s", META_NAME);
	if (r == 0)
		*ret = meta;
	return r;
}

int meta_read(int dirfd, struct meta *ret, struct err *err)
{
	_cleanup_free char *json = NULL;
	_cleanup_fd int fd =
		openat(dirfd, META_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOTFOUND, "there is no %s", META_NAME);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to open '%s'", META_NAME);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CORRUPT, "'%s' is no regular file", META_NAME);
	if ((uint64_t)st.st_size > META_LIMIT_BYTES)
		return err_set(err, ERR_CORRUPT, "'%s' is larger than %zu bytes",
			       META_NAME, META_LIMIT_BYTES);
	json = malloc((size_t)st.st_size + 1);
	if (!json)
		return err_nomem(err);
	r = fd_read_full(fd, json, (size_t)st.st_size, err);
	if (r < 0)
		return err_in(err, r, "reading '%s'", META_NAME);
	return meta_parse(json, (size_t)st.st_size, ret, err);
}
