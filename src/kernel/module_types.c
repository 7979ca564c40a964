// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/module_types.h"

#include <inttypes.h>

#include "kernel/ring.h"
#include "kernel/value.h"

/* The struct btf that the kernel made of a module's section, which itself is gone. */
static int find_btf(struct kernel *kernel, const struct module *module, uint64_t *ret,
		    struct err *err)
{
	uint64_t head, link, node, vaddr;
	struct ring ring;
	int r = kernel_symbol(kernel, "btf_modules", &head, err);

	if (r == 0)
		r = kernel_offset(kernel, "btf_module.list", &link, err);
	if (r < 0)
		return r;
	ring = ring_init(kernel, head, MODULE_COUNT_MAX);
	while ((r = ring_next(&ring, &node, err)) > 0) {
		r = value_read(kernel, node - link, "btf_module.module", &vaddr, err);
		if (r == 0 && vaddr == module->vaddr)
			return value_read(kernel, node - link, "btf_module.btf", ret,
					  err);
		if (r < 0)
			break;
	}
	return r < 0 ? r : err_set(err, ERR_NOTFOUND, "it brought no BTF");
}

/* The bytes of the section, on the base that we have too. */
static int read_btf(struct kernel *kernel, uint64_t btf, uint8_t **ret,
		    uint64_t *ret_size, struct err *err)
{
	uint64_t data, size, base, own_base;
	uint8_t *bytes;
	int r = value_read(kernel, btf, "btf.data", &data, err);

	if (r == 0)
		r = value_read(kernel, btf, "btf.data_size", &size, err);
	if (r == 0)
		r = value_read(kernel, btf, "btf.base_btf", &base, err);
	if (r == 0)
		r = value_symbol(kernel, "btf_vmlinux", 8, &own_base, err);
	if (r == 0 && base != own_base)
		r = err_set(err, ERR_UNSUPPORTED, "its BTF stands on another base");
	if (r == 0 && size > TYPES_BTF_SIZE_MAX)
		r = err_set(err, ERR_LIMIT, "its BTF has %" PRIu64 " bytes", size);
	if (r < 0)
		return r;
	bytes = malloc(size + 1);
	if (!bytes)
		return err_nomem(err);
	r = kernel_read(kernel, data, bytes, size, err);
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret = bytes;
	*ret_size = size;
	return 0;
}

int module_types_new(struct kernel *kernel, const struct module *module,
		     struct types **ret, struct err *err)
{
	const struct types *base;
	_cleanup_free uint8_t *bytes = NULL;
	uint64_t btf, size = 0;
	int r = kernel_types(kernel, &base, err);

	if (r == 0)
		r = find_btf(kernel, module, &btf, err);
	if (r == 0)
		r = read_btf(kernel, btf, &bytes, &size, err);
	if (r == 0)
		r = types_new_split(base, bytes, size, ret, err);
	return r < 0 ? err_in(err, r, "types of module '%s'", module->name) : 0;
}

int module_types_find(struct kernel *kernel, const char *path, struct types **ret,
		      const char **ret_module, struct err *err)
{
	const struct modules *modules;
	const struct module *items;
	size_t count;
	int r = kernel_modules(kernel, &modules, err);

	if (r < 0)
		return r;
	items = modules_get(modules, &count);
	for (size_t i = 0; i < count; i++) {
		_cleanup_types struct types *types = NULL;
		uint64_t offset;
		uint32_t id, bits;

		if (module_types_new(kernel, &items[i], &types, NULL) < 0 ||
		    types_find(types, path, &id, &offset, &bits, NULL) < 0)
			continue;
		*ret = take_ptr(types);
		*ret_module = items[i].name;
		return 0;
	}
	return err_set(err, ERR_NOTFOUND, "no module knows '%s'", path);
}
