// SPDX-License-Identifier: GPL-2.0-or-later
/* epitaph disks: the block devices of a kernel that crashed. */
#include <inttypes.h>

#include "cli/answer.h"
#include "explain/member.h"
#include "kernel/disk.h"

static json_t *new_json(const struct disk *disk)
{
	json_t *object =
		json_pack("{s:I, s:I, s:I, s:I}", "major", (json_int_t)disk->major,
			  "minor", (json_int_t)disk->minor, "partition",
			  (json_int_t)disk->partition, "size_bytes",
			  (json_int_t)MIN(disk->size_bytes, (uint64_t)INT64_MAX));

	if (object && (member_put_string(object, "disk", disk->disk) |
		       member_put_hex(object, "address", disk->vaddr)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static int ask(struct answer *answer, const void *about, struct err *err)
{
	_cleanup_disk_list struct disk_list list = { 0 };
	json_t *array = answer->json ? json_array() : NULL;
	struct answer_name name;
	char size[32];
	int r = disk_list_read(answer->kernel, &list, err);

	(void)about;
	if (r == 0 && list.cut_why[0])
		answer_lacks(answer, "the devices broke off: %s", list.cut_why);
	text_add(&answer->text, "%9s %10s  %s\n", "NUMBER", "SIZE", "DEVICE");
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct disk *disk = &list.disks[i];

		if (array && json_array_append_new(array, new_json(disk)) < 0)
			r = err_nomem(err);
		cli_format_size(disk->size_bytes, size, sizeof(size));
		text_add(&answer->text, "%4" PRIu32 ":%-4" PRIu32 " %10s  %s",
			 disk->major, disk->minor, size, answer_clean(disk->disk, &name));
		if (disk->partition)
			text_add(&answer->text, ", partition %" PRIu32, disk->partition);
		text_add(&answer->text, "\n");
	}
	if (r == 0 && answer->json)
		return answer_add(answer, "disks", array, err);
	json_decref(array);
	return r;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const struct question question = { "block devices", 1, true, ask };

	return answer_run(cli, &cmd_disks, &question, argc, argv);
}

const struct command cmd_disks = {
	.name = "disks",
	.arguments = "[OPTION...] [RECORD|DUMP]",
	.summary = "print the block devices",
	.has_json = true,
	.run = run,
};
