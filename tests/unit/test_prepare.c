// SPDX-License-Identifier: GPL-2.0-or-later
/* prepare: kernel image, command line, target, modules and state, in trees made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fake_tree.h"
#include "prepare/armed.h"
#include "prepare/crash_cmdline.h"
#include "prepare/kernel_image.h"
#include "prepare/last_resort_place.h"
#include "prepare/target.h"
#include "prepare/time_zone.h"

/* ---- a kernel image ---- */

#define IMAGE_BYTES \
	(3 * 512 + 64 * 16) /* two setup sectors after the first, 64 paragraphs */

static void put_le(uint8_t *image, size_t at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		image[at + i] = (uint8_t)(value >> 8 * i);
}

static void image_make(uint8_t image[static IMAGE_BYTES])
{
	memset(image, 0, IMAGE_BYTES);
	memcpy(image, "MZ", 2);
	image[0x1f1] = 2;
	put_le(image, 0x1f4, 64, 4);
	put_le(image, 0x1fe, 0xaa55, 2);
	memcpy(image + 0x202, "HdrS", 4);
	put_le(image, 0x206, 0x020f, 2);
	put_le(image, 0x20e, 0x300 - 0x200, 2);
	image[0x211] = 0x01;
	image[0x234] = 1;
	put_le(image, 0x236, 0x3f, 2);
	put_le(image, 0x238, 2047, 4);
	put_le(image, 0x260, 55 << 20, 4);
	strcpy((char *)image + 0x300, "6.12.0-test (somebody@somewhere) #1 SMP");
}

static int image_read(const uint8_t *image, size_t size, struct kernel_image *ret,
		      struct err *err)
{
	_cleanup_fd int fd = memfd_create("vmlinuz", 0);

	assert_int_equal(fd_write_full(fd, image, size, NULL), 0);
	return kernel_image_read(fd, "vmlinuz", ret, err);
}

static void kernel_header_is_read(void **state)
{
	uint8_t image[IMAGE_BYTES];
	struct kernel_image k;

	image_make(image);
	assert_int_equal(image_read(image, sizeof(image), &k, NULL), 0);
	assert_string_equal(k.release, "6.12.0-test");
	assert_string_equal(k.path, "vmlinuz");
	assert_int_equal(k.size_bytes, IMAGE_BYTES);
	assert_int_equal(k.init_size_bytes, 56 << 20); // rounded up to 2 MiB
	assert_int_equal(k.cmdline_max, 2017);
	assert_int_equal(k.protocol, 0x20f);
	assert_true(k.has_5level);
	image[0x236] = 0x1f;
	assert_int_equal(image_read(image, sizeof(image), &k, NULL), 0);
	assert_false(k.has_5level);
}

/* Entry 4 of an EFI program's directories; one that ends behind the file is none. */
static void kernel_signature_is_seen(void **state)
{
	static const struct {
		uint32_t offset, size;
		bool is_there;
	} cases[] = {
		{ 0, 0, false },
		{ IMAGE_BYTES - 8, 8, true },
		{ IMAGE_BYTES - 8, 9, false },
		{ UINT32_MAX, UINT32_MAX, false },
		{ 0, 8, false },
	};
	const size_t pe = 0x40;
	uint8_t image[IMAGE_BYTES];
	struct kernel_image k;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_make(image);
		put_le(image, 0x3c, pe, 4);
		memcpy(image + pe, "PE\0\0", 4);
		put_le(image, pe + 24, 0x20b, 2);
		put_le(image, pe + 24 + 108, 6, 4);
		put_le(image, pe + 24 + 144, cases[i].offset, 4);
		put_le(image, pe + 24 + 148, cases[i].size, 4);
		assert_int_equal(image_read(image, sizeof(image), &k, NULL), 0);
		assert_int_equal(k.has_signature, cases[i].is_there);
	}
	put_le(image, 0x3c, UINT32_MAX, 4);
	assert_int_equal(image_read(image, sizeof(image), &k, NULL), 0);
	assert_false(k.has_signature);
}

static void kernel_cut_anywhere_is_an_error(void **state)
{
	uint8_t image[IMAGE_BYTES];
	struct kernel_image k = { .protocol = 1 };
	struct err err;

	image_make(image);
	for (size_t cut = 0; cut < IMAGE_BYTES; cut++) {
		assert_true(image_read(image, cut, &k, &err) < 0);
		if (cut >= 0x264)
			assert_int_equal(err.code, ERR_TRUNCATED);
	}
	assert_int_equal(k.protocol, 1); // untouched
}

