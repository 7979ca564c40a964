/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What names of functions say of a cause: lists of Linux's own, learned from real logs.
 * A title must not name memcpy(), nor schedule(), nor a function that is another one in
 * each report of the same trouble.
 */
#ifndef EXPLAIN_CAUSE_NAMES_H
#define EXPLAIN_CAUSE_NAMES_H

#include <stdbool.h>

/* Is this function only the way to where a crash is noticed: panic(), locks, copies? */
bool cause_is_plumbing(const char *function);

/* Does it call what was asked for: a system call, a work item, a timer, a file's write?
 */
bool cause_is_dispatcher(const char *function);

/* Does it complain of what its caller did? Titles name both then: "caller/function". */
bool cause_is_checker(const char *function);

/* Is waiting or locking all that it does, by its name? */
bool cause_is_wait(const char *function);

/* The one name for functions that do the same, or NULL. */
const char *cause_alias(const char *function);

#endif
