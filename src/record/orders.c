// SPDX-License-Identifier: GPL-2.0-or-later
#include "record/orders.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "record/field.h"
#include "record/orders_device.h"
#include "record/part.h"

/* Of zstd, whose range is the widest: negative levels are its fast ones. */
#define ORDERS_CODEC_LEVEL_MIN (-100)
#define ORDERS_CODEC_LEVEL_MAX 22

static const char *const mode_names[] = { "full", "dmesg", "mini" };
static const char *const end_names[] = { "reboot", "poweroff", "halt" };
static const char *const codec_names[] = { "zstd", "zlib", "lzo", "snappy", "none" };
static const char *const kind_names[] = { "file system", "raw" };
static const char *const step_names[ORDERS_STEP_COUNT] = { "target", "dmesg", "report",
							   "mini",   "dump",  "hook" };

void orders_init(struct orders *orders)
{
	*orders = (struct orders){
		.mode = ORDERS_FULL,
		.end = ORDERS_REBOOT,
		.dump_level = 31,
		.codec = "zstd",
		.codec_level = 0,
		.step_timeout_s = { [ORDERS_STEP_TARGET] = 60,
				    [ORDERS_STEP_DMESG] = 60,
				    [ORDERS_STEP_REPORT] = 60,
				    [ORDERS_STEP_MINI] = 120,
				    [ORDERS_STEP_DUMP] = 1800,
				    [ORDERS_STEP_HOOK] = 30 },
		.total_timeout_s = 3600,
		.stall_timeout_s = 120,
		.makes_room = true,
		.loop_crashes = 5,
		.loop_s = 3600,
		.log_tail_lines = 40,
	};
}

void orders_done(struct orders *orders)
{
	for (size_t i = 0; i < orders->module_count; i++)
		free(orders->modules[i]);
	free(orders->modules);
	orders->modules = NULL;
	orders->module_count = 0;
}

int orders_add_module(struct orders *orders, const char *path, struct err *err)
{
	char **grown;
	char *copy;

	if (orders->module_count >= ORDERS_MODULES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d modules",
			       ORDERS_MODULES_MAX);
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return err_set(err, ERR_INVALID, "the module '%.64s' is no absolute path",
			       path);
	grown = reallocarray(orders->modules, orders->module_count + 1, sizeof(*grown));
	if (!grown)
		return err_nomem(err);
	orders->modules = grown;
	copy = strdup(path);
	if (!copy)
		return err_nomem(err);
	grown[orders->module_count++] = copy;
	return 0;
}

/* ---- names ---- */

const char *orders_mode_name(enum orders_mode mode)
{
	return (size_t)mode < ARRAY_SIZE(mode_names) ? mode_names[mode] : "unknown";
}

const char *orders_end_name(enum orders_end end)
{
	return (size_t)end < ARRAY_SIZE(end_names) ? end_names[end] : "unknown";
}

static int name_find(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

int orders_mode_parse(const char *name, enum orders_mode *ret, struct err *err)
{
	int i = name_find(mode_names, ARRAY_SIZE(mode_names), name);

	if (i < 0)
		return err_set(err, ERR_INVALID,
			       "the mode '%s' is not one of full, mini, dmesg", name);
	*ret = (enum orders_mode)i;
	return 0;
}

int orders_end_parse(const char *name, enum orders_end *ret, struct err *err)
{
	int i = name_find(end_names, ARRAY_SIZE(end_names), name);

	if (i < 0)
		return err_set(err, ERR_INVALID,
			       "the end '%s' is not one of reboot, poweroff, halt", name);
	*ret = (enum orders_end)i;
	return 0;
}

/* ---- to JSON ---- */

static json_t *orders_target_json(const struct orders_target *target)
{
	_cleanup_json json_t *object = json_object();
	int r = 0;

	r |= json_object_set_new(object, "kind", json_string(kind_names[target->kind]));
	r |= json_object_set_new(object, "fstype", field_new_string(target->fstype));
	r |= json_object_set_new(object, "uuid", field_new_string(target->uuid));
	r |= json_object_set_new(object, "device", field_new_string(target->device));
	r |= json_object_set_new(object, "path", field_new_string(target->path));
	return r ? NULL : take_ptr(object);
}

static json_t *orders_targets_json(const struct orders *orders)
{
	_cleanup_json json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < orders->target_count; i++)
		r |= json_array_append_new(array,
					   orders_target_json(&orders->targets[i]));
	return r ? NULL : take_ptr(array);
}

static json_t *orders_timeouts_json(const struct orders *orders)
{
	_cleanup_json json_t *object = json_object();
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(step_names); i++)
		r |= json_object_set_new(object, step_names[i],
					 json_integer(orders->step_timeout_s[i]));
	r |= json_object_set_new(object, "total", json_integer(orders->total_timeout_s));
	r |= json_object_set_new(object, "stall", json_integer(orders->stall_timeout_s));
	return r ? NULL : take_ptr(object);
}

