/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration that a kernel carries in itself (CONFIG_IKCONFIG), and how to get to
 * it: "IKCFG_ST", the gzipped text, "IKCFG_ED" (Linux kernel/configs.c), somewhere in the
 * unpacked kernel.
 *
 * An x86 bzImage has that kernel as its payload (Linux Documentation/arch/x86/boot.rst,
 * payload_offset and payload_length), packed with gzip, bzip2, lzma, xz, lzo, lz4 or
 * zstd; other files may be packed as a whole (Image.gz), or not at all (vmlinux, arm64's
 * Image). libarchive unpacks all of them. Refuses to know: EFI zboot, unified images.
 */
#ifndef PREPARE_EMBEDDED_CONFIG_H
#define PREPARE_EMBEDDED_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ERR_NOTFOUND if there is none in it. The text ends with a NUL; free it. */
int embedded_config_read(const char *path, char **ret, struct err *err);

/* Of the bytes of an image. */
int embedded_config_find(const uint8_t *image, size_t size, char **ret, struct err *err);

/* A packed text as a whole. */
int embedded_config_unpack(const uint8_t *data, size_t size, char **ret, struct err *err);

#endif