static void kernel_that_kexec_refuses_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *said;
	} cases[] = {
		{ 0x206, 0x0b, "boot protocol" },      { 0x211, 0, "zImage" },
		{ 0x234, 0, "CONFIG_RELOCATABLE" },    { 0x236, 0x3e, "64 bit" },
		{ 0x236, 0x3d, "CONFIG_RELOCATABLE" }, { 0x239, 0, "command line" },
		{ 0x202, 'X', "EFI program" },	       { 0x1fe, 0, "EFI program" },
	};
	struct kernel_image k;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t image[IMAGE_BYTES];
		struct err err = { 0 };

		image_make(image);
		image[cases[i].at] = cases[i].value;
		assert_true(image_read(image, sizeof(image), &k, &err) < 0);
		assert_non_null(strstr(err.text, cases[i].said));
	}
}

static void linear_mapping_is_read_or_refused(void **state)
{
	static const char *const bad[] = { "",	    "8:2",	 "8 2 2048", "8:2 2048 x",
					   "8:2 x", "sda2 2048", "8:2 20 48" };
	unsigned int major, minor;
	uint64_t offset;

	assert_int_equal(device_stack_parse_linear("253:12 2048", &major, &minor, &offset,
						   NULL),
			 0);
	assert_int_equal(major, 253);
	assert_int_equal(minor, 12);
	assert_true(offset == 2048);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(device_stack_parse_linear(bad[i], &major, &minor,
							   &offset, NULL),
				 ERR_CORRUPT);
}

/* Where the version lies is the image's word: it may point anywhere. */
static void kernel_version_stays_inside(void **state)
{
	uint8_t image[IMAGE_BYTES];
	struct kernel_image k;

	image_make(image);
	memset(image + 0x264, 'v', sizeof(image) - 0x264);
	for (uint32_t offset = 0; offset <= 0xffff; offset += 13) {
		put_le(image, 0x20e, offset, 2);
		assert_int_equal(image_read(image, sizeof(image), &k, NULL), 0);
		assert_true(strlen(k.release) <= 64);
	}
}

static void kernel_is_found_by_release(void **state)
{
	const char *root = *state;
	uint8_t image[IMAGE_BYTES];
	struct kernel_image k;
	struct err err = { 0 };

	image_make(image);
	assert_int_equal(kernel_image_find(root, "", "6.12.0-test", &k, &err),
			 ERR_NOTFOUND);
	fake_write(root, "usr/lib/modules/6.12.0-test/vmlinuz", image, sizeof(image));
	assert_int_equal(kernel_image_find(root, "", "6.12.0-test", &k, &err), 0);
	assert_non_null(strstr(k.path, "/usr/lib/modules/"));
	fake_write(root, "boot/vmlinuz-6.12.0-test", image, sizeof(image));
	assert_int_equal(kernel_image_find(root, "", "6.12.0-test", &k, &err), 0);
	assert_non_null(strstr(k.path, "/boot/vmlinuz-6.12.0-test"));
	fake_write(root, "boot/vmlinuz-6.1", image, sizeof(image));
	assert_int_equal(kernel_image_find(root, "", "6.1", &k, &err), ERR_INVALID);
	fake_write(root, "my/kernel", image, sizeof(image));
	assert_int_equal(kernel_image_find(root, "/my/kernel", "6.1", &k, &err), 0);
	assert_string_equal(k.release, "6.12.0-test");
}

/* ---- the command line ---- */

static char *cmdline_of(const char *running, const char *append)
{
	static const struct crash_cmdline base = { .panic_timeout_s = 7,
						   .size_max = 2017 };
	struct crash_cmdline from = base;
	struct text text = { 0 };

	from.running = running;
	from.append = append;
	assert_int_equal(crash_cmdline_build(&from, &text, NULL), 0);
	return text.data;
}

static bool has_word(const char *line, const char *word)
{
	char padded[4096], wanted[256];

	snprintf(padded, sizeof(padded), " %s ", line);
	snprintf(wanted, sizeof(wanted), " %s ", word);
	return strstr(padded, wanted);
}

