// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/worker.h"

#define FINISH_SYNC_MS	60000
#define FINISH_MOUNT_MS 15000
#define FINISH_GRACE_MS 1000

static int finish_sync(void *context, const struct worker_call *call, struct err *err)
{
	const char *mount_point = context;
	_cleanup_fd int fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", mount_point);
	if (syncfs(fd) < 0)
		return err_os(err, errno, "unable to sync '%s'", mount_point);
	return 0;
}

static int finish_umount(void *context, const struct worker_call *call, struct err *err)
{
	const char *mount_point = context;
	int why;

	if (umount2(mount_point, 0) == 0)
		return 0;
	why = errno;
	// A worker that is stuck holds it: what is there is synced, close it as well as
	// can be.
	if (mount(NULL, mount_point, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0)
		return 0;
	return err_os(err, why, "unable to unmount '%s'", mount_point);
}

static void finish_call(const char *name, worker_function *function, const char *path,
			uint32_t timeout_ms, const struct log *log)
{
	struct worker worker = {
		.name = name,
		.timeout_ms = timeout_ms,
		.grace_ms = FINISH_GRACE_MS,
		.run = function,
		.context = (void *)path,
		.log = log,
	};
	struct worker_result result;

	worker_run(&worker, &result);
	if (result.end != WORKER_DONE)
		log_warning(log, "%s: %s; what the disk has not, is lost", name,
			    result.why);
}

/* Is @path on another file system than "/"? */
static bool finish_is_mounted(const char *path)
{
	struct stat here, root;

	return stat(path, &here) == 0 && stat("/", &root) == 0 &&
	       here.st_dev != root.st_dev;
}

void finish_target(const char *mount_point, const struct log *log)
{
	if (!finish_is_mounted(mount_point))
		return;
	finish_call("sync", finish_sync, mount_point, FINISH_SYNC_MS, log);
	finish_call("umount", finish_umount, mount_point, FINISH_MOUNT_MS, log);
}

static int finish_reboot(void *context, const struct worker_call *call, struct err *err)
{
	static const int commands[] = {
		[ORDERS_REBOOT] = RB_AUTOBOOT,
		[ORDERS_POWEROFF] = RB_POWER_OFF,
		[ORDERS_HALT] = RB_HALT_SYSTEM,
	};

	reboot(commands[*(const enum orders_end *)context]);
	return err_os(err, errno, "the kernel refused");
}

void finish_machine(enum orders_end end, const struct log *log)
{
	struct worker worker = {
		.name = "reboot",
		.timeout_ms = FINISH_WAIT_MS,
		.grace_ms = FINISH_GRACE_MS,
		.run = finish_reboot,
		.context = &end,
		.log = log,
	};
	struct worker_result result;
	struct err err = { 0 };

	// Not by PID 1 itself: a driver's shutdown may hang, and it has to go on.
	worker_run(&worker, &result);
	log_error(log, "the machine did not %s: %s", orders_end_name(end), result.why);
	for (;;) {
		if (end != ORDERS_HALT &&
		    file_write_existing(AT_FDCWD, "/proc/sysrq-trigger", "b", &err) < 0)
			log_error(log, "sysrq b: %s", err_text(&err));
		poll(NULL, 0, FINISH_WAIT_MS);
	}
}
