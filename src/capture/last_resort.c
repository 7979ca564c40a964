// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/last_resort.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/size.h"
#include "capture/target_disk.h"
#include "explain/report.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/printk.h"
#include "record/farewell.h"

#define RESORT_MS	 30000
#define RESORT_KMSG	 "/dev/kmsg"
#define RESORT_KMSG_RATE "/proc/sys/kernel/printk_devkmsg"
#define RESORT_KMSG_DUMP "/sys/module/printk/parameters/always_kmsg_dump"
#define RESORT_PSTORE	 "/sys/fs/pstore"
#define RESORT_RAMOOPS	 "/sys/module/ramoops"

/* A crash kernel's own log has room for twice as much (CONFIG_LOG_BUF_SHIFT 17). */
#define RESORT_RAMOOPS_MAX  ((size_t)64 << 10)
#define RESORT_RECORD_BYTES ((size_t)4096) /* where the parameters tell no size */

/* As a variable that survives the boot, and that the running system may read:
 * Linux include/linux/efi.h, EFI_VARIABLE_*. */
#define RESORT_EFI_ATTRIBUTES UINT32_C(0x7)

struct resort {
	const struct capture *capture;
	bool has_report; /* it is tried */
	size_t limit;
};

/* ---- the text ---- */

static void resort_report(const struct resort *resort, struct kernel *kernel,
			  const struct printk_log *log, struct text *ret)
{
	const struct report_options options = {
		.log_tail_lines = 1,
	};
	_cleanup_report struct report *report = NULL;
	struct err why = { 0 };

	const char *when = vmcoreinfo_get(kernel_vmcoreinfo(kernel), "CRASHTIME");

	text_add(ret, FAREWELL_TIME "%lld\n",
		 when ? strtoll(when, NULL, 10) : (long long)time(NULL));
	text_add(ret, "no target has taken this crash of '%s'\n",
		 resort->capture->orders.host);
	if (resort->has_report && report_build(kernel, log, &options, &report, &why) == 0)
		report_format_text(report, NULL, ret, &why);
}

static int resort_text(const struct resort *resort, struct text *ret, struct err *err)
{
	_cleanup_image struct image *image = NULL;
	_cleanup_kernel struct kernel *kernel = NULL;
	_cleanup_printk_log struct printk_log log = { 0 };
	_cleanup_text struct text report = { 0 }, lines = { 0 };
	int r = image_open(resort->capture->vmcore, &image, err);

	if (r == 0)
		r = kernel_open(image, &kernel, err);
	if (r == 0)
		r = printk_read(kernel, &log, err);
	if (r < 0)
		return r;
	printk_format(&log, &lines);
	resort_report(resort, kernel, &log, &report);
	return farewell_format(&report, &lines, resort->limit, ret, err);
}

/* ---- ramoops ---- */

/* "record_size=0x40000" among the parameters; its text is packed, but for what stands
 * before each line. */
static size_t ramoops_limit(const struct capture *capture)
{
	const char *size = strstr(capture->orders.ramoops, "record_size=");
	unsigned long long bytes = RESORT_RECORD_BYTES;

	if (size)
		bytes = strtoull(size + strlen("record_size="), NULL, 0);
	return (size_t)MIN(bytes, RESORT_RAMOOPS_MAX);
}

/* Whatever the panic of a kernel has left there, which the next one would lie over. */
static bool ramoops_has_record(void)
{
	DIR *dir = opendir(RESORT_PSTORE);
	struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found |= strncmp(entry->d_name, "dmesg-ramoops-", 14) == 0;
	if (dir)
		closedir(dir);
	return found;
}

/* A line, one write: each is a record. */
static int kmsg_write(const struct text *text, struct err *err)
{
	_cleanup_fd int fd = open(RESORT_KMSG, O_WRONLY | O_CLOEXEC);
	const char *at = text_get(text);
	int r = 0;

	if (fd < 0)
		return err_os(err, errno, "unable to open '" RESORT_KMSG "'");
	while (r == 0 && *at) {
		size_t length = strcspn(at, "\n");

		if (length > 0)
			r = fd_write_full(fd, at, length, err);
		at += length + (at[length] == '\n');
	}
	return r;
}

static int ramoops_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct resort *resort = context;
	_cleanup_text struct text text = { 0 };
	int r;

	if (access(RESORT_RAMOOPS, F_OK) < 0)
		return err_set(err, ERR_NOTFOUND, "its driver is not there");
	mount("pstore", RESORT_PSTORE, "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (ramoops_has_record())
		return err_set(err, ERR_REFUSED,
			       "it has a record already, which stays as it is");
	r = resort_text(resort, &text, err);
	// Otherwise all but the first ten lines would be dropped. The newline counts.
	if (r == 0)
		r = file_write_existing(AT_FDCWD, RESORT_KMSG_RATE, "on\n", err);
	if (r == 0)
		r = kmsg_write(&text, err);
	if (r == 0)
		r = file_write_existing(AT_FDCWD, RESORT_KMSG_DUMP, "Y", err);
	if (r == 0)
		log_info(&call->log,
			 "last words: %.1f KiB for ramoops, which keeps them as the "
			 "machine restarts",
			 (double)text.size / 1024);
	return r;
}

