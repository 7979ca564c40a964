// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/orders_device.h"

#include <string.h>

#include "base/size.h"
#include "record/field.h"

#define MD_DISKS_MAX 384 /* Linux include/uapi/linux/raid/md_p.h, and some */

static const char *const kind_names[] = { "linear", "md" };

/* ---- to JSON ---- */

static json_t *segment_json(const struct orders_segment *segment)
{
	return json_pack("{s:I, s:I, s:o, s:I}", "start", (json_int_t)segment->start,
			 "length", (json_int_t)segment->length, "uuid",
			 field_new_string(segment->uuid), "offset",
			 (json_int_t)segment->offset);
}

static json_t *device_json(const struct orders_device *device)
{
	_cleanup_json json_t *object = json_object();
	json_t *segments = json_array();
	int r = 0;

	for (size_t i = 0; i < device->segment_count; i++)
		r |= json_array_append_new(segments, segment_json(&device->segments[i]));
	r |= json_object_set_new(object, "kind", json_string(kind_names[device->kind]));
	r |= json_object_set_new(object, "name", field_new_string(device->name));
	r |= json_object_set_new(object, "segments", segments);
	r |= json_object_set_new(object, "uuid", field_new_string(device->uuid));
	r |= json_object_set_new(object, "disks", json_integer(device->disks));
	r |= json_object_set_new(object, "metadata_major",
				 json_integer(device->metadata_major));
	r |= json_object_set_new(object, "metadata_minor",
				 json_integer(device->metadata_minor));
	return r ? NULL : take_ptr(object);
}

json_t *orders_devices_json(const struct orders *orders)
{
	_cleanup_json json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < orders->device_count; i++)
		r |= json_array_append_new(array, device_json(&orders->devices[i]));
	return r ? NULL : take_ptr(array);
}

/* ---- from JSON ---- */

static int parse_u64(const json_t *object, const char *key, uint64_t *ret,
		     struct err *err)
{
	int64_t value = 0;
	int r = field_int(object, key, 0, INT64_MAX, &value, err);

	*ret = (uint64_t)value;
	return r;
}

static int parse_u32(const json_t *object, const char *key, int64_t max, uint32_t *ret,
		     struct err *err)
{
	int64_t value = 0;
	int r = field_int(object, key, 0, max, &value, err);

	*ret = (uint32_t)value;
	return r;
}

static int segment_parse(const json_t *object, struct orders_segment *ret,
			 struct err *err)
{
	int r = parse_u64(object, "start", &ret->start, err);

	if (r == 0)
		r = parse_u64(object, "length", &ret->length, err);
	if (r == 0)
		r = parse_u64(object, "offset", &ret->offset, err);
	if (r == 0)
		r = field_string(object, "uuid", true, ret->uuid, sizeof(ret->uuid), err);
	return r;
}

static int segments_parse(const json_t *object, struct orders_device *ret,
			  struct err *err)
{
	const json_t *array = json_object_get(object, "segments");
	size_t count = json_array_size(array);
	int r = 0;

	if (count > ORDERS_SEGMENTS_MAX)
		return err_set(err, ERR_LIMIT, "%zu segments, more than %d", count,
			       ORDERS_SEGMENTS_MAX);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = segment_parse(json_array_get(array, i), &ret->segments[i], err);
	ret->segment_count = count;
	return r;
}

static int device_parse(const json_t *object, struct orders_device *ret, struct err *err)
{
	char kind[16] = "";
	int r = field_string(object, "kind", true, kind, sizeof(kind), err);

	if (r == 0 && strcmp(kind, "linear") != 0 && strcmp(kind, "md") != 0)
		r = err_set(err, ERR_INVALID, "'kind' is '%s', neither linear nor md",
			    kind);
	ret->kind = strcmp(kind, "md") == 0 ? ORDERS_MD : ORDERS_LINEAR;
	if (r == 0)
		r = field_string(object, "name", true, ret->name, sizeof(ret->name), err);
	if (r == 0)
		r = segments_parse(object, ret, err);
	if (r == 0)
		r = field_string(object, "uuid", true, ret->uuid, sizeof(ret->uuid), err);
	if (r == 0)
		r = parse_u32(object, "disks", MD_DISKS_MAX, &ret->disks, err);
	if (r == 0)
		r = parse_u32(object, "metadata_major", 1, &ret->metadata_major, err);
	if (r == 0)
		r = parse_u32(object, "metadata_minor", 255, &ret->metadata_minor, err);
	// It becomes a name in /dev and /sys.
	if (r == 0 && (!ret->name[0] || ret->name[0] == '.' || strchr(ret->name, '/')))
		r = err_set(err, ERR_INVALID, "'name' is '%s'", ret->name);
	return r;
}

int orders_devices_parse(const json_t *root, struct orders *ret, struct err *err)
{
	const json_t *array = json_object_get(root, "devices");
	size_t count = json_array_size(array);
	int r = 0;

	if (array && !json_is_array(array))
		return err_set(err, ERR_CORRUPT, "'devices' is not an array");
	if (count > ORDERS_DEVICES_MAX)
		return err_set(err, ERR_LIMIT, "%zu devices, more than %d", count,
			       ORDERS_DEVICES_MAX);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const json_t *object = json_array_get(array, i);

		if (!json_is_object(object))
			return err_set(err, ERR_CORRUPT,
				       "'devices' holds more than objects");
		r = device_parse(object, &ret->devices[i], err);
	}
	if (r == 0)
		ret->device_count = count;
	return r;
}
