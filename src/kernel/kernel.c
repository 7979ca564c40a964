// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One dead kernel: its VMCOREINFO, its architecture, its virtual memory, and the bigger
 * knowledge (symbols, types, modules, unwind tables) that is loaded when first asked for.
 *
 * Knows which source to ask first; what the sources look like inside is known in
 * vmcoreinfo.c, types.c, kallsyms.c, module.c and the unwinders.
 */
#include "kernel/kernel.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/size.h"
#include "kernel/arch.h"
#include "kernel/kallsyms.h"
#include "kernel/module.h"
#include "kernel/types.h"
#include "kernel/vmcoreinfo_search.h"

#define UTSNAME_FIELD 65 /* __NEW_UTS_LEN + 1, include/uapi/linux/utsname.h */
#define UTSNAME_SIZE  (6 * UTSNAME_FIELD)

/* Before v5.11 a struct kref of 4 bytes stood first and VMCOREINFO did not tell. */
#define UTSNAME_NAME_OFFSET_OLD 4

/*
 * Something that is loaded once. What can't be had is not tried again, and its reason is
 * told each time. While it is being loaded it is not there yet: what it reads may ask for
 * itself (the symbol table for the addresses of its own parts).
 */
struct lazy {
	enum {
		LAZY_NEW,
		LAZY_LOADING,
		LAZY_LOADED,
		LAZY_FAILED
	} state;
	void *object;
	struct err why;
};

struct kernel {
	struct image *image;
	const struct arch *arch;
	void *arch_context;
	uint32_t page_size;
	struct vmcoreinfo vmcoreinfo;
	struct lazy kallsyms, types, modules, unwinder;

	/* The kernel's own code and data, [start, end); 0 not looked for yet. */
	uint64_t own_start, own_end;
};

/* --- open, close ----------------------------------------------------------------- */

#define PAGE_SIZE_MIN 4096
#define PAGE_SIZE_MAX 65536

static int page_size_parse(const struct vmcoreinfo *info, uint32_t *ret, struct err *err)
{
	const char *text = vmcoreinfo_get(info, "PAGESIZE");
	unsigned long value;
	char *end;

	if (!text)
		return err_set(err, ERR_CORRUPT, "VMCOREINFO has no PAGESIZE");
	value = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
	if (value < PAGE_SIZE_MIN || value > PAGE_SIZE_MAX || (value & (value - 1)) ||
	    *end)
		return err_set(err, ERR_CORRUPT,
			       "VMCOREINFO has the impossible PAGESIZE=%.16s", text);
	*ret = (uint32_t)value;
	return 0;
}

/* What is there once VMCOREINFO is. On failure it may be half there. */
static int init_from(struct kernel *kernel, const char *text, size_t size,
		     struct err *err)
{
	int r;

	r = vmcoreinfo_init(&kernel->vmcoreinfo, text, size, err);
	if (r < 0)
		return r;
	kernel->arch = arch_find(image_info(kernel->image)->machine, &kernel->vmcoreinfo);
	if (!kernel->arch)
		r = err_set(err, ERR_UNSUPPORTED,
			    "the dump is of a machine that can't be read here");
	if (r == 0)
		r = page_size_parse(&kernel->vmcoreinfo, &kernel->page_size, err);
	if (r == 0)
		r = kernel->arch->open(kernel, &kernel->arch_context, err);
	return r;
}

static void init_undo(struct kernel *kernel)
{
	vmcoreinfo_done(&kernel->vmcoreinfo);
	free(kernel->arch_context);
	kernel->arch_context = NULL;
}

/*
 * Is VMCOREINFO true of this memory? Its page tables must lead to the kernel's code, and
 * its release must be somewhere in init_uts_ns, if that is in the image. No symbols or
 * types are loaded for it.
 */
