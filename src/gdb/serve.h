/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conversation of one client with a server (server.h), over file descriptors. */
#ifndef GDB_SERVE_H
#define GDB_SERVE_H

#include "base/err.h"
#include "gdb/server.h"

/* Until the client says goodbye or closes. A line that breaks is no failure. */
int serve(struct server *server, int in_fd, int out_fd, struct err *err);

#endif
