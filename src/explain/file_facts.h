/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open file or a socket of a dead kernel: as one line, and as JSON. */
#ifndef EXPLAIN_FILE_FACTS_H
#define EXPLAIN_FILE_FACTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/open_file.h"

#define FILE_FACTS_SIZE 4608 /* a path of PATH_SIZE, each byte maybe as \xNN */

/* "/var/log/x (deleted)", "socket:[12] tcp 127.0.0.1:80 -> 127.0.0.1:99 established" */
void file_facts_format(const struct open_file *file, char *ret, size_t size);

/* "rw", "r,nonblock,cloexec": what open(2) and fcntl(2) set */
void file_facts_format_flags(uint32_t flags, char *ret, size_t size);

/* "tcp 127.0.0.1:80 -> * listen" */
void file_facts_format_socket(const struct socket_info *socket, char *ret, size_t size);

json_t *file_facts_new_json(const struct open_file *file);
json_t *file_facts_new_socket_json(const struct socket_info *socket);

#endif