static int check_true(struct kernel *kernel, struct err *err)
{
	const char *release = vmcoreinfo_get(&kernel->vmcoreinfo, "OSRELEASE");
	char bytes[UTSNAME_NAME_OFFSET_OLD + UTSNAME_SIZE];
	uint64_t vaddr, paddr;
	int r;

	r = vmcoreinfo_symbol(&kernel->vmcoreinfo, "_stext", &vaddr, err);
	if (r == 0)
		r = kernel_translate(kernel, vaddr, &paddr, NULL, err);
	if (r < 0)
		return r;
	if (vmcoreinfo_symbol(&kernel->vmcoreinfo, "init_uts_ns", &vaddr, NULL) < 0)
		return 0;
	r = kernel_read(kernel, vaddr, bytes, sizeof(bytes), err);
	if (r == ERR_FILTERED || r == ERR_TRUNCATED)
		return 0;
	if (r < 0)
		return r;
	if (!release || !*release ||
	    !memmem(bytes, sizeof(bytes), release, strlen(release) + 1))
		return err_set(err, ERR_CORRUPT, "it is of another kernel, %.64s",
			       release ? release : "without a release");
	return 0;
}

/*
 * How much memory is searched once one is found. The kernel has a copy that it makes when
 * it crashes, which is longer (CRASHTIME); all of a terabyte is not worth that.
 */
#define VMCOREINFO_SEARCH_FURTHER (16 * GIB)

/* Is this text true of this memory? The kernel is left as it was. */
static int try_text(struct kernel *kernel, const char *text, size_t size, struct err *err)
{
	int r = init_from(kernel, text, size, err);

	if (r == 0)
		r = check_true(kernel, err);
	init_undo(kernel);
	return r;
}

/* Without a note: the longest one in memory that is true. */
static int init_by_search(struct kernel *kernel, struct err *err)
{
	struct vmcoreinfo_search search = vmcoreinfo_search_init(kernel->image);
	struct err why = { 0 }, none = { 0 };
	_cleanup_free char *best = NULL;
	size_t best_size = 0;

	for (;;) {
		_cleanup_free char *text = NULL;
		size_t size;
		int r = vmcoreinfo_search_next(&search, &text, &size, &none);

		if (r == ERR_NOMEM)
			return err_nomem(err);
		if (r < 0)
			break;
		if (size <= best_size || try_text(kernel, text, size, &why) < 0)
			continue;
		free(best);
		best = take_ptr(text);
		best_size = size;
		if (search.paddr < UINT64_MAX - VMCOREINFO_SEARCH_FURTHER)
			search.limit = search.paddr + VMCOREINFO_SEARCH_FURTHER;
	}
	if (best) {
		int r = image_add_vmcoreinfo(kernel->image, best, best_size, err);

		return r < 0 ? r : init_from(kernel, best, best_size, err);
	}
	if (why.code) // what is wrong with the last one says more
		return err_set(
			err, ERR_UNSUPPORTED,
			"the dump carries no VMCOREINFO, and that in its memory is "
			"of no use: %s",
			err_text(&why));
	return err_set(err, none.code, "the dump carries no VMCOREINFO, and %s",
		       err_text(&none));
}

static int kernel_init(struct kernel *kernel, struct err *err)
{
	size_t size = 0;
	const char *text = image_vmcoreinfo(kernel->image, &size);

	return text ? init_from(kernel, text, size, err) : init_by_search(kernel, err);
}

int kernel_open(struct image *image, struct kernel **ret, struct err *err)
{
	_cleanup_kernel struct kernel *kernel = calloc(1, sizeof(*kernel));
	int r;

	if (!kernel)
		return err_nomem(err);
	kernel->image = image;
	r = kernel_init(kernel, err);
	if (r < 0)
		return err_in(err, r, "unable to read a kernel in '%s'",
			      image_path(image));
	*ret = take_ptr(kernel);
	return 0;
}

void kernel_close(struct kernel *kernel)
{
	if (!kernel)
		return;
	if (kernel->unwinder.object)
		kernel->arch->unwinder_free(kernel->unwinder.object);
	if (kernel->modules.object)
		modules_free(kernel->modules.object);
	if (kernel->types.object)
		types_free(kernel->types.object);
	if (kernel->kallsyms.object)
		kallsyms_free(kernel->kallsyms.object);
	vmcoreinfo_done(&kernel->vmcoreinfo);
	free(kernel->arch_context);
	free(kernel);
}

