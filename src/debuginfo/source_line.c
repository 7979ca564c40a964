// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Standard: DWARF 5, sections 2.17 (ranges), 3.3.8 (inlined functions), 6.1.2
 * (.debug_aranges), 6.2 (lines). Read with elfutils' libdw; libdwfl relocates the DWARF
 * of a module's file.
 *
 * The way down: .debug_aranges says which unit has an address; of a unit the ranges of
 * its functions are noted once; inside a function blocks and inlined functions are
 * followed to the innermost. clang writes no .debug_aranges: then the ranges of all units
 * are noted.
 */
#include "debuginfo/source_line.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define UNITS_MAX      (256 << 10) /* a distribution's vmlinux has three thousand */
#define RANGES_MAX     (4 << 20)   /* of functions of a unit, or of units */
#define ENTRIES_MAX    (4 << 20)   /* looked at in one unit or function */
#define NAMESPACES_MAX 16	   /* in each other: Rust's modules */
#define DEPTH_MAX      128	   /* blocks and functions in each other */

struct range {
	uint64_t start, end; /* half-open */
	Dwarf_Off entry;     /* of a function, or of a unit */
};

struct ranges {
	struct range *items; /* sorted by start */
	size_t count, capacity;
};

struct unit {
	Dwarf_Off entry;
	const char *directory; /* it was compiled in; NULL: not known */
	struct ranges functions;
};

struct source_map {
	int fd;
	Dwfl *dwfl; /* of a relocatable file, else NULL */
	Dwarf *dwarf;
	struct module_sections sections;
	char *path;

	Dwarf_Aranges *aranges; /* NULL: there are none */
	bool has_unit_ranges;
	struct ranges unit_ranges;

	struct unit *units; /* that were read, in no order */
	size_t unit_count;
};

/* ---- ranges ---- */

static int ranges_add(struct ranges *ranges, uint64_t start, uint64_t end,
		      Dwarf_Off entry, struct err *err)
{
	if (start >= end)
		return 0;
	if (ranges->count == RANGES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d ranges of code", RANGES_MAX);
	if (ranges->count == ranges->capacity) {
		size_t capacity = MAX(2 * ranges->capacity, (size_t)64);
		struct range *items =
			realloc(ranges->items, capacity * sizeof(*ranges->items));

		if (!items)
			return err_nomem(err);
		ranges->items = items;
		ranges->capacity = capacity;
	}
	ranges->items[ranges->count++] =
		(struct range){ .start = start, .end = end, .entry = entry };
	return 0;
}

/* All that the entry @die covers. */
static int ranges_add_entry(struct ranges *ranges, Dwarf_Die *die, struct err *err)
{
	Dwarf_Off entry = dwarf_dieoffset(die);
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	int r = 0;

	for (int i = 0; r == 0 && i < RANGES_MAX; i++) {
		offset = dwarf_ranges(die, offset, &base, &start, &end);
		if (offset <= 0)
			break;
		r = ranges_add(ranges, start, end, entry, err);
	}
	return r;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static void ranges_sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->items, ranges->count, sizeof(*ranges->items),
		      compare_ranges);
}

static bool ranges_find(const struct ranges *ranges, uint64_t address, Dwarf_Off *ret)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (ranges->items[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address >= ranges->items[low - 1].end)
		return false;
	*ret = ranges->items[low - 1].entry;
	return true;
}

/* ---- the file ---- */

