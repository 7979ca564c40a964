// SPDX-License-Identifier: GPL-2.0-or-later
#include "prepare/kernel_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/size.h"

/*
 * The boot header, at these offsets of the file (Linux
 * Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"):
 *
 *   0x1f1 setup_sects   0x1f4 syssize     0x1fe 0xaa55        0x202 "HdrS"
 *   0x206 protocol      0x20e kernel_version (offset - 0x200) 0x211 loadflags
 *   0x234 relocatable   0x236 xloadflags  0x238 cmdline_size  0x260 init_size
 */
#define HEADER_END	     0x264
#define SETUP_MAX_BYTES	     (65 * 512) /* setup_sects is a byte, and 64 at most */
#define LOADED_HIGH	     0x01
#define XLF_KERNEL_64	     0x01
#define XLF_ABOVE_4G	     0x02
#define XLF_5LEVEL	     0x20
#define PROTOCOL_MIN	     0x020c /* 2.12: xloadflags */
#define PROTOCOL_CMDLINE_MIN 256

/* setup_cmdline() puts "elfcorehdr=0x<16 digits> " before what we give. */
#define CMDLINE_RESERVED 30

static const char *guess_format(const uint8_t *data, size_t size)
{
	if (size >= 4 && memcmp(data, "\177ELF", 4) == 0)
		return "an ELF file (a vmlinux?)";
	if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return "compressed with gzip (a kernel of another architecture?)";
	if (size >= 0x3c && memcmp(data + 0x38, "ARMd", 4) == 0)
		return "a kernel for arm64";
	if (size >= 2 && memcmp(data, "MZ", 2) == 0)
		return "an EFI program (a unified kernel image?)";
	return "something else";
}

/* "6.1.0-56-cloud-amd64 (debian-kernel@...) #1 SMP ...": up to the blank. */
static void header_release(const uint8_t *data, size_t size, char ret[static 65])
{
	size_t offset = (size_t)load_le16(data + 0x20e) + 0x200;
	size_t i = 0;

	for (; i < 64 && offset + i < size; i++) {
		char c = (char)data[offset + i];

		if (c <= ' ' || c > '~' || c == '/')
			break;
		ret[i] = c;
	}
	ret[i] = '\0';
}

/*
 * An EFI program's table of certificates (PE format: the offset of "PE\0\0" at 0x3c; its
 * optional header, magic 0x20b, 24 bytes behind; there entry 4 of the directories, which
 * begin at 112): what kexec_file_load() looks for (Linux crypto/asymmetric_keys/
 * verify_pefile.c).
 */
static bool header_has_signature(const uint8_t *data, size_t size, uint64_t file_size)
{
	size_t at = load_le32(data + 0x3c);
	uint64_t offset, length, end;

	if (memcmp(data, "MZ", 2) != 0 || at > size || size - at < 24 + 112 + 5 * 8 ||
	    memcmp(data + at, "PE\0\0", 4) != 0 || load_le16(data + at + 24) != 0x20b ||
	    load_le32(data + at + 24 + 108) < 5)
		return false;
	offset = load_le32(data + at + 24 + 112 + 4 * 8);
	length = load_le32(data + at + 24 + 112 + 4 * 8 + 4);
	return offset && length && u64_add(offset, length, &end) && end <= file_size;
}

static int header_check(const uint8_t *data, struct err *err)
{
	uint16_t protocol = load_le16(data + 0x206);
	uint16_t xloadflags = load_le16(data + 0x236);

	if (protocol < PROTOCOL_MIN)
		return err_set(err, ERR_UNSUPPORTED,
			       "its boot protocol is %u.%02u, and kexec needs 2.12",
			       protocol >> 8, protocol & 0xffu);
	if (!(data[0x211] & LOADED_HIGH))
		return err_set(err, ERR_UNSUPPORTED,
			       "is a zImage, and kexec needs a bzImage");
	if (!(xloadflags & XLF_KERNEL_64))
		return err_set(err, ERR_UNSUPPORTED, "is not a 64 bit kernel");
	if (!(xloadflags & XLF_ABOVE_4G) || !data[0x234])
		return err_set(
			err, ERR_UNSUPPORTED,
			"can't run at any address (built without CONFIG_RELOCATABLE)");
	if (load_le32(data + 0x238) < PROTOCOL_CMDLINE_MIN)
		return err_set(err, ERR_CORRUPT, "takes a command line of only %u bytes",
			       load_le32(data + 0x238));
	return 0;
}

