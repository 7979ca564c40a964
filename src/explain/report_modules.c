// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/report_modules.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"
#include "kernel/module.h"
#include "record/field.h"

#define LINE_MODULES_MAX 12 /* tainted ones that a report's head names */

void report_modules_done(struct report_modules *modules)
{
	free(modules->modules);
	*modules = (struct report_modules){ 0 };
}

/* MODULE_VERSION(), which most have not. */
static void read_version(struct kernel *kernel, const struct module *module,
			 struct report_module *ret)
{
	char text[sizeof(ret->version)];
	uint64_t offset, vaddr;

	if (kernel_offset(kernel, "module.version", &offset, NULL) < 0 ||
	    kernel_read_u64(kernel, module->vaddr + offset, &vaddr, NULL) < 0 || !vaddr ||
	    kernel_read_string(kernel, vaddr, text, sizeof(text), NULL) < 0)
		return;
	ascii_escape(text, strlen(text), ret->version, sizeof(ret->version));
}

int report_modules_build(struct kernel *kernel, struct report_modules *ret,
			 struct err *err)
{
	const struct modules *modules;
	const struct module *list;
	struct err why = { 0 };
	const char *cut;
	size_t count;

	if (kernel_modules(kernel, &modules, &why) < 0) {
		ascii_escape(err_text(&why), strlen(err_text(&why)), ret->unknown.why,
			     sizeof(ret->unknown.why));
		return 0;
	}
	list = modules_get(modules, &count);
	cut = modules_cut_why(modules);
	if (cut)
		ascii_escape(cut, strlen(cut), ret->unknown.why,
			     sizeof(ret->unknown.why));
	ret->modules = calloc(count + 1, sizeof(*ret->modules));
	if (!ret->modules)
		return err_nomem(err);
	ret->count = count;
	for (size_t i = 0; i < count; i++) {
		struct report_module *module = &ret->modules[i];

		ascii_escape(list[i].name, strnlen(list[i].name, sizeof(list[i].name)),
			     module->name, sizeof(module->name));
		snprintf(module->state, sizeof(module->state), "%s",
			 module_state_name(list[i].state));
		taint_format_module(list[i].taints, module->taints);
		module->vaddr = list[i].range_count ? list[i].ranges[0].start : 0;
		module->size_bytes = list[i].size_bytes;
		read_version(kernel, &list[i], module);
	}
	return 0;
}

/* ---- text ---- */

void report_modules_format_text(const struct report_modules *modules, struct text *ret)
{
	text_add(ret, "%-18s %10s %-8s %-6s %s\n", "ADDRESS", "SIZE", "STATE", "TAINTS",
		 "NAME VERSION");
	for (size_t i = 0; i < modules->count; i++) {
		const struct report_module *module = &modules->modules[i];

		text_add(ret, "0x%016" PRIx64 " %10" PRIu64 " %-8s %-6s %s%s%s\n",
			 module->vaddr, module->size_bytes, module->state,
			 module->taints[0] ? module->taints : "-", module->name,
			 module->version[0] ? " " : "", module->version);
	}
}

void report_modules_format_line(const struct report_modules *modules, struct text *ret)
{
	size_t tainted = 0;

	if (!modules->modules)
		return;
	text_add(ret, "%zu loaded", modules->count);
	for (size_t i = 0; i < modules->count; i++) {
		const struct report_module *module = &modules->modules[i];

		if (module->taints[0] && tainted++ < LINE_MODULES_MAX)
			text_add(ret, "%s%s (%s)",
				 tainted == 1 ? ", of them tainted: " : ", ",
				 module->name, module->taints);
	}
	if (tainted > LINE_MODULES_MAX)
		text_add(ret, " and %zu more", tainted - LINE_MODULES_MAX);
}

/* ---- JSON ---- */

json_t *report_modules_new_json(const struct report_modules *modules)
{
	json_t *array = json_array();
	int r = array ? 0 : -1;

	for (size_t i = 0; r == 0 && i < modules->count; i++) {
		const struct report_module *module = &modules->modules[i];
		json_t *object = json_object();

		r |= member_put_string(object, "name", module->name);
		r |= member_put_string(object, "version", module->version);
		r |= member_put_string(object, "state", module->state);
		r |= member_put_string(object, "taints", module->taints);
		r |= member_put_hex(object, "address", module->vaddr);
		r |= member_put_number(object, "size_bytes", module->size_bytes);
		r |= json_array_append_new(array, object);
	}
	if (r == 0)
		return array;
	json_decref(array);
	return NULL;
}

static int parse_module(const json_t *object, struct report_module *ret, struct err *err)
{
	int r;

	if (!json_is_object(object))
		return err_set(err, ERR_CORRUPT, "a module is not an object");
	r = member_get_string(object, "name", ret->name, sizeof(ret->name), err);
	if (r == 0)
		r = member_get_string(object, "version", ret->version,
				      sizeof(ret->version), err);
	if (r == 0)
		r = member_get_string(object, "state", ret->state, sizeof(ret->state),
				      err);
	if (r == 0)
		r = member_get_string(object, "taints", ret->taints, sizeof(ret->taints),
				      err);
	if (r == 0)
		r = member_get_hex(object, "address", &ret->vaddr, err);
	if (r == 0)
		r = member_get_number(object, "size_bytes", INT64_MAX, &ret->size_bytes,
				      err);
	return r;
}

int report_modules_parse_json(const json_t *array, struct report_modules *ret,
			      struct err *err)
{
	size_t count = json_array_size(array);
	int r = 0;

	if (count > MODULE_COUNT_MAX)
		return err_set(err, ERR_LIMIT, "more than %d modules", MODULE_COUNT_MAX);
	ret->modules = calloc(count + 1, sizeof(*ret->modules));
	if (!ret->modules)
		return err_nomem(err);
	ret->count = count;
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = parse_module(json_array_get(array, i), &ret->modules[i], err);
		if (r < 0)
			r = err_in(err, r, "module %zu", i);
	}
	return r;
}
