// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a machine needs beside its kernels' options: memory reserved, a crash kernel in
 * it, a disk to write to, and a kernel that panics instead of going on. Rows of the
 * target are asked in requirement_target.c, those of the panic in requirement_panic.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/size.h"
#include "prepare/arm.h"
#include "prepare/rehearsed.h"
#include "prepare/requirement.h"

#define CRASH_SIZE   "/sys/kernel/kexec_crash_size"
#define CRASH_LOADED "/sys/kernel/kexec_crash_loaded"
#define SECURE_BOOT                                           \
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-" \
	"11d2-aa0d-00e098032b8c"

#define NO_SYSFS "there is no /sys/kernel to be seen"

/* ---- the reservation ---- */

/* The value of the last crashkernel=, "" if there is none: the last one wins. */
static void cmdline_crashkernel(const char *cmdline, char *ret, size_t size)
{
	static const char name[] = "crashkernel=";
	const char *at = cmdline;

	ret[0] = '\0';
	while ((at = strstr(at, name))) {
		if (at == cmdline || at[-1] == ' ')
			snprintf(ret, size, "%.*s", (int)strcspn(at, " \n"), at);
		at += strlen(name);
	}
}

static void probe_crashkernel(const struct check_subject *subject,
			      const struct requirement *row, struct finding *finding)
{
	char value[256];

	if (!subject->cmdline) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "", "look at /proc/cmdline",
			    "the running kernel's command line can't be read");
		return;
	}
	cmdline_crashkernel(subject->cmdline, value, sizeof(value));
	if (value[0])
		finding_set(finding, REQUIREMENT_OK, "/proc/cmdline", NULL, "%s", value);
	else if (subject->armed.kexec.reserved_bytes)
		finding_set(finding, REQUIREMENT_OK, "/proc/cmdline", NULL,
			    "not on the command line, but memory is reserved");
	else
		finding_set(finding, row->missing, "/proc/cmdline", NULL,
			    "no crashkernel= on the command line");
}

/* There is some: is it enough? */
static void reserved_compare(const struct check_subject *subject,
			     const struct requirement *row, struct finding *finding)
{
	const struct armed_status *armed = &subject->armed;
	struct capture_image_size image = { ARM_GUESS_IMAGE_BYTES,
					    ARM_GUESS_UNPACKED_BYTES };
	uint64_t reserved = armed->kexec.reserved_bytes, load, needed;
	unsigned long long mib = (unsigned long long)(reserved / MIB);

	if (subject->image_result < 0) {
		finding_set(
			finding, REQUIREMENT_OK, CRASH_SIZE, NULL,
			"%llu MiB; what is needed depends on the kernel, which was not "
			"found",
			mib);
		return;
	}
	if (armed->has_state) {
		image.file_bytes = armed->state.image_bytes;
		image.unpacked_bytes = armed->state.unpacked_bytes;
	}
	load = align_up(arm_load_bytes(&subject->image, &image), MIB);
	needed = align_up(arm_needed_bytes(&subject->image, &image), MIB);
	finding_set(finding,
		    reserved < load	? row->missing
		    : reserved < needed ? REQUIREMENT_WARNING
					: REQUIREMENT_OK,
		    CRASH_SIZE, NULL, "%llu MiB; about %llu MiB are needed%s", mib,
		    (unsigned long long)(needed / MIB),
		    reserved < load ? ", and it can't even be loaded" : "");
	if (reserved < needed)
		snprintf(finding->todo, sizeof(finding->todo),
			 "reserve more: crashkernel=%lluM",
			 (unsigned long long)(align_up(needed, 16 * MIB) / MIB));
}

