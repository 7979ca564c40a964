// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * epitaph-guest: the first process of a rehearsal's machine, before the panic and after
 * it. It stands for a real system's boot: finds its disk, mounts it, arms, and, in the
 * next boot, collects. Static, no shell. Everything that it does is told on the console,
 * where the host reads it: see guest_lines.h.
 *
 * It must never end but by powering the machine off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "rehearse/guest_lines.h"
#include "rehearse/trigger.h"

#define DISK		 "/dev/vda"
#define DISK_WAIT_MS	 30000
#define DISK_POLL_MS	 50
#define TRIGGER_WAIT_MS	 180000
#define MODULES_MAX	 256
#define JOB_LIMIT_BYTES	 ((size_t)64 << 10)
#define LIST_LIMIT_BYTES ((size_t)1 << 20)
#define BYSTANDERS	 3
#define BYSTANDER_NAP_MS 3600000

struct job {
	const char *marker;
	const char *trigger; /* a name of trigger.h */
	const char *module_args;
	const char *archive;
	const char *library_path;
};

static void say(const char *fmt, ...) PRINTF(1, 2);

static void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	dprintf(STDOUT_FILENO, GUEST_PREFIX "%s\n", line);
	// The serial driver sends it later, and a panic ends that.
	tcdrain(STDOUT_FILENO);
}

static _Noreturn void power_off(void)
{
	sync();
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static _Noreturn void fail(const struct err *err)
{
	say(GUEST_FAILED ": %s", err_text(err));
	power_off();
}

/* ---- the way to the disk ---- */

static int mount_at(const char *root, const char *type, const char *path, struct err *err)
{
	char where[64];

	snprintf(where, sizeof(where), "%s%s", root, path);
	if (mkdir(where, 0755) < 0 && errno != EEXIST)
		return err_os(err, errno, "unable to create '%s'", where);
	// devtmpfs may be there already: the kernel's own doing.
	if (mount(type, where, type, 0, NULL) < 0 && errno != EBUSY)
		return err_os(err, errno, "unable to mount '%s'", where);
	return 0;
}

static int mount_kernels_own(const char *root, struct err *err)
{
	int r = mount_at(root, "proc", "/proc", err);

	if (r == 0)
		r = mount_at(root, "sysfs", "/sys", err);
	if (r == 0)
		r = mount_at(root, "devtmpfs", "/dev", err);
	return r;
}

static int insert_module(const char *path, const char *arguments, struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "unable to open '%s'", path);
	if (syscall(SYS_finit_module, fd, arguments, 0) < 0 && errno != EEXIST)
		return err_os(err, errno, "unable to load '%s'", path);
	return 0;
}

static int load_modules(struct err *err)
{
	struct dirent **names;
	int count = scandir(GUEST_MODULES_DIR, &names, NULL, alphasort);
	int r = 0;

	if (count < 0)
		return 0; // all is built in
	for (int i = 0; i < count && i < MODULES_MAX && r == 0; i++) {
		char path[512];

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), GUEST_MODULES_DIR "/%s", names[i]->d_name);
		r = insert_module(path, "", err);
	}
	return r;
}

/* Ends with the disk as "/", as any system has it. */
static int enter_disk(struct err *err)
{
	int r, waited = 0;

	while (access(DISK, F_OK) < 0 && waited < DISK_WAIT_MS) {
		poll(NULL, 0, DISK_POLL_MS);
		waited += DISK_POLL_MS;
	}
	mkdir("/disk", 0755);
	if (mount(DISK, "/disk", "ext4", 0, NULL) < 0)
		return err_os(err, errno, "unable to mount '" DISK "'");
	r = mount_kernels_own("/disk", err);
	if (r == 0)
		r = mount_at("/disk", "tmpfs", "/tmp", err);
	if (r == 0)
		r = mount_at("/disk", "tmpfs", "/run", err);
	if (r < 0)
		return r;
	if (chdir("/disk") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		return err_os(err, errno, "unable to make '" DISK "' the root");
	return 0;
}

/* ---- what to do there ---- */

/* The values point into the file's text, which stays. */
static int read_job(struct job *ret, struct err *err)
{
	const struct {
		const char *key;
		const char **value;
	} keys[] = {
		{ "marker=", &ret->marker },
		{ "trigger=", &ret->trigger },
		{ "module_args=", &ret->module_args },
		{ "archive=", &ret->archive },
		{ "library_path=", &ret->library_path },
	};
	char *text, *line, *rest;
	int r = file_read(AT_FDCWD, GUEST_JOB, JOB_LIMIT_BYTES, &text, NULL, err);

	if (r < 0)
		return r;
	*ret = (struct job){ .marker = "",
			     .trigger = "sysrq",
			     .module_args = "",
			     .archive = "/var/crash",
			     .library_path = "" };
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			if (strncmp(line, keys[i].key, strlen(keys[i].key)) == 0)
				*keys[i].value = line + strlen(keys[i].key);
		}
	}
	return 0;
}