static void cmdline_keeps_only_the_hardware(void **state)
{
	_cleanup_free char *line = cmdline_of(
		"BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet console=tty0 console=ttyS0,115200 "
		"crashkernel=256M crashkernel=0,low init=/bin/sh systemd.unit=x hugepages=9 "
		"intel_iommu=on iommu.passthrough=1 pci=nomsi acpi_osi=\"Windows 2015\" acpi=off "
		"nvme-core.default_ps_max_latency_us=0 noapic lockdown=integrity "
		"panic=1 oops=x consoles=1 pcix=1 -- console=evil\n",
		"");
	static const char *const there[] = {
		"console=tty0",	    "console=ttyS0,115200",
		"intel_iommu=on",   "iommu.passthrough=1",
		"pci=nomsi",	    "acpi_osi=\"Windows 2015\"",
		"acpi=off",	    "nvme-core.default_ps_max_latency_us=0",
		"noapic",	    "lockdown=integrity",
		"nr_cpus=1",	    "reset_devices",
		"oops=panic",	    "panic=7",
		"rootfstype=ramfs",
	};
	static const char *const gone[] = { "BOOT_IMAGE",  "root=UUID", "ro ",
					    "crashkernel", "init=",	"systemd",
					    "hugepages=9", "panic=1",	"oops=x",
					    "consoles",	   "pcix",	"evil",
					    "--" };

	for (size_t i = 0; i < ARRAY_SIZE(there); i++)
		assert_true(has_word(line, there[i]));
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		assert_null(strstr(line, gone[i]));
}

static void cmdline_append_is_last(void **state)
{
	_cleanup_free char *line = cmdline_of("", "panic=99 nr_cpus=4");

	assert_non_null(strstr(line, "panic=7 panic=99 nr_cpus=4"));
	assert_string_equal(strstr(line, "nr_cpus=4"), "nr_cpus=4");
}

static void cmdline_that_is_too_long_is_an_error(void **state)
{
	char append[4096];
	struct crash_cmdline from = { .running = "", .append = append };
	_cleanup_text struct text text = { 0 }, again = { 0 };
	struct err err = { 0 };

	memset(append, 'a', sizeof(append) - 1);
	append[sizeof(append) - 1] = '\0';
	append[100] = '\0';
	from.size_max = 4096;
	assert_int_equal(crash_cmdline_build(&from, &text, &err), 0);
	from.size_max = text.size; // one short: the NUL
	assert_int_equal(crash_cmdline_build(&from, &again, &err), ERR_LIMIT);
	text_done(&again);
	from.size_max = text.size + 1;
	assert_int_equal(crash_cmdline_build(&from, &again, &err), 0);
}

static void cmdline_of_nonsense_is_harmless(void **state)
{
	static const char *const lines[] = { "\"",	   "\"\"\"",  "\"console=a b",
					     "= == \"=\"", "console", "\t\n \v",
					     "acpi" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free char *line = cmdline_of(lines[i], NULL);

		assert_non_null(strstr(line, "nr_cpus=1"));
	}
}

/* ---- the target ---- */

#define SDA "sys/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0"

/* A superblock of ext4 with this UUID, as far as libblkid looks (Linux fs/ext4/ext4.h).
 */
static void write_ext4(const char *root, const char *name)
{
	static uint8_t disk[256 << 10];
	static const uint8_t uuid[16] = { 0xca, 0xfe, 0xba, 0xbe, 1, 2,	 3,  4,
					  5,	6,    7,    8,	  9, 10, 11, 12 };
	uint8_t *super = disk + 1024;

	put_le(super, 0x00, 64, 4);	// inodes
	put_le(super, 0x04, 256, 4);	// blocks
	put_le(super, 0x18, 0, 4);	// of 1 KiB
	put_le(super, 0x38, 0xef53, 2); // magic
	put_le(super, 0x4c, 1, 4);	// revision
	put_le(super, 0x5c, 0x4, 4);	// has a journal
	put_le(super, 0x60, 0x42, 4);	// extents, filetype
	memcpy(super + 0x68, uuid, 16);
	fake_write(root, name, disk, sizeof(disk));
}