struct image *kernel_image(const struct kernel *kernel)
{
	return kernel->image;
}

const struct vmcoreinfo *kernel_vmcoreinfo(const struct kernel *kernel)
{
	return &kernel->vmcoreinfo;
}

bool kernel_vmcoreinfo_was_searched(const struct kernel *kernel)
{
	return image_info(kernel->image)->is_vmcoreinfo_searched;
}

const struct arch *kernel_arch(const struct kernel *kernel)
{
	return kernel->arch;
}

uint32_t kernel_page_size(const struct kernel *kernel)
{
	return kernel->page_size;
}

/* --- virtual memory -------------------------------------------------------------- */

int kernel_translate(struct kernel *kernel, uint64_t vaddr, uint64_t *ret_paddr,
		     uint64_t *ret_run, struct err *err)
{
	return kernel->arch->translate(kernel, kernel->arch_context, vaddr, ret_paddr,
				       ret_run, err);
}

int kernel_translate_user(struct kernel *kernel, uint64_t pgd_vaddr, uint64_t vaddr,
			  uint64_t *ret_paddr, struct err *err)
{
	uint64_t root_paddr;
	int r;

	if (!kernel->arch->translate_user)
		return err_set(err, ERR_UNSUPPORTED,
			       "page tables of processes are not known on %s",
			       kernel->arch->name);
	r = kernel_translate(kernel, pgd_vaddr, &root_paddr, NULL, err);
	if (r < 0)
		return err_in(err, r, "page tables of a process");
	return kernel->arch->translate_user(kernel, kernel->arch_context, root_paddr,
					    vaddr, ret_paddr, err);
}

int kernel_next_mapping(struct kernel *kernel, uint64_t vaddr, struct kernel_mapping *ret,
			struct err *err)
{
	if (!kernel->arch->next_mapping)
		return err_set(err, ERR_UNSUPPORTED, "all that is mapped, of %s",
			       kernel->arch->name);
	return kernel->arch->next_mapping(kernel, kernel->arch_context, vaddr, ret, err);
}

int kernel_read(struct kernel *kernel, uint64_t vaddr, void *buf, size_t size,
		struct err *err)
{
	uint8_t *to = buf;

	while (size) {
		uint64_t paddr, run;
		size_t part;
		int r;

		r = kernel_translate(kernel, vaddr, &paddr, &run, err);
		if (r < 0)
			return r;
		part = run < size ? (size_t)run : size;
		r = image_read(kernel->image, paddr, to, part, err);
		if (r < 0)
			return err_in(err, r, "reading address 0x%" PRIx64, vaddr);
		to += part;
		size -= part;
		vaddr += part;
		if (size && vaddr == 0)
			return err_set(err, ERR_FAULT,
				       "reading past the end of the address space");
	}
	return 0;
}

int kernel_read_u8(struct kernel *kernel, uint64_t vaddr, uint8_t *ret, struct err *err)
{
	uint8_t value;
	int r = kernel_read(kernel, vaddr, &value, sizeof(value), err);

	if (r == 0)
		*ret = value;
	return r;
}

/* Every architecture that we know is little-endian. */
static int read_uint(struct kernel *kernel, uint64_t vaddr, size_t size, uint64_t *ret,
		     struct err *err)
{
	uint8_t bytes[8] = { 0 };
	int r = kernel_read(kernel, vaddr, bytes, size, err);

	if (r == 0)
		*ret = load_le64(bytes);
	return r;
}

int kernel_read_u16(struct kernel *kernel, uint64_t vaddr, uint16_t *ret, struct err *err)
{
	uint64_t value = 0;
	int r = read_uint(kernel, vaddr, sizeof(*ret), &value, err);

	if (r == 0)
		*ret = (uint16_t)value;
	return r;
}