static void probe_reserved(const struct check_subject *subject,
			   const struct requirement *row, struct finding *finding)
{
	char value[256] = "";

	if (subject->cmdline)
		cmdline_crashkernel(subject->cmdline, value, sizeof(value));
	if (!subject->has_sysfs)
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL, NO_SYSFS);
	else if (!check_subject_has(subject, CRASH_SIZE))
		finding_set(finding, row->missing, "",
			    "use a kernel that has CRASH_DUMP and KEXEC",
			    "this kernel has no " CRASH_SIZE);
	else if (subject->armed.kexec.reserved_bytes)
		reserved_compare(subject, row, finding);
	else if (value[0])
		finding_set(finding, row->missing, CRASH_SIZE,
			    "see why: dmesg | grep -i crashkernel; too much for this "
			    "machine's memory, or a range that it is not in?",
			    "nothing, in spite of %s", value);
	else
		finding_set(finding, row->missing, CRASH_SIZE, NULL, "nothing");
}

/* ---- the crash kernel ---- */

static void probe_kernel_image(const struct check_subject *subject,
			       const struct requirement *row, struct finding *finding)
{
	const struct kernel_image *image = &subject->image;

	if (subject->is_machine && !subject->release[0] && !subject->config->kernel[0])
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "name it: 'image' in [kernel] of epitaph.conf", "%s",
			    err_text(&subject->image_err));
	else if (subject->image_result < 0)
		finding_set(finding, row->missing, "", NULL, "%s",
			    err_text(&subject->image_err));
	else
		finding_set(finding, REQUIREMENT_OK, image->path + strlen(subject->root),
			    NULL, "%s, needs %llu MiB to start", image->release,
			    (unsigned long long)(image->init_size_bytes / MIB));
}

static void probe_load_disabled(const struct check_subject *subject,
				const struct requirement *row, struct finding *finding)
{
	static const char file[] = "/proc/sys/kernel/kexec_load_disabled";
	const struct kexec_state *kexec = &subject->armed.kexec;

	if (!check_subject_has(subject, "/proc/sys/kernel"))
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL,
			    "there is no /proc/sys/kernel to be seen");
	else if (!check_subject_has(subject, file))
		finding_set(finding, row->missing, "",
			    "use a kernel that has KEXEC or KEXEC_FILE",
			    "this kernel can't load another");
	else if (kexec->is_disabled)
		finding_set(finding, row->missing, file, NULL, "1: %s",
			    kexec->is_loaded
				    ? "what is loaded stays, and can't be replaced"
				    : "nothing can be loaded");
	else if (kexec->loads_left == 0)
		finding_set(finding, row->missing,
			    "/proc/sys/kernel/kexec_load_limit_panic", NULL,
			    "no load of a crash kernel is left");
	else
		finding_set(finding, REQUIREMENT_OK, file, NULL, "0");
}

static void probe_secure_boot(const struct check_subject *subject,
			      const struct requirement *row, struct finding *finding)
{
	_cleanup_free char *data = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	if (!subject->has_sysfs) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL, NO_SYSFS);
		return;
	}
	if (!check_subject_has(subject, "/sys/firmware/efi")) {
		finding_set(finding, REQUIREMENT_OK, "", NULL, "not started by EFI");
		return;
	}
	if (!check_subject_has(subject, SECURE_BOOT)) {
		finding_set(finding, REQUIREMENT_OK, "", NULL,
			    "the firmware has none, or efivarfs is not mounted");
		return;
	}
	snprintf(path, sizeof(path), "%s%s", subject->root, SECURE_BOOT);
	// four bytes of attributes, then the variable (efivarfs)
	if (file_read(AT_FDCWD, path, 64, &data, &size, NULL) < 0 || size < 5)
		finding_set(finding, REQUIREMENT_UNKNOWN, SECURE_BOOT, NULL,
			    "its variable can't be read");
	else if (data[4] != 1)
		finding_set(finding, REQUIREMENT_OK, SECURE_BOOT, NULL, "off");
	else
		finding_set(
			finding,
			subject->armed.kexec.is_loaded ? REQUIREMENT_OK : row->missing,
			SECURE_BOOT, NULL, "on%s",
			subject->armed.kexec.is_loaded ? ", and a crash kernel is loaded"
						       : "");
}

