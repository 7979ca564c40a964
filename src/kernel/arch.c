// SPDX-License-Identifier: GPL-2.0-or-later
/* The architectures that we can read. */
#include "kernel/arch.h"

#include "kernel/vmcoreinfo.h"

static const struct arch *const archs[] = {
	&arch_x86_64,
	&arch_arm64,
};

const struct arch *arch_find(enum image_machine machine, const struct vmcoreinfo *info)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i]->machine == machine ||
		    (machine == IMAGE_MACHINE_UNKNOWN &&
		     vmcoreinfo_get(info, archs[i]->vmcoreinfo_key)))
			return archs[i];
	return NULL;
}
