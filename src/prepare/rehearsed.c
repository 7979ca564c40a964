// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/rehearsed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/field.h"

#define REHEARSED_LIMIT_BYTES ((size_t)64 << 10)
#define REHEARSED_MIB_MAX     (1 << 20)
#define REHEARSED_CAPTURE     "/usr/libexec/epitaph/epitaph-capture"

static const char *const verdicts[] = { "failed", "incomplete", "good" };

void rehearsed_init(struct rehearsed *rehearsed)
{
	*rehearsed = (struct rehearsed){
		.memory_low_kib = -1,
		.memory_total_kib = -1,
		.duration_ms = -1,
		.capture_ms = -1,
	};
}

const char *rehearsed_verdict_name(enum rehearsed_verdict verdict)
{
	return (size_t)verdict < ARRAY_SIZE(verdicts) ? verdicts[verdict] : "unknown";
}

/* ---- JSON ---- */

/* In one table, so that what is written is what is read. */
struct rehearsed_field {
	const char *object; /* NULL: the root */
	const char *key;
	char *text; /* of @size, or NULL for a number */
	size_t size;
	int64_t number, min, max;
	int64_t *number_at; /* where one that is signed lies; NULL: it is copied */
};

enum {
	FIELD_IMAGE_BYTES = 9,
	FIELD_UNPACKED_BYTES,
	FIELD_MINIMUM
};

#define REHEARSED_FIELDS 15

static void rehearsed_fields(struct rehearsed *r,
			     struct rehearsed_field ret[static REHEARSED_FIELDS])
{
#define TEXT(object, key, member)                                     \
	{                                                             \
		object, key, r->member, sizeof(r->member), 0, 0, 0, 0 \
	}
#define COPY(object, key, member, max)                                 \
	{                                                              \
		object, key, NULL, 0, (int64_t)r->member, 0, max, NULL \
	}
#define NUMBER(object, key, member, min)                            \
	{                                                           \
		object, key, NULL, 0, 0, min, INT64_MAX, &r->member \
	}
	const struct rehearsed_field fields[REHEARSED_FIELDS] = {
		TEXT(NULL, "why", why),
		TEXT(NULL, "trigger", trigger),
		TEXT("kernel", "release", kernel_release),
		TEXT("kernel", "checksum", kernel_checksum),
		TEXT("image", "checksum", image_checksum),
		TEXT("capture", "checksum", capture_checksum),
		TEXT(NULL, "crashkernel", crashkernel),
		NUMBER(NULL, "when", when, 0),
		NUMBER("memory", "low_kib", memory_low_kib, -1),
		[FIELD_IMAGE_BYTES] = COPY("image", "size_bytes", image_bytes, INT64_MAX),
		[FIELD_UNPACKED_BYTES] =
			COPY("image", "unpacked_bytes", unpacked_bytes, INT64_MAX),
		[FIELD_MINIMUM] =
			COPY(NULL, "minimum_mib", minimum_mib, REHEARSED_MIB_MAX),
		NUMBER("memory", "total_kib", memory_total_kib, -1),
		NUMBER(NULL, "duration_ms", duration_ms, -1),
		NUMBER(NULL, "capture_ms", capture_ms, -1),
	};
#undef NUMBER
#undef COPY
#undef TEXT

	memcpy(ret, fields, sizeof(fields));
}

static int field_put(json_t *root, const struct rehearsed_field *field)
{
	json_t *object = root;

	if (field->object) {
		object = json_object_get(root, field->object);
		if (!object) {
			json_object_set_new(root, field->object, json_object());
			object = json_object_get(root, field->object);
		}
	}
	return json_object_set_new(object, field->key,
				   field->text ? field_new_string(field->text)
					       : json_integer(field->number_at
								      ? *field->number_at
								      : field->number));
}