static void make_machine(const char *root, const char *mountinfo)
{
	fake_text(root, "proc/self/mountinfo", mountinfo);
	fake_text(root, SDA "/block/sda/sda1/uevent",
		  "MAJOR=8\nMINOR=1\nDEVNAME=sda1\nDEVTYPE=partition\n");
	fake_text(root, SDA "/block/sda/sda1/partition", "1\n");
	fake_text(root, SDA "/modalias", "scsi:t-0x00\n");
	fake_text(root, "sys/bus/drivers/sd/module_is", "");
	fake_text(root, "sys/module/sd_mod/refcnt", "");
	fake_text(root, "sys/module/ahci/refcnt", "");
	fake_link(root, "sys/bus/drivers/sd/module", "../../../module/sd_mod");
	fake_link(root, "sys/bus/drivers/ahci/module", "../../../module/ahci");
	fake_text(root, "sys/bus/drivers/pcieport/builtin", "");
	fake_link(root, SDA "/driver", "../../../../../../../bus/drivers/sd");
	fake_text(root, "sys/devices/pci0000:00/0000:00:1f.2/modalias",
		  "pci:v00008086d00002922\n");
	fake_link(root, "sys/devices/pci0000:00/0000:00:1f.2/driver",
		  "../../../bus/drivers/ahci");
	fake_link(root, "sys/devices/pci0000:00/driver", "../../bus/drivers/pcieport");
	fake_link(
		root, "sys/dev/block/8:1",
		"../../devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/"
		"sda/sda1");
	write_ext4(root, "dev/sda1");
	fake_text(root, "var/crash/x", "");
}

#define ROOT_MOUNT \
	"1 0 0:1 / / rw - rootfs rootfs rw\n21 1 8:1 / / rw,relatime - ext4 /dev/root rw\n"

static int find(const char *root, const char *archive, struct target *target,
		struct err *err)
{
	*err = (struct err){ 0 };
	return target_find(root, archive, target, err);
}

static void target_of_a_partition(void **state)
{
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err;

	make_machine(*state, ROOT_MOUNT);
	if (find(*state, "/var/crash", t, &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_string_equal(t->where.fstype, "ext4");
	assert_string_equal(t->where.uuid, "cafebabe-0102-0304-0506-0708090a0b0c");
	assert_string_equal(t->where.device, "/dev/sda1");
	assert_string_equal(t->where.path, "/var/crash");
	assert_string_equal(t->mount_point, "/");
	assert_int_equal(t->device_count, 3);
	assert_string_equal(t->devices[0].module, "sd_mod");
	assert_string_equal(t->devices[0].modalias, "scsi:t-0x00");
	assert_string_equal(t->devices[1].module, "ahci");
	assert_string_equal(t->devices[2].module, "");
}

static void target_path_is_that_of_the_file_system(void **state)
{
	static const struct {
		const char *mount, *archive, *path;
	} cases[] = {
		{ "", "/var/crash/", "/var/crash" },
		{ "", "/", "/" },
		{ "", "/new/deep", "/new/deep" },
		{ "30 21 8:1 / /var/crash rw - ext4 /dev/sda1 rw\n", "/var/crash", "/" },
		{ "30 21 8:1 / /var/crash rw - ext4 /dev/sda1 rw\n", "/var/crash/a",
		  "/a" },
		{ "30 21 8:1 /sub /var/crash rw - ext4 /dev/sda1 rw\n", "/var/crash/a",
		  "/sub/a" },
		{ "30 21 8:1 /a\\040b /var/crash rw shared:1 master:2 - ext3 /dev/sda1 rw\n",
		  "/var/crash", "/a b" },
		{ "30 21 0:9 / /var/cra rw - tmpfs none rw\n", "/var/crash",
		  "/var/crash" },
		{ "30 21 0:9 / /var rw - tmpfs none rw\n31 21 8:1 / /var rw - ext2 x rw\n",
		  "/var/crash", "/crash" },
		{ "", "/link/here", "/var/crash/here" },
	};
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	char mountinfo[1024];
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(mountinfo, sizeof(mountinfo), ROOT_MOUNT "%s", cases[i].mount);
		make_machine(*state, mountinfo);
		fake_link(*state, "link", "var/crash");
		if (find(*state, cases[i].archive, t, &err) < 0)
			fail_msg("case %zu: %s", i, err_text(&err));
		assert_string_equal(t->where.path, cases[i].path);
		assert_string_equal(t->where.fstype, "ext4");
	}
}

static void target_that_will_not_do_is_refused(void **state)
{
	static const struct {
		const char *mountinfo, *make, *said;
	} cases[] = {
		{ "1 0 0:1 / / rw - rootfs rootfs rw\n", "x", "initramfs" },
		{ "1 0 0:1 / / rw - tmpfs t rw\n", "x", "memory" },
		{ "1 0 0:1 / / rw - overlay o rw\n", "x", "overlay" },
		{ "1 0 0:1 / / rw - nfs4 h:/ rw\n", "x", "NFS" },
		{ "1 0 0:1 / / rw - what w rw\n", "x", "'what'" },
		{ "1 0 9:9 / / rw - ext4 w rw\n", "x", "9:9" },
		{ ROOT_MOUNT, SDA "/block/sda/dm/uuid", "device-mapper" },
		{ ROOT_MOUNT, SDA "/block/sda/md/level", "md" },
		{ ROOT_MOUNT, SDA "/block/sda/loop/backing_file", "loop" },
		{ "", "x", "no mount" },
	};
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[PATH_MAX];

		make_machine(*state, cases[i].mountinfo);
		fake_text(*state, cases[i].make, "");
		assert_true(find(*state, "/var/crash", t, &err) < 0);
		if (!strstr(err.text, cases[i].said))
			fail_msg("case %zu: %s", i, err_text(&err));
		snprintf(path, sizeof(path), "%s/%s", (char *)*state, cases[i].make);
		unlink(path);
		*strrchr(path, '/') = '\0';
		rmdir(path);
	}
	assert_int_equal(find(*state, "var/crash", t, &err), ERR_INVALID);
	assert_int_equal(find(*state, "/var/../crash", t, &err), ERR_INVALID);
	fake_link(*state, "out", "/tmp");
	assert_int_equal(find(*state, "/out", t, &err), ERR_INVALID);
}