int kernel_read_u32(struct kernel *kernel, uint64_t vaddr, uint32_t *ret, struct err *err)
{
	uint64_t value = 0;
	int r = read_uint(kernel, vaddr, sizeof(*ret), &value, err);

	if (r == 0)
		*ret = (uint32_t)value;
	return r;
}

int kernel_read_u64(struct kernel *kernel, uint64_t vaddr, uint64_t *ret, struct err *err)
{
	return read_uint(kernel, vaddr, sizeof(*ret), ret, err);
}

int kernel_read_string(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size,
		       struct err *err)
{
	size_t done = 0;

	if (!size)
		return err_set(err, ERR_INVALID, "no room for a string");
	while (done < size - 1) {
		size_t to_page_end = kernel->page_size - vaddr % kernel->page_size;
		size_t part = MIN(size - 1 - done, to_page_end);
		int r = kernel_read(kernel, vaddr, ret + done, part, err);

		if (r < 0)
			return r;
		if (memchr(ret + done, '\0', part))
			return 0;
		done += part;
		vaddr += part;
	}
	ret[done] = '\0';
	return 0;
}

/* --- what is loaded on first use ------------------------------------------------- */

typedef int lazy_load(struct kernel *kernel, void **ret, struct err *err);

static int lazy_get(struct kernel *kernel, struct lazy *lazy, lazy_load *load,
		    const char *what, struct err *err)
{
	int r;

	if (lazy->state == LAZY_LOADING)
		return err_set(err, ERR_NOTFOUND, "%s are being looked for", what);
	if (lazy->state == LAZY_NEW) {
		lazy->state = LAZY_LOADING;
		r = load(kernel, &lazy->object, &lazy->why);
		if (r < 0)
			lazy->why.code = r;
		lazy->state = r < 0 ? LAZY_FAILED : LAZY_LOADED;
	}
	if (lazy->state == LAZY_FAILED) {
		if (err)
			*err = lazy->why;
		return err_in(err, lazy->why.code, "%s", what);
	}
	return 0;
}

static int load_kallsyms(struct kernel *kernel, void **ret, struct err *err)
{
	struct kallsyms *kallsyms;
	int r = kallsyms_new(kernel, &kallsyms, err);

	if (r == 0)
		*ret = kallsyms;
	return r;
}

static int load_types(struct kernel *kernel, void **ret, struct err *err)
{
	struct types *types;
	int r = types_new(kernel, &types, err);

	if (r == 0)
		*ret = types;
	return r;
}

static int load_modules(struct kernel *kernel, void **ret, struct err *err)
{
	struct modules *modules;
	int r = modules_new(kernel, &modules, err);

	if (r == 0)
		*ret = modules;
	return r;
}

static int load_unwinder(struct kernel *kernel, void **ret, struct err *err)
{
	return kernel->arch->unwinder_new(kernel, ret, err);
}

int kernel_kallsyms(struct kernel *kernel, const struct kallsyms **ret, struct err *err)
{
	int r = lazy_get(kernel, &kernel->kallsyms, load_kallsyms, "kernel symbols", err);

	if (r == 0)
		*ret = kernel->kallsyms.object;
	return r;
}

int kernel_types(struct kernel *kernel, const struct types **ret, struct err *err)
{
	int r = lazy_get(kernel, &kernel->types, load_types, "kernel types", err);

	if (r == 0)
		*ret = kernel->types.object;
	return r;
}

void kernel_forget_symbols(struct kernel *kernel)
{
	if (kernel->kallsyms.state != LAZY_LOADED)
		return;
	kallsyms_free(kernel->kallsyms.object);
	kernel->kallsyms = (struct lazy){ .state = LAZY_NEW };
}

static int load_types_frugal(struct kernel *kernel, void **ret, struct err *err)
{
	struct types *types;
	uint64_t start, size;
	int r = types_locate(kernel, &start, &size, err);

	kernel_forget_symbols(kernel);
	if (r == 0)
		r = types_new_at(kernel, start, size, &types, err);
	if (r == 0)
		*ret = types;
	return r;
}