/* ---- the EFI variable ---- */

bool last_resort_has_room(uint64_t total_bytes, uint64_t free_bytes,
			  uint64_t wanted_bytes)
{
	return free_bytes <= total_bytes && free_bytes >= wanted_bytes &&
	       free_bytes - wanted_bytes >= total_bytes / 2 && total_bytes > 0;
}

/* A kernel before v6.5 does not tell (commit d86ff3333cb1). */
static int efi_check_room(struct err *err)
{
	struct statfs fs;

	if (statfs(FAREWELL_EFI_PATH, &fs) < 0)
		return err_os(err, errno, "unable to ask for its room");
	if (fs.f_blocks == 0)
		return err_set(err, ERR_UNSUPPORTED,
			       "this kernel does not tell how full the store is");
	if (!last_resort_has_room((uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize,
				  (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize,
				  FAREWELL_EFI_BYTES))
		return err_set(err, ERR_LIMIT,
			       "%llu of %llu bytes of the store are free, and half of it "
			       "has to stay so",
			       (unsigned long long)fs.f_bavail * fs.f_bsize,
			       (unsigned long long)fs.f_blocks * fs.f_bsize);
	return 0;
}

/* In one write, or it is none: Linux fs/efivarfs/file.c. */
static int efi_write(const struct text *text, struct err *err)
{
	const char *path = FAREWELL_EFI_PATH "/" FAREWELL_EFI_FILE;
	_cleanup_text struct text variable = { 0 };
	const uint32_t attributes = RESORT_EFI_ATTRIBUTES;
	_cleanup_fd int fd = -1;
	ssize_t n;
	int r;

	text_add_bytes(&variable, &attributes, sizeof(attributes));
	text_add_bytes(&variable, text->data, text->size);
	r = text_check(&variable, err);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_REFUSED,
			       "it has the words of an earlier crash, which stay");
	if (fd < 0)
		return err_os(err, errno, "unable to create '%s'", path);
	n = write(fd, variable.data, variable.size);
	if (n != (ssize_t)variable.size) {
		int why = n < 0 ? errno : EIO;

		unlink(path);
		return err_os(err, why, "unable to write '%s'", path);
	}
	return 0;
}

static int efi_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct resort *resort = context;
	_cleanup_text struct text text = { 0 };
	int r;

	if (mount("efivarfs", FAREWELL_EFI_PATH, "efivarfs",
		  MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 &&
	    errno != EBUSY)
		return err_os(err, errno, "unable to mount '" FAREWELL_EFI_PATH "'");
	r = efi_check_room(err);
	if (r == 0)
		r = resort_text(resort, &text, err);
	if (r == 0)
		r = efi_write(&text, err);
	if (r == 0)
		log_info(&call->log, "last words: %.1f KiB in the EFI variable '%s'",
			 (double)text.size / 1024, FAREWELL_EFI_FILE);
	return r;
}

/* ---- */

static int drivers_work(void *context, const struct worker_call *call, struct err *err)
{
	const struct capture *capture = context;

	target_disk_load_last_resort(capture->root, &capture->orders, &call->log);
	return 0;
}

/* With the report; a reader that it kills may still have the log. */
static void resort_try(struct capture *capture, const char *name, worker_function *run,
		       size_t limit)
{
	struct resort resort = { .capture = capture, .has_report = true, .limit = limit };
	struct worker_result result;

	capture_work(capture, name, RESORT_MS, run, &resort, &result);
	if (result.end == WORKER_CRASHED || result.end == WORKER_TIMED_OUT ||
	    (result.end == WORKER_FAILED && result.code == ERR_NOMEM)) {
		log_warning(&capture->log, "last words, %s: %s; without a report", name,
			    result.why);
		resort.has_report = false;
		capture_work(capture, name, RESORT_MS, run, &resort, &result);
	}
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "last words, %s: %s", name, result.why);
}

void last_resort(struct capture *capture)
{
	const struct orders *orders = &capture->orders;
	struct worker_result result;

	capture_work(capture, "drivers", RESORT_MS, drivers_work, capture, &result);
	if (result.end != WORKER_DONE)
		log_error(&capture->log, "drivers: %s", result.why);
	if (orders->ramoops[0])
		resort_try(capture, "ramoops", ramoops_work, ramoops_limit(capture));
	capture_show_last_words(capture, 0);
	if (orders->efi_variable)
		resort_try(capture, "EFI variable", efi_work,
			   FAREWELL_EFI_BYTES - sizeof(uint32_t));
}
