/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the headers of a dump say of the machine, gathered from the source. */
#ifndef DUMP_FACTS_H
#define DUMP_FACTS_H

#include "dump/codec.h"
#include "dump/writer_diskdump.h"
#include "image/image.h"
#include "kernel/kernel.h"

/* The format's, the kernel's, VMCOREINFO's, or 4096. @kernel may be NULL. */
uint32_t facts_page_size(struct image *image, const struct kernel *kernel);

/*
 * Never fails: what can't be known is 0, or what readers take for "unknown". @kernel may
 * be NULL. @ret borrows the notes from @image.
 */
void facts_gather(struct image *image, struct kernel *kernel, int level, enum codec codec,
		  struct diskdump_facts *ret);

#endif