static int image_parse(const uint8_t *data, size_t size, uint64_t file_size,
		       struct kernel_image *ret, struct err *err)
{
	uint64_t need;
	int r;

	if (size < HEADER_END || load_le16(data + 0x1fe) != 0xaa55 ||
	    memcmp(data + 0x202, "HdrS", 4) != 0)
		return err_set(err, ERR_UNSUPPORTED, "is %s, and kexec needs a bzImage",
			       guess_format(data, size));
	r = header_check(data, err);
	if (r < 0)
		return r;
	// setup_sects of 0 means 4; the first sector is not counted
	need = ((data[0x1f1] ? data[0x1f1] : 4u) + 1u) * 512u +
	       (uint64_t)load_le32(data + 0x1f4) * 16;
	if (file_size < need)
		return err_set(err, ERR_TRUNCATED,
			       "ends after %llu bytes, but its header says %llu",
			       (unsigned long long)file_size, (unsigned long long)need);
	header_release(data, size, ret->release);
	ret->size_bytes = file_size;
	ret->protocol = load_le16(data + 0x206);
	ret->init_size_bytes = align_up(load_le32(data + 0x260), 2 * MIB);
	ret->cmdline_max = load_le32(data + 0x238) - CMDLINE_RESERVED;
	ret->has_signature = header_has_signature(data, size, file_size);
	ret->has_5level = load_le16(data + 0x236) & XLF_5LEVEL;
	return 0;
}

int kernel_image_read(int fd, const char *path, struct kernel_image *ret, struct err *err)
{
	_cleanup_free uint8_t *data = malloc(SETUP_MAX_BYTES);
	struct kernel_image image = { 0 };
	struct stat st;
	size_t size;
	int r;

	if (!data)
		return err_nomem(err);
	if (fstat(fd, &st) < 0)
		return err_os(err, errno, "unable to look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "'%s' is no regular file", path);
	size = MIN((size_t)st.st_size, (size_t)SETUP_MAX_BYTES);
	r = fd_pread_full(fd, data, size, 0, err);
	if (r < 0)
		return err_in(err, r, "'%s'", path);
	r = image_parse(data, size, (uint64_t)st.st_size, &image, err);
	if (r < 0)
		return err_in(err, r, "the kernel '%s'", path);
	if (snprintf(image.path, sizeof(image.path), "%s", path) >=
	    (int)sizeof(image.path))
		return err_set(err, ERR_INVALID, "the path '%.64s...' is too long", path);
	*ret = image;
	return 0;
}

static int image_open(const char *path, struct kernel_image *ret, struct err *err)
{
	_cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "unable to open the kernel '%s'", path);
	return kernel_image_read(fd, path, ret, err);
}

int kernel_image_find(const char *root, const char *configured, const char *release,
		      struct kernel_image *ret, struct err *err)
{
	static const struct {
		const char *before, *after;
	} places[] = {
		{ "/boot/vmlinuz-", "" },
		{ "/usr/lib/modules/", "/vmlinuz" },
		{ "/lib/modules/", "/vmlinuz" },
	};
	struct kernel_image image;
	char path[PATH_MAX];
	int r;

	if (configured[0]) {
		if (snprintf(path, sizeof(path), "%s%s", root, configured) >=
		    (int)sizeof(path))
			return err_set(err, ERR_INVALID,
				       "the path '%.64s...' is too long", configured);
		return image_open(path, ret, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (snprintf(path, sizeof(path), "%s%s%s%s", root, places[i].before,
			     release, places[i].after) >= (int)sizeof(path) ||
		    access(path, F_OK) < 0)
			continue;
		r = image_open(path, &image, err);
		if (r < 0)
			return r;
		if (strcmp(image.release, release) != 0)
			return err_set(err, ERR_INVALID,
				       "the kernel '%s' is of release '%s', not '%s'",
				       path, image.release, release);
		*ret = image;
		return 0;
	}
	return err_set(
		err, ERR_NOTFOUND,
		"no kernel of release %s in %s/boot or %s/usr/lib/modules/%s; name it: "
		"'image' in [kernel] of epitaph.conf",
		release, root, root, release);
}
