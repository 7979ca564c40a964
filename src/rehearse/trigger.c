// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each way is a function of a child process, so that the one who waits can set things
 * back where the kernel stays alive. Sources: Linux Documentation/admin-guide/sysctl,
 * fs/super.c (freeze_super), kernel/hung_task.c, mm/oom_kill.c (check_panic_on_oom).
 */
#include "rehearse/trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "rehearse/guest_lines.h"

#define TRIGGER_POLL_MS	   50
#define TRIGGER_HOG_BYTES  ((size_t)16 << 20)
#define TRIGGER_HOG_PIECES (1 << 20)
#define TRIGGER_HUNG_FILE  "/var/lib/epitaph/.hung"
#define TRIGGER_FROZEN	   "/var/lib/epitaph"

static const char *const names[REHEARSE_TRIGGERS] = {
	[REHEARSE_SYSRQ] = "sysrq",    [REHEARSE_MODULE] = "module",
	[REHEARSE_NMI] = "nmi",	       [REHEARSE_OOM] = "oom",
	[REHEARSE_HUNG] = "hung-task", [REHEARSE_INIT] = "init",
};

const char *rehearse_trigger_name(enum rehearse_trigger trigger)
{
	return (size_t)trigger < REHEARSE_TRIGGERS ? names[trigger] : "unknown";
}

void rehearse_trigger_list(char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < REHEARSE_TRIGGERS && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s",
					 used ? ", " : "", names[i]);
}

int rehearse_trigger_parse(const char *name, enum rehearse_trigger *ret, struct err *err)
{
	char list[128];

	for (size_t i = 0; i < REHEARSE_TRIGGERS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum rehearse_trigger)i;
			return 0;
		}
	}
	rehearse_trigger_list(list, sizeof(list));
	return err_set(err, ERR_INVALID, "'%s' is none of %s", name, list);
}

/* ---- the marker ---- */

#define MARKER_BYTES 8