/* Can this kernel load one whose signature it has checked? */
static bool has_signed_load(const struct kernel_config *config)
{
	return kernel_config_get(config, "KEXEC_FILE") == 'y' &&
	       (kernel_config_get(config, "KEXEC_SIG") == 'y' ||
		kernel_config_get(config, "KEXEC_VERIFY_SIG") == 'y');
}

static void probe_lockdown(const struct check_subject *subject,
			   const struct requirement *row, struct finding *finding)
{
	static const char file[] = "/sys/kernel/security/lockdown";
	const struct kexec_state *kexec = &subject->armed.kexec;

	if (!subject->has_sysfs)
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL, NO_SYSFS);
	else if (!kexec->lockdown[0])
		finding_set(finding, REQUIREMENT_OK, "", NULL, "none in this kernel");
	else if (strcmp(kexec->lockdown, "none") == 0)
		finding_set(finding, REQUIREMENT_OK, file, NULL, "none");
	else if (kexec->is_loaded)
		finding_set(finding, REQUIREMENT_OK, file, NULL,
			    "%s, and a crash kernel is loaded", kexec->lockdown);
	else if (subject->system_result == 0 && !has_signed_load(&subject->system))
		finding_set(finding, REQUIREMENT_FAILS, file,
			    "use a kernel that has KEXEC_FILE and KEXEC_SIG, or switch "
			    "Secure Boot off",
			    "%s, and this kernel can't load a signed one (KEXEC_FILE, "
			    "KEXEC_SIG)",
			    kexec->lockdown);
	else
		finding_set(finding, row->missing, file, NULL, "%s", kexec->lockdown);
}

/* ---- who else loads crash kernels ---- */

static const struct other_tool {
	const char *name, *file;
	const char *line; /* that switches it on; NULL: the file does */
	const char *unit; /* a link while it is enabled */
} other_tools[] = {
	{ "kdump-tools", "/etc/default/kdump-tools", "USE_KDUMP=1",
	  "/etc/systemd/system/multi-user.target.wants/kdump-tools.service" },
	{ "kdump-utils", "/etc/kdump.conf", NULL,
	  "/etc/systemd/system/multi-user.target.wants/kdump.service" },
	{ "kdump (SUSE)", "/etc/sysconfig/kdump", NULL,
	  "/etc/systemd/system/multi-user.target.wants/kdump.service" },
	{ "kdumpst", "/usr/share/kdumpst.d", NULL,
	  "/etc/systemd/system/multi-user.target.wants/kdumpst-init.service" },
};

static bool file_has_line(const struct check_subject *subject, const char *file,
			  const char *line)
{
	_cleanup_free char *text = NULL;
	char path[PATH_MAX];
	const char *at;

	snprintf(path, sizeof(path), "%s%s", subject->root, file);
	if (file_read(AT_FDCWD, path, MIB, &text, NULL, NULL) < 0)
		return false;
	at = text;
	while ((at = strstr(at, line))) {
		if (at == text || at[-1] == '\n')
			return true;
		at++;
	}
	return false;
}

/* A link that leads to nowhere below a recorded root is there all the same. */
static bool link_exists(const struct check_subject *subject, const char *file)
{
	char path[PATH_MAX], target[8];

	return check_subject_has(subject, file) ||
	       (snprintf(path, sizeof(path), "%s%s", subject->root, file) <
			(int)sizeof(path) &&
		readlink(path, target, sizeof(target)) > 0);
}

static const struct other_tool *other_tool_find(const struct check_subject *subject)
{
	for (size_t i = 0; i < ARRAY_SIZE(other_tools); i++) {
		const struct other_tool *tool = &other_tools[i];

		if (tool->line ? file_has_line(subject, tool->file, tool->line)
			       : check_subject_has(subject, tool->file) &&
					 link_exists(subject, tool->unit))
			return tool;
	}
	return NULL;
}

