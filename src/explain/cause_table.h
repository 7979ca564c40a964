/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of causes: one row for each way in which a kernel tells of trouble. */
#ifndef EXPLAIN_CAUSE_TABLE_H
#define EXPLAIN_CAUSE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "explain/cause_next.h"

enum cause_weight {
	CAUSE_WARNING, /* the kernel went on, unless a panic followed */
	CAUSE_REPORT,  /* it may have gone on, but something hung or is broken */
	CAUSE_FATAL,   /* an oops */
	CAUSE_PANIC,   /* the last word */
	CAUSE_DETAIL, /* belongs to a story that has begun; begins one only where none did
		       */
};

/* What stands behind the words of the row. */
enum cause_capture {
	CAPTURE_REST = 0, /* a message */
	CAPTURE_ADDRESS,  /* a hexadecimal number */
	CAPTURE_PLACE,	  /* "fs/file.c:12!" */
	CAPTURE_TASK,	  /* "comm:pid", up to `then` */
	CAPTURE_WORD,	  /* the kind: "use-after-free", up to a space */
	CAPTURE_LOCKUP,	  /* "CPU#1 stuck for 22s! [comm:pid]" */
	CAPTURE_CPU,	  /* a number */
};

/* Where the function comes from that the title names. */
enum cause_function {
	FUNCTION_IP = 0, /* where the CPU was, else the trace */
	FUNCTION_TRACE,	 /* the first frame that is no plumbing, else where the CPU was */
	FUNCTION_FIRST,	 /* the same, also of traces of the past that are listed before */
	FUNCTION_LINE,	 /* in the line itself, else as TRACE */
	FUNCTION_LOCK, /* where the lock was taken: "at: func+0x12/0x40", else as TRACE */
	/*
	 * What the kernel was asked to do: the system call, the work item, the timer. A
	 * CPU that hangs is somewhere else in each report of one hang.
	 */
	FUNCTION_ENTRY,
	/* As TRACE, but nothing whose name says that it waits or locks. */
	FUNCTION_WAIT,
	FUNCTION_NONE,
};

/*
 * `text` and `title` are filled in; a part that is unknown vanishes with its words:
 *	{in}       " in func [module]"		{f}       " in func"
 *	{access}   "read", "write", "execution", "access"
 *	{Access}   " Read", " Write", ""
 *	{address}  " at address 0x20"		{place}   " at fs/file.c:12"
 *	{task}     "task sh (pid 71)", "a task"	{by}      ", by task sh (pid 71)"
 *	{cpu}      "CPU 3", "a CPU"
 *	{rest}     the message			{generic} the same without numbers
 *	{word}     the captured word
 */
struct cause_row {
	const char *words; /* somewhere in the line */
	const char *then;  /* and later in it; NULL: nothing more */
	enum cause_weight weight;
	enum cause_capture capture;
	enum cause_function function;
	bool looks_back; /* a panic that only says that something before it was fatal */
	/*
	 * A panic of an interrupt that came for what the CPU was doing: the registers in
	 * its trace are of the trouble. In that of any other panic they are of a
	 * bystander.
	 */
	bool of_interrupted;
	enum cause_next next;
	const char *title;
	const char *text;
};

/* The first row, from the particular to the general, that fits; NULL: none. */
const struct cause_row *cause_row_find(const char *line);

#endif
