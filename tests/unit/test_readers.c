// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a fake kernel says of its block devices, sockets, softirqs and system calls:
 * whole, with lists that loop or break off, and with values that no kernel would write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_types.h"
#include "kernel/arch_x86_64.h"
#include "kernel/disk.h"
#include "kernel/irq.h"
#include "kernel/socket.h"
#include "kernel/syscall.h"

#define FREE(i) (TASKS + 0x9000 + (uint64_t)(i)*0x200) /* up to 0x37 */

static void init(struct fake_kernel *f, const char *types)
{
	fake_kernel_init(f, ORC_LAYOUT_3);
	fake_types(f, types);
}

/* ---- block devices ---- */

#define SUPER	      FREE(0)
#define SUPER_INODES  16
#define BDEV_INODE(i) (FREE(1) + (uint64_t)(i)*0x80)
#define INODE(i)      (BDEV_INODE(i) + 64)
#define GENDISK	      FREE(8)

static void add_disk(struct fake_kernel *f, int i, uint32_t minor, uint8_t partition,
		     uint64_t size)
{
	struct fake_image *m = &f->memory;

	fake_u64(m, BDEV_INODE(i), GENDISK);
	fake_u32(m, BDEV_INODE(i) + 8, 8u << 20 | minor);
	fake_uint(m, BDEV_INODE(i) + 12, partition, 1);
	fake_u64(m, INODE(i) + 16, size);
	fake_list_add_tail(f, INODE(i), SUPER + SUPER_INODES);
}

static void init_disks(struct fake_kernel *f)
{
	init(f, "list_head 16 next:*@0 prev:*@8\n"
		"super_block 64 s_inodes:list_head@16\n"
		"inode 64 i_sb_list:list_head@0 i_size:u64@16\n"
		"block_device 64 bd_disk:*@0 bd_dev:u32@8 bd_partno:u8@12\n"
		"bdev_inode 128 bdev:block_device@0 vfs_inode:inode@64\n"
		"gendisk 64 disk_name:c32@0\n");
	fake_vmcoreinfo(&f->memory, "SYMBOL(blockdev_superblock)=%" PRIx64, FREE(9));
	fake_u64(&f->memory, FREE(9), SUPER);
	fake_list_head(f, SUPER + SUPER_INODES);
	fake_string(&f->memory, GENDISK, "sda");
	add_disk(f, 0, 1, 1, 4096);
	add_disk(f, 1, 0, 0, 8192);
	add_disk(f, 2, 2, 2, 0);
	fake_u64(&f->memory, BDEV_INODE(2), 0); // of a disk that is gone
}

static void test_disks(void **state)
{
	_cleanup_disk_list struct disk_list list = { 0 };
	struct fake_kernel f;

	init_disks(&f);
	fake_kernel_open(&f);
	assert_int_equal(disk_list_read(f.kernel, &list, NULL), 0);
	assert_string_equal(list.cut_why, "");
	assert_int_equal(list.count, 2);
	assert_string_equal(list.disks[0].disk, "sda");
	assert_int_equal(list.disks[0].partition, 0);
	assert_int_equal(list.disks[0].size_bytes, 8192);
	assert_int_equal(list.disks[1].partition, 1);
	assert_int_equal(list.disks[1].major, 8);
	assert_int_equal(list.disks[1].minor, 1);
	fake_kernel_done(&f);
}

/* What was read before it broke off is kept. */
static void cut_disks(uint64_t vaddr, uint64_t value, size_t count, const char *why)
{
	_cleanup_disk_list struct disk_list list = { 0 };
	struct fake_kernel f;
	struct err err = { 0 };

	init_disks(&f);
	fake_u64(&f.memory, vaddr, value);
	fake_kernel_open(&f);
	if (disk_list_read(f.kernel, &list, &err) < 0) {
		assert_int_equal(count, 0);
		assert_non_null(strstr(err_text(&err), why));
	} else {
		assert_int_equal(list.count, count);
		assert_non_null(strstr(list.cut_why, why));
	}
	fake_kernel_done(&f);
}

static void test_disks_hostile(void **state)
{
	cut_disks(INODE(1), INODE(0), 3, "in circles");
	cut_disks(INODE(0), 0, 1, "NULL");
	cut_disks(INODE(0), NOWHERE, 1, "not mapped");
	cut_disks(BDEV_INODE(1), NOWHERE, 1, "not mapped");
	cut_disks(FREE(9), NOWHERE, 0, "not mapped");
}

