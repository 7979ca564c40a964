/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files with debug symbols from a debuginfod server, by build id: elfutils' own client,
 * which keeps what it fetched ($DEBUGINFOD_CACHE_PATH, $XDG_CACHE_HOME, ~/.cache). Asked
 * only where DEBUGINFOD_URLS names a server, and only by who was told to.
 */
#ifndef DEBUGINFO_DEBUGINFOD_H
#define DEBUGINFO_DEBUGINFOD_H

#include <limits.h>

#include "base/err.h"

/*
 * @build_id: in hexadecimal. ERR_REFUSED: no server is named; ERR_UNSUPPORTED: the client
 * is not installed; ERR_NOTFOUND: no server has it; ERR_OS: none could be asked.
 */
int debuginfod_fetch(const char *build_id, char ret_path[static PATH_MAX],
		     struct err *err);

#endif
