// SPDX-License-Identifier: GPL-2.0-or-later
/* The architectures that we can read. */
#include "kernel/arch.h"

static const struct arch *const archs[] = {
	&arch_x86_64,
	&arch_arm64,
};

const struct arch *arch_find(enum image_machine machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i]->machine == machine)
			return archs[i];
	return NULL;
}
