// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/check_subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "prepare/embedded_config.h"

#define CMDLINE_MAX_BYTES ((size_t)1 << 16)

void check_subject_free(struct check_subject *subject)
{
	if (!subject)
		return;
	free(subject->cmdline);
	kernel_config_done(&subject->system);
	kernel_config_done(&subject->dump);
	free(subject);
}

static bool subject_path(const struct check_subject *subject, const char *path,
			 char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s%s", subject->root, path) < PATH_MAX;
}

bool check_subject_has(const struct check_subject *subject, const char *path)
{
	char full[PATH_MAX];

	return subject_path(subject, path, full) && access(full, F_OK) == 0;
}

bool check_subject_line(const struct check_subject *subject, const char *path, char *ret,
			size_t size)
{
	char full[PATH_MAX];

	return subject_path(subject, path, full) &&
	       file_read_line(AT_FDCWD, full, ret, size, NULL) == 0;
}

enum kernel_arch check_subject_arch(const struct check_subject *subject, bool is_dump)
{
	struct utsname name;

	if (is_dump && subject->dump_result == 0)
		return kernel_config_arch(&subject->dump);
	if (subject->system_result == 0)
		return kernel_config_arch(&subject->system);
	if (subject->is_machine && !subject->root[0] && uname(&name) == 0)
		return kernel_arch_parse(name.machine);
	return 0;
}

/* ---- a machine ---- */

static void subject_kernels(struct check_subject *subject)
{
	const char *root = subject->root, *found = "";
	const char *release = subject->release;
	bool is_other;

	subject->has_image = true;
	subject->image_result =
		release[0] || subject->config->kernel[0]
			? kernel_image_find(root, subject->config->kernel, release,
					    &subject->image, &subject->image_err)
			: err_set(&subject->image_err, ERR_NOTFOUND,
				  "it is not known which kernel runs");
	if (subject->image_result == 0)
		found = subject->image.path + strlen(root);
	is_other = subject->image_result == 0 &&
		   strcmp(subject->image.release, release) != 0;
	subject->system_result =
		kernel_config_find(root, release, true, is_other ? "" : found,
				   &subject->system, &subject->system_err);
	subject->dump_result =
		kernel_config_find(root, is_other ? subject->image.release : release,
				   !is_other, found, &subject->dump, &subject->dump_err);
}

int check_subject_machine(const char *root, const struct config *config,
			  const struct log *log, struct check_subject **ret,
			  struct err *err)
{
	_cleanup_check_subject struct check_subject *subject =
		calloc(1, sizeof(*subject));
	char path[PATH_MAX];

	if (!subject)
		return err_nomem(err);
	subject->root = root;
	subject->config = config;
	subject->log = log;
	subject->is_machine = true;
	subject->has_sysfs = check_subject_has(subject, "/sys/kernel");
	check_subject_line(subject, "/proc/sys/kernel/osrelease", subject->release,
			   sizeof(subject->release));
	if (subject_path(subject, "/proc/cmdline", path))
		file_read(AT_FDCWD, path, CMDLINE_MAX_BYTES, &subject->cmdline, NULL,
			  NULL);
	armed_look(root, &subject->armed);
	subject_kernels(subject);
	subject->target_result = target_find(root, config->archive, &subject->target,
					     &subject->target_err);
	*ret = take_ptr(subject);
	return 0;
}

/* ---- a kernel ---- */

/* One kernel in both parts. */
static int subject_use_config(struct check_subject *subject, struct err *err)
{
	memcpy(subject->dump.where, subject->system.where, sizeof(subject->dump.where));
	subject->dump.text = strdup(subject->system.text);
	return subject->dump.text ? 0 : err_nomem(err);
}

int check_subject_kernel_config(const char *path, struct check_subject **ret,
				struct err *err)
{
	_cleanup_check_subject struct check_subject *subject =
		calloc(1, sizeof(*subject));
	int r;

	if (!subject)
		return err_nomem(err);
	subject->root = "";
	r = kernel_config_read("", path, &subject->system, err);
	if (r == 0)
		r = subject_use_config(subject, err);
	if (r < 0)
		return r;
	*ret = take_ptr(subject);
	return 0;
}

/* As distributions install it: /boot/config-RELEASE beside /boot/vmlinuz-RELEASE,
 * /usr/lib/modules/RELEASE/config beside vmlinuz. */
static int config_beside(const char *image, const char *release,
			 struct kernel_config *ret)
{
	const char *slash = strrchr(image, '/');
	char path[PATH_MAX];
	int length = slash ? (int)(slash - image) + 1 : 0;

	if (release[0] &&
	    snprintf(path, sizeof(path), "%.*sconfig-%s", length, image, release) <
		    (int)sizeof(path) &&
	    kernel_config_read("", path, ret, NULL) == 0)
		return 0;
	if (snprintf(path, sizeof(path), "%.*sconfig", length, image) < (int)sizeof(path))
		return kernel_config_read("", path, ret, NULL);
	return ERR_NOTFOUND;
}

int check_subject_kernel(const char *path, const struct log *log,
			 struct check_subject **ret, struct err *err)
{
	_cleanup_check_subject struct check_subject *subject =
		calloc(1, sizeof(*subject));
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err why = { 0 };
	int r;

	if (!subject)
		return err_nomem(err);
	if (fd < 0)
		return err_os(err, errno, "unable to open the kernel '%s'", path);
	subject->root = "";
	subject->log = log;
	subject->has_image = true;
	subject->image_result =
		kernel_image_read(fd, path, &subject->image, &subject->image_err);
	r = embedded_config_read(path, &subject->system.text, &why);
	if (r == 0)
		snprintf(subject->system.where, sizeof(subject->system.where), "%s",
			 path);
	else if (config_beside(path, subject->image.release, &subject->system) < 0)
		return err_set(err, r, "%s, and there is none beside it", err_text(&why));
	r = subject_use_config(subject, err);
	if (r < 0)
		return r;
	*ret = take_ptr(subject);
	return 0;
}
