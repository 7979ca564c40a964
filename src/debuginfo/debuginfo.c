// SPDX-License-Identifier: GPL-2.0-or-later
#include "debuginfo/debuginfo.h"

#include <string.h>

#include "debuginfo/module_file.h"
#include "kernel/module.h"

/* A module's, looked for once. */
struct module_map {
	const struct module *module;
	struct source_map *map; /* NULL: see why */
	struct err why;
};

struct debuginfo {
	struct kernel *kernel;
	struct debug_files files; /* the directory is a copy */
	char *directory;
	struct vmlinux vmlinux;
	struct source_map *map;
	const struct modules *modules; /* NULL: they can't be had */
	struct module_map *module_maps;
	size_t module_map_count;
};

int debuginfo_open(struct kernel *kernel, const struct debug_files *files,
		   struct debuginfo **ret, struct err *err)
{
	_cleanup_debuginfo struct debuginfo *debuginfo = calloc(1, sizeof(*debuginfo));
	int r;

	if (!debuginfo)
		return err_nomem(err);
	debuginfo->kernel = kernel;
	debuginfo->directory = strdup(debug_files_directory(files));
	if (!debuginfo->directory)
		return err_nomem(err);
	debuginfo->files.directory = debuginfo->directory;
	debuginfo->files.may_fetch = files->may_fetch;
	r = vmlinux_find(kernel, files, &debuginfo->vmlinux, err);
	if (r == 0)
		r = source_map_open(debuginfo->vmlinux.path, NULL, &debuginfo->map, err);
	if (r < 0)
		return r;
	kernel_modules(kernel, &debuginfo->modules, NULL);
	*ret = take_ptr(debuginfo);
	return 0;
}

void debuginfo_close(struct debuginfo *debuginfo)
{
	if (!debuginfo)
		return;
	for (size_t i = 0; i < debuginfo->module_map_count; i++)
		source_map_close(debuginfo->module_maps[i].map);
	free(debuginfo->module_maps);
	source_map_close(debuginfo->map);
	free(debuginfo->directory);
	free(debuginfo);
}

const struct vmlinux *debuginfo_vmlinux(const struct debuginfo *debuginfo)
{
	return &debuginfo->vmlinux;
}

static int open_module(struct debuginfo *debuginfo, const struct module *module,
		       struct source_map **ret, struct err *err)
{
	struct module_sections sections = { 0 };
	char path[PATH_MAX];
	int r = module_file_find(debuginfo->kernel, module, &debuginfo->files, path, err);

	if (r == 0)
		r = module_sections_read(debuginfo->kernel, module, &sections, err);
	if (r == 0)
		r = source_map_open(path, &sections, ret, err);
	module_sections_done(&sections);
	return r;
}

/* The module's map, or why there is none, as it was found the first time. */
static int get_module_map(struct debuginfo *debuginfo, const struct module *module,
			  struct source_map **ret, struct err *err)
{
	size_t n = debuginfo->module_map_count, i = 0;
	struct module_map *map;

	while (i < n && debuginfo->module_maps[i].module != module)
		i++;
	if (i == n) {
		map = realloc(debuginfo->module_maps, (n + 1) * sizeof(*map));
		if (!map)
			return err_nomem(err);
		debuginfo->module_maps = map;
		map[n] = (struct module_map){ .module = module };
		open_module(debuginfo, module, &map[n].map, &map[n].why);
		debuginfo->module_map_count++;
	}
	map = &debuginfo->module_maps[i];
	if (!map->map && err)
		*err = map->why;
	*ret = map->map;
	return map->map ? 0 : map->why.code;
}

int debuginfo_find(struct debuginfo *debuginfo, uint64_t vaddr, struct source_lines *ret,
		   const char **ret_module, struct err *err)
{
	const struct module *module =
		debuginfo->modules ? modules_find(debuginfo->modules, vaddr) : NULL;
	struct source_map *map = debuginfo->map;
	int r = 0;

	*ret_module = NULL;
	if (!module)
		return source_map_find(map, vaddr - debuginfo->vmlinux.offset, ret, err);
	r = get_module_map(debuginfo, module, &map, err);
	if (r < 0) {
		*ret_module = module->name;
		return r;
	}
	return source_map_find(map, vaddr, ret, err);
}
