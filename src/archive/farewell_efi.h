/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last words that a crash kernel has left in an EFI variable (record/farewell.h),
 * into the archive as if pstore had kept them. The variable goes when the record is
 * there: what it lies in is small, and a machine with a full one may not start.
 */
#ifndef ARCHIVE_FAREWELL_EFI_H
#define ARCHIVE_FAREWELL_EFI_H

#include "archive/pstore.h"

/* @options: as for pstore_collect(), but for the source. @efivars: FAREWELL_EFI_PATH, or
 * that of a test. Without such a variable there is nothing to do. */
int farewell_efi_collect(const struct pstore_options *options, const char *efivars,
			 struct pstore_result *ret, struct err *err);

#endif