/* ---- sockets ---- */

#define SOCKET FREE(0)
#define SOCK   FREE(1)

static void init_socket(struct fake_kernel *f, uint16_t family, uint16_t type,
			uint16_t protocol, uint8_t tcp_state)
{
	init(f, "sock_common 64 skc_family:u16@0 skc_state:u8@2 skc_rcv_saddr:u32@4 "
		"skc_daddr:u32@8 skc_num:u16@12 skc_dport:u16@14 "
		"skc_v6_rcv_saddr:b16@16 skc_v6_daddr:b16@32\n"
		"sock 128 __sk_common:sock_common@0 sk_protocol:u16@64 "
		"sk_wmem_queued:u32@68\n"
		"socket 64 type:u16@0 sk:*@8\n"
		"unix_sock 160 sk:sock@0 addr:*@128 peer:*@136\n"
		"unix_address 128 len:u32@0 name:b110@4\n"
		"netlink_sock 160 sk:sock@0 portid:u32@128\n");
	fake_u16(&f->memory, SOCKET, type);
	fake_u64(&f->memory, SOCKET + 8, SOCK);
	fake_u16(&f->memory, SOCK, family);
	fake_uint(&f->memory, SOCK + 2, tcp_state, 1);
	fake_u16(&f->memory, SOCK + 64, protocol);
}

/* The fake kernel is done with. */
static struct socket_info read_socket(struct fake_kernel *f)
{
	struct socket_info info = { 0 };
	struct err err = { 0 };

	fake_kernel_open(f);
	if (socket_read(f->kernel, SOCKET, &info, &err) < 0)
		snprintf(info.state, sizeof(info.state), "failed");
	fake_kernel_done(f);
	return info;
}

static void test_inet(void **state)
{
	struct fake_kernel f;
	struct socket_info info;

	init_socket(&f, 2, 1, 6, 1);
	fake_u32(&f.memory, SOCK + 4, 0x0100007f); // as on the wire
	fake_u32(&f.memory, SOCK + 8, 0x0200000a);
	fake_u16(&f.memory, SOCK + 12, 22);
	fake_u16(&f.memory, SOCK + 14, 0x5000); // 80
	fake_u32(&f.memory, SOCK + 68, 77);
	info = read_socket(&f);
	assert_string_equal(info.family, "inet");
	assert_string_equal(info.type, "stream");
	assert_string_equal(info.protocol, "tcp");
	assert_string_equal(info.state, "established");
	assert_string_equal(info.local, "127.0.0.1:22");
	assert_string_equal(info.remote, "10.0.0.2:80");
	assert_int_equal(info.send_bytes, 77);
	init_socket(&f, 10, 2, 17, 7);
	fake_uint(&f.memory, SOCK + 16 + 15, 1, 1);
	fake_u16(&f.memory, SOCK + 12, 53);
	info = read_socket(&f);
	assert_string_equal(info.local, "[::1]:53");
	assert_string_equal(info.remote, "*:*");
	assert_string_equal(info.protocol, "udp");
}

static void test_unix(void **state)
{
	struct fake_kernel f;
	struct socket_info info;

	init_socket(&f, 1, 1, 0, 10);
	fake_u64(&f.memory, SOCK + 128, FREE(2));
	fake_u64(&f.memory, SOCK + 136, FREE(3));
	fake_u32(&f.memory, FREE(2), 2 + 6);
	fake_string(&f.memory, FREE(2) + 4 + 2, "/run/x");
	info = read_socket(&f);
	assert_string_equal(info.local, "/run/x");
	assert_string_equal(info.state, "listen");
	assert_true(info.peer_vaddr == FREE(3));
	/* an abstract name; and a length beyond all that there can be */
	init_socket(&f, 1, 1, 0, 1);
	fake_u64(&f.memory, SOCK + 128, FREE(2));
	fake_u32(&f.memory, FREE(2), 2 + 4);
	fake_bytes(&f.memory, FREE(2) + 4 + 2, "\0a\0b", 4);
	assert_string_equal(read_socket(&f).local, "@a@b");
	init_socket(&f, 1, 1, 0, 1);
	fake_u64(&f.memory, SOCK + 128, FREE(2));
	fake_u32(&f.memory, FREE(2), UINT32_MAX);
	fake_string(&f.memory, FREE(2) + 4 + 2, "x");
	assert_string_equal(read_socket(&f).local, "x");
}

