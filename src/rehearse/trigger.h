/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to bring down the kernel that runs this: with what any kernel has, but for MODULE.
 * Used by a rehearsal's first system; MODULE and INIT it does by itself.
 */
#ifndef REHEARSE_TRIGGER_H
#define REHEARSE_TRIGGER_H

#include <stddef.h>

#include "base/err.h"

enum rehearse_trigger {
	REHEARSE_SYSRQ,	 /* c in /proc/sysrq-trigger */
	REHEARSE_MODULE, /* a module that is loaded */
	REHEARSE_NMI,	 /* from outside: unknown_nmi_panic, and waiting for it */
	REHEARSE_OOM,	 /* no memory is left: vm.panic_on_oom, and a hog */
	REHEARSE_HUNG,	 /* hung_task_panic, and a task that waits for a frozen disk */
	REHEARSE_INIT,	 /* the first process ends: in a virtual machine only */
	REHEARSE_TRIGGERS,
};

/* "sysrq", ...; as on the command line and in the guest's job. */
const char *rehearse_trigger_name(enum rehearse_trigger trigger);
/* "sysrq, module, ...": those that there are, for a message. */
void rehearse_trigger_list(char *ret, size_t size);
/* ERR_INVALID says which there are. */
int rehearse_trigger_parse(const char *name, enum rehearse_trigger *ret, struct err *err);

/*
 * What tells this crash from any other: a random word, and the line with it that goes to
 * the kernel's log just before.
 */
#define TRIGGER_MARKER_SIZE 64
int trigger_make_marker(char ret[static TRIGGER_MARKER_SIZE], struct err *err);
int trigger_log_marker(const char *marker, struct err *err);

/*
 * Does it, and waits for the end, @wait_s at most; @ready (may be NULL) is called when
 * all is set for it. Returns only if the machine is still alive, with the error that says
 * so; what was set for it has been set back then.
 */
int trigger_pull(enum rehearse_trigger trigger, unsigned int wait_s, void (*ready)(void),
		 struct err *err);

#endif
