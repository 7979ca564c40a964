/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may change what lies at a path: the file, a link to it, or a directory above it.
 * What is run as root, or decides what is run, has to be root's alone, all the way.
 */
#ifndef BASE_TRUST_H
#define BASE_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/*
 * Nobody but root and us may change this one, by its owner and mode? A directory with the
 * sticky bit (/tmp) is one, as others' names in it can't be taken away. Root's own group
 * may write.
 */
bool trust_stat(const struct stat *st);

/*
 * The same for the absolute @path, each directory and each link on the way, and where
 * they lead. ERR_REFUSED names the first that others may change; ERR_OS: it can't be
 * looked at.
 */
int trust_path(const char *path, struct err *err);

#endif