static void target_without_a_uuid_is_an_error(void **state)
{
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err;

	make_machine(*state, ROOT_MOUNT);
	fake_text(*state, "dev/sda1", "nothing");
	assert_int_equal(find(*state, "/var/crash", t, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "UUID"));
}

/* Each line of mountinfo, cut at each byte: found or not, no crash. */
static void mountinfo_cut_anywhere(void **state)
{
	static const char text[] =
		ROOT_MOUNT "30 21 8:1 /a\\040b /var rw shared:1 - ext4 /dev/sda1 rw,x\n";
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err;

	make_machine(*state, ROOT_MOUNT);
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		fake_write(*state, "proc/self/mountinfo", text, cut);
		find(*state, "/var/crash", t, &err);
	}
	assert_string_equal(t->where.path, "/a b/crash");
}

/* ---- modules ---- */

static void make_modules(const char *root)
{
	static const struct fake_pair depends[] = {
		{ "sd_mod", "k/sd_mod.ko: k/fine.ko k/core.ko" },
		{ "ahci", "k/ahci.ko: k/core.ko" },
		{ "core", "k/core.ko:" },
		{ "fine", "k/fine.ko: k/core.ko" },
		{ "ext4", "k/ext4.ko:" },
		{ "jbd2", "k/jbd2.ko:" },
		{ "loop_a", "k/loop_a.ko:" },
		{ "xpart", "k/xpart.ko:" },
		{ NULL, NULL },
	};
	static const struct fake_pair aliases[] = {
		{ "fs_ext4", "ext4" },
		{ "pci:v00001111*", "xpart" },
		{ NULL, NULL },
	};
	static const struct fake_pair builtin[] = {
		{ "unix", "unix" },
		{ NULL, NULL },
	};

	fake_modules(root, depends, aliases, builtin);
	for (size_t i = 0; depends[i].key; i++) {
		char name[64];

		snprintf(name, sizeof(name), "k/%s.ko", depends[i].key);
		fake_text(root, name, "");
	}
	fake_text(
		root, "modules.softdep",
		"softdep ext4 pre: jbd2\nsoftdep jbd2 pre: loop_a\nsoftdep loop_a pre: ext4\n");
}

static void assert_modules(const struct module_set *set, const char *expected)
{
	struct text text = { 0 };

	for (size_t i = 0; i < module_set_count(set); i++)
		text_add(&text, "%s ", module_set_name(set, i));
	assert_string_equal(text_get(&text), expected);
	text_done(&text);
}

static struct module_set *open_modules(const char *root)
{
	struct module_set *set = NULL;
	struct err err = { 0 };

	if (module_set_new(root, &set, &err) < 0)
		fail_msg("%s", err_text(&err));
	return set;
}

static void modules_come_in_loading_order(void **state)
{
	_cleanup_module_set struct module_set *set = NULL;
	struct err err = { 0 };

	make_modules(*state);
	set = open_modules(*state);
	assert_int_equal(module_set_add(set, "sd-mod", &err),
			 0); // '-' as modprobe takes it
	assert_modules(set, "core fine sd_mod ");
	assert_int_equal(module_set_add(set, "ahci", &err), 0);
	assert_int_equal(module_set_add(set, "sd_mod", &err), 0);
	assert_modules(set, "core fine sd_mod ahci ");
	assert_int_equal(module_set_add(set, "unix", &err), 0); // built in
	assert_int_equal(module_set_add(set, "pci:v00001111d0", &err), 0);
	assert_modules(set, "core fine sd_mod ahci xpart ");
	assert_int_equal(module_set_add(set, "nothing", &err), ERR_NOTFOUND);
	assert_non_null(strstr(module_set_path(set, 2), "/k/sd_mod.ko"));
}

