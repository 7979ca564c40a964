// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "capture/console.h"
#include "capture/target_disk.h"

#define WATCHDOG_FEED_MS 1000
#define WATCHDOG_OPEN_MS 2000 /* for its device to appear */
#define WATCHDOG_POLL_MS 20

void watchdog_init(struct watchdog *watchdog)
{
	*watchdog = (struct watchdog){ .fd = -1 };
}

static int watchdog_open(const char *root)
{
	static const char *const devices[] = { "/dev/watchdog0", "/dev/watchdog" };

	for (int waited = 0; waited < WATCHDOG_OPEN_MS; waited += WATCHDOG_POLL_MS) {
		for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
			char path[PATH_MAX];
			int fd;

			snprintf(path, sizeof(path), "%s%s", root, devices[i]);
			fd = open(path, O_WRONLY | O_CLOEXEC);
			if (fd >= 0 || errno != ENOENT)
				return fd;
		}
		poll(NULL, 0, WATCHDOG_POLL_MS);
	}
	return -1;
}

void watchdog_start(struct watchdog *watchdog, const char *root,
		    const struct orders *orders, const struct log *log)
{
	struct watchdog_info info = { 0 };
	int timeout = (int)orders->watchdog_timeout_s;

	if (timeout == 0)
		return;
	// Here, in the supervisor: what loads it must be what opens it.
	target_disk_load_watchdog(root, orders, log);
	watchdog->fd = watchdog_open(root);
	if (watchdog->fd < 0) {
		log_warning(log, "no watchdog: %s", strerror(errno));
		return;
	}
	ioctl(watchdog->fd, WDIOC_GETSUPPORT, &info);
	if (ioctl(watchdog->fd, WDIOC_SETTIMEOUT, &timeout) < 0 &&
	    ioctl(watchdog->fd, WDIOC_GETTIMEOUT, &timeout) < 0)
		timeout = 0;
	// Longer than a step may stand still: that costs the step, not the machine.
	watchdog->patience_ms = ((uint64_t)orders->stall_timeout_s + 60) * 1000;
	watchdog_feed(watchdog, 0);
	log_info(log, "watchdog '%.31s': %d s", (const char *)info.identity, timeout);
}

void watchdog_feed(struct watchdog *watchdog, uint64_t idle_ms)
{
	uint64_t now = console_now_ms();

	if (watchdog->fd < 0 || idle_ms > watchdog->patience_ms ||
	    (watchdog->fed_ms && now - watchdog->fed_ms < WATCHDOG_FEED_MS))
		return;
	watchdog->fed_ms = now;
	ioctl(watchdog->fd, WDIOC_KEEPALIVE, 0);
}

void watchdog_end(struct watchdog *watchdog, enum orders_end end, const struct log *log)
{
	if (watchdog->fd < 0)
		return;
	watchdog->fed_ms = 0;
	watchdog_feed(watchdog, 0);
	if (end == ORDERS_REBOOT)
		return;
	if (write(watchdog->fd, "V", 1) != 1)
		log_warning(log, "the watchdog can't be stopped: %s", strerror(errno));
	close(watchdog->fd);
	watchdog->fd = -1;
}
