/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Visible ownership: `_cleanup_(freep)` where a resource is declared, take_ptr() or
 * take_fd() where it is handed over.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)  __attribute__((cleanup(f)))
#define _cleanup_free _cleanup_(freep)
#define _cleanup_fd   _cleanup_(fd_closep)

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* Closes without looking at the result: for readers only. A writer looks at close(). */
static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Moves a pointer out of a variable that would be cleaned up. */
#define take_ptr(p)                               \
	({                                        \
		__typeof__(p) *take_p_ = &(p);    \
		__typeof__(p) take_v_ = *take_p_; \
		*take_p_ = NULL;                  \
		take_v_;                          \
	})

static inline int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define MAX(a, b)	 ((a) > (b) ? (a) : (b))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))

#endif