static void test_other_sockets(void **state)
{
	struct fake_kernel f;
	struct socket_info info;

	init_socket(&f, 16, 3, 15, 0);
	fake_u32(&f.memory, SOCK + 128, 4711);
	info = read_socket(&f);
	assert_string_equal(info.protocol, "uevent");
	assert_string_equal(info.local, "port 4711");
	/* numbers that nobody knows are told as they are */
	init_socket(&f, 999, 77, 262, 200);
	info = read_socket(&f);
	assert_string_equal(info.family, "999");
	assert_string_equal(info.type, "77");
	assert_string_equal(info.protocol, "262");
	assert_string_equal(info.state, "200");
	/* one that was closed has no struct sock; one that is torn */
	init_socket(&f, 2, 1, 6, 1);
	fake_u64(&f.memory, SOCKET + 8, 0);
	assert_string_equal(read_socket(&f).family, "");
	init_socket(&f, 2, 1, 6, 1);
	fake_u64(&f.memory, SOCKET + 8, NOWHERE);
	assert_string_equal(read_socket(&f).state, "failed");
}

/* ---- softirqs ---- */

#define KSTAT	0x800 /* of a CPU's own area */
#define PENDING 0x880

static void init_softirqs(struct fake_kernel *f, const char *types)
{
	init(f, types);
	fake_vmcoreinfo(&f->memory,
			"SYMBOL(softirq_to_name)=%" PRIx64 "\nSYMBOL(kstat)=%x\n"
			"SYMBOL(__softirq_pending)=%x",
			FREE(0), KSTAT, PENDING);
	for (int i = 0; i < 3; i++) {
		fake_u64(&f->memory, FREE(0) + (uint64_t)i * 8,
			 FREE(1) + (uint64_t)i * 16);
		fake_string(&f->memory, FREE(1) + (uint64_t)i * 16,
			    ((const char *const[]){ "HI", "TIMER", "NET_TX" })[i]);
		for (int cpu = 0; cpu < FAKE_CPUS; cpu++)
			fake_u32(&f->memory, PERCPU(cpu) + KSTAT + 8 + (uint64_t)i * 4,
				 (uint32_t)(10 * cpu + i));
	}
	fake_u16(&f->memory, PERCPU(1) + PENDING, 1 << 1);
}

static void test_softirqs(void **state)
{
	_cleanup_softirqs struct softirqs softirqs = { 0 };
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct fake_kernel f;

	init_softirqs(&f, "kernel_stat 32 softirqs:b3@8\n");
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &cpus, NULL), 0);
	assert_int_equal(cpus.count, FAKE_CPUS);
	assert_int_equal(softirqs_read(f.kernel, &cpus, &softirqs, NULL), 0);
	assert_int_equal(softirqs.count, 3);
	assert_string_equal(softirqs.names[1], "TIMER");
	assert_int_equal(softirqs.counts[3 + 2], 12); // of CPU 1
	assert_int_equal(softirqs.pending[0], 0);
	assert_int_equal(softirqs.pending[1], 2);
	fake_kernel_done(&f);
}

static void test_softirqs_hostile(void **state)
{
	struct softirqs softirqs = { .count = 77 };
	_cleanup_cpu_list struct cpu_list cpus = { 0 };
	struct fake_kernel f;

	init_softirqs(&f, "kernel_stat 64 softirqs:b33@8\n"); // more than a mask has bits
	fake_kernel_open(&f);
	assert_int_equal(cpu_list_read(f.kernel, &cpus, NULL), 0);
	assert_int_equal(softirqs_read(f.kernel, &cpus, &softirqs, NULL), ERR_CORRUPT);
	assert_int_equal(softirqs.count, 77);
	fake_kernel_done(&f);
}

/* ---- system calls ---- */

#define METADATA FREE(2)

static void init_syscalls(struct fake_kernel *f)
{
	struct fake_image *m = &f->memory;
	static const char *const words[] = { "unsigned int", "char *", "size_t",
					     "fd",	     "buf",    "count" };

	init(f, "syscall_metadata 64 name:*@0 nb_args:u32@8 types:*@16 args:*@24\n");
	fake_vmcoreinfo(m, "SYMBOL(syscalls_metadata)=%" PRIx64, FREE(0));
	fake_u64(m, FREE(0), FREE(1));
	fake_u64(m, FREE(1), METADATA);
	fake_u64(m, METADATA, FREE(3));
	fake_string(m, FREE(3), "sys_read");
	fake_u32(m, METADATA + 8, 3);
	fake_u64(m, METADATA + 16, FREE(4));
	fake_u64(m, METADATA + 24, FREE(4) + 24);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		fake_u64(m, FREE(4) + i * 8, FREE(5) + i * 16);
		fake_string(m, FREE(5) + i * 16, words[i]);
	}
}