int kernel_types_frugal(struct kernel *kernel, const struct types **ret, struct err *err)
{
	int r = lazy_get(kernel, &kernel->types, load_types_frugal, "kernel types", err);

	if (r == 0)
		*ret = kernel->types.object;
	return r;
}

int kernel_modules(struct kernel *kernel, const struct modules **ret, struct err *err)
{
	int r = lazy_get(kernel, &kernel->modules, load_modules, "modules", err);

	if (r == 0)
		*ret = kernel->modules.object;
	return r;
}

int kernel_unwinder(struct kernel *kernel, const void **ret, struct err *err)
{
	int r = lazy_get(kernel, &kernel->unwinder, load_unwinder, "unwind tables", err);

	if (r == 0)
		*ret = kernel->unwinder.object;
	return r;
}

/* --- symbols, types -------------------------------------------------------------- */

int kernel_symbol(struct kernel *kernel, const char *name, uint64_t *ret, struct err *err)
{
	const struct kallsyms *kallsyms;
	int r = vmcoreinfo_symbol(&kernel->vmcoreinfo, name, ret, err);

	if (r != ERR_NOTFOUND)
		return r;
	r = kernel_kallsyms(kernel, &kallsyms, err);
	if (r == 0)
		r = kallsyms_find(kallsyms, name, ret, err);
	if (r < 0)
		return err_in(err, r, "looking for symbol '%s'", name);
	return 0;
}

/*
 * BTF's answer, else VMCOREINFO's. Where neither has one, BTF's reason is told: that it
 * can't be had, or that there is no such thing.
 */
int kernel_offset(struct kernel *kernel, const char *path, uint64_t *ret, struct err *err)
{
	const struct types *types;
	int r = kernel_types(kernel, &types, err);

	if (r == 0)
		r = types_offset(types, path, ret, err);
	if (r == 0 || vmcoreinfo_offset(&kernel->vmcoreinfo, path, ret, NULL) == 0)
		return 0;
	return err_in(err, r, "looking for member '%s'", path);
}

int kernel_sizeof(struct kernel *kernel, const char *type, uint64_t *ret, struct err *err)
{
	const struct types *types;
	int r = kernel_types(kernel, &types, err);

	if (r == 0)
		r = types_sizeof(types, type, ret, err);
	if (r == 0 || vmcoreinfo_size(&kernel->vmcoreinfo, type, ret, NULL) == 0)
		return 0;
	return err_in(err, r, "looking for the size of '%s'", type);
}

/* --- names of addresses ---------------------------------------------------------- */

/*
 * Where the kernel itself lies. A symbol table also has numbers that are no addresses
 * (per-CPU offsets before v6.15), and its last symbol would lend its name to all of the
 * module area.
 */
static int own_range(struct kernel *kernel, struct err *err)
{
	static const char *const ends[] = { "_end", "_einittext", "_etext" };
	uint64_t start, end;
	int r;

	if (kernel->own_start)
		return 0;
	r = kernel_symbol(kernel, "_stext", &start, err);
	if (r < 0)
		return r;
	r = ERR_NOTFOUND;
	for (size_t i = 0; i < ARRAY_SIZE(ends) && r == ERR_NOTFOUND; i++)
		r = kernel_symbol(kernel, ends[i], &end, err);
	if (r < 0)
		return r;
	if (!start || end <= start)
		return err_set(err, ERR_CORRUPT,
			       "the kernel ends at 0x%" PRIx64
			       ", before its start at 0x%" PRIx64,
			       end, start);
	kernel->own_start = start;
	kernel->own_end = end;
	return 0;
}

static int own_name(struct kernel *kernel, uint64_t vaddr, struct kernel_name *ret,
		    struct err *err)
{
	const struct kallsyms *kallsyms;
	uint64_t start, end;
	const char *symbol;
	int r;

