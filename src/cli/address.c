// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/address.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/kallsyms.h"
#include "kernel/module.h"

bool address_is_number(const char *text, uint64_t *ret)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && !*end;
}

bool address_is_marked(const char **text)
{
	if (**text == '&') {
		(*text)++;
		return true;
	}
	return strncmp(*text, "0x", 2) == 0;
}

static int find_symbol(struct kernel *kernel, const char *name, uint64_t *ret,
		       struct err *err)
{
	const struct modules *modules;
	int r = kernel_symbol(kernel, name, ret, err);

	if (r != ERR_NOTFOUND)
		return r;
	if (kernel_modules(kernel, &modules, NULL) < 0 ||
	    modules_find_symbol(modules, name, ret, NULL) < 0)
		return err_set(err, ERR_NOTFOUND,
			       "neither the kernel nor a module has a symbol '%s'", name);
	return 0;
}

static int add_percpu(struct kernel *kernel, uint64_t id, uint64_t *vaddr,
		      struct err *err)
{
	_cleanup_cpu_list struct cpu_list list = { 0 };
	int r = cpu_list_read(kernel, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		if (list.cpus[i].id == id) {
			*vaddr += list.cpus[i].percpu_offset;
			return 0;
		}
	}
	return err_set(err, ERR_NOTFOUND, "there was no CPU %" PRIu64, id);
}

int address_parse(struct kernel *kernel, const char *text, uint64_t *ret, struct err *err)
{
	char name[KALLSYMS_NAME_SIZE];
	size_t size = strcspn(text, "+:");
	const char *rest = text + size;
	uint64_t vaddr, number;
	int r;

	if (!size || size >= sizeof(name))
		return err_set(err, ERR_INVALID, "'%.100s' is no address", text);
	memcpy(name, text, size);
	name[size] = '\0';
	if (!address_is_number(name, &vaddr)) {
		r = find_symbol(kernel, name, &vaddr, err);
		if (r < 0)
			return r;
	}
	if (*rest == ':') {
		char *end;

		number = strtoull(rest + 1, &end, 10);
		if (end == rest + 1 || (*end && *end != '+'))
			return err_set(err, ERR_INVALID, "'%.100s' names no CPU", rest);
		r = add_percpu(kernel, number, &vaddr, err);
		if (r < 0)
			return r;
		rest = end;
	}
	if (*rest == '+') {
		if (!address_is_number(rest + 1, &number))
			return err_set(err, ERR_INVALID, "'%.100s' is no offset", rest);
		vaddr += number;
	}
	*ret = vaddr;
	return 0;
}
