/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A crash as another tool left it: a directory, or one file, in which a dump, the log of
 * the dead kernel and the log of the saving are found by what they contain.
 *
 *   /var/crash/202401020304/{dump,dmesg}.202401020304           Debian's kdump-tools
 *   /var/crash/127.0.0.1-2024-01-02-03:04:05/vmcore{,-dmesg.txt}   kdump-utils: Fedora
 *   /var/crash/2024-01-02-03:04/{vmcore,dmesg.txt,README.txt}   openSUSE's kdump
 *
 * A name only decides where contents don't: which of two, and whether its writer had
 * finished ("-incomplete" is taken off at the end by all three). Sources: kdump-config of
 * kdump-tools 1.10.9, dracut-kdump.sh of kdump-utils 1.0.61, kdump-save of openSUSE's
 * kdump 2.1.9.
 *
 * Nothing here is trusted: only regular files, opened below the directory without
 * following a link; nothing that hangs when it is opened.
 */
#ifndef ARCHIVE_FOREIGN_H
#define ARCHIVE_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"

#define FOREIGN_ENTRIES_MAX 4096 /* of one directory */

enum foreign_kind {
	FOREIGN_NOTHING,
	FOREIGN_DUMP,	/* ELF core, kdump-compressed, either of them flattened */
	FOREIGN_DMESG,	/* lines of a kernel's log */
	FOREIGN_PACKED, /* compressed as a whole: has to be unpacked first */
	FOREIGN_APPORT, /* a report of Ubuntu's apport, with a dump in it */
};

struct foreign_file {
	char *name; /* in the directory; NULL: there is none */
	int fd;
	struct stat st;
	bool is_unfinished; /* by its name */
};

struct foreign {
	char *path; /* as named, for messages */
	int dirfd;
	bool is_file; /* a single file was named, dirfd is where it lies */
	struct foreign_file dump;
	struct foreign_file dmesg;
	struct foreign_file log; /* what the saving said of itself */
	int64_t time;		 /* of the saving: by the name, else by the files */
	const char *source;	 /* "kdump-tools", "kdump-utils", "suse-kdump", "file" */
};

/* By the first bytes of a file. */
enum foreign_kind foreign_classify(const void *head, size_t size);

/* The local time that a directory's name tells; 0 if it tells none. */
int64_t foreign_parse_time(const char *name, const char **ret_source);

/*
 * ERR_NOTFOUND: no crash is there, though one may be in a directory below. ERR_REFUSED: a
 * link, a device, a name that no tool gives. ERR_UNSUPPORTED: packed.
 */
int foreign_open(const char *path, const struct log *log, struct foreign *ret,
		 struct err *err);
void foreign_done(struct foreign *foreign);
#define _cleanup_foreign _cleanup_(foreign_done)

#endif