static int find_file(Dwfl_Module *module, void **userdata, const char *name,
		     Dwarf_Addr base, char **ret_name, Elf **ret_elf)
{
	const struct source_map *map = *userdata;

	*ret_name = strdup(map->path);
	return *ret_name ? open(map->path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Its debug symbols are in itself, and nothing else is looked for. */
static int find_no_file(Dwfl_Module *module, void **userdata, const char *name,
			Dwarf_Addr base, const char *file, const char *link,
			GElf_Word link_crc, char **ret_name)
{
	return -1;
}

static int find_section(Dwfl_Module *module, void **userdata, const char *module_name,
			Dwarf_Addr base, const char *name, GElf_Word index,
			const GElf_Shdr *header, Dwarf_Addr *ret)
{
	const struct source_map *map = *userdata;

	*ret = (Dwarf_Addr)-1; // not in memory
	for (size_t i = 0; i < map->sections.count; i++) {
		if (strcmp(map->sections.items[i].name, name) == 0)
			*ret = map->sections.items[i].vaddr;
	}
	return 0;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_file,
	.find_debuginfo = find_no_file,
	.section_address = find_section,
};

/* Where the module begins and ends is told libdwfl, but nothing is asked by it. */
static int open_relocatable(struct source_map *map, struct err *err)
{
	Dwfl_Module *module;
	Dwarf_Addr bias = 0;
	void **userdata;

	map->dwfl = dwfl_begin(&callbacks);
	if (!map->dwfl)
		return err_nomem(err);
	dwfl_report_begin(map->dwfl);
	module = dwfl_report_module(map->dwfl, "module", 1, UINT64_MAX);
	if (!module || dwfl_report_end(map->dwfl, NULL, NULL) != 0)
		return err_nomem(err);
	dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = map;
	map->dwarf = dwfl_module_getdwarf(module, &bias);
	if (!map->dwarf || bias)
		return err_set(err, ERR_NOTFOUND, "'%s' has no debug symbols: %s",
			       map->path, dwfl_errmsg(-1));
	return 0;
}

static int open_linked(struct source_map *map, struct err *err)
{
	map->fd = open(map->path, O_RDONLY | O_CLOEXEC);
	if (map->fd < 0)
		return err_os(err, errno, "unable to open '%s'", map->path);
	map->dwarf = dwarf_begin(map->fd, DWARF_C_READ);
	if (!map->dwarf)
		return err_set(err, ERR_NOTFOUND, "'%s' has no debug symbols: %s",
			       map->path, dwarf_errmsg(-1));
	return 0;
}

static int copy_sections(const struct module_sections *sections, struct source_map *map)
{
	map->sections.items = calloc(sections->count + 1, sizeof(*sections->items));
	if (!map->sections.items)
		return ERR_NOMEM;
	map->sections.count = sections->count;
	if (sections->count)
		memcpy(map->sections.items, sections->items,
		       sections->count * sizeof(*sections->items));
	return 0;
}

int source_map_open(const char *path, const struct module_sections *sections,
		    struct source_map **ret, struct err *err)
{
	_cleanup_source_map struct source_map *map = calloc(1, sizeof(*map));
	size_t count;
	int r;

	if (!map)
		return err_nomem(err);
	map->fd = -1;
	map->path = strdup(path);
	if (!map->path || (sections && copy_sections(sections, map) < 0))
		return err_nomem(err);
	r = sections ? open_relocatable(map, err) : open_linked(map, err);
	if (r < 0)
		return r;
	if (dwarf_getaranges(map->dwarf, &map->aranges, &count) != 0)
		map->aranges = NULL;
	*ret = take_ptr(map);
	return 0;
}

void source_map_close(struct source_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->unit_count; i++)
		free(map->units[i].functions.items);
	free(map->units);
	free(map->unit_ranges.items);
	if (map->dwfl)
		dwfl_end(map->dwfl); // and its DWARF
	else if (map->dwarf)
		dwarf_end(map->dwarf);
	if (map->fd >= 0)
		close(map->fd);
	module_sections_done(&map->sections);
	free(map->path);
	free(map);
}

/* ---- the unit ---- */

static int read_unit_ranges(struct source_map *map, struct err *err)
{
	Dwarf_Off offset = 0, next;
	size_t header_size;
	int r = 0;

	for (int i = 0; r == 0 && i < UNITS_MAX; i++) {
		Dwarf_Die die;

		if (dwarf_nextcu(map->dwarf, offset, &next, &header_size, NULL, NULL,
				 NULL) != 0)
			break;
		if (dwarf_offdie(map->dwarf, offset + header_size, &die))
			r = ranges_add_entry(&map->unit_ranges, &die, err);
		offset = next;
	}
	ranges_sort(&map->unit_ranges);
	map->has_unit_ranges = r == 0;
	return r;
}

static int find_unit_entry(struct source_map *map, uint64_t address, Dwarf_Off *ret,
			   struct err *err)
{
	Dwarf_Arange *arange =
		map->aranges ? dwarf_getarange_addr(map->aranges, address) : NULL;
	int r;

	if (arange && dwarf_getarangeinfo(arange, NULL, NULL, ret) == 0)
		return 0;
	if (!map->has_unit_ranges) {
		r = read_unit_ranges(map, err);
		if (r < 0)
			return err_in(err, r, "'%s'", map->path);
	}
	if (ranges_find(&map->unit_ranges, address, ret))
		return 0;
	return err_set(err, ERR_NOTFOUND, "no code of '%s' is at 0x%" PRIx64, map->path,
		       address);
}

/*
 * The functions of a unit: beside each other in C, in namespaces and in what methods
 * belong to in Rust.
 */
static int read_functions(Dwarf_Die *unit, struct ranges *ret, struct err *err)
{
	Dwarf_Die stack[NAMESPACES_MAX];
	size_t depth = 0;
	int r = 0;

	if (dwarf_child(unit, &stack[0]) != 0)
		return 0;
	for (int i = 0; r == 0 && i < ENTRIES_MAX; i++) {
		Dwarf_Die *die = &stack[depth];
		int tag = dwarf_tag(die);
		bool is_deeper = tag == DW_TAG_namespace ||
				 (depth && tag == DW_TAG_structure_type);

		if (tag == DW_TAG_subprogram)
			r = ranges_add_entry(ret, die, err);
		if (is_deeper && depth + 1 < NAMESPACES_MAX &&
		    dwarf_child(die, &stack[depth + 1]) == 0) {
			depth++;
			continue;
		}
		while (dwarf_siblingof(&stack[depth], &stack[depth]) != 0) {
			if (depth == 0) {
				ranges_sort(ret);
				return r;
			}
			depth--;
		}
	}
	return r < 0 ? r : err_set(err, ERR_LIMIT, "a unit of too many entries");
}

static int read_unit(struct source_map *map, Dwarf_Off entry, struct unit *ret,
		     struct err *err)
{
	struct unit unit = { .entry = entry };
	Dwarf_Attribute attribute;
	Dwarf_Die die;
	int r;

	if (!dwarf_offdie(map->dwarf, entry, &die))
		return err_set(err, ERR_CORRUPT, "'%s' has no unit at 0x%" PRIx64,
			       map->path, entry);
	unit.directory = dwarf_formstring(dwarf_attr(&die, DW_AT_comp_dir, &attribute));
	r = read_functions(&die, &unit.functions, err);
	if (r < 0) {
		free(unit.functions.items);
		return err_in(err, r, "'%s'", map->path);
	}
	*ret = unit;
	return 0;
}

/* The unit at @entry, read when it is first asked for. */
static int get_unit(struct source_map *map, Dwarf_Off entry, const struct unit **ret,
		    struct err *err)
{
	size_t n = map->unit_count;
	int r;

	for (size_t i = 0; i < n; i++) {
		if (map->units[i].entry == entry) {
			*ret = &map->units[i];
			return 0;
		}
	}
	if ((n & (n - 1)) == 0) { // full at each power of two
		struct unit *units =
			realloc(map->units, MAX(2 * n, (size_t)1) * sizeof(*units));

		if (!units)
			return err_nomem(err);
		map->units = units;
	}
	r = read_unit(map, entry, &map->units[n], err);
	if (r < 0)
		return r;
	map->unit_count++;
	*ret = &map->units[n];
	return 0;
}

/* ---- the way down ---- */

/* Entries around an address, the function first: blocks, inlined functions. */
struct scopes {
	Dwarf_Die items[DEPTH_MAX];
	size_t count;
};

/* The entry below @parent that holds @address. */
static bool find_below(Dwarf_Die *parent, uint64_t address, Dwarf_Die *ret)
{
	Dwarf_Die die;

	if (dwarf_child(parent, &die) != 0)
		return false;
	for (int i = 0; i < ENTRIES_MAX; i++) {
		int tag = dwarf_tag(&die);

		if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
		    dwarf_haspc(&die, address) == 1) {
			*ret = die;
			return true;
		}
		if (dwarf_siblingof(&die, &die) != 0)
			return false;
	}
	return false;
}