/* Runs `epitaph WORD [WORD]`; its stdout goes to @output, or to the console. */
static int run_epitaph(const char *word, const char *option, const char *output,
		       struct err *err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return err_os(err, errno, "unable to fork");
	if (pid == 0) {
		int fd = output ? open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644)
				: STDOUT_FILENO;

		if (fd >= 0 && (fd == STDOUT_FILENO || dup2(fd, STDOUT_FILENO) >= 0))
			execl(GUEST_EPITAPH, "epitaph", word, option, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_OS, "`epitaph %s` was ended by signal %d", word,
			       WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_OS, "`epitaph %s` ended with status %d", word,
			       WEXITSTATUS(status));
	return 0;
}

/* A program that the user put there; fine if there is none. */
static int run_own(const char *path, struct err *err)
{
	pid_t pid;
	int status;

	if (access(path, X_OK) < 0)
		return 0;
	pid = fork();
	if (pid < 0)
		return err_os(err, errno, "unable to fork");
	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0
			   : err_set(err, ERR_OS, "'%s' ended with status 0x%x", path,
				     (unsigned int)status);
}

/* Tasks of user space that a dump can be asked about; here once they have their names. */
static int start_bystanders(struct err *err)
{
	int fds[2];
	char ready;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_os(err, errno, "unable to make a pipe");
	for (int i = 0; i < BYSTANDERS; i++) {
		char name[16];
		pid_t pid = fork();

		if (pid < 0)
			return err_os(err, errno, "unable to fork");
		if (pid > 0)
			continue;
		snprintf(name, sizeof(name), "bystander-%d", i);
		prctl(PR_SET_NAME, name);
		while (write(fds[1], "", 1) < 0 && errno == EINTR)
			;
		for (;;)
			poll(NULL, 0, BYSTANDER_NAP_MS);
	}
	for (int i = 0; i < BYSTANDERS; i++) {
		if (fd_read_full(fds[0], &ready, 1, err) < 0)
			return err_in(err, ERR_OS, "waiting for the bystanders");
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int record_tasks(struct err *err)
{
	FILE *out = fopen(GUEST_PS, "we");
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	while (out && proc && (entry = readdir(proc))) {
		char path[300], comm[64];

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    file_read_line(AT_FDCWD, path, comm, sizeof(comm), NULL) < 0)
			continue;
		fprintf(out, "%s %s\n", entry->d_name, comm);
	}
	if (!out || !proc || fflush(out) != 0)
		r = err_os(err, errno, "unable to write '" GUEST_PS "'");
	if (proc)
		closedir(proc);
	if (out)
		fclose(out);
	return r;
}

/* In a child of its own: the one that panics has a name. */
static void load_trigger_module(const struct job *job, struct err *err)
{
	pid_t pid = fork();
	int waited = 0;

	if (pid == 0) {
		struct err why = { 0 };

		prctl(PR_SET_NAME, GUEST_TRIGGER_COMM);
		if (insert_module(GUEST_MODULE, job->module_args, &why) < 0)
			say("the trigger: %s", err_text(&why));
		_exit(1);
	}
	while (pid > 0 && waited < TRIGGER_WAIT_MS && waitpid(pid, NULL, WNOHANG) == 0) {
		poll(NULL, 0, DISK_POLL_MS);
		waited += DISK_POLL_MS;
	}
	err_set(err, ERR_OS, "the kernel did not panic: the module left it alive");
}

static void ask_nmi(void)
{
	say(GUEST_NMI);
}

/* Returns only if the machine is still alive. */
static void bring_down(const struct job *job, struct err *err)
{
	enum rehearse_trigger trigger;

	if (rehearse_trigger_parse(job->trigger, &trigger, err) < 0)
		return;
	if (trigger == REHEARSE_MODULE) {
		load_trigger_module(job, err);
	} else if (trigger == REHEARSE_INIT) {
		prctl(PR_SET_NAME, GUEST_TRIGGER_COMM);
		_exit(0);
	} else {
		trigger_pull(trigger, TRIGGER_WAIT_MS / 1000,
			     trigger == REHEARSE_NMI ? ask_nmi : NULL, err);
	}
}

static int own_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return lchown(path, 0, 0) < 0 ? -1 : 0;
}

