/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to look at or to do next, for each kind of cause: a sentence or two for whoever
 * has to go on from here.
 */
#ifndef EXPLAIN_CAUSE_NEXT_H
#define EXPLAIN_CAUSE_NEXT_H

enum cause_next {
	NEXT_SEARCH = 0, /* nothing particular is known of this kind */
	NEXT_SYSRQ,
	NEXT_INIT,
	NEXT_ROOT,
	NEXT_STACK,
	NEXT_OOM,
	NEXT_HARDWARE,
	NEXT_NMI,
	NEXT_NULL,
	NEXT_POINTER,
	NEXT_EXECUTION, /* the CPU jumped to what is no code */
	NEXT_SANITIZER,
	NEXT_OVERWRITTEN,
	NEXT_BUG,
	NEXT_SOFT_LOCKUP,
	NEXT_HARD_LOCKUP,
	NEXT_RCU_STALL,
	NEXT_HUNG_TASK,
	NEXT_LOCK_ORDER,
	NEXT_CONTEXT, /* slept, or moved, where it is forbidden */
	NEXT_FILE_SYSTEM,
	NEXT_NETDEV,
	NEXT_COUNT,
};

const char *cause_next_text(enum cause_next next);

#endif
