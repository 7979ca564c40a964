// SPDX-License-Identifier: GPL-2.0-or-later
#include "rehearse/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "rehearse/process.h"

#define QEMU_ARGUMENTS_MAX 80
#define QEMU_NMI	   "nmi\n" /* to its human monitor */
#define QEMU_ANSWERS_MAX   64
#define QEMU_ANSWER_MS	   1000

int qemu_find(char ret[static PATH_MAX], struct err *err)
{
	return process_find("qemu-system-x86_64", "qemu-system-x86", ret, err);
}

bool qemu_has_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0;
}

const char *qemu_accelerator_name(enum qemu_accelerator accelerator)
{
	return accelerator == QEMU_KVM ? "kvm" : "tcg";
}

/* A comma ends a value there, unless it is doubled. */
static void add_escaped(struct text *text, const char *value)
{
	for (; *value; value++)
		text_add(text, *value == ',' ? ",," : "%c", *value);
}

static int qemu_spawn(const struct qemu_machine *machine, const char *drive,
		      const char *monitor, int console_fd, int errors_fd, pid_t *ret,
		      struct err *err)
{
	char memory[16], cpus[16];
	bool is_kvm = machine->accelerator == QEMU_KVM;
	const char *argv[QEMU_ARGUMENTS_MAX] = {
		machine->program,
		"-name",
		"epitaph-rehearsal",
		"-no-user-config",
		"-nodefaults",
		"-nic",
		"none",
		"-display",
		"none",
		"-accel",
		is_kvm ? "kvm" : "tcg,thread=multi",
		"-cpu",
		is_kvm ? "host" : "max",
		"-m",
		memory,
		"-smp",
		cpus,
		"-serial",
		"stdio",
		"-kernel",
		machine->kernel,
		"-initrd",
		machine->initrd,
		"-append",
		machine->cmdline,
		"-drive",
		drive,
		"-monitor",
		monitor,
		NULL,
	};

	_cleanup_free char *more = strdup(machine->more ? machine->more : "");
	size_t count = 0;
	char *word, *rest;

	if (!more)
		return err_nomem(err);
	while (argv[count])
		count++;
	for (word = strtok_r(more, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (count + 1 >= QEMU_ARGUMENTS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d arguments for QEMU",
				       QEMU_ARGUMENTS_MAX);
		argv[count++] = word;
	}
	snprintf(memory, sizeof(memory), "%u", machine->memory_mib);
	snprintf(cpus, sizeof(cpus), "%u", machine->cpus);
	return process_start(argv, console_fd, errors_fd, ret, err);
}

int qemu_start(const struct qemu_machine *machine, struct qemu *ret, struct err *err)
{
	_cleanup_fd int errors =
		open(machine->errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	_cleanup_fd int console = -1, ours = -1;
	_cleanup_text struct text drive = { 0 }, monitor = { 0 };
	int fds[2], r;
	pid_t pid;

	if (errors < 0)
		return err_os(err, errno, "unable to create '%s'", machine->errors);
	// The disk is thrown away: its writes may stay in this machine's memory.
	text_add(&drive, "if=virtio,format=raw,cache=unsafe,file=");
	add_escaped(&drive, machine->disk);
	text_add(&monitor, machine->monitor ? "unix:" : "none");
	if (machine->monitor) {
		add_escaped(&monitor, machine->monitor);
		text_add(&monitor, ",server=on,wait=off");
	}
	r = text_check(&drive, err);
	if (r == 0)
		r = text_check(&monitor, err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_os(err, errno, "unable to make a pipe");
	ours = fds[0];
	console = fds[1];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	r = qemu_spawn(machine, text_get(&drive), text_get(&monitor), console, errors,
		       &pid, err);
	if (r < 0)
		return r;
	*ret = (struct qemu){ .pid = pid, .console_fd = take_fd(&ours) };
	return 0;
}

int qemu_nmi(const char *monitor, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char said[256];
	int r;

	if (strlen(monitor) >= sizeof(address.sun_path))
		return err_set(err, ERR_LIMIT,
			       "'%s' is too long for a socket: set TMPDIR", monitor);
	memcpy(address.sun_path, monitor, strlen(monitor));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_os(err, errno, "unable to reach QEMU at '%s'", monitor);
	r = fd_write_full(fd, QEMU_NMI, strlen(QEMU_NMI), err);
	if (r < 0)
		return r;
	shutdown(fd, SHUT_WR);
	// It has been read when QEMU closes its end.
	for (int i = 0; i < QEMU_ANSWERS_MAX && poll(&ready, 1, QEMU_ANSWER_MS) > 0;
	     i++) {
		if (read(fd, said, sizeof(said)) <= 0)
			break;
	}
	return 0;
}

bool qemu_has_ended(struct qemu *qemu)
{
	if (qemu->pid > 0 && waitpid(qemu->pid, &qemu->status, WNOHANG) == qemu->pid)
		qemu->pid = 0;
	return qemu->pid == 0;
}

void qemu_stop(struct qemu *qemu)
{
	if (!qemu_has_ended(qemu))
		process_end(qemu->pid);
	qemu->pid = 0;
	fd_closep(&qemu->console_fd);
	qemu->console_fd = -1;
}