static void find_scopes(struct source_map *map, const struct unit *unit, uint64_t address,
			struct scopes *ret)
{
	Dwarf_Off entry;

	ret->count = 0;
	if (!ranges_find(&unit->functions, address, &entry) ||
	    !dwarf_offdie(map->dwarf, entry, &ret->items[0]))
		return;
	ret->count = 1;
	while (ret->count < DEPTH_MAX &&
	       find_below(&ret->items[ret->count - 1], address, &ret->items[ret->count]))
		ret->count++;
}

/* Without the directory in which the compiler ran, where that is in front. */
static const char *short_file(const char *file, const char *directory)
{
	size_t size = directory ? strlen(directory) : 0;

	if (!file)
		return "";
	if (size && strncmp(file, directory, size) == 0 && file[size] == '/')
		file += size + 1;
	while (strncmp(file, "./", 2) == 0)
		file += 2;
	return file;
}

/* Where @inlined was called: file and line are attributes of its own. */
static void set_call(Dwarf_Die *unit_die, const struct unit *unit, Dwarf_Die *inlined,
		     struct source_line *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Files *files;
	Dwarf_Word number;
	size_t count;

	ret->file = "";
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &number) ==
		    0 &&
	    dwarf_getsrcfiles(unit_die, &files, &count) == 0 && number < count)
		ret->file = short_file(dwarf_filesrc(files, number, NULL, NULL),
				       unit->directory);
	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &number) ==
		    0 &&
	    number <= UINT32_MAX)
		ret->line = (uint32_t)number;
}

