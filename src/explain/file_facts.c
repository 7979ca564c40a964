// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/file_facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "explain/ascii.h"
#include "explain/member.h"

void file_facts_format_flags(uint32_t flags, char *ret, size_t size)
{
	static const char *const modes[] = { "r", "w", "rw", "?" };
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ O_APPEND, ",append" }, { O_NONBLOCK, ",nonblock" },
		{ O_DSYNC, ",dsync" },	 { O_DIRECT, ",direct" },
		{ O_PATH, ",path" },	 { O_TMPFILE & ~O_DIRECTORY, ",tmpfile" },
	};
	size_t used = (size_t)snprintf(ret, size, "%s", modes[flags & O_ACCMODE]);

	for (size_t i = 0; i < ARRAY_SIZE(names) && used < size; i++)
		if (flags & names[i].bit)
			used += (size_t)snprintf(ret + used, size - used, "%s",
						 names[i].name);
}

void file_facts_format_socket(const struct socket_info *socket, char *ret, size_t size)
{
	const char *kind = socket->protocol[0] && strcmp(socket->family, "netlink")
				   ? socket->protocol
				   : socket->family;
	const char *second = !strcmp(socket->family, "netlink") ? socket->protocol
			     : kind == socket->family		? socket->type
								: "";
	bool has_remote = socket->remote[0] && strncmp(socket->remote, "*:*", 3);

	char text[512];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s%s", kind[0] ? kind : "no protocol",
		 second[0] ? " " : "", second, socket->local[0] ? " " : "", socket->local,
		 has_remote ? " -> " : "", has_remote ? socket->remote : "",
		 socket->state[0] ? " " : "", socket->state);
	ascii_escape(text, strlen(text), ret, size);
}

void file_facts_format(const struct open_file *file, char *ret, size_t size)
{
	size_t used;

	ascii_escape(file->path, strlen(file->path), ret, size);
	used = strlen(ret);
	if (file->has_socket && used + 2 < size) {
		ret[used++] = ' ';
		file_facts_format_socket(&file->socket, ret + used, size - used);
	}
	if (!file->path[0])
		snprintf(ret, size, "unknown, because %s", file->unknown);
}

json_t *file_facts_new_socket_json(const struct socket_info *socket)
{
	json_t *object = json_object();
	int r = object ? 0 : -1;

	if (r == 0)
		r = member_put_string(object, "family", socket->family) |
		    member_put_string(object, "type", socket->type) |
		    member_put_string(object, "protocol", socket->protocol) |
		    member_put_string(object, "state", socket->state) |
		    member_put_string(object, "local", socket->local) |
		    member_put_string(object, "remote", socket->remote) |
		    member_put_hex(object, "address", socket->vaddr) |
		    member_put_hex(object, "peer", socket->peer_vaddr) |
		    member_put_number(object, "receive_queue", socket->receive_bytes) |
		    member_put_number(object, "send_queue", socket->send_bytes);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *file_facts_new_json(const struct open_file *file)
{
	json_t *object = json_pack("{s:i, s:s, s:I, s:I}", "fd", file->fd, "kind",
				   open_file_kind_name(file->kind), "flags",
				   (json_int_t)file->flags, "pos", (json_int_t)file->pos);
	int r = object ? 0 : -1;

	if (r == 0)
		r = member_put_string(object, "path", file->path) |
		    member_put_number(object, "inode", file->inode) |
		    member_put_hex(object, "address", file->vaddr) |
		    member_put_string(object, "unknown", file->unknown);
	if (r == 0 && file->has_socket)
		r = json_object_set_new(object, "socket",
					file_facts_new_socket_json(&file->socket));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}
