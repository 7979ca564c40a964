// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/module_set.h"

#include <archive.h>
#include <errno.h>
#include <libkmod.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* Dependencies of dependencies: Linux' own are no deeper than ten. */
#define MODULE_DEPTH_MAX 32
#define MODULE_SET_MAX	 256
#define MODULE_FILE_MAX	 ((size_t)64 << 20)

struct module_set {
	struct kmod_ctx *kmod;
	char *directory;
	struct kmod_module *modules[MODULE_SET_MAX]; /* in the order of loading */
	size_t count;
	char complaint[256]; /* libkmod's last error: of what it only logs, too */
};

static void PRINTF(6, 0)
	kmod_complain(void *data, int priority, const char *file, int line,
		      const char *fn, const char *format, va_list args)
{
	struct module_set *set = data;

	if (priority > LOG_ERR)
		return;
	vsnprintf(set->complaint, sizeof(set->complaint), format, args);
	set->complaint[strcspn(set->complaint, "\n")] = '\0';
}

static void kmod_list_free(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void kmod_module_free(struct kmod_module **module)
{
	kmod_module_unref(*module);
}

int module_set_new(const char *directory, struct module_set **ret, struct err *err)
{
	static const char *const no_config[] = { NULL };
	_cleanup_module_set struct module_set *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return err_nomem(err);
	set->directory = strdup(directory);
	set->kmod = kmod_new(directory, no_config);
	if (!set->kmod || !set->directory)
		return err_nomem(err);
	kmod_set_log_fn(set->kmod, kmod_complain, set);
	r = kmod_load_resources(set->kmod);
	if (r < 0)
		return err_set(
			err, ERR_NOTFOUND,
			"no index of modules in '%s' (modules.dep.bin, of depmod): %s",
			directory, strerror(-r));
	*ret = take_ptr(set);
	return 0;
}

void module_set_free(struct module_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++)
		kmod_module_unref(set->modules[i]);
	if (set->kmod)
		kmod_unref(set->kmod);
	free(set->directory);
	free(set);
}

static bool set_has(const struct module_set *set, const char *name)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(kmod_module_get_name(set->modules[i]), name) == 0)
			return true;
	}
	return false;
}

static int set_add_list(struct module_set *set, struct kmod_list *list,
			unsigned int depth, struct err *err);

/* What it needs first. "post" dependencies are left out: nothing of them is needed to
 * read or write a disk. */
static int set_add_module(struct module_set *set, struct kmod_module *module,
			  unsigned int depth, struct err *err)
{
	_cleanup_(kmod_list_free) struct kmod_list *before = NULL, *after = NULL,
						   *needed = NULL;
	const char *name = kmod_module_get_name(module);
	int r;

	if (set_has(set, name) || !kmod_module_get_path(module)) // no path: built in
		return 0;
	if (depth > MODULE_DEPTH_MAX)
		return err_set(err, ERR_LIMIT,
			       "the dependencies of '%s' are deeper than %d", name,
			       MODULE_DEPTH_MAX);
	r = kmod_module_get_softdeps(module, &before, &after);
	if (r < 0)
		return err_os(err, -r, "unable to look for what '%s' needs", name);
	set->complaint[0] = '\0';
	needed = kmod_module_get_dependencies(module);
	if (set->complaint[0]) // it gives none, rather than all but one
		return err_set(err, ERR_CORRUPT, "unable to find what '%s' needs: %s",
			       name, set->complaint);
	r = set_add_list(set, before, depth + 1, err);
	if (r == 0)
		r = set_add_list(set, needed, depth + 1, err);
	if (r < 0 || set_has(set, name))
		return r;
	if (set->count >= MODULE_SET_MAX)
		return err_set(err, ERR_LIMIT, "more than %d modules", MODULE_SET_MAX);
	set->modules[set->count++] = kmod_module_ref(module);
	return 0;
}

static int set_add_list(struct module_set *set, struct kmod_list *list,
			unsigned int depth, struct err *err)
{
	struct kmod_list *item;
	int r = 0;

	kmod_list_foreach(item, list)
	{
		_cleanup_(kmod_module_free) struct kmod_module *module =
			kmod_module_get_module(item);

		r = set_add_module(set, module, depth, err);
		if (r < 0)
			break;
	}
	return r;
}

int module_set_add(struct module_set *set, const char *lookup, struct err *err)
{
	_cleanup_(kmod_list_free) struct kmod_list *found = NULL;
	int r = kmod_module_new_from_lookup(set->kmod, lookup, &found);

	if (r < 0 && r != -ENOSYS)
		return err_os(err, -r, "unable to look for '%s' in '%s'", lookup,
			      set->directory);
	if (!found)
		return err_set(err, ERR_NOTFOUND, "no module '%s' in '%s'", lookup,
			       set->directory);
	r = set_add_list(set, found, 0, err);
	return r < 0 ? err_in(err, r, "module '%s'", lookup) : 0;
}

bool module_set_is_below(struct module_set *set, const char *name, const char *part)
{
	_cleanup_(kmod_module_free) struct kmod_module *module = NULL;
	const char *path;

	if (kmod_module_new_from_name(set->kmod, name, &module) < 0)
		return false;
	path = kmod_module_get_path(module);
	return path && strstr(path, part);
}

size_t module_set_count(const struct module_set *set)
{
	return set->count;
}

const char *module_set_name(const struct module_set *set, size_t i)
{
	return kmod_module_get_name(set->modules[i]);
}

const char *module_set_path(const struct module_set *set, size_t i)
{
	return kmod_module_get_path(set->modules[i]);
}

/* ---- the file ---- */

static void archive_freep(struct archive **archive)
{
	if (*archive)
		archive_read_free(*archive);
}

static int module_unpack(struct archive *archive, uint8_t **ret, size_t *ret_size,
			 struct err *err)
{
	_cleanup_free uint8_t *data = NULL;
	size_t size = 0, capacity = 0;

	for (;;) {
		la_ssize_t n;

		if (size == capacity) {
			uint8_t *grown;

			if (capacity >= MODULE_FILE_MAX)
				return err_set(err, ERR_LIMIT, "is larger than %zu bytes",
					       MODULE_FILE_MAX);
			capacity = capacity ? capacity * 2 : (size_t)256 << 10;
			grown = realloc(data, capacity);
			if (!grown)
				return err_nomem(err);
			data = grown;
		}
		n = archive_read_data(archive, data + size, capacity - size);
		if (n < 0)
			return err_set(err, ERR_CORRUPT, "unable to unpack: %s",
				       archive_error_string(archive));
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret = take_ptr(data);
	*ret_size = size;
	return 0;
}

int module_file_read(const char *path, uint8_t **ret, size_t *ret_size, struct err *err)
{
	_cleanup_(archive_freep) struct archive *archive = archive_read_new();
	_cleanup_free uint8_t *data = NULL;
	struct archive_entry *entry;
	size_t size = 0;
	int r;

	if (!archive)
		return err_nomem(err);
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_xz(archive);
	archive_read_support_filter_zstd(archive);
	archive_read_support_format_raw(archive);
	if (archive_read_open_filename(archive, path, 1 << 16) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return err_set(err, ERR_NOTFOUND, "unable to read the module '%s': %s",
			       path, archive_error_string(archive));
	r = module_unpack(archive, &data, &size, err);
	if (r == 0 && (size < 4 || memcmp(data, "\177ELF", 4) != 0))
		r = err_set(err, ERR_CORRUPT, "is no ELF file");
	if (r < 0)
		return err_in(err, r, "the module '%s'", path);
	*ret = take_ptr(data);
	*ret_size = size;
	return 0;
}