static void probe_other_tool(const struct check_subject *subject,
			     const struct requirement *row, struct finding *finding)
{
	const struct other_tool *tool = other_tool_find(subject);

	if (!check_subject_has(subject, "/etc"))
		finding_set(finding, REQUIREMENT_UNKNOWN, "", "look for kdump services",
			    "there is no /etc to be seen");
	else if (tool)
		finding_set(finding, row->missing, tool->file, NULL, "%s is set up",
			    tool->name);
	else
		finding_set(finding, REQUIREMENT_OK, "", NULL, "none");
}

/* ---- what is loaded ---- */

static void probe_loaded(const struct check_subject *subject,
			 const struct requirement *row, struct finding *finding)
{
	const struct armed_status *armed = &subject->armed;
	const struct other_tool *tool = other_tool_find(subject);
	char when[64] = "unknown";
	time_t at = (time_t)armed->state.armed_at;
	struct tm tm;

	if (!check_subject_has(subject, CRASH_LOADED) && !subject->has_sysfs) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL, NO_SYSFS);
	} else if (armed->is_armed) {
		if (localtime_r(&at, &tm))
			strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
		finding_set(finding,
			    armed->warning[0] ? REQUIREMENT_WARNING : REQUIREMENT_OK,
			    ARMED_FILE, armed->warning,
			    "by epitaph, since %s: kernel %.64s, image %.128s", when,
			    armed->state.kernel_release, armed->state.image_path);
	} else if (armed->kexec.is_loaded) {
		finding_set(finding, REQUIREMENT_WARNING, CRASH_LOADED,
			    "nothing, if that is what you want; epitaph arm replaces it",
			    tool ? "by %s; whether that captures a panic is not checked "
				   "here"
				 : "%s",
			    tool ? tool->name : armed->reason);
	} else {
		finding_set(finding, row->missing,
			    check_subject_has(subject, CRASH_LOADED) ? CRASH_LOADED : "",
			    armed->kexec.reserved_bytes ? NULL
							: "reserve memory first (above), "
							  "then epitaph arm",
			    "nothing is loaded");
	}
}

/* ---- the next boot, and the proof ---- */

/* Is it wanted by any target? */
static bool unit_is_enabled(const struct check_subject *subject, const char *unit)
{
	static const char directory[] = "/etc/systemd/system";
	char path[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s%s", subject->root, directory);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);

		if (length < 6 || strcmp(entry->d_name + length - 6, ".wants") != 0 ||
		    snprintf(path, sizeof(path), "%s/%s/%s", directory, entry->d_name,
			     unit) >= (int)sizeof(path))
			continue;
		found = link_exists(subject, path);
	}
	closedir(dir);
	return found;
}

static void probe_boot_service(const struct check_subject *subject,
			       const struct requirement *row, struct finding *finding)
{
	if (!check_subject_has(subject, "/etc/systemd/system"))
		finding_set(finding, REQUIREMENT_UNKNOWN, "",
			    "see that epitaph arm runs at each boot", "no systemd here");
	else if (unit_is_enabled(subject, "epitaph.service"))
		finding_set(finding, REQUIREMENT_OK, "/etc/systemd/system", NULL,
			    "epitaph.service is enabled");
	else
		finding_set(finding, row->missing, "/etc/systemd/system", NULL,
			    "epitaph.service is not enabled");
}

