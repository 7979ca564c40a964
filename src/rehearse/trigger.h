/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to bring down the kernel that runs this: with what any kernel has, but for MODULE.
 * The same code does it in a rehearsal's first system and, for --real, on a real machine.
 */
#ifndef REHEARSE_TRIGGER_H
#define REHEARSE_TRIGGER_H

#include <stdbool.h>

#include "base/err.h"

enum rehearse_trigger {
	REHEARSE_SYSRQ,	 /* c in /proc/sysrq-trigger */
	REHEARSE_MODULE, /* a module that is loaded */
	REHEARSE_NMI,	 /* from outside: unknown_nmi_panic, and waiting for it */
	REHEARSE_OOM,	 /* no memory is left: vm.panic_on_oom, and a hog */
	REHEARSE_HUNG,	 /* hung_task_panic, and a task that waits for a frozen disk */
	REHEARSE_INIT,	 /* the first process ends: in a virtual machine only */
	REHEARSE_REAL,	 /* `epitaph rehearse --real`, there: rehearses that, too */
	REHEARSE_TRIGGERS,
};

/* "sysrq", ...; as on the command line and in the guest's job. */
const char *rehearse_trigger_name(enum rehearse_trigger trigger);
/* "sysrq, module, ...": those that are, for a message; only those that a machine can do
 * to itself if @is_real. */
void rehearse_trigger_list(bool is_real, char *ret, size_t size);
/* ERR_INVALID says which there are. */
int rehearse_trigger_parse(const char *name, enum rehearse_trigger *ret, struct err *err);
/* Can trigger_pull() do it? */
bool rehearse_trigger_is_real(enum rehearse_trigger trigger);

/*
 * Does it, and waits for the end, @wait_s at most. Returns only if the machine is still
 * alive, with the error that says so; what was set for it has been set back then.
 */
int trigger_pull(enum rehearse_trigger trigger, unsigned int wait_s, struct err *err);

#endif
