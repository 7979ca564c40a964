// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph net: network interfaces with their addresses, and the sockets of processes. */
#include <inttypes.h>
#include <string.h>

#include "cli/answer.h"
#include "explain/ascii.h"
#include "explain/file_facts.h"
#include "explain/member.h"
#include "kernel/netdev.h"
#include "kernel/task.h"

static json_t *new_device(const struct netdev *device)
{
	json_t *addresses = json_array();
	json_t *object =
		json_pack("{s:i, s:b, s:I, s:b, s:s, s:o}", "index", device->ifindex,
			  "up", device->flags & NETDEV_UP, "mtu", (json_int_t)device->mtu,
			  "init_namespace", device->is_init_net, "state", device->state,
			  "addresses", addresses);
	int r = object ? member_put_string(object, "name", device->name) |
				 member_put_string(object, "hardware", device->hardware) |
				 member_put_hex(object, "namespace", device->net_vaddr)
		       : -1;

	for (size_t i = 0; r == 0 && i < device->address_count; i++)
		r = json_array_append_new(addresses,
					  json_string(device->addresses[i].text));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void add_device(const struct netdev *device, struct text *ret)
{
	struct answer_name name;

	text_add(ret, "%3" PRId32 "  %-15s %-4s %-8s mtu %-6" PRIu32 " %s",
		 device->ifindex, answer_clean(device->name, &name),
		 device->flags & NETDEV_UP ? "on" : "off", device->state, device->mtu,
		 device->hardware);
	if (!device->is_init_net)
		text_add(ret, "  (namespace 0x%" PRIx64 ")", device->net_vaddr);
	text_add(ret, "\n");
	for (size_t i = 0; i < device->address_count; i++)
		text_add(ret, "%21s%s\n", "", device->addresses[i].text);
}

static int add_devices(struct answer *answer, struct err *err)
{
	_cleanup_netdev_list struct netdev_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	int r = netdev_list_read(answer->kernel, &list, err);

	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the interfaces broke off: %s", list.cut_why);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		if (list.devices[i].addresses_why[0])
			answer_lacks(answer, "addresses of interface %" PRId32 ": %s",
				     list.devices[i].ifindex,
				     list.devices[i].addresses_why);
		if (array && json_array_append_new(array, new_device(&list.devices[i])))
			r = err_nomem(err);
		add_device(&list.devices[i], &answer->text);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "interfaces", array, err);
	json_decref(array);
	return r;
}

static int add_socket(struct answer *answer, const struct task *task,
		      const struct open_file *file, json_t *array, struct err *err)
{
	char line[1024], comm[4 * sizeof(task->comm)];
	json_t *object;

	ascii_escape(task->comm, strlen(task->comm), comm, sizeof(comm));
	if (!array) {
		file_facts_format_socket(&file->socket, line, sizeof(line));
		text_add(&answer->text, "%7" PRId32 " %-16s %5" PRId32 "  %s\n",
			 task->pid, comm, file->fd, line);
		return 0;
	}
	object = file_facts_new_socket_json(&file->socket);
	if (!object || json_object_set_new(object, "pid", json_integer(task->pid)) < 0 ||
	    json_object_set_new(object, "comm", json_string(comm)) < 0 ||
	    json_object_set_new(object, "fd", json_integer(file->fd)) < 0 ||
	    json_array_append(array, object) < 0) {
		json_decref(object);
		return err_nomem(err);
	}
	json_decref(object);
	return 0;
}

static int add_sockets_of(struct answer *answer, const struct task *task, json_t *array,
			  struct err *err)
{
	_cleanup_open_files struct open_files files = { 0 };
	int r = open_files_read(answer->kernel, task->vaddr, &files, err);

	if (r == 0 && files.cut_why[0] && !files.is_exiting)
		answer_lacks(answer, "files of task %" PRId32 ": %s", task->pid,
			     files.cut_why);
	for (size_t i = 0; r == 0 && i < files.count; i++) {
		const struct open_file *file = &files.files[i];

		if (file->kind == OPEN_FILE_SOCKET && file->unknown[0])
			answer_lacks(answer, "socket %" PRId32 " of task %" PRId32 ": %s",
				     file->fd, task->pid, file->unknown);
		if (file->has_socket)
			r = add_socket(answer, task, file, array, err);
	}
	return r;
}

static int add_sockets(struct answer *answer, struct err *err)
{
	_cleanup_task_list struct task_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	int r = task_list_read(answer->kernel, &list, err);

	if (r == 0 && list.is_cut)
		answer_lacks(answer, "the list of tasks broke off: %s", list.cut_why);
	text_add(&answer->text, "\n%7s %-16s %5s  %s\n", "PID", "COMM", "FD", "SOCKET");
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct task *task = &list.tasks[i];

		if (task->pid == task->tgid && !task->is_kthread)
			r = add_sockets_of(answer, task, array, err);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "sockets", array, err);
	json_decref(array);
	return r;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	int r = add_devices(answer, err);

	(void)about;
	return r < 0 ? r : add_sockets(answer, err);
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "networks", 1, true, ask };

	return answer_run(cli, &cmd_net, &question, argc, argv);
}

const struct command cmd_net = {
	.name = "net",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print network interfaces, and the sockets of processes",
	.has_json = true,
	.run = run,
};
