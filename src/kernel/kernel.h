/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A Linux kernel, read from an image alone: no vmlinux, no table of versions.
 *
 * kernel_open() needs VMCOREINFO and the page tables only: enough for the log. Where no
 * note has VMCOREINFO it is looked for in memory (vmcoreinfo_search.h). Symbols,
 * types, modules and unwind tables are loaded when first asked for; where one can't be
 * had the reason is kept and told again at each later call, and the rest goes on.
 *
 * Here VIRTUAL addresses begin: kernel_read() takes one, image_read() a physical one.
 * One thread uses one struct kernel.
 */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "image/image.h"
#include "kernel/vmcoreinfo.h"

struct arch;
struct kallsyms;
struct kernel;
struct modules;
struct types;

/* Borrows @image, which must live longer. */
int kernel_open(struct image *image, struct kernel **ret, struct err *err);
void kernel_close(struct kernel *kernel);
static inline void kernel_closep(struct kernel **kernel)
{
	kernel_close(*kernel);
}

struct image *kernel_image(const struct kernel *kernel);
const struct vmcoreinfo *kernel_vmcoreinfo(const struct kernel *kernel);

/* The image has no note of it: it was found in memory, and may lack what came last. */
bool kernel_vmcoreinfo_was_searched(const struct kernel *kernel);
const struct arch *kernel_arch(const struct kernel *kernel);
uint32_t kernel_page_size(const struct kernel *kernel);

/*
 * Virtual memory through the kernel's own page tables (swapper_pg_dir).
 * ERR_FAULT: not mapped; ERR_FILTERED, ERR_TRUNCATED: mapped, but the page is not in the
 * image. The text names the address.
 */
int kernel_read(struct kernel *kernel, uint64_t vaddr, void *buf, size_t size,
		struct err *err);
int kernel_read_u8(struct kernel *kernel, uint64_t vaddr, uint8_t *ret, struct err *err);
int kernel_read_u16(struct kernel *kernel, uint64_t vaddr, uint16_t *ret,
		    struct err *err);
int kernel_read_u32(struct kernel *kernel, uint64_t vaddr, uint32_t *ret,
		    struct err *err);
int kernel_read_u64(struct kernel *kernel, uint64_t vaddr, uint64_t *ret,
		    struct err *err);

/* A NUL-terminated string of less than @size bytes, cut there; unprintable bytes kept. */
int kernel_read_string(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size,
		       struct err *err);

/*
 * vaddr -> paddr. @ret_run (may be NULL): how many bytes from @vaddr on are mapped one
 * after the other, at most to the end of the page table entry: 4 KiB, 2 MiB, 1 GiB.
 */
int kernel_translate(struct kernel *kernel, uint64_t vaddr, uint64_t *ret_paddr,
		     uint64_t *ret_run, struct err *err);

/*
 * Through the tables of a process, whose root mm->pgd points to. ERR_FAULT: not mapped,
 * or in swap; ERR_UNSUPPORTED: its architecture's are not known.
 */
int kernel_translate_user(struct kernel *kernel, uint64_t pgd_vaddr, uint64_t vaddr,
			  uint64_t *ret_paddr, struct err *err);

/*
 * The memory that one entry of the page tables maps, from @vaddr on or, where nothing is,
 * from the next address above it. What is behind a table that the image does not have is
 * passed over, and so is a table that stands there twice in a row: KASAN has terabytes of
 * one page. ERR_NOTFOUND: there is nothing any more; ERR_LIMIT: it was looked for in too
 * many entries; ERR_UNSUPPORTED: not known for this architecture.
 */
struct kernel_mapping {
	uint64_t vaddr;
	uint64_t paddr;
	uint64_t size_bytes; /* to the end of what the entry maps */
};
int kernel_next_mapping(struct kernel *kernel, uint64_t vaddr, struct kernel_mapping *ret,
			struct err *err);

/* Loaded on first use; borrowed. */
int kernel_kallsyms(struct kernel *kernel, const struct kallsyms **ret, struct err *err);
int kernel_types(struct kernel *kernel, const struct types **ret, struct err *err);

/*
 * The symbols are loaded again when they are asked for next: for those who need the
 * memory, before something else that is large. What was borrowed of them is gone.
 */
void kernel_forget_symbols(struct kernel *kernel);

/* Types, where memory is worth more than time: without the symbols meanwhile. */
int kernel_types_frugal(struct kernel *kernel, const struct types **ret, struct err *err);

int kernel_modules(struct kernel *kernel, const struct modules **ret, struct err *err);
/* What the architecture's unwind() goes by: its own. */
int kernel_unwinder(struct kernel *kernel, const void **ret, struct err *err);

/* The address of a kernel symbol: VMCOREINFO's, else kallsyms'. ERR_NOTFOUND */
int kernel_symbol(struct kernel *kernel, const char *name, uint64_t *ret,
		  struct err *err);

/*
 * The offset of a member, "task_struct.thread.sp": BTF's, else VMCOREINFO's.
 * kernel_offset() of a member that does not exist is ERR_NOTFOUND: look for the member,
 * not for a version.
 */
int kernel_offset(struct kernel *kernel, const char *path, uint64_t *ret,
		  struct err *err);
int kernel_sizeof(struct kernel *kernel, const char *type, uint64_t *ret,
		  struct err *err);

/*
 * The name of the code or data at @vaddr. @ret_module is "" for the kernel itself.
 * ERR_NOTFOUND: outside of all. Names are borrowed until kernel_close().
 */
struct kernel_name {
	const char *symbol;
	const char *module;
	uint64_t offset; /* from the symbol's start */
	uint64_t size;	 /* to the next symbol; 0 unknown */
};
int kernel_name(struct kernel *kernel, uint64_t vaddr, struct kernel_name *ret,
		struct err *err);

/* "func+0x12/0x40 [module]", or "0xffff..." where there is no name. */
void kernel_format_address(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size);

/* struct new_utsname of init_uts_ns. */
struct kernel_utsname {
	char sysname[65], nodename[65], release[65], version[65], machine[65],
		domainname[65];
};
int kernel_utsname(struct kernel *kernel, struct kernel_utsname *ret, struct err *err);

#define _cleanup_kernel _cleanup_(kernel_closep)

#endif