static json_t *orders_modules_json(const struct orders *orders)
{
	_cleanup_json json_t *array = json_array();
	int r = 0;

	for (size_t i = 0; i < orders->module_count; i++)
		r |= json_array_append_new(array, field_new_string(orders->modules[i]));
	return r ? NULL : take_ptr(array);
}

static int orders_to_json(const struct orders *orders, json_t *root)
{
	json_t *dump = json_object();
	int r = 0;

	r |= json_object_set_new(dump, "level", json_integer(orders->dump_level));
	r |= json_object_set_new(dump, "codec", field_new_string(orders->codec));
	r |= json_object_set_new(dump, "codec_level", json_integer(orders->codec_level));
	r |= json_object_set_new(dump, "size_limit",
				 json_integer((json_int_t)orders->size_limit_bytes));
	r |= json_object_set_new(dump, "makes_room", json_boolean(orders->makes_room));
	r |= json_object_set_new(root, "schema_version",
				 json_integer(ORDERS_SCHEMA_VERSION));
	r |= json_object_set_new(root, "tool", json_string("epitaph " EPITAPH_VERSION));
	r |= json_object_set_new(root, "host", field_new_string(orders->host));
	r |= json_object_set_new(root, "time_zone", field_new_string(orders->time_zone));
	r |= json_object_set_new(root, "mode",
				 json_string(orders_mode_name(orders->mode)));
	r |= json_object_set_new(root, "end", json_string(orders_end_name(orders->end)));
	r |= json_object_set_new(root, "layout",
				 json_string(part_layout_name(orders->layout)));
	r |= json_object_set_new(root, "targets", orders_targets_json(orders));
	r |= json_object_set_new(root, "devices", orders_devices_json(orders));
	r |= json_object_set_new(root, "dump", dump); // takes it, even when it fails
	r |= json_object_set_new(root, "timeouts_s", orders_timeouts_json(orders));
	r |= json_object_set_new(root, "log_tail_lines",
				 json_integer(orders->log_tail_lines));
	r |= json_object_set_new(root, "loop_crashes",
				 json_integer(orders->loop_crashes));
	r |= json_object_set_new(root, "loop_s", json_integer(orders->loop_s));
	r |= json_object_set_new(root, "console_pages_s",
				 json_integer(orders->console_pages_s));
	r |= json_object_set_new(root, "watchdog_timeout_s",
				 json_integer(orders->watchdog_timeout_s));
	r |= json_object_set_new(root, "watchdog_module_count",
				 json_integer(orders->watchdog_module_count));
	r |= json_object_set_new(root, "last_resort_module_count",
				 json_integer(orders->last_resort_module_count));
	r |= json_object_set_new(root, "ramoops", field_new_string(orders->ramoops));
	r |= json_object_set_new(root, "efi_variable",
				 json_boolean(orders->efi_variable));
	r |= json_object_set_new(root, "modules", orders_modules_json(orders));
	return r;
}

/* JSON would carry another path than the one meant: say so now and not after the crash.
 */
static int orders_check_paths(const struct orders *orders, struct err *err)
{
	for (size_t i = 0; i < orders->target_count; i++) {
		if (!field_is_clean(orders->targets[i].path))
			return err_set(err, ERR_INVALID,
				       "the archive's path is not clean UTF-8");
	}
	for (size_t i = 0; i < orders->module_count; i++) {
		if (!field_is_clean(orders->modules[i]))
			return err_set(err, ERR_INVALID,
				       "the path of module %zu is not clean UTF-8",
				       i + 1);
	}
	return 0;
}

int orders_format(const struct orders *orders, struct text *ret, struct err *err)
{
	_cleanup_json json_t *root = json_object();
	_cleanup_free char *dumped = NULL;
	int r = orders_check_paths(orders, err);

	if (r < 0)
		return r;

	if (orders_to_json(orders, root) == 0)
		dumped = json_dumps(root, JSON_INDENT(2));
	if (!dumped)
		return err_nomem(err);
	text_add(ret, "%s\n", dumped);
	return text_check(ret, err);
}

/* ---- from JSON ---- */

static int orders_parse_u32(const json_t *object, const char *key, uint32_t min,
			    uint32_t max, uint32_t *ret, struct err *err)
{
	int64_t value = *ret;
	int r = field_int(object, key, min, max, &value, err);

	if (r == 0)
		*ret = (uint32_t)value;
	return r;
}

static int orders_parse_int(const json_t *object, const char *key, int min, int max,
			    int *ret, struct err *err)
{
	int64_t value = *ret;
	int r = field_int(object, key, min, max, &value, err);

	if (r == 0)
		*ret = (int)value;
	return r;
}