/*
 * The disk was made by whoever rehearses, maybe no root, and what epitaph is told there
 * has to be root's, as on any machine: the configuration, hooks, and the way to the
 * archive.
 */
static void own_files(const char *archive)
{
	char part[PATH_MAX];

	if (nftw("/etc", own_one, 16, FTW_PHYS | FTW_MOUNT) < 0)
		say("'/etc' stays with its owner: %s", strerror(errno));
	for (size_t i = 1; i < strlen(archive) + 1 && i < sizeof(part); i++) {
		if (archive[i] != '/' && archive[i] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, archive);
		if (lchown(part, 0, 0) < 0 && errno != ENOENT)
			say("'%s' stays with its owner: %s", part, strerror(errno));
	}
}

static void first_boot(const struct job *job, struct err *err)
{
	int fd, r;

	say(GUEST_BOOTED);
	own_files(job->archive);
	r = run_own(GUEST_BEFORE, err);
	if (r == 0)
		r = run_epitaph("arm", NULL, NULL, err);
	if (r < 0)
		return;
	// For whoever wants to know; `arm` has said that it is armed.
	run_epitaph("status", "--json", GUEST_STATUS, NULL);
	say(GUEST_ARMED);
	r = start_bystanders(err);
	if (r < 0)
		return;
	fd = open(GUEST_STATE, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0 || write(fd, "x", 1) != 1) {
		err_os(err, errno, "unable to write '" GUEST_STATE "'");
		return;
	}
	close(fd);
	r = record_tasks(err);
	if (r < 0)
		return;
	sync();
	say(GUEST_PANIC);
	if (trigger_log_marker(job->marker, err) == 0)
		bring_down(job, err);
}

/* Anything in the archive at all; what it is worth is for the host to say. */
static bool has_record(const char *archive)
{
	DIR *dir = opendir(archive);
	struct dirent *entry;
	bool found = false;

	while (dir && (entry = readdir(dir)))
		found |= entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	if (dir)
		closedir(dir);
	return found;
}

/* By way of memory: the crash may have filled the disk, and is found all the same. */
static void keep_list(void)
{
	_cleanup_free char *list = NULL;
	size_t size;

	if (file_read(AT_FDCWD, "/run/list.json", LIST_LIMIT_BYTES, &list, &size, NULL) ==
	    0)
		file_replace(AT_FDCWD, GUEST_LIST, list, size, 0644, NULL);
}

static void next_boot(const struct job *job, struct err *err)
{
	int r;

	say(GUEST_AGAIN);
	r = run_own(GUEST_AFTER, err);
	// First: the record may still lie in pstore, or on a partition of its own.
	if (r == 0)
		r = run_epitaph("collect", NULL, NULL, err);
	if (r == 0 && !has_record(job->archive))
		r = err_set(err, ERR_NOTFOUND, "no record in '%s'", job->archive);
	if (r == 0)
		r = run_epitaph("list", "--json", "/run/list.json", err);
	if (r < 0)
		return;
	say(GUEST_FOUND);
	keep_list();
}

int main(void)
{
	struct err err = { 0 };
	struct job job = { 0 };
	int r;

	if (getpid() != 1) {
		fprintf(stderr, "epitaph-guest: it is the first process of a rehearsal's "
				"machine: see epitaph-rehearse(1)\n");
		return 2;
	}
	r = mount_kernels_own("", &err);
	if (r == 0)
		r = load_modules(&err);
	if (r == 0)
		r = enter_disk(&err);
	if (r == 0)
		r = read_job(&job, &err);
	if (r < 0)
		fail(&err);
	if (sethostname(GUEST_HOST, strlen(GUEST_HOST)) < 0)
		say("no host name: %s", strerror(errno));
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LD_LIBRARY_PATH", job.library_path, 1);
	if (access(GUEST_STATE, F_OK) < 0)
		first_boot(&job, &err);
	else
		next_boot(&job, &err);
	if (err.code)
		fail(&err);
	power_off();
}
