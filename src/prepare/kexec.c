// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/kexec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/text.h"
#include "prepare/program.h"

#define SYS_KERNEL "/sys/kernel/"

/* ---- what the kernel says ---- */

static bool read_line(const char *root, const char *path, char *ret, size_t size)
{
	char full[PATH_MAX];

	return snprintf(full, sizeof(full), "%s%s", root, path) < (int)sizeof(full) &&
	       file_read_line(AT_FDCWD, full, ret, size, NULL) == 0;
}

static int64_t read_number(const char *root, const char *path, int64_t fallback)
{
	char line[64], *end;
	long long value;

	if (!read_line(root, path, line, sizeof(line)))
		return fallback;
	value = strtoll(line, &end, 10);
	return end == line ? fallback : value;
}

/* "none [integrity] confidentiality" */
static void read_lockdown(const char *root, char *ret, size_t size)
{
	char line[128];
	const char *open;

	ret[0] = '\0';
	if (!read_line(root, "/sys/kernel/security/lockdown", line, sizeof(line)))
		return;
	open = strchr(line, '[');
	if (open)
		snprintf(ret, size, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
}

void kexec_look(const char *root, struct kexec_state *ret)
{
	int64_t loaded = read_number(root, SYS_KERNEL "kexec_crash_loaded", -1);

	*ret = (struct kexec_state){
		.is_supported = loaded >= 0,
		.is_loaded = loaded == 1,
		.reserved_bytes =
			(uint64_t)read_number(root, SYS_KERNEL "kexec_crash_size", 0),
		.is_disabled =
			read_number(root, "/proc/sys/kernel/kexec_load_disabled", 0) != 0,
		.loads_left =
			read_number(root, "/proc/sys/kernel/kexec_load_limit_panic", -1),
	};
	read_lockdown(root, ret->lockdown, sizeof(ret->lockdown));
}

int kexec_check(const struct kexec_state *state, struct err *err)
{
	if (!state->is_supported)
		return err_set(
			err, ERR_UNSUPPORTED,
			"the running kernel can't load a crash kernel: there is no "
			"'" SYS_KERNEL "kexec_crash_loaded' (CONFIG_CRASH_DUMP)");
	if (state->reserved_bytes == 0)
		return err_set(
			err, ERR_REFUSED,
			"no memory is reserved for a crash kernel: add crashkernel=192M "
			"to the kernel's command line and reboot");
	if (state->is_disabled)
		return err_set(err, ERR_REFUSED,
			       "loading is switched off until the next boot: sysctl "
			       "kernel.kexec_load_disabled is 1");
	if (state->loads_left == 0)
		return err_set(err, ERR_REFUSED,
			       "no load is left until the next boot: sysctl "
			       "kernel.kexec_load_limit_panic is 0");
	return 0;
}

const char *kexec_method_name(enum kexec_method method)
{
	switch (method) {
	case KEXEC_FILE:
		return "kexec_file_load";
	case KEXEC_TOOL:
		return "kexec-tools";
	}
	return "unknown";
}

/* ---- kexec_file_load(2) ---- */

static int sys_kexec_file_load(int kernel, int image, size_t cmdline_size,
			       const char *cmdline, unsigned long flags)
{
	return (int)syscall(SYS_kexec_file_load, kernel, image, cmdline_size, cmdline,
			    flags);
}

/* What the errno means here: Linux kernel/kexec_file.c and kexec-bzimage64.c. */
static int load_failed(int os_errno, const char *kernel, struct err *err)
{
	struct kexec_state state;
	const char *hint = "";

	kexec_look("", &state);
	switch (os_errno) {
	case EADDRNOTAVAIL:
		hint = ": the reserved memory is too small; raise crashkernel=";
		break;
	case EBUSY:
		hint = ": another program is loading a kernel now";
		break;
	case EPERM:
		hint = geteuid() != 0 ? ": only root can"
		       : state.lockdown[0] && strcmp(state.lockdown, "none") != 0
			       ? ": the kernel is locked down, and loads a signed kernel only"
			       : ": not permitted (CAP_SYS_BOOT, a container, or a policy)";
		break;
	case EKEYREJECTED:
	case ENOKEY:
	case ENODATA:
	case ENOPKG:
	case EBADMSG:
	case ELIBBAD:
		hint = ": its signature is missing, or not one that this kernel trusts";
		break;
	}
	return err_os(err, os_errno, "unable to load the kernel '%s'%s", kernel, hint);
}

/* What is loaded, and as what. */
struct load {
	const char *kernel, *image; /* @image "": none */
	const char *cmdline;
	bool is_crash;
};

static int load_by_file(const struct load *load, int *ret_errno, struct err *err)
{
	const char *kernel = load->kernel, *image = load->image;
	_cleanup_fd int kernel_fd = open(kernel, O_RDONLY | O_CLOEXEC);
	_cleanup_fd int image_fd = image[0] ? open(image, O_RDONLY | O_CLOEXEC) : -1;
	unsigned long flags = (load->is_crash ? KEXEC_FILE_ON_CRASH : 0) |
			      (image[0] ? 0 : KEXEC_FILE_NO_INITRAMFS);

	*ret_errno = 0;
	if (kernel_fd < 0 || (image[0] && image_fd < 0))
		return err_os(err, errno, "unable to open '%s'",
			      kernel_fd < 0 ? kernel : image);
	if (sys_kexec_file_load(kernel_fd, image_fd, strlen(load->cmdline) + 1,
				load->cmdline, flags) < 0) {
		*ret_errno = errno;
		return load_failed(errno, kernel, err);
	}
	return 0;
}

/* ---- kexec(8) ---- */

static int load_by_tool(const struct load *load, struct err *err)
{
	const char *kernel = load->kernel;
	static const char *const places[] = { "/usr/sbin/kexec", "/sbin/kexec",
					      "/usr/local/sbin/kexec" };
	_cleanup_text struct text said = { 0 }, initrd = { 0 }, append = { 0 };
	const char *tool = NULL;
	int status = 0, r;

	for (size_t i = 0; !tool && i < ARRAY_SIZE(places); i++)
		tool = access(places[i], X_OK) == 0 ? places[i] : NULL;
	if (!tool)
		return err_set(
			err, ERR_UNSUPPORTED,
			"the kernel has no kexec_file_load() for this image, and kexec(8) "
			"is not installed (package kexec-tools)");
	text_add(&initrd, "--initrd=%s", load->image);
	text_add(&append, "--command-line=%s", load->cmdline);
	r = text_check(&initrd, err);
	if (r == 0)
		r = text_check(&append, err);
	if (r < 0)
		return r;
	r = program_run((char *const[]){ (char *)tool, "-c", load->is_crash ? "-p" : "-l",
					 (char *)kernel, append.data,
					 load->image[0] ? initrd.data : NULL, NULL },
			&said, &status, err);
	if (r < 0)
		return r;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_OS, "'%s %s %s' failed with status %d: %.*s",
			       tool, load->is_crash ? "-p" : "-l", kernel,
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1,
			       (int)strcspn(text_get(&said), "\n"), text_get(&said));
	return 0;
}