/* Where @address is, by the table of lines. */
static void set_line(Dwarf_Die *unit_die, const struct unit *unit, uint64_t address,
		     struct source_line *ret)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit_die, address);
	int number = 0;

	ret->file = short_file(line ? dwarf_linesrc(line, NULL, NULL) : NULL,
			       unit->directory);
	if (line && dwarf_lineno(line, &number) == 0 && number > 0)
		ret->line = (uint32_t)number;
}

int source_map_find(struct source_map *map, uint64_t address, struct source_lines *ret,
		    struct err *err)
{
	const struct unit *unit = NULL;
	struct scopes scopes;
	Dwarf_Die unit_die;
	Dwarf_Off entry;
	int r = find_unit_entry(map, address, &entry, err);

	if (r == 0)
		r = get_unit(map, entry, &unit, err);
	if (r < 0)
		return r;
	if (!dwarf_offdie(map->dwarf, entry, &unit_die))
		return err_set(err, ERR_CORRUPT, "'%s' has no unit at 0x%" PRIx64,
			       map->path, entry);
	find_scopes(map, unit, address, &scopes);
	ret->count = 1;
	ret->items[0] = (struct source_line){ .function = "" };
	set_line(&unit_die, unit, address, &ret->items[0]);
	for (size_t i = scopes.count; i > 0; i--) {
		struct source_line *line = &ret->items[ret->count - 1];
		Dwarf_Die *die = &scopes.items[i - 1];
		const char *name;

		if (dwarf_tag(die) == DW_TAG_lexical_block)
			continue;
		name = dwarf_diename(die);
		line->function = name ? name : "";
		line->is_inlined = dwarf_tag(die) == DW_TAG_inlined_subroutine;
		if (!line->is_inlined || ret->count == SOURCE_LINES_MAX)
			break;
		ret->items[ret->count] = (struct source_line){ .function = "" };
		set_call(&unit_die, unit, die, &ret->items[ret->count++]);
	}
	return 0;
}
