/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMCOREINFO where no note has it: in the dead kernel's memory. A dump that QEMU made of
 * a machine without its vmcoreinfo device has no such note, nor have very old kdump
 * files.
 *
 * The kernel writes the text into a page of its own when it boots (Linux
 * kernel/vmcore_info.c, crash_save_vmcoreinfo_init(); kernel/crash_core.c before v6.9),
 * and a copy of it behind a note's header when it crashes. It begins with OSRELEASE= and
 * ends with a NUL.
 *
 * What is found may be of another kernel, one that ran before or that is looked at in a
 * process: whether it is true of this memory is for the caller to see, who asks for the
 * next one if it is not.
 */
#ifndef KERNEL_VMCOREINFO_SEARCH_H
#define KERNEL_VMCOREINFO_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"

#define VMCOREINFO_SEARCH_TRIES 64 /* texts that are given, at most */

struct vmcoreinfo_search {
	struct image *image;
	size_t range;	/* of image_ranges() */
	uint64_t paddr; /* where it goes on */
	uint64_t limit; /* and where it ends */
	size_t tries;
};

static inline struct vmcoreinfo_search vmcoreinfo_search_init(struct image *image)
{
	return (struct vmcoreinfo_search){ .image = image, .limit = UINT64_MAX };
}

/*
 * The next text that looks like one, NUL-terminated, to be freed; ERR_NOTFOUND: there is
 * none any more.
 */
int vmcoreinfo_search_next(struct vmcoreinfo_search *search, char **ret, size_t *ret_size,
			   struct err *err);

#endif