/* ---- both ---- */

/* Where the kernel lacks the call, or the call lacks this image. Never for a signature or
 * a permission: kexec_load(2) would not ask for them. */
static bool errno_means_missing(int os_errno)
{
	return os_errno == ENOSYS || os_errno == EOPNOTSUPP || os_errno == EINVAL ||
	       os_errno == ENOEXEC;
}

static int load_by_either(const struct load *load, const struct log *log,
			  enum kexec_method *ret, struct err *err)
{
	struct err why = { 0 };
	int os_errno, r;

	*ret = KEXEC_FILE;
	r = load_by_file(load, &os_errno, &why);
	if (r < 0 && errno_means_missing(os_errno)) {
		log_info(log, "%s; trying kexec(8)", err_text(&why));
		*ret = KEXEC_TOOL;
		r = load_by_tool(load, &why);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

int kexec_load_crash(const char *kernel, const char *image, const char *cmdline,
		     const struct log *log, enum kexec_method *ret, struct err *err)
{
	struct load load = { kernel, image, cmdline, true };
	enum kexec_method method;
	struct kexec_state state;
	int r = load_by_either(&load, log, &method, err);

	if (r < 0)
		return r;
	kexec_look("", &state);
	if (!state.is_loaded)
		return err_set(err, ERR_CORRUPT,
			       "%s succeeded, but '" SYS_KERNEL
			       "kexec_crash_loaded' is not 1",
			       kexec_method_name(method));
	*ret = method;
	return 0;
}

int kexec_load_next(const char *kernel, const char *image, const char *cmdline,
		    const struct log *log, enum kexec_method *ret, struct err *err)
{
	struct load load = { kernel, image, cmdline, false };

	return load_by_either(&load, log, ret, err);
}

int kexec_unload_crash(struct err *err)
{
	struct kexec_state state;

	kexec_look("", &state);
	if (!state.is_loaded)
		return 0;
	// Both calls free the same image; the older one is there where the newer is not.
	if (sys_kexec_file_load(-1, -1, 0, NULL,
				KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH) < 0 &&
	    syscall(SYS_kexec_load, 0, 0, NULL, KEXEC_ON_CRASH | KEXEC_ARCH_DEFAULT) < 0)
		return err_os(err, errno, "unable to unload the crash kernel");
	kexec_look("", &state);
	if (state.is_loaded)
		return err_set(err, ERR_CORRUPT, "the crash kernel is still loaded");
	return 0;
}