int trigger_make_marker(char ret[static TRIGGER_MARKER_SIZE], struct err *err)
{
	unsigned char random[MARKER_BYTES];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_os(err, errno, "no random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(ret + 2 * i, TRIGGER_MARKER_SIZE - 2 * i, "%02x", random[i]);
	return 0;
}

/* One write is one line there; not dprintf(), which seeks first, and kmsg refuses that.
 */
int trigger_log_marker(const char *marker, struct err *err)
{
	_cleanup_fd int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[256];
	int n = snprintf(line, sizeof(line), GUEST_MESSAGE "%.128s\n", marker);

	if (fd < 0)
		return err_os(err, errno, "unable to open '/dev/kmsg'");
	return fd_write_full(fd, line, (size_t)n, err);
}

/* ---- what has to be set for it ---- */

#define TRIGGER_SETTINGS 3

struct trigger_setting {
	const char *path, *value;
	char before[32]; /* "": was not changed */
};

struct trigger_way {
	/* In the child. Returns only with an error, or where it waits for something. */
	int (*run)(struct err *err);
	struct trigger_setting settings[TRIGGER_SETTINGS];
	const char *frozen; /* a file system that may be frozen by it */
};

static int settings_apply(struct trigger_way *way, struct err *err)
{
	for (size_t i = 0; i < TRIGGER_SETTINGS && way->settings[i].path; i++) {
		struct trigger_setting *setting = &way->settings[i];
		char before[32];
		int r = file_read_line(AT_FDCWD, setting->path, before, sizeof(before),
				       err);

		if (r == 0)
			r = file_write_existing(AT_FDCWD, setting->path, setting->value,
						err);
		if (r < 0)
			return err_in(err, r, "this kernel can't be brought down so");
		memcpy(setting->before, before, sizeof(before));
	}
	return 0;
}

static void settings_take_back(const struct trigger_way *way)
{
	for (size_t i = 0; i < TRIGGER_SETTINGS && way->settings[i].path; i++) {
		if (way->settings[i].before[0])
			file_write_existing(AT_FDCWD, way->settings[i].path,
					    way->settings[i].before, NULL);
	}
}

/* ---- the ways ---- */

static int pull_sysrq(struct err *err)
{
	return file_write_existing(AT_FDCWD, "/proc/sysrq-trigger", "c", err);
}

/* It comes from outside. */
static int pull_nothing(struct err *err)
{
	for (;;)
		pause();
	return 0;
}

static int pull_oom(struct err *err)
{
	for (int i = 0; i < TRIGGER_HOG_PIECES; i++) {
		uint8_t *piece = mmap(NULL, TRIGGER_HOG_BYTES, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (piece == MAP_FAILED)
			return err_os(err, errno, "unable to use up the memory");
		for (size_t at = 0; at < TRIGGER_HOG_BYTES; at += 4096)
			piece[at] = 1;
	}
	return 0;
}

/* Whoever makes a file there waits, and no signal wakes him: a hung task. */
static int pull_hung(struct err *err)
{
	_cleanup_fd int dir = open(TRIGGER_FROZEN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return err_os(err, errno, "unable to open '" TRIGGER_FROZEN "'");
	if (ioctl(dir, FIFREEZE, 0) < 0)
		return err_os(err, errno,
			      "unable to freeze the file system of "
			      "'" TRIGGER_FROZEN "'");
	fd = open(TRIGGER_HUNG_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd); // it was thawed: somebody else has waited long enough
	unlink(TRIGGER_HUNG_FILE);
	return 0;
}

#define SYSCTL "/proc/sys/"

static int way_find(enum rehearse_trigger trigger, struct trigger_way *ret,
		    struct err *err)
{
	switch (trigger) {
	case REHEARSE_SYSRQ:
		*ret = (struct trigger_way){ .run = pull_sysrq };
		return 0;
	case REHEARSE_NMI:
		*ret = (struct trigger_way){
			.run = pull_nothing,
			.settings = { { SYSCTL "kernel/unknown_nmi_panic", "1", "" } },
		};
		return 0;
	case REHEARSE_OOM:
		// 2: also where a cgroup or a cpuset has run out
		*ret = (struct trigger_way){
			.run = pull_oom,
			.settings = { { SYSCTL "vm/panic_on_oom", "2", "" } },
		};
		return 0;
	case REHEARSE_HUNG:
		*ret = (struct trigger_way){
			.run = pull_hung,
			.settings = { { SYSCTL "kernel/hung_task_panic", "1", "" },
				      { SYSCTL "kernel/hung_task_timeout_secs", "2",
					"" } },
			.frozen = TRIGGER_FROZEN,
		};
		return 0;
	default:
		return err_set(err, ERR_UNSUPPORTED, "a machine can't do '%s' to itself",
			       rehearse_trigger_name(trigger));
	}
}

static _Noreturn void child_main(const struct trigger_way *way)
{
	struct err why = { 0 };

	prctl(PR_SET_NAME, GUEST_TRIGGER_COMM);
	if (way->run(&why) < 0)
		dprintf(STDERR_FILENO, "the trigger: %s\n", err_text(&why));
	_exit(1);
}

static void thaw(const char *path)
{
	_cleanup_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		ioctl(dir, FITHAW, 0);
}

int trigger_pull(enum rehearse_trigger trigger, unsigned int wait_s, void (*ready)(void),
		 struct err *err)
{
	struct trigger_way way = { 0 };
	unsigned int waited = 0;
	pid_t pid;
	int r = way_find(trigger, &way, err);

	if (r == 0)
		r = settings_apply(&way, err);
	if (r == 0) {
		if (ready)
			ready();
		pid = fork();
		if (pid == 0)
			child_main(&way);
		if (pid < 0)
			r = err_os(err, errno, "unable to fork");
		while (pid > 0 && waited < wait_s * 1000 &&
		       waitpid(pid, NULL, WNOHANG) == 0) {
			poll(NULL, 0, TRIGGER_POLL_MS);
			waited += TRIGGER_POLL_MS;
		}
		if (pid > 0 && waited >= wait_s * 1000)
			kill(pid, SIGKILL);
	}
	if (way.frozen)
		thaw(way.frozen);
	settings_take_back(&way);
	return r < 0 ? r
		     : err_set(err, ERR_OS,
			       "the kernel did not panic: the %s trigger left it alive",
			       rehearse_trigger_name(trigger));
}
