// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/last_resort_place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "record/farewell.h"

#define BACKEND	   "/sys/module/pstore/parameters/backend"
#define PARAMETERS "/sys/module/ramoops/parameters"

static bool line_read(const char *root, const char *directory, const char *name,
		      char *ret, size_t size)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s%s%s%s", root, directory,
			name[0] ? "/" : "", name) < (int)sizeof(path) &&
	       file_read_line(AT_FDCWD, path, ret, size, NULL) == 0;
}

/* Numbers that the kernel itself has printed; anything else is not handed on. */
static bool is_number(const char *text)
{
	return text[0] && text[strspn(text, "0123456789abcdefx")] == '\0';
}

static void ramoops_find(const char *root, struct orders *orders)
{
	static const char *const names[] = { "mem_address", "mem_size",	    "mem_type",
					     "record_size", "console_size", "ftrace_size",
					     "pmsg_size",   "ecc" };
	char value[64], *at = orders->ramoops;
	size_t left = sizeof(orders->ramoops);

	*at = '\0';
	if (!line_read(root, BACKEND, "", value, sizeof(value)) ||
	    strcmp(value, "ramoops") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int n;

		if (!line_read(root, PARAMETERS, names[i], value, sizeof(value)) ||
		    !is_number(value))
			continue;
		n = snprintf(at, left, "%s=%s ", names[i], value);
		if (n < 0 || (size_t)n >= left) {
			orders->ramoops[0] = '\0';
			return;
		}
		at += n;
		left -= (size_t)n;
	}
	// 0: what kmsg_dump() asks for, which is more than panics once that is wanted.
	if (snprintf(at, left, "max_reason=0") >= (int)left ||
	    strncmp(orders->ramoops, "mem_address=0 ", 14) == 0 ||
	    strncmp(orders->ramoops, "mem_address=", 12) != 0)
		orders->ramoops[0] = '\0';
}

void last_resort_find(const char *root, struct orders *orders)
{
	char path[PATH_MAX];

	ramoops_find(root, orders);
	snprintf(path, sizeof(path), "%s" FAREWELL_EFI_PATH, root);
	orders->efi_variable = access(path, F_OK) == 0;
}

void last_resort_add_modules(struct orders *orders, struct module_set *set,
			     const struct log *log)
{
	size_t before = module_set_count(set);
	struct err why = { 0 };

	if (orders->ramoops[0] && (module_set_add(set, "ramoops", &why) < 0 ||
				   module_set_count(set) == before)) {
		log_warning(log, "no last words in the region of ramoops: %s",
			    why.code ? err_text(&why) : "its driver is built in");
		orders->ramoops[0] = '\0';
	}
	why = (struct err){ 0 };
	if (orders->efi_variable && module_set_add(set, "efivarfs", &why) < 0) {
		log_warning(log, "no last words in an EFI variable: %s", err_text(&why));
		orders->efi_variable = false;
	}
	orders->last_resort_module_count = (uint32_t)(module_set_count(set) - before);
}
