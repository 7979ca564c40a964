// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/next_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "prepare/kexec.h"
#include "prepare/program.h"

#define CMDLINE_MAX_BYTES ((size_t)1 << 16)

void next_kernel_done(struct next_kernel *next)
{
	text_done(&next->cmdline);
}

static int release_of_root(const char *root, char *ret, size_t size, struct err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/proc/sys/kernel/osrelease", root) >=
	    (int)sizeof(path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", root);
	return file_read_line(AT_FDCWD, path, ret, size, err);
}

static int find_kernel(const char *root, const char *kernel, struct next_kernel *ret,
		       struct err *err)
{
	char release[65];
	int r = 0;

	if (kernel && strchr(kernel, '/'))
		return kernel_image_find(root, kernel, "", &ret->kernel, err);
	if (kernel)
		snprintf(release, sizeof(release), "%.64s", kernel);
	else
		r = release_of_root(root, release, sizeof(release), err);
	return r < 0 ? r : kernel_image_find(root, "", release, &ret->kernel, err);
}

/* As distributions name it: Debian, Fedora and Arch by release, SUSE, Arch by package. */
static int find_initrd(const char *root, const char *initrd, struct next_kernel *ret,
		       struct err *err)
{
	static const struct {
		const char *before, *after;
	} places[] = {
		{ "/boot/initrd.img-", "" },
		{ "/boot/initramfs-", ".img" },
		{ "/boot/initrd-", "" },
		{ "/boot/initramfs-", "" },
		{ "/usr/lib/modules/", "/initrd" },
		{ "/usr/lib/modules/", "/initramfs.img" },
	};

	if (initrd && strcmp(initrd, "none") == 0)
		return 0;
	if (initrd) {
		if (snprintf(ret->initrd, sizeof(ret->initrd), "%s%s", root, initrd) >=
		    (int)sizeof(ret->initrd))
			return err_set(err, ERR_INVALID,
				       "the path of --initrd is too long");
		return access(ret->initrd, R_OK) == 0
			       ? 0
			       : err_os(err, errno, "unable to read '%s'", ret->initrd);
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (snprintf(ret->initrd, sizeof(ret->initrd), "%s%s%s%s", root,
			     places[i].before, ret->kernel.release,
			     places[i].after) < (int)sizeof(ret->initrd) &&
		    access(ret->initrd, R_OK) == 0)
			return 0;
	}
	ret->initrd[0] = '\0';
	return err_set(err, ERR_NOTFOUND,
		       "no initramfs for %s in %s/boot: name it (--initrd FILE), or say "
		       "that it needs none (--initrd none)",
		       ret->kernel.release, root);
}

/* What the boot loader says of itself and of the image that it loaded. */
static bool word_is_of_loader(const char *word, size_t size)
{
	static const char *const prefixes[] = { "BOOT_IMAGE=", "initrd=", "auto",
						"elfcorehdr=", "kexec_jump_back_entry=" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t length = strlen(prefixes[i]);

		if (prefixes[i][length - 1] == '='
			    ? size >= length && memcmp(word, prefixes[i], length) == 0
			    : size == length && memcmp(word, prefixes[i], length) == 0)
			return true;
	}
	return false;
}

static int make_cmdline(const char *root, const char *cmdline, struct next_kernel *ret,
			struct err *err)
{
	_cleanup_free char *running = NULL;
	char path[PATH_MAX];
	const char *at;
	int r;

	snprintf(path, sizeof(path), "%s/proc/cmdline", root);
	if (cmdline) {
		text_add(&ret->cmdline, "%s", cmdline);
	} else {
		r = file_read(AT_FDCWD, path, CMDLINE_MAX_BYTES, &running, NULL, err);
		if (r < 0)
			return r;
	}
	for (at = running ? running : ""; *at;) {
		bool is_quoted = false;
		size_t size = 0;

		at += strspn(at, " \t\n");
		for (; at[size] && (is_quoted || !strchr(" \t\n", at[size])); size++)
			is_quoted ^= at[size] == '"';
		if (size && !word_is_of_loader(at, size))
			text_add(&ret->cmdline, "%s%.*s", ret->cmdline.size ? " " : "",
				 (int)size, at);
		at += size;
	}
	text_add(&ret->cmdline, "%s", "");
	r = text_check(&ret->cmdline, err);
	if (r == 0 && ret->cmdline.size + 1 > ret->kernel.cmdline_max)
		r = err_set(err, ERR_LIMIT,
			    "the command line has %zu bytes, and the kernel takes %u",
			    ret->cmdline.size, ret->kernel.cmdline_max - 1);
	return r;
}

int next_kernel_find(const char *root, const char *kernel, const char *initrd,
		     const char *cmdline, struct next_kernel *ret, struct err *err)
{
	int r = find_kernel(root, kernel, ret, err);

	if (r == 0)
		r = find_initrd(root, initrd, ret, err);
	return r < 0 ? r : make_cmdline(root, cmdline, ret, err);
}

int next_kernel_load(const struct next_kernel *next, const struct log *log,
		     struct err *err)
{
	enum kexec_method method;

	return kexec_load_next(next->kernel.path, next->initrd, text_get(&next->cmdline),
			       log, &method, err);
}

int next_kernel_start(const struct log *log, struct err *err)
{
	_cleanup_text struct text said = { 0 };

	// its own test: sd_booted(3)
	if (access("/run/systemd/system", F_OK) == 0)
		return program_run_or_fail((char *const[]){ "systemctl", "kexec", NULL },
					   &said, err);
	log_warning(log, "no systemd: services are not stopped, file systems are synced");
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	return err_os(err, errno, "unable to start the kernel that is loaded");
}