static void set_user(struct regs *regs, uint64_t number, uint64_t cs)
{
	*regs = (struct regs){ 0 };
	regs_set(regs, X86_64_ORIG_RAX, number);
	regs_set(regs, X86_64_CS, cs);
	regs_set(regs, X86_64_RDI, 3);
	regs_set(regs, X86_64_RSI, 0x7ffc0100);
	regs_set(regs, X86_64_RDX, 4096);
}

static void test_syscall(void **state)
{
	struct fake_kernel f;
	struct syscall call;
	struct regs user;
	uint32_t fd = 0;
	char text[256];

	init_syscalls(&f);
	fake_kernel_open(&f);
	set_user(&user, 0, 0x33);
	assert_int_equal(syscall_read(f.kernel, TASK(0), &user, &call, NULL), 0);
	syscall_format(&call, text, sizeof(text));
	assert_string_equal(text, "read(fd=3, buf=0x7ffc0100, count=4096)");
	assert_int_equal(syscall_fd(&call, &fd, NULL), 0);
	assert_int_equal(fd, 3);
	/* a call that the kernel has not, and none at all */
	set_user(&user, 7, 0x33);
	assert_int_equal(syscall_read(f.kernel, TASK(0), &user, &call, NULL), 0);
	assert_string_equal(call.name, "");
	assert_true(call.no_name[0]);
	assert_int_equal(syscall_fd(&call, &fd, NULL), ERR_NOTFOUND);
	set_user(&user, UINT64_MAX, 0x33);
	assert_int_equal(syscall_read(f.kernel, TASK(0), &user, &call, NULL),
			 ERR_NOTFOUND);
	user.known = 0;
	assert_int_equal(syscall_read(f.kernel, TASK(0), &user, &call, NULL),
			 ERR_NOTFOUND);
	fake_kernel_done(&f);
}

/* Names of arguments that end in "fd", but for what is no descriptor. */
static void test_syscall_fd(void **state)
{
	struct syscall call = { .argument_count = 3,
				.arguments = {
					{ .name = "ufds", .value = 1 },
					{ .name = "dfd", .value = UINT32_MAX - 99 },
					{ .name = "newfd", .value = 8 } } };
	uint32_t fd = 77;

	assert_int_equal(syscall_fd(&call, &fd, NULL), 0);
	assert_int_equal(fd, 8);
	call.argument_count = 2;
	assert_int_equal(syscall_fd(&call, &fd, NULL), ERR_NOTFOUND);
	assert_int_equal(fd, 8);
}

static void damaged_syscall(uint64_t vaddr, uint64_t value)
{
	struct fake_kernel f;
	struct syscall call;
	struct regs user;
	char text[512];

	init_syscalls(&f);
	fake_u64(&f.memory, vaddr, value);
	fake_kernel_open(&f);
	set_user(&user, 0, 0x33);
	assert_int_equal(syscall_read(f.kernel, TASK(0), &user, &call, NULL), 0);
	assert_true(call.argument_count <= ARCH_SYSCALL_ARGUMENTS);
	syscall_format(&call, text, sizeof(text));
	assert_non_null(strchr(text, '('));
	fake_kernel_done(&f);
}

static void test_syscall_hostile(void **state)
{
	damaged_syscall(FREE(0), NOWHERE);
	damaged_syscall(FREE(1), NOWHERE);
	damaged_syscall(METADATA, NOWHERE);
	damaged_syscall(METADATA + 8, UINT32_MAX); // so many arguments
	damaged_syscall(METADATA + 16, NOWHERE);
	damaged_syscall(METADATA + 24, 0);
	damaged_syscall(FREE(3), 0x4141414141414141); // "AAAAAAAA"
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_disks_hostile),
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_other_sockets),
		cmocka_unit_test(test_softirqs),
		cmocka_unit_test(test_softirqs_hostile),
		cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_syscall_fd),
		cmocka_unit_test(test_syscall_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