static bool path_has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2) {
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	}
	return false;
}

static int orders_parse_kind(const json_t *object, enum orders_target_kind *ret,
			     struct err *err)
{
	char name[16] = "";
	int r = field_string(object, "kind", true, name, sizeof(name), err);
	int i = name_find(kind_names, ARRAY_SIZE(kind_names), name);

	if (r < 0 || !name[0]) // without one it is a file system
		return r;
	if (i < 0)
		return err_set(err, ERR_INVALID,
			       "'kind' is '%s', neither file system nor raw", name);
	*ret = (enum orders_target_kind)i;
	return 0;
}

static int orders_parse_target(const json_t *object, struct orders_target *ret,
			       struct err *err)
{
	int r = orders_parse_kind(object, &ret->kind, err);

	if (r == 0)
		r = field_string(object, "fstype", true, ret->fstype, sizeof(ret->fstype),
				 err);
	if (r == 0)
		r = field_string(object, "uuid", true, ret->uuid, sizeof(ret->uuid), err);
	if (r == 0)
		r = field_string(object, "device", true, ret->device, sizeof(ret->device),
				 err);
	if (r == 0)
		r = field_string(object, "path", true, ret->path, sizeof(ret->path), err);
	if (r < 0)
		return r;
	// It is joined to where the file system is mounted, and must stay in there.
	if (ret->path[0] && (ret->path[0] != '/' || path_has_dotdot(ret->path)))
		return err_set(err, ERR_INVALID,
			       "'path' is '%s', no absolute path without '..'",
			       ret->path);
	return 0;
}

static int orders_parse_targets(const json_t *root, struct orders *ret, struct err *err)
{
	const json_t *array = json_object_get(root, "targets");
	size_t count = json_array_size(array);
	int r = 0;

	if (array && !json_is_array(array))
		return err_set(err, ERR_CORRUPT, "'targets' is not an array");
	if (count > ORDERS_TARGETS_MAX)
		return err_set(err, ERR_LIMIT, "%zu targets, more than %d", count,
			       ORDERS_TARGETS_MAX);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const json_t *object = json_array_get(array, i);

		if (!json_is_object(object))
			return err_set(err, ERR_CORRUPT,
				       "'targets' holds more than objects");
		r = orders_parse_target(object, &ret->targets[i], err);
	}
	if (r == 0)
		ret->target_count = count;
	return r;
}

static int orders_parse_bool(const json_t *object, const char *key, bool *ret,
			     struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_boolean(value))
		return err_set(err, ERR_CORRUPT, "'%s' is neither true nor false", key);
	if (value)
		*ret = json_is_true(value);
	return 0;
}

static int orders_parse_dump(const json_t *root, struct orders *ret, struct err *err)
{
	const json_t *object;
	int64_t size_limit = 0;
	int r = field_object(root, "dump", &object, err);

	if (r == 0)
		r = orders_parse_int(object, "level", 0, 31, &ret->dump_level, err);
	if (r == 0)
		r = field_string(object, "codec", true, ret->codec, sizeof(ret->codec),
				 err);
	if (r == 0 && name_find(codec_names, ARRAY_SIZE(codec_names), ret->codec) < 0)
		r = err_set(err, ERR_INVALID,
			    "'codec' is '%s', not one of zstd, zlib, lzo, snappy, none",
			    ret->codec);
	if (r == 0)
		r = orders_parse_int(object, "codec_level", ORDERS_CODEC_LEVEL_MIN,
				     ORDERS_CODEC_LEVEL_MAX, &ret->codec_level, err);
	if (r == 0)
		r = field_int(object, "size_limit", 0, INT64_MAX, &size_limit, err);
	if (r == 0)
		r = orders_parse_bool(object, "makes_room", &ret->makes_room, err);
	if (r == 0)
		ret->size_limit_bytes = (uint64_t)size_limit;
	return r;
}

static int orders_parse_timeouts(const json_t *root, struct orders *ret, struct err *err)
{
	const json_t *object;
	int r = field_object(root, "timeouts_s", &object, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(step_names); i++)
		r = orders_parse_u32(object, step_names[i], 1, ORDERS_TIMEOUT_MAX_S,
				     &ret->step_timeout_s[i], err);
	if (r == 0)
		r = orders_parse_u32(object, "total", 1, ORDERS_TIMEOUT_MAX_S,
				     &ret->total_timeout_s, err);
	if (r == 0)
		r = orders_parse_u32(object, "stall", 1, ORDERS_TIMEOUT_MAX_S,
				     &ret->stall_timeout_s, err);
	return r;
}

