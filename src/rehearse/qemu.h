/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual machine while it is switched on. A reset goes on in it; when the guest
 * powers off, QEMU ends. Knows QEMU's command line, and nothing of what runs inside.
 */
#ifndef REHEARSE_QEMU_H
#define REHEARSE_QEMU_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum qemu_accelerator {
	QEMU_KVM,
	QEMU_TCG, /* emulation: works everywhere, some ten times slower */
};

struct qemu_machine {
	const char *program; /* of qemu_find() */
	enum qemu_accelerator accelerator;
	uint32_t memory_mib;
	uint32_t cpus;
	const char *kernel, *initrd, *disk;
	const char *cmdline;
	const char *errors;  /* a file for what QEMU itself says */
	const char *monitor; /* the path of a socket to make, for qemu_nmi(); or NULL */
	const char *more;    /* arguments, between blanks; or NULL */
};

struct qemu {
	pid_t pid;	/* 0 once it has ended */
	int console_fd; /* the serial console; nonblocking */
	int status;	/* of waitpid() once it has ended */
};

int qemu_find(char ret[static PATH_MAX], struct err *err);

/* May we use /dev/kvm? Whether a machine then runs is seen only by running one. */
bool qemu_has_kvm(void);
const char *qemu_accelerator_name(enum qemu_accelerator accelerator);

int qemu_start(const struct qemu_machine *machine, struct qemu *ret, struct err *err);

/* Has it ended? Then status says how. */
bool qemu_has_ended(struct qemu *qemu);

/* A non-maskable interrupt for the machine whose monitor is there. */
int qemu_nmi(const char *monitor, struct err *err);

/* Switches it off, by its id; fine if it is off. */
void qemu_stop(struct qemu *qemu);

#endif