int rehearsed_to_json(const struct rehearsed *rehearsed, json_t **ret, struct err *err)
{
	struct rehearsed_field fields[REHEARSED_FIELDS];
	struct rehearsed copy = *rehearsed;
	_cleanup_json json_t *root =
		json_pack("{s:i, s:s, s:s, s:b}", "schema_version",
			  REHEARSED_SCHEMA_VERSION, "tool", "epitaph " EPITAPH_VERSION,
			  "verdict", rehearsed_verdict_name(rehearsed->verdict), "real",
			  rehearsed->is_real);
	int bad = !root;

	rehearsed_fields(&copy, fields);
	for (size_t i = 0; !bad && i < REHEARSED_FIELDS; i++)
		bad |= field_put(root, &fields[i]);
	if (bad)
		return err_nomem(err);
	*ret = take_ptr(root);
	return 0;
}

static int field_take(const json_t *root, struct rehearsed_field *field, struct err *err)
{
	const json_t *object = root;
	int r = 0;

	if (field->object)
		r = field_object(root, field->object, &object, err);
	if (r < 0 || !object)
		return r;
	if (field->text)
		return field_string(object, field->key, false, field->text, field->size,
				    err);
	return field_int(object, field->key, field->min, field->max,
			 field->number_at ? field->number_at : &field->number, err);
}

static int parse_verdict(const json_t *root, struct rehearsed *ret, struct err *err)
{
	const json_t *real = json_object_get(root, "real");
	int64_t version = 0;
	char name[16] = "";
	int r = field_int(root, "schema_version", 0, INT32_MAX, &version, err);

	if (r == 0 && version != REHEARSED_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "schema %lld; this version reads %d",
			       (long long)version, REHEARSED_SCHEMA_VERSION);
	if (r == 0)
		r = field_string(root, "verdict", false, name, sizeof(name), err);
	if (r < 0)
		return r;
	ret->is_real = json_is_true(real);
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		if (strcmp(name, verdicts[i]) == 0) {
			ret->verdict = (enum rehearsed_verdict)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "'%s' is no verdict", name);
}

int rehearsed_parse(const char *json, size_t size, struct rehearsed *ret, struct err *err)
{
	struct rehearsed_field fields[REHEARSED_FIELDS];
	_cleanup_json json_t *root = NULL;
	struct rehearsed rehearsed;
	int r = field_load(json, size, REHEARSED_LIMIT_BYTES, &root, err);

	rehearsed_init(&rehearsed);
	rehearsed_fields(&rehearsed, fields);
	if (r == 0)
		r = parse_verdict(root, &rehearsed, err);
	for (size_t i = 0; r == 0 && i < REHEARSED_FIELDS; i++)
		r = field_take(root, &fields[i], err);
	if (r < 0)
		return r;
	rehearsed.image_bytes = (uint64_t)fields[FIELD_IMAGE_BYTES].number;
	rehearsed.unpacked_bytes = (uint64_t)fields[FIELD_UNPACKED_BYTES].number;
	rehearsed.minimum_mib = (uint32_t)fields[FIELD_MINIMUM].number;
	*ret = rehearsed;
	return 0;
}

/* ---- the file ---- */