static void modules_in_a_circle_end(void **state)
{
	_cleanup_module_set struct module_set *set = NULL;
	struct err err = { 0 };

	make_modules(*state);
	set = open_modules(*state);
	assert_int_equal(module_set_add(set, "fs-ext4", &err), ERR_LIMIT);
}

static void module_file_that_is_missing_is_told(void **state)
{
	_cleanup_module_set struct module_set *set = NULL;
	struct err err = { 0 };
	char path[PATH_MAX];

	make_modules(*state);
	snprintf(path, sizeof(path), "%s/k/fine.ko", (char *)*state);
	unlink(path);
	set = open_modules(*state);
	assert_int_equal(module_set_add(set, "sd_mod", &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "fine.ko"));
}

static void modules_without_an_index_are_an_error(void **state)
{
	struct module_set *set = NULL;
	struct err err = { 0 };

	assert_int_equal(module_set_new(*state, &set, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "depmod"));
	assert_null(set);
}

static void target_asks_for_its_modules(void **state)
{
	_cleanup_module_set struct module_set *set = NULL;
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err;

	make_machine(*state, ROOT_MOUNT);
	make_modules(*state);
	fake_text(*state, "modules.softdep", "softdep ext4 pre: jbd2\n");
	assert_int_equal(find(*state, "/var/crash", t, &err), 0);
	set = open_modules(*state);
	assert_int_equal(target_add_modules(t, false, set, NULL, &err), 0);
	assert_modules(set, "core ahci fine sd_mod jbd2 ext4 ");
}

static void builtin_driver_may_be_a_module_elsewhere(void **state)
{
	_cleanup_module_set struct module_set *here = NULL, *there = NULL;
	_cleanup_free struct target *t = calloc(1, sizeof(*t));
	struct err err = { 0 };

	make_modules(*state);
	fake_text(*state, "modules.softdep", "");
	strcpy(t->where.fstype, "ext4");
	strcpy(t->devices[0].modalias, "pci:v00001111d0");
	t->device_count = 1;
	here = open_modules(*state);
	assert_int_equal(target_add_modules(t, false, here, NULL, &err), 0);
	assert_modules(here, "ext4 ");
	there = open_modules(*state);
	assert_int_equal(target_add_modules(t, true, there, NULL, &err), 0);
	assert_modules(there, "xpart ext4 ");
}

/* ---- the kernel's word, and ours ---- */

static void kexec_state_is_read(void **state)
{
	const char *root = *state;
	struct kexec_state k;
	struct err err = { 0 };

	kexec_look(root, &k);
	assert_false(k.is_supported);
	assert_int_equal(kexec_check(&k, &err), ERR_UNSUPPORTED);
	fake_text(root, "sys/kernel/kexec_crash_loaded", "0\n");
	fake_text(root, "sys/kernel/kexec_crash_size", "0\n");
	kexec_look(root, &k);
	assert_int_equal(kexec_check(&k, &err), ERR_REFUSED);
	assert_non_null(strstr(err.text, "crashkernel="));
	fake_text(root, "sys/kernel/kexec_crash_size", "268435456\n");
	fake_text(root, "sys/kernel/security/lockdown",
		  "none [integrity] confidentiality\n");
	kexec_look(root, &k);
	assert_int_equal(kexec_check(&k, &err), 0);
	assert_int_equal(k.reserved_bytes, 256 << 20);
	assert_string_equal(k.lockdown, "integrity");
	assert_int_equal(k.loads_left, -1);
	fake_text(root, "proc/sys/kernel/kexec_load_limit_panic", "0\n");
	kexec_look(root, &k);
	assert_int_equal(kexec_check(&k, &err), ERR_REFUSED);
	assert_non_null(strstr(err.text, "kexec_load_limit_panic"));
	fake_text(root, "proc/sys/kernel/kexec_load_disabled", "1\n");
	kexec_look(root, &k);
	assert_int_equal(kexec_check(&k, &err), ERR_REFUSED);
	assert_non_null(strstr(err.text, "kexec_load_disabled"));
}