static void probe_rehearsal(const struct check_subject *subject,
			    const struct requirement *row, struct finding *finding)
{
	const struct kernel_image *image = &subject->image;
	bool has_image = subject->image_result == 0;
	char why[256], text[640];
	struct rehearsed last;
	struct err err = { 0 };
	int r = rehearsed_load(subject->root, &last, &err);

	if (r < 0) {
		finding_set(finding, row->missing,
			    r == ERR_NOTFOUND ? "" : REHEARSED_FILE, NULL, "%s",
			    r == ERR_NOTFOUND ? "none is known" : err_text(&err));
		return;
	}
	rehearsed_describe(&last, text, sizeof(text));
	if (!rehearsed_compare(&last, subject->root,
			       has_image ? image->release : subject->release,
			       has_image ? image->path : "",
			       subject->armed.is_armed ? &subject->armed.state : NULL,
			       why, sizeof(why)))
		finding_set(finding, REQUIREMENT_WARNING, REHEARSED_FILE,
			    "run epitaph rehearse again", "%s; %s", why, text);
	else
		finding_set(
			finding,
			last.verdict == REHEARSED_GOOD ? REQUIREMENT_OK
						       : REQUIREMENT_WARNING,
			REHEARSED_FILE,
			last.verdict == REHEARSED_GOOD
				? NULL
				: "remove the reason, then run epitaph rehearse again",
			"%s", text);
}

/* ---- the rows ---- */

#define SYSCTL "/proc/sys/kernel/"