static int rehearsed_path(const char *root, const char *name, char ret[static PATH_MAX],
			  struct err *err)
{
	if (snprintf(ret, PATH_MAX, "%s%s", root, name) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	return 0;
}

static void keep_minimum(const char *root, struct rehearsed *rehearsed)
{
	struct rehearsed before;

	if (rehearsed->minimum_mib == 0 && rehearsed_load(root, &before, NULL) == 0 &&
	    strcmp(before.kernel_checksum, rehearsed->kernel_checksum) == 0 &&
	    strcmp(before.capture_checksum, rehearsed->capture_checksum) == 0)
		rehearsed->minimum_mib = before.minimum_mib;
}

int rehearsed_save(const char *root, const struct rehearsed *rehearsed, struct err *err)
{
	struct rehearsed copy = *rehearsed;
	_cleanup_json json_t *json = NULL;
	_cleanup_free char *text = NULL;
	char path[PATH_MAX], directory[PATH_MAX];
	int r = rehearsed_path(root, ARMED_STATE_DIR, directory, err);

	if (r == 0)
		r = rehearsed_path(root, REHEARSED_FILE, path, err);
	if (r == 0)
		r = dir_make_path(directory, 0700, err);
	if (r < 0)
		return r;
	keep_minimum(root, &copy);
	r = rehearsed_to_json(&copy, &json, err);
	if (r < 0)
		return r;
	text = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		return err_nomem(err);
	return file_replace(AT_FDCWD, path, text, strlen(text), 0600, err);
}

int rehearsed_load(const char *root, struct rehearsed *ret, struct err *err)
{
	_cleanup_free char *data = NULL;
	char path[PATH_MAX];
	struct err why = { 0 };
	size_t size;
	int r = rehearsed_path(root, REHEARSED_FILE, path, err);

	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, path, REHEARSED_LIMIT_BYTES, &data, &size, &why);
	if (r < 0)
		return err_set(err, why.os_errno == ENOENT ? ERR_NOTFOUND : r, "%s",
			       err_text(&why));
	r = rehearsed_parse(data, size, ret, err);
	return r < 0 ? err_in(err, r, "'" REHEARSED_FILE "'") : 0;
}

/* ---- what it is worth ---- */

static bool is_another(const char *path, const char *checksum)
{
	char now[PART_CHECKSUM_SIZE];

	return checksum[0] && armed_checksum(path, now, NULL) == 0 &&
	       strcmp(now, checksum) != 0;
}

bool rehearsed_compare(const struct rehearsed *rehearsed, const char *root,
		       const char *release, const char *kernel_path,
		       const struct armed *armed, char *ret_why, size_t why_size)
{
	char capture[PATH_MAX];

	snprintf(ret_why, why_size, "%s", "");
	if (release[0] && strcmp(release, rehearsed->kernel_release) != 0)
		snprintf(ret_why, why_size, "of another kernel: %s",
			 rehearsed->kernel_release);
	else if (is_another(kernel_path, rehearsed->kernel_checksum))
		snprintf(ret_why, why_size, "the kernel's file has changed since");
	else if (rehearsed->is_real && armed && rehearsed->image_checksum[0] &&
		 strcmp(armed->image_checksum, rehearsed->image_checksum) != 0)
		snprintf(ret_why, why_size, "of another capture image");
	else if (!rehearsed->is_real &&
		 snprintf(capture, sizeof(capture), "%s" REHEARSED_CAPTURE, root) <
			 (int)sizeof(capture) &&
		 is_another(capture, rehearsed->capture_checksum))
		snprintf(ret_why, why_size, "epitaph-capture has changed since");
	return !ret_why[0];
}

void rehearsed_describe(const struct rehearsed *rehearsed, char *ret, size_t size)
{
	char date[32] = "unknown", memory[80] = "";
	time_t when = (time_t)rehearsed->when;
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	if (rehearsed->memory_low_kib >= 0 && rehearsed->memory_total_kib >= 0)
		snprintf(memory, sizeof(memory), ", %.1f of %.1f MiB left at the least",
			 (double)rehearsed->memory_low_kib / 1024,
			 (double)rehearsed->memory_total_kib / 1024);
	snprintf(ret, size, "%s %s, %s%s%s%s", rehearsed_verdict_name(rehearsed->verdict),
		 rehearsed->is_real ? "on this machine" : "in a virtual machine", date,
		 memory, rehearsed->why[0] ? ": " : "", rehearsed->why);
}

uint64_t rehearsed_reserve_bytes(const struct rehearsed *rehearsed,
				 uint64_t unpacked_bytes)
{
	uint64_t measured = rehearsed->unpacked_bytes, more = 0;

	if (rehearsed->minimum_mib == 0)
		return 0;
	if (measured > 0 && unpacked_bytes > measured)
		more = (unpacked_bytes - measured) / 10 * 11;
	return (rehearsed->minimum_mib * MIB + more) / 10 * 12;
}
