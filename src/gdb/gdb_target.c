// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb/gdb_target.h"

static const struct gdb_target *const targets[] = {
	&gdb_target_x86_64,
	&gdb_target_arm64,
};

int gdb_target_find(const struct arch *arch, const struct gdb_target **ret,
		    struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (targets[i]->arch == arch) {
			*ret = targets[i];
			return 0;
		}
	}
	return err_set(err, ERR_UNSUPPORTED, "gdb can't be told of %s", arch->name);
}