static const char armed_json[] =
	"{\"schema_version\":1,\"kernel\":{\"path\":\"/k\",\"release\":\"6\","
	"\"checksum\":\"c\"},\"image\":{\"path\":\"/i\",\"checksum\":\"d\",\"size_bytes\":5},"
	"\"cmdline\":\"a b\",\"target\":{\"uuid\":\"u\"},\"mode\":\"dmesg\",\"end\":\"halt\","
	"\"method\":\"m\",\"armed_at\":7,\"boot_id\":\"b-1\",\"panic_on_oops_before\":0}";

static void state_goes_there_and_back(void **state)
{
	_cleanup_free struct armed *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	_cleanup_free char *text = NULL;
	json_t *json = NULL;
	struct err err = { 0 };

	assert_int_equal(armed_load(*state, a, &err), ERR_NOTFOUND);
	fake_text(*state, &ARMED_FILE[1], armed_json);
	assert_int_equal(armed_load(*state, a, &err), 0);
	assert_string_equal(a->kernel_path, "/k");
	assert_string_equal(a->image_checksum, "d");
	assert_string_equal(a->cmdline, "a b");
	assert_int_equal(a->mode, ORDERS_DMESG);
	assert_int_equal(a->end, ORDERS_HALT);
	assert_int_equal(a->image_bytes, 5);
	assert_int_equal(a->armed_at, 7);
	assert_int_equal(a->panic_on_oops_before, 0);
	assert_int_equal(armed_to_json(a, &json, &err), 0);
	text = json_dumps(json, 0);
	fake_text(*state, &ARMED_FILE[1], text);
	json_decref(json);
	assert_int_equal(armed_load(*state, b, &err), 0);
	assert_memory_equal(a, b, sizeof(*a));
}

static void state_cut_anywhere_is_an_error(void **state)
{
	_cleanup_free struct armed *a = calloc(1, sizeof(*a));

	for (size_t cut = 0; cut < sizeof(armed_json) - 1; cut++) {
		fake_write(*state, &ARMED_FILE[1], armed_json, cut);
		assert_true(armed_load(*state, a, NULL) < 0);
	}
}

static void look(void **state, struct armed_status *status, bool is_armed,
		 const char *reason)
{
	armed_look(*state, status);
	assert_int_equal(status->is_armed, is_armed);
	if (!strstr(status->reason, reason) || (is_armed && status->reason[0]))
		fail_msg("'%s' is not '%s'", status->reason, reason);
}

static void status_tells_armed_from_not_armed(void **state)
{
	_cleanup_free struct armed_status *status = calloc(1, sizeof(*status));
	const char *root = *state;
	char text[1024], checksum[PART_CHECKSUM_SIZE], path[PATH_MAX];

	look(state, status, false, "can't load");
	fake_text(root, "sys/kernel/kexec_crash_size", "1048576\n");
	fake_text(root, "sys/kernel/kexec_crash_loaded", "1\n");
	fake_text(root, "proc/sys/kernel/random/boot_id", "b-1\n");
	look(state, status, false, "not by epitaph");
	fake_text(root, &ARMED_FILE[1], "{");
	look(state, status, false, "not known whose");
	fake_text(root, &ARMED_FILE[1], armed_json);
	look(state, status, true, "");
	assert_non_null(strstr(status->warning, "/i'")); // the image is gone
	fake_text(root, "i", "image");
	look(state, status, true, "");
	assert_non_null(strstr(status->warning, "is not what was loaded"));
	snprintf(path, sizeof(path), "%s/i", root);
	assert_int_equal(armed_checksum(path, checksum, NULL), 0);
	snprintf(text, sizeof(text), "%s", armed_json);
	snprintf(strstr(text, "\"d\""), sizeof(text) / 2, "\"%s\"%s", checksum,
		 strstr(armed_json, "\"d\"") + 3);
	fake_text(root, &ARMED_FILE[1], text);
	look(state, status, true, "");
	assert_string_equal(status->warning, "");
	fake_text(root, "proc/sys/kernel/random/boot_id", "b-2\n");
	look(state, status, false, "not by epitaph");
	fake_text(root, "sys/kernel/kexec_crash_loaded", "0\n");
	look(state, status, false, "no crash kernel is loaded; run");
}

static void assert_zone(void **state, const void *data, size_t size, const char *expected)
{
	char zone[32] = "old";

	fake_write(*state, "etc/localtime", data, size);
	time_zone_read(*state, zone, sizeof(zone));
	assert_string_equal(zone, expected);
}