	r = kernel_kallsyms(kernel, &kallsyms, err);
	if (r == 0)
		r = kallsyms_lookup(kallsyms, vaddr, &symbol, &start, &end, err);
	if (r < 0)
		return r;
	*ret = (struct kernel_name){
		.symbol = symbol,
		.module = "",
		.offset = vaddr - start,
		.size = end > start ? end - start : 0,
	};
	return 0;
}

static int module_name(struct kernel *kernel, uint64_t vaddr, struct kernel_name *ret,
		       struct err *err)
{
	const struct modules *modules;
	int r = kernel_modules(kernel, &modules, err);

	if (r == 0)
		r = modules_lookup(modules, vaddr, ret, err);
	return r;
}

int kernel_name(struct kernel *kernel, uint64_t vaddr, struct kernel_name *ret,
		struct err *err)
{
	int r = own_range(kernel, err);

	if (r < 0)
		return err_in(err, r, "name of address 0x%" PRIx64, vaddr);
	if (vaddr >= kernel->own_start && vaddr < kernel->own_end)
		r = own_name(kernel, vaddr, ret, err);
	else
		r = module_name(kernel, vaddr, ret, err);
	if (r < 0)
		return err_in(err, r, "name of address 0x%" PRIx64, vaddr);
	return 0;
}

void kernel_format_address(struct kernel *kernel, uint64_t vaddr, char *ret, size_t size)
{
	struct kernel_name name;
	char length[24] = "", module[80] = "";

	if (kernel_name(kernel, vaddr, &name, NULL) < 0) {
		snprintf(ret, size, "0x%016" PRIx64, vaddr);
		return;
	}
	if (name.size)
		snprintf(length, sizeof(length), "/0x%" PRIx64, name.size);
	if (name.module[0])
		snprintf(module, sizeof(module), " [%s]", name.module);
	snprintf(ret, size, "%s+0x%" PRIx64 "%s%s", name.symbol, name.offset, length,
		 module);
}

/* --- utsname --------------------------------------------------------------------- */

static int utsname_offset(struct kernel *kernel, uint64_t *ret, struct err *err)
{
	static const char path[] = "uts_namespace.name";
	int r = vmcoreinfo_offset(&kernel->vmcoreinfo, path, ret, err);

	if (r != ERR_NOTFOUND)
		return r;
	if (kernel_offset(kernel, path, ret, NULL) < 0)
		*ret = UTSNAME_NAME_OFFSET_OLD;
	return 0;
}

/* What the kernel's build wrote is plain text; what an administrator set may be anything.
 */
static int utsname_field(const char *from, bool is_of_build, char *to, struct err *err)
{
	if (!memchr(from, '\0', UTSNAME_FIELD))
		return err_set(err, ERR_CORRUPT, "a name has no end");
	if (is_of_build && !*from)
		return err_set(err, ERR_CORRUPT, "a name is empty");
	memset(to, 0, UTSNAME_FIELD);
	for (size_t i = 0; from[i]; i++) {
		bool printable = from[i] >= 0x20 && from[i] < 0x7f;

		if (!printable && is_of_build)
			return err_set(err, ERR_CORRUPT, "a name is not printable");
		to[i] = printable ? from[i] : '?';
	}
	return 0;
}

int kernel_utsname(struct kernel *kernel, struct kernel_utsname *ret, struct err *err)
{
	struct kernel_utsname names;
	char *const fields[] = { names.sysname, names.nodename, names.release,
				 names.version, names.machine,	names.domainname };
	char bytes[UTSNAME_SIZE];
	uint64_t vaddr, offset;
	int r;

	r = kernel_symbol(kernel, "init_uts_ns", &vaddr, err);
	if (r == 0)
		r = utsname_offset(kernel, &offset, err);
	if (r == 0)
		r = kernel_read(kernel, vaddr + offset, bytes, sizeof(bytes), err);
	for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++) {
		bool is_of_build =
			fields[i] != names.nodename && fields[i] != names.domainname;

		r = utsname_field(bytes + i * UTSNAME_FIELD, is_of_build, fields[i], err);
	}
	if (r < 0)
		return err_in(err, r, "reading the kernel's utsname");
	*ret = names;
	return 0;
}
