// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/kernel_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "prepare/embedded_config.h"

#define CONFIG_FILE_MAX ((size_t)8 << 20) /* Debian's are 260 KiB */
#define OPTION_MAX	64

void kernel_config_done(struct kernel_config *config)
{
	free(config->text);
	config->text = NULL;
}

static int config_check(const struct kernel_config *config, struct err *err)
{
	const char *first = strstr(config->text, "CONFIG_");

	if (!first || !strchr(first, '\n'))
		return err_set(err, ERR_INVALID, "is no kernel configuration");
	return 0;
}

int kernel_config_read(const char *root, const char *path, struct kernel_config *ret,
		       struct err *err)
{
	_cleanup_kernel_config struct kernel_config config = { 0 };
	_cleanup_free char *data = NULL;
	char full[PATH_MAX];
	size_t size;
	int r;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", path);
	r = file_read(AT_FDCWD, full, CONFIG_FILE_MAX, &data, &size, err);
	if (r < 0)
		return r;
	if (size >= 2 && (uint8_t)data[0] == 0x1f && (uint8_t)data[1] == 0x8b) {
		r = embedded_config_unpack((const uint8_t *)data, size, &config.text,
					   err);
		if (r < 0)
			return err_in(err, r, "'%s'", full);
	} else {
		config.text = take_ptr(data);
	}
	r = config_check(&config, err);
	if (r < 0)
		return err_set(err, r, "'%s' is no kernel configuration", full);
	snprintf(config.where, sizeof(config.where), "%s", path);
	*ret = config;
	config.text = NULL;
	return 0;
}

static int config_from_image(const char *root, const char *path,
			     struct kernel_config *ret, struct err *err)
{
	char full[PATH_MAX];
	int r;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", path);
	r = embedded_config_read(full, &ret->text, err);
	if (r == 0)
		snprintf(ret->where, sizeof(ret->where), "%s", path);
	return r;
}

int kernel_config_find(const char *root, const char *release, bool is_running,
		       const char *image, struct kernel_config *ret, struct err *err)
{
	static const struct {
		const char *before, *after;
	} places[] = {
		{ "/boot/config-", "" },
		{ "/usr/lib/modules/", "/config" },
		{ "/lib/modules/", "/config" },
	};
	char path[PATH_MAX];

	if (is_running && kernel_config_read(root, "/proc/config.gz", ret, NULL) == 0)
		return 0;
	for (size_t i = 0; release[0] && i < ARRAY_SIZE(places); i++) {
		struct err why = { 0 };
		int r;

		if (snprintf(path, sizeof(path), "%s%s%s", places[i].before, release,
			     places[i].after) >= (int)sizeof(path))
			continue;
		r = kernel_config_read(root, path, ret, &why);
		if (r == 0)
			return 0;
		if (why.os_errno != ENOENT && why.os_errno != ENOTDIR)
			return err_set(err, r, "%s", err_text(&why));
	}
	if (image[0] && config_from_image(root, image, ret, NULL) == 0)
		return 0;
	return err_set(
		err, ERR_NOTFOUND,
		"no configuration of kernel %s in %s/boot, %s/usr/lib/modules%s or "
		"its image",
		release[0] ? release : "(unknown)", root, root,
		is_running ? ", /proc/config.gz" : "");
}

char kernel_config_get(const struct kernel_config *config, const char *option)
{
	char wanted[OPTION_MAX + 16];
	const char *at = config->text;
	size_t length;

	if (snprintf(wanted, sizeof(wanted), "CONFIG_%s=", option) >= (int)sizeof(wanted))
		return 'n';
	length = strlen(wanted);
	while ((at = strstr(at, wanted))) {
		char value = at[length];

		if (at != config->text && at[-1] != '\n') {
			at += length;
			continue;
		}
		if ((value == 'y' || value == 'm' || value == 'n') &&
		    strchr("\r\n", at[length + 1])) // or the end
			return value;
		return value && value != '\n' ? 's' : 'n';
	}
	return 'n';
}

static const struct {
	enum kernel_arch arch;
	const char *name, *option;
} architectures[] = {
	{ ARCH_X86_64, "x86_64", "X86_64" },
	{ ARCH_X86_32, "i386", "X86_32" },
	{ ARCH_ARM64, "arm64", "ARM64" },
};

enum kernel_arch kernel_config_arch(const struct kernel_config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
		if (kernel_config_get(config, architectures[i].option) == 'y')
			return architectures[i].arch;
	}
	return ARCH_OTHER;
}

enum kernel_arch kernel_arch_parse(const char *machine)
{
	if (strcmp(machine, "aarch64") == 0)
		return ARCH_ARM64;
	if (machine[0] == 'i' && machine[1] && strcmp(machine + 2, "86") == 0)
		return ARCH_X86_32;
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
		if (strcmp(machine, architectures[i].name) == 0)
			return architectures[i].arch;
	}
	return ARCH_OTHER;
}

const char *kernel_arch_name(enum kernel_arch arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
		if (architectures[i].arch == arch)
			return architectures[i].name;
	}
	return "other";
}
