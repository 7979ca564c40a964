/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's own programs, in the order of their names: those of pre.d when the record
 * has been begun, those of post.d when all is written. Each in a worker with its
 * deadline; what they print goes to the log. That one fails is logged, and changes
 * nothing else.
 */
#ifndef CAPTURE_HOOKS_H
#define CAPTURE_HOOKS_H

#include "capture/capture.h"

/* @directory: "pre.d" or "post.d", below HOOKS_PATH of the image. */
#define HOOKS_PATH "/etc/epitaph"
void hooks_run(struct capture *capture, const char *directory);

#endif
