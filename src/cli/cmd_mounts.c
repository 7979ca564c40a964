// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph mounts: the file systems that were mounted. */
#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/mount.h"

static json_t *new_json(const struct mount_entry *mount)
{
	json_t *object = json_pack("{s:I, s:I}", "major", (json_int_t)mount->major,
				   "minor", (json_int_t)mount->minor);
	int r = object ? member_put_string(object, "device", mount->device) |
				 member_put_string(object, "path", mount->path) |
				 member_put_string(object, "type", mount->type) |
				 member_put_string(object, "options", mount->options)
		       : -1;

	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_mount_list struct mount_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	struct answer_name device, path, type;
	int r = mount_list_read(answer->kernel, &list, err);

	(void)about;
	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the list broke off: %s", list.cut_why);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct mount_entry *mount = &list.mounts[i];

		if (array && json_array_append_new(array, new_json(mount)) < 0)
			r = err_nomem(err);
		text_add(&answer->text, "%-16s on %-24s type %-10s %s\n",
			 answer_clean(mount->device[0] ? mount->device : "none", &device),
			 answer_clean(mount->path, &path),
			 answer_clean(mount->type, &type), mount->options);
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "mounts", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "mounts", 1, true, ask };

	return answer_run(cli, &cmd_mounts, &question, argc, argv);
}

const struct command cmd_mounts = {
	.name = "mounts",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the mounted file systems",
	.has_json = true,
	.run = run,
};