const struct requirement machine_requirements[] = {
	{
		.name = "crashkernel",
		.group = REQUIREMENT_RESERVATION,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_crashkernel,
		.why = "memory for the crash kernel is set aside at boot, or never",
		.todo = "epitaph setup puts it on the kernel's command line; then reboot",
	},
	{
		.name = "reserved",
		.group = REQUIREMENT_RESERVATION,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_reserved,
		.why = "the crash kernel and the capture image have to fit, or they run out "
		       "of memory at the worst moment",
		.todo = "reserve memory: crashkernel= on the kernel's command line, and "
			"reboot",
	},
	{
		.name = "kernel-image",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_kernel_image,
		.why = "the file that becomes the crash kernel",
		.todo = "install the kernel's package, or name a kernel: 'image' in [kernel] "
			"of epitaph.conf",
	},
	{
		.name = "load-disabled",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_load_disabled,
		.why = "kexec_load_disabled and kexec_load_limit_panic forbid loading until "
		       "the next boot",
		.todo = "set it only after epitaph arm has run (/etc/sysctl.d is read "
			"before), and reboot",
	},
	{
		.name = "secure-boot",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_secure_boot,
		.why = "with Secure Boot only a kernel is loaded whose signature this one "
		       "trusts",
		.todo = "use the distribution's kernel as crash kernel; epitaph arm tells "
			"whether it is taken",
	},
	{
		.name = "lockdown",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.is_for_loading = true,
		.probe = probe_lockdown,
		.why = "a locked-down kernel loads only signed kernels, and those only by "
		       "kexec_file_load",
		.todo = "use the distribution's signed kernel as crash kernel; epitaph arm "
			"tells whether it is taken",
	},
	{
		.name = "loaded",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_loaded,
		.why = "only a crash kernel that is in memory can take over",
		.todo = "run epitaph arm",
	},
	{
		.name = "other-tool",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_other_tool,
		.why = "there is one crash kernel: of two tools the later one wins, at each "
		       "boot and each kernel update",
		.todo = "epitaph setup --from FILE takes its settings over and disables it",
	},
	{
		.name = "boot-service",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_boot_service,
		.why = "a crash kernel is loaded until the next boot only",
		.todo = "epitaph setup, or systemctl enable epitaph.service",
	},
	{
		.name = "rehearsal",
		.group = REQUIREMENT_CRASH_KERNEL,
		.missing = REQUIREMENT_UNKNOWN,
		.probe = probe_rehearsal,
		.why = "only a capture that was tried is known to work",
		.todo = "run epitaph rehearse",
	},
	{
		.name = "target",
		.group = REQUIREMENT_TARGET,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_target,
		.why = "the crash kernel has to find and mount the archive's file system, "
		       "with nothing but drivers",
		.todo = "let 'path' in [archive] of epitaph.conf lie on such a disk",
	},
	{
		.name = "encryption",
		.group = REQUIREMENT_TARGET,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_encryption,
		.why = "nobody types a passphrase in the crash kernel",
		.todo = "let 'path' in [archive] of epitaph.conf lie on a disk that is not "
			"encrypted",
	},
	{
		.name = "modules",
		.group = REQUIREMENT_TARGET,
		.missing = REQUIREMENT_FAILS,
		.is_for_loading = true,
		.probe = probe_modules,
		.why = "drivers of the disk and its file system, for the crash kernel's "
		       "release",
		.todo = "install the modules of the crash kernel, and run depmod",
	},
	{
		.name = "iommu",
		.group = REQUIREMENT_TARGET,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_iommu,
		.why = "translates what devices read and write: the crash kernel has to take "
		       "over the dead one's tables, or the disk does not answer",
		.todo = "name a crash kernel with the driver of this IOMMU: 'image' in "
			"[kernel] of epitaph.conf",
	},
	{
		.name = "room",
		.group = REQUIREMENT_TARGET,
		.missing = REQUIREMENT_FAILS,
		.probe = probe_room,
		.why = "a dump that doesn't fit is cut off; a full disk takes not even the "
		       "log",
		.todo = "free space, let 'path' in [archive] lie elsewhere, or set mode = "
			"dmesg",
	},
	{
		.name = "panic-timeout",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_sysctl,
		.why = "0 waits for ever where no crash kernel takes over; N restarts after N "
		       "seconds",
		.todo = "sysctl kernel.panic=10, and in /etc/sysctl.d",
		.file = SYSCTL "panic",
	},
	{
		.name = "panic-on-oops",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_sysctl,
		.why = "after an oops the kernel goes on with a dead task and its locks: "
		       "nothing is captured",
		.todo = "sysctl kernel.panic_on_oops=1 (epitaph arm sets it, unless "
			"epitaph.conf says no)",
		.file = SYSCTL "panic_on_oops",
	},
	{
		.name = "softlockup-panic",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_sysctl,
		.why = "a CPU that is stuck in the kernel is captured, instead of only logged",
		.todo = "sysctl kernel.softlockup_panic=1, if a restart is better than a "
			"machine that is stuck",
		.file = SYSCTL "softlockup_panic",
	},
	{
		.name = "hardlockup-panic",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_sysctl,
		.why = "a CPU that takes no interrupts any more is captured; nothing else "
		       "ends it",
		.todo = "sysctl kernel.hardlockup_panic=1 (in a virtual machine it needs a "
			"virtual PMU)",
		.file = SYSCTL "hardlockup_panic",
	},
	{
		.name = "hung-task-panic",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_sysctl,
		.why = "tasks that wait for ever (a disk, a lock) are captured, instead of "
		       "only logged",
		.todo = "nothing, if slow disks are normal; else sysctl "
			"kernel.hung_task_panic=1",
		.file = SYSCTL "hung_task_panic",
	},
	{
		.name = "watchdog",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_watchdog,
		.why = "resets a machine, or a crash kernel, that hangs so hard that no code "
		       "of it runs",
		.todo = "load the driver of the board's watchdog (softdog is no help here), "
			"and let systemd feed it: RuntimeWatchdogSec=",
	},
	{
		.name = "pstore-backend",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_pstore,
		.why = "a second copy of the last words where no crash kernel comes up",
		.todo = "epitaph setup --pstore ramoops takes 2 MiB of memory for it",
	},
	{
		.name = "console",
		.group = REQUIREMENT_PANIC,
		.missing = REQUIREMENT_WARNING,
		.probe = probe_console,
		.why = "words while dying, on another machine or through a port: there where "
		       "neither a crash kernel nor pstore comes to it",
		.todo = "nothing, if there is no second computer; else epitaph setup --console "
			"serial, or netconsole:ADDRESS (which sends nothing where the card's "
			"driver hangs with interrupts off)",
	},
};
const size_t machine_requirement_count = ARRAY_SIZE(machine_requirements);