static void time_zone_is_the_footer(void **state)
{
	char file[128] = "TZif2", zone[32] = "old";
	size_t start = 90;

	time_zone_read(*state, zone, sizeof(zone));
	assert_string_equal(zone, "");
	strcpy(file + start, "\nCET-1CEST,M3.5.0,M10.5.0/3\n");
	for (size_t cut = 0; cut < start + 28; cut++)
		assert_zone(state, file, cut, "");
	assert_zone(state, file, start + 28, "CET-1CEST,M3.5.0,M10.5.0/3");
	file[4] = '\0';
	assert_zone(state, file, start + 28, "");
	file[4] = '3';
	file[start + 5] = '\x1b';
	assert_zone(state, file, start + 28, "");
	strcpy(file + start, "\nCET-1CEST,M3.5.0,M10.5.0/3AAAAAA\n");
	assert_zone(state, file, start + 34, ""); // a byte too long
	strcpy(file + start, "\n\n");
	assert_zone(state, file, start + 2, "");
}

static void last_resorts_are_found(void **state)
{
	const char *root = *state;
	static const char parameters[] = "sys/module/ramoops/parameters/";
	struct orders orders;
	char name[128];

	orders_init(&orders);
	last_resort_find(root, &orders);
	assert_string_equal(orders.ramoops, "");
	assert_false(orders.efi_variable);
	fake_text(root, "sys/firmware/efi/efivars/x", "");
	snprintf(name, sizeof(name), "%smem_address", parameters);
	fake_text(root, name, "974127104\n");
	snprintf(name, sizeof(name), "%srecord_size", parameters);
	fake_text(root, name, "262144\n");
	// Not what is printed there by a kernel: it is no argument.
	snprintf(name, sizeof(name), "%secc", parameters);
	fake_text(root, name, "1 max_reason=2\n");
	last_resort_find(root, &orders);
	assert_true(orders.efi_variable);
	// Loaded, and pstore writes elsewhere.
	fake_text(root, "sys/module/pstore/parameters/backend", "erst\n");
	last_resort_find(root, &orders);
	assert_string_equal(orders.ramoops, "");
	fake_text(root, "sys/module/pstore/parameters/backend", "ramoops\n");
	last_resort_find(root, &orders);
	assert_string_equal(orders.ramoops,
			    "mem_address=974127104 record_size=262144 max_reason=0");
	// A driver without a place.
	snprintf(name, sizeof(name), "%smem_address", parameters);
	fake_text(root, name, "0\n");
	last_resort_find(root, &orders);
	assert_string_equal(orders.ramoops, "");
	orders_done(&orders);
}

#define TREE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fake_tree_setup, fake_tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_header_is_read),
		cmocka_unit_test(kernel_signature_is_seen),
		cmocka_unit_test(kernel_cut_anywhere_is_an_error),
		cmocka_unit_test(kernel_that_kexec_refuses_is_refused),
		cmocka_unit_test(linear_mapping_is_read_or_refused),
		cmocka_unit_test(kernel_version_stays_inside),
		TREE_TEST(kernel_is_found_by_release),
		cmocka_unit_test(cmdline_keeps_only_the_hardware),
		cmocka_unit_test(cmdline_append_is_last),
		cmocka_unit_test(cmdline_that_is_too_long_is_an_error),
		cmocka_unit_test(cmdline_of_nonsense_is_harmless),
		TREE_TEST(target_of_a_partition),
		TREE_TEST(target_path_is_that_of_the_file_system),
		TREE_TEST(target_that_will_not_do_is_refused),
		TREE_TEST(target_without_a_uuid_is_an_error),
		TREE_TEST(mountinfo_cut_anywhere),
		TREE_TEST(modules_come_in_loading_order),
		TREE_TEST(modules_in_a_circle_end),
		TREE_TEST(module_file_that_is_missing_is_told),
		TREE_TEST(modules_without_an_index_are_an_error),
		TREE_TEST(target_asks_for_its_modules),
		TREE_TEST(builtin_driver_may_be_a_module_elsewhere),
		TREE_TEST(time_zone_is_the_footer),
		TREE_TEST(last_resorts_are_found),
		TREE_TEST(kexec_state_is_read),
		TREE_TEST(state_goes_there_and_back),
		TREE_TEST(state_cut_anywhere_is_an_error),
		TREE_TEST(status_tells_armed_from_not_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