static int orders_parse_modules(const json_t *root, struct orders *ret, struct err *err)
{
	const json_t *array = json_object_get(root, "modules");
	size_t count = json_array_size(array);
	int r = 0;

	if (array && !json_is_array(array))
		return err_set(err, ERR_CORRUPT, "'modules' is not an array");
	if (count > ORDERS_MODULES_MAX)
		return err_set(err, ERR_LIMIT, "%zu modules, more than %d", count,
			       ORDERS_MODULES_MAX);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const char *path = json_string_value(json_array_get(array, i));

		if (!path)
			return err_set(err, ERR_CORRUPT,
				       "'modules' holds more than strings");
		r = orders_add_module(ret, path, err);
	}
	return r;
}

static int orders_parse_numbers(const json_t *root, struct orders *ret, struct err *err)
{
	const struct {
		const char *key;
		uint32_t min, max, *value;
	} numbers[] = {
		{ "log_tail_lines", 1, ORDERS_LOG_LINES_MAX, &ret->log_tail_lines },
		{ "loop_crashes", 0, ORDERS_LOOP_MAX, &ret->loop_crashes },
		{ "loop_s", 1, ORDERS_LOOP_MAX_S, &ret->loop_s },
		{ "console_pages_s", 0, ORDERS_PAGES_MAX_S, &ret->console_pages_s },
		{ "watchdog_timeout_s", 0, ORDERS_WATCHDOG_MAX_S,
		  &ret->watchdog_timeout_s },
		{ "watchdog_module_count", 0, ORDERS_MODULES_MAX,
		  &ret->watchdog_module_count },
		{ "last_resort_module_count", 0, ORDERS_MODULES_MAX,
		  &ret->last_resort_module_count },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++)
		r = orders_parse_u32(root, numbers[i].key, numbers[i].min, numbers[i].max,
				     numbers[i].value, err);
	return r;
}

static int orders_parse_root(const json_t *root, struct orders *ret, struct err *err)
{
	char mode[16], end[16], layout[16];
	uint32_t version = 0;
	int r = orders_parse_u32(root, "schema_version", 1, INT32_MAX, &version, err);

	if (r == 0 && version == 0)
		return err_set(err, ERR_CORRUPT, "without 'schema_version'");
	if (r == 0 && version != ORDERS_SCHEMA_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "schema %u; this version reads %d",
			       version, ORDERS_SCHEMA_VERSION);
	snprintf(mode, sizeof(mode), "%s", orders_mode_name(ret->mode));
	snprintf(end, sizeof(end), "%s", orders_end_name(ret->end));
	snprintf(layout, sizeof(layout), "%s", part_layout_name(ret->layout));
	if (r == 0)
		r = field_string(root, "mode", true, mode, sizeof(mode), err);
	if (r == 0)
		r = orders_mode_parse(mode, &ret->mode, err);
	if (r == 0)
		r = field_string(root, "end", true, end, sizeof(end), err);
	if (r == 0)
		r = orders_end_parse(end, &ret->end, err);
	if (r == 0)
		r = field_string(root, "layout", true, layout, sizeof(layout), err);
	if (r == 0)
		r = part_layout_parse(layout, &ret->layout, err);
	if (r == 0)
		r = field_string(root, "host", false, ret->host, sizeof(ret->host), err);
	if (r == 0)
		r = field_string(root, "time_zone", false, ret->time_zone,
				 sizeof(ret->time_zone), err);
	if (r == 0)
		r = orders_parse_numbers(root, ret, err);
	if (r == 0)
		r = orders_parse_targets(root, ret, err);
	if (r == 0)
		r = orders_devices_parse(root, ret, err);
	if (r == 0)
		r = orders_parse_dump(root, ret, err);
	if (r == 0)
		r = orders_parse_timeouts(root, ret, err);
	if (r == 0)
		r = orders_parse_modules(root, ret, err);
	if (r == 0)
		r = field_string(root, "ramoops", true, ret->ramoops,
				 sizeof(ret->ramoops), err);
	if (r == 0)
		r = orders_parse_bool(root, "efi_variable", &ret->efi_variable, err);
	if (r == 0 && ret->watchdog_module_count > ret->module_count)
		r = err_set(err, ERR_INVALID, "'watchdog_module_count' is more than all");
	if (r == 0 && ret->last_resort_module_count >
			      ret->module_count - ret->watchdog_module_count)
		r = err_set(err, ERR_INVALID,
			    "'last_resort_module_count' is more than all");
	return r;
}

int orders_parse(const char *json, size_t size, struct orders *ret, struct err *err)
{
	_cleanup_json json_t *root = NULL;
	_cleanup_(orders_done) struct orders orders;
	int r;

	orders_init(&orders);
	r = field_load(json, size, ORDERS_LIMIT_BYTES, &root, err);
	if (r == 0)
		r = orders_parse_root(root, &orders, err);
	if (r < 0)
		return err_in(err, r, "orders");
	*ret = orders;
	orders.modules = NULL; // they are the caller's now
	orders.module_count = 0;
	return 0;
}
