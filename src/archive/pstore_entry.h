/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One record of pstore: a file TYPE-BACKEND-ID, or TYPE-BACKEND-ID.enc.z where the kernel
 * could not unpack it; its bytes, and what they say as a log.
 *
 * Sources: Linux fs/pstore/inode.c pstore_mkfile() (names; the file's time is the
 * record's), fs/pstore/platform.c (types; "Panic#2 Part1"), fs/pstore/zone.c
 * (a line "Panic: Total 3 times" before that), fs/pstore/ram_core.c
 * persistent_ram_ecc_string() (what is behind it),
 * drivers/firmware/efi/efi-pstore.c generic_id() and drivers/acpi/apei/erst.c (ids).
 *
 * All of it is outside's: a damaged record is read as far as it goes, and says so.
 */
#ifndef ARCHIVE_PSTORE_ENTRY_H
#define ARCHIVE_PSTORE_ENTRY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/* Of firmware or of a few MiB of RAM: what is larger stays where it is. */
#define PSTORE_FILE_MAX	   ((size_t)16 << 20)
#define PSTORE_TOTAL_MAX   ((size_t)256 << 20) /* of all, with their texts */
#define PSTORE_ENTRIES_MAX 4096

struct pstore_entry {
	char *path; /* below the source: "dmesg-efi_pstore-1", or "T/001/dmesg-..." */
	const char *name; /* the last word of it: [A-Za-z0-9_.-] only */
	char type[32];	  /* "dmesg", "console", "pmsg", "ftrace", "mce", ... */
	char backend[64]; /* "ramoops", "efi_pstore", "erst", "pstore_blk" */
	uint64_t id;
	bool is_compressed; /* ".enc.z" */
	int64_t time;	    /* unix seconds, of the record or of its file */

	char *data; /* as it lies there */
	size_t size;

	char *text; /* what it says, without headers and ECC notice; never NULL */
	size_t text_size;
	char reason[16];  /* "Panic", "Oops", ...; "" without a header */
	uint64_t count;	  /* "#2": the second since that boot */
	uint32_t part;	  /* 1: the last lines; 0: not told */
	char damage[128]; /* why the text is not all; "" if nothing is known against it */
};

struct pstore_entries {
	struct pstore_entry *entries; /* by backend, then id: as they were written */
	size_t count;
	size_t left; /* of such names that could not be taken; a warning each */
};

/* False for a name that is not such a one; @ret's type, backend, id, is_compressed. */
bool pstore_entry_parse_name(const char *name, struct pstore_entry *ret);

/* Sets text ... damage from data. Fails only for memory. */
int pstore_entry_read_text(struct pstore_entry *entry, struct err *err);

/*
 * All in @dirfd and in directories up to @depth below: systemd-pstore makes such. Only
 * regular files; links are not followed; other names are passed over. Fails for memory
 * and for a directory that can't be read.
 */
int pstore_entries_read(int dirfd, int depth, const struct log *log,
			struct pstore_entries *ret, struct err *err);
void pstore_entries_done(struct pstore_entries *entries);
#define _cleanup_pstore_entries _cleanup_(pstore_entries_done)

#endif
