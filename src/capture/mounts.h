/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own file systems, without which nothing can be asked: /proc, /sys, /dev.
 */
#ifndef CAPTURE_MOUNTS_H
#define CAPTURE_MOUNTS_H

#include "base/err.h"

/* Below @root ("" for the real one). What is mounted already is left as it is. */
int mounts_make(const char *root, struct err *err);

#endif
