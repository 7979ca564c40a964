/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef DUMP_WRITER_ELF_H
#define DUMP_WRITER_ELF_H

#include <stdbool.h>

/* Marks a file that someone else wrote. False: it is no 64-bit little-endian ELF file. */
bool elf_mark_incomplete(int fd);

#endif
