// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Causes from logs that are written here. With file names as arguments: prints
 * "FILE\tTITLE\tCAUSE" of the first trouble in each, for tests/corpus.py.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "explain/cause.h"
#include "explain/cause_names.h"
#include "explain/log_text.h"

static struct cause find(const char *text, enum cause_pick pick)
{
	_cleanup_printk_log struct printk_log log = { 0 };
	struct cause cause;
	struct err err = { 0 };

	assert_int_equal(log_text_parse(text, strlen(text), &log, &err), 0);
	assert_int_equal(cause_find(&log, pick, NULL, &cause, &err), 0);
	return cause;
}

struct known {
	const char *log, *title, *text;
};

#define PANIC_ON_WARN \
	"[    2.000020] Kernel panic - not syncing: kernel: panic_on_warn set ...\n"
#define WHO \
	"[    2.000009] CPU: 1 UID: 0 PID: 71 Comm: sh Kdump: loaded Tainted: G OE 6.12.0 #1\n"

static const struct known known[] = {
	{ "[    2.000001] sysrq: Trigger a crash\n"
	  "[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n" WHO
	  "[    2.000010] Call Trace:\n"
	  "[    2.000011]  <TASK>\n"
	  "[    2.000012]  panic+0x118/0x2f4\n"
	  "[    2.000013]  sysrq_handle_crash+0x16/0x20\n",
	  "sysrq: crash", "crash triggered by sysrq (c), by task sh (pid 71)" },
	{ "[    2.000001] BUG: kernel NULL pointer dereference, address: 0000000000000020\n"
	  "[    2.000002] #PF: supervisor read access in kernel mode\n"
	  "[    2.000003] Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI\n" WHO
	  "[    2.000010] RIP: 0010:some_read+0x7/0x10 [some_module]\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  some_caller+0xa0/0xe80 [some_module]\n",
	  "BUG: unable to handle kernel NULL pointer dereference in some_read",
	  "NULL pointer dereference: read at address 0x20 in some_read [some_module]" },
	{ "[    2.000001] BUG: unable to handle page fault for address: ffffffffc0001000\n"
	  "[    2.000002] #PF: supervisor write access in kernel mode\n"
	  "[    2.000010] RIP: 0010:ring_put.constprop.0+0x7/0x10\n",
	  "BUG: unable to handle kernel paging request in ring_put",
	  "bad pointer: write at address 0xffffffffc0001000 in ring_put.constprop.0" },
	{ "[    2.000001] BUG: unable to handle kernel NULL pointer dereference at "
	  "0000000000000008\n"
	  "[    2.000003] Oops: 0002 [#1] SMP\n"
	  "[    2.000010] RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] "
	  "old_write+0x7/0x10\n",
	  "BUG: unable to handle kernel NULL pointer dereference in old_write",
	  "NULL pointer dereference: write at address 0x8 in old_write" },
	{ "[    2.000001] ------------[ cut here ]------------\n"
	  "[    2.000002] kernel BUG at fs/some/file.c:123!\n"
	  "[    2.000003] Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI\n"
	  "[    2.000010] RIP: 0010:put_thing+0x7/0x10\n",
	  "kernel BUG in put_thing", "kernel BUG at fs/some/file.c:123 in put_thing" },
	{ "[    2.000001] Oops: general protection fault, probably for non-canonical address "
	  "0xdead000000000100: 0000 [#1] PREEMPT SMP\n"
	  "[    2.000010] RIP: 0010:walk_things+0x7/0x10\n",
	  "general protection fault in walk_things",
	  "use of a list entry that was deleted before: access at address "
	  "0xdead000000000100 in walk_things" },
	{ "[    2.000001] general protection fault, probably for non-canonical address "
	  "0x6b6b6b6b6b6b6b8b: 0000 [#1] PREEMPT SMP\n"
	  "[    2.000010] RIP: 0010:use_late+0x7/0x10\n",
	  "general protection fault in use_late",
	  "use after free: access at address 0x6b6b6b6b6b6b6b8b, made of the bytes of freed "
	  "slab memory in use_late" },
	{ "[    2.000001] Oops: general protection fault, probably for non-canonical address "
	  "0x1bad1bad00000020: 0000 [#1] PREEMPT SMP\n"
	  "[    2.000010] RIP: 0010:use_wild+0x7/0x10\n",
	  "general protection fault in use_wild",
	  "general protection fault: access at address 0x1bad1bad00000020 (not canonical) in "
	  "use_wild" },
	/* Who waits is of interest, not how; and the one lock of all network devices. */
	{ "[  242.000001] INFO: task cat:71 blocked for more than 120 seconds.\n"
	  "[  242.000002] Call Trace:\n"
	  "[  242.000003]  __schedule+0x4e0/0xbf0\n"
	  "[  242.000004]  some_thing_lock+0x10/0x20\n"
	  "[  242.000005]  wait_for_some_thing+0x10/0x20\n"
	  "[  242.000006]  read_some_thing+0x10/0x20\n",
	  "INFO: task hung in read_some_thing",
	  "task cat (pid 71) hung in read_some_thing" },
	{ "[  242.000001] INFO: task ip:71 blocked for more than 120 seconds.\n"
	  "[  242.000002] Call Trace:\n"
	  "[  242.000003]  __mutex_lock+0x4e0/0xbf0\n"
	  "[  242.000004]  rtnl_lock+0x10/0x20\n"
	  "[  242.000005]  some_device_open+0x10/0x20\n",
	  "INFO: task hung in rtnl_lock", "task ip (pid 71) hung in rtnl_lock" },
	{ "[    2.000001] BUG: spinlock recursion on CPU#1, sh/71\n" WHO
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  do_raw_spin_lock+0x10/0x20\n"
	  "[    2.000013]  take_twice+0x10/0x20\n",
	  "BUG: spinlock recursion in take_twice",
	  "a spinlock was misused (recursion) in take_twice" },
	{ "[    2.000001] BUG: using smp_processor_id() in preemptible [00000000] code: "
	  "sh/71\n"
	  "[    2.000002] caller is look_at_cpu+0x10/0x20\n" WHO
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  check_preemption_disabled+0x10/0x20\n"
	  "[    2.000013]  look_at_cpu+0x10/0x20\n" PANIC_ON_WARN,
	  "BUG: using smp_processor_id() in preemptible code in look_at_cpu",
	  "per-CPU data used where the task may move in look_at_cpu" },
	{ "[   20.000001] unregister_netdevice: waiting for eth7 to become free. Usage count = "
	  "2\n",
	  "unregister_netdevice: waiting for DEV to become free",
	  "network device eth7 is still in use, and can't go" },
	/* A jump to nowhere: the kernel is sure of no frame. */
	{ "[    2.000001] BUG: unable to handle page fault for address: ffffffffdeadb000\n"
	  "[    2.000002] #PF: supervisor instruction fetch in kernel mode\n" WHO
	  "[    2.000010] RIP: 0010:0xffffffffdeadb000\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  <TASK>\n"
	  "[    2.000013]  ? jump_wild+0x11/0x20 [some_module]\n"
	  "[    2.000014]  ? some_caller+0xa0/0xe80 [some_module]\n",
	  "BUG: unable to handle kernel paging request in jump_wild",
	  "bad pointer: execution at address 0xffffffffdeadb000 in jump_wild [some_module]" },
	/* What a CPU was doing when somebody pressed the button. */
	{ "[    2.000001] Kernel panic - not syncing: NMI: Not continuing\n" WHO
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  <NMI>\n"
	  "[    2.000013]  unknown_nmi_error+0x73/0xc0\n"
	  "[    2.000014]  exc_nmi+0x125/0x1a0\n"
	  "[    2.000015] RIP: 0010:look_here+0x35/0x50\n"
	  "[    2.000016]  </NMI>\n"
	  "[    2.000017]  look_caller+0x1/0x2\n",
	  "kernel panic: NMI",
	  "a non-maskable interrupt that the kernel was told to die of (Not continuing) in "
	  "look_here" },
	/* The trace of the CPU that hangs, not of the one that noticed, which says more.
	 */
	{ "[   21.000001][    C0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
	  "[   21.000002][    C0] rcu: 	1-...0: (15 ticks this GP) fqs=80\n"
	  "[   21.000003][    C0] Sending NMI from CPU 0 to CPUs 1:\n"
	  "[   21.000004][   T11] NMI backtrace for cpu 1\n"
	  "[   21.000005][   T11] RIP: 0010:hang_here+0x26/0x40\n"
	  "[   21.000006][   T11] Call Trace:\n"
	  "[   21.000007][   T11]  hang_thread+0xe/0x20\n"
	  "[   21.000008][   T11]  kthread+0xd2/0x100\n"
	  "[   21.000009][    C0] Kernel panic - not syncing: RCU Stall\n"
	  "[   21.000010][    C0] Call Trace:\n"
	  "[   21.000011][    C0]  panic+0x344/0x3a0\n"
	  "[   21.000012][    C0]  innocent+0x17/0x20\n",
	  "INFO: rcu detected stall in hang_thread", "RCU stall in hang_here" },
	/* ... nor the thread of RCU that it kept from running. */
	{ "[   21.000001][    C0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n"
	  "[   21.000002][    C0] rcu: RCU grace-period kthread stack dump:\n"
	  "[   21.000003][    C0] task:rcu_preempt     state:R  running task     pid:15\n"
	  "[   21.000004][    C0] Call Trace:\n"
	  "[   21.000005][    C0]  __schedule+0x34d/0xa00\n"
	  "[   21.000006][    C0]  schedule_timeout+0x94/0x150\n"
	  "[   21.000006][    C0]  ? left_over+0x10/0x10\n"
	  "[   21.000007][    C0]  rcu_gp_kthread+0xd8/0x1b0\n"
	  "[   21.000008][    C0]  kthread+0xda/0x100\n"
	  "[   21.000009][    C1] NMI backtrace for cpu 1\n"
	  "[   21.000010][    C1] RIP: 0010:hang_here+0x26/0x40\n"
	  "[   21.000011][    C1] Call Trace:\n"
	  "[   21.000012][    C1]  hang_thread+0xe/0x20\n"
	  "[   21.000013][    C1]  kthread+0xd2/0x100\n"
	  "[   21.000014][    C0] Kernel panic - not syncing: RCU Stall\n",
	  "INFO: rcu detected stall in hang_thread", "RCU stall in hang_here" },
	/* The initialisation of a module is what was asked for. */
	{ "[   26.000001] watchdog: BUG: soft lockup - CPU#0 stuck for 3s! [insmod:55]\n"
	  "[   26.000010] RIP: 0010:loop_in_it+0x7/0x10 [some_module]\n"
	  "[   26.000011] Call Trace:\n"
	  "[   26.000012]  some_init+0xa0/0xe80 [some_module]\n"
	  "[   26.000013]  do_one_initcall+0x5b/0x320\n"
	  "[   26.000014]  do_init_module+0x60/0x270\n",
	  "BUG: soft lockup in some_init",
	  "soft lockup: CPU 0 hung in the kernel in loop_in_it [some_module], by task insmod "
	  "(pid 55)" },
	{ "[    2.000001] Kernel panic - not syncing: on request\n" WHO
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  <IRQ>\n"
	  "[    2.000013]  panic+0x344/0x3a0\n"
	  "[    2.000014]  asked_for+0x11/0x20 [some_module]\n",
	  "kernel panic: on request", "panic: on request in asked_for [some_module]" },
	{ "[    2.000001] divide error: 0000 [#1] SMP\n"
	  "[    2.000010] RIP: 0010:share_out+0x7/0x10\n",
	  "divide error in share_out",
	  "division by zero, or a quotient too large in share_out" },
	{ "[   26.000001] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:55]\n"
	  "[   26.000010] RIP: 0010:_raw_spin_lock+0x7/0x10\n"
	  "[   26.000011] Call Trace:\n"
	  "[   26.000012]  busy_thing+0xa0/0xe80\n"
	  "[   26.000013] Kernel panic - not syncing: softlockup: hung tasks\n",
	  "BUG: soft lockup in busy_thing",
	  "soft lockup: CPU 3 hung in the kernel in busy_thing, by task kworker/3:1 (pid "
	  "55)" },
	{ "[   26.000013] Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 5\n"
	  "[   26.000010] RIP: 0010:spin_forever+0x7/0x10\n",
	  "BUG: hard lockup in spin_forever",
	  "hard lockup: CPU 5 took no interrupts in spin_forever" },
	{ "[  242.000001] INFO: task jbd2/vda1-8:301 blocked for more than 120 seconds.\n"
	  "[  242.000002]       Not tainted 6.12.0 #1\n"
	  "[  242.000011] Call Trace:\n"
	  "[  242.000012]  __schedule+0xa0/0xe80\n"
	  "[  242.000013]  io_schedule+0x46/0x80\n"
	  "[  242.000014]  journal_wait+0x46/0x80\n"
	  "[  242.000015] Kernel panic - not syncing: hung_task: blocked tasks\n",
	  "INFO: task hung in journal_wait",
	  "task jbd2/vda1-8 (pid 301) hung in journal_wait" },
	{ "[   21.000001] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	  "[   21.000011] Call Trace:\n"
	  "[   21.000012]  spin_here+0xa0/0xe80\n"
	  "[   21.000015] Kernel panic - not syncing: RCU Stall\n",
	  "INFO: rcu detected stall in spin_here", "RCU stall in spin_here" },
	// A CPU that hangs is named after what it was asked to do.
	{ "[   21.000001] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	  "[   21.000011] Call Trace:\n"
	  "[   21.000012]  loop_here+0xa0/0xe80\n"
	  "[   21.000013]  walk_there+0xa0/0xe80\n"
	  "[   21.000014]  thing_ioctl+0xa0/0xe80\n"
	  "[   21.000015]  __x64_sys_ioctl+0xa0/0xe80\n",
	  "INFO: rcu detected stall in thing_ioctl", "RCU stall in loop_here" },
	{ "[   21.000001] rcu: INFO: rcu_preempt self-detected stall on CPU\n"
	  "[   21.000011] Call Trace:\n"
	  "[   21.000012]  d_walk+0xa0/0xe80\n"
	  "[   21.000013]  __x64_sys_rmdir+0xa0/0xe80\n"
	  "[   21.000014]  do_syscall_64+0xa0/0xe80\n",
	  "INFO: rcu detected stall in sys_rmdir", "RCU stall in d_walk" },
	{ "[   26.000001] watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [sh:55]\n"
	  "[   26.000011] Call Trace:\n"
	  "[   26.000012]  smp_call_function_many_cond+0xa0/0xe80\n"
	  "[   26.000013]  thing_ioctl+0xa0/0xe80\n"
	  "[   26.000014]  __x64_sys_ioctl+0xa0/0xe80\n",
	  "BUG: soft lockup in smp_call_function",
	  "soft lockup: CPU 3 hung in the kernel in smp_call_function_many_cond, by task sh "
	  "(pid 55)" },
	// Which lock, not how others take it, nor those that are held.
	{ "[    2.000001] WARNING: possible circular locking dependency detected\n"
	  "[    2.000002] sh/71 is trying to acquire lock:\n"
	  "[    2.000003] ffff888000000000 (&a){....}-{2:2}, at: mutex_lock_nested+0x1/0x2\n"
	  "[    2.000004] but task is already holding lock:\n"
	  "[    2.000005] ffff888000000001 (&b){....}-{2:2}, at: [<ffffffff81000000>] "
	  "take_b+0x1/0x2\n"
	  "[    2.000006] -> #1 (&b){....}-{2:2}:\n"
	  "[    2.000007]        other_way+0x1/0x2\n"
	  "[    2.000008] stack backtrace:\n"
	  "[    2.000009] Call Trace:\n"
	  "[    2.000010]  dump_stack_lvl+0x1/0x2\n"
	  "[    2.000011]  take_a+0x1/0x2\n" PANIC_ON_WARN,
	  "possible deadlock in take_b", "possible deadlock in take_b" },
	{ "[    2.000001] WARNING: inconsistent lock state\n"
	  "[    2.000002] {IN-HARDIRQ-W} state was registered at:\n"
	  "[    2.000003]   other_way+0x1/0x2\n"
	  "[    2.000009] Call Trace:\n"
	  "[    2.000010]  dump_stack_lvl+0x1/0x2\n"
	  "[    2.000011]  take_a+0x1/0x2\n" PANIC_ON_WARN,
	  "inconsistent lock state in take_a", "inconsistent lock state in take_a" },
	// One that complains of its caller; 32-bit ARM's frames.
	{ "[    2.000001] WARNING: CPU: 0 PID: 7 at drivers/usb/core/urb.c:477 "
	  "usb_submit_urb+0x1/0x2\n"
	  "[    2.000002] [<80242464>] (__warn) from [<802426bc>] "
	  "(warn_slowpath_fmt+0x6c/0xd8)\n"
	  "[    2.000003] [<80242465>] (usb_submit_urb) from [<802426bd>] (pad_open+0x6c/0xd8)\n"
	  "[    2.000004] [<80242466>] (pad_open) from [<802426be>] (kthread+0x6c/0xd8)\n" PANIC_ON_WARN,
	  "WARNING in pad_open/usb_submit_urb",
	  "a kernel warning at drivers/usb/core/urb.c:477 in usb_submit_urb" },
	{ "[    2.000001] BUG: KASAN: invalid-access in crypt_it+0x4/0x70\n"
	  "[    2.000002] Read at addr 02ff000027080260 by task sh/71\n"
	  "[    2.000003] Call trace:\n"
	  "[    2.000004]  crypt_all+0x4/0x70\n",
	  "KASAN: invalid-access Read in crypt_it",
	  "invalid-access (read) in crypt_it (KASAN)" },
	{ "[    2.000001] Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is "
	  "enabled\n",
	  "kernel panic: Out of memory",
	  "out of memory, and vm.panic_on_oom is set: compulsory panic_on_oom is enabled" },
	{ "[    2.000001] Kernel panic - not syncing: Fatal machine check\n",
	  "kernel panic: Fatal machine check",
	  "fatal machine check: the hardware reported an error" },
	{ "[    2.000001] BUG: TASK stack guard page was hit at 00000000abcdef00 (stack is "
	  "1..2)\n"
	  "[    2.000002] Oops: stack guard page: 0000 [#1] PREEMPT SMP\n"
	  "[    2.000010] RIP: 0010:recurse+0x7/0x10\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  recurse+0xa0/0xe80\n",
	  "BUG: stack guard page was hit in recurse",
	  "kernel stack overflow in recurse" },
	{ "[    2.000001] traps: PANIC: double fault, error_code: 0x0\n"
	  "[    2.000010] RIP: 0010:deep+0x7/0x10\n",
	  "PANIC: double fault in deep", "double fault in deep: often a stack overflow" },
	{ "[    2.000001] WARNING: CPU: 0 PID: 1 at kernel/some.c:12 warned+0x1/0x2\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  warned_caller+0xa0/0xe80\n"
	  "[    2.000015] Kernel panic - not syncing: kernel: panic_on_warn set ...\n",
	  "WARNING in warned", "a kernel warning at kernel/some.c:12 in warned" },
	/* A helper that warns is not what is to blame. */
	{ "[    2.000001] refcount_t: underflow; use-after-free.\n"
	  "[    2.000002] WARNING: CPU: 0 PID: 1 at lib/refcount.c:28 "
	  "refcount_warn_saturate+0x1/0x2\n"
	  "[    2.000003] RIP: 0010:refcount_warn_saturate+0x1/0x2\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  ? refcount_warn_saturate+0x1/0x2\n"
	  "[    2.000013]  put_twice+0xa0/0xe80\n"
	  "[    2.000015] Kernel panic - not syncing: kernel: panic_on_warn set ...\n",
	  "WARNING: refcount bug in put_twice",
	  "a reference count went wrong in put_twice: underflow; use-after-free." },
	/* powerpc */
	{ "BUG: Unable to handle kernel data access at 0x8000000041a25f20\n"
	  "Oops: Kernel access of bad area, sig: 11 [#1]\n"
	  "Call Trace:\n"
	  "[c000000049a87530] [c000000049a875a0] 0xc000000049a875a0 (unreliable)\n"
	  "[c000000049a87710] [c0000000000286fc] __switch_to+0x43c/0x6d0\n"
	  "[c000000049a87a10] [c0000000005f7dc8] power_thing+0x188/0x2a0\n",
	  "BUG: unable to handle kernel paging request in power_thing", NULL },
	{ "[    2.000001] Kernel panic - not syncing: my_driver: gave up after 17 tries at "
	  "0xffff888012345678\n",
	  "kernel panic: my_driver: gave up after NUM tries at ADDR",
	  "panic: my_driver: gave up after 17 tries at 0xffff888012345678" },
	{ "[    2.000001] Kernel panic - not syncing: Attempted to kill init! "
	  "exitcode=0x0000000b\n",
	  "kernel panic: Attempted to kill init!",
	  "init (pid 1) died exitcode=0x0000000b" },
	/* An oops that the kernel survived is not what it died of. */
	{ "[    2.000001] BUG: kernel NULL pointer dereference, address: 0000000000000020\n"
	  "[    2.000010] RIP: 0010:survived+0x7/0x10\n"
	  "[    2.000011] Call Trace:\n"
	  "[    2.000012]  caller+0x7/0x10\n"
	  "[    2.000019] ---[ end trace 0000000000000000 ]---\n"
	  "[    9.000001] Kernel panic - not syncing: sysrq triggered crash\n",
	  "sysrq: crash", "crash triggered by sysrq (c)" },
	/* Two tasks print at once: each line to its own story. */
	{ "[    2.000001][   T11] BUG: kernel NULL pointer dereference, address: "
	  "0000000000000010\n"
	  "[    2.000002][   T22] RIP: 0010:bystander+0x7/0x10\n"
	  "[    2.000003][   T11] RIP: 0010:culprit+0x7/0x10\n",
	  "BUG: unable to handle kernel NULL pointer dereference in culprit", NULL },
	/* arm64 */
	{ "[    2.000001] Unable to handle kernel NULL pointer dereference at virtual address "
	  "0000000000000030\n"
	  "[    2.000002]   EC = 0x25: DABT (current EL), IL = 32 bits\n"
	  "[    2.000003]   CM = 0, WnR = 1, TnD = 0, TagAccess = 0\n"
	  "[    2.000004] Internal error: Oops: 0000000096000044 [#1] SMP\n"
	  "[    2.000010] pc : arm_write+0x7/0x10\n"
	  "[    2.000011] lr : arm_caller+0x7/0x10\n",
	  "BUG: unable to handle kernel NULL pointer dereference in arm_write",
	  "NULL pointer dereference: write at address 0x30 in arm_write" },
};

static void test_known_logs(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct cause cause = find(known[i].log, CAUSE_LAST);

		assert_string_equal(cause.title, known[i].title);
		if (known[i].text)
			assert_string_equal(cause.text, known[i].text);
		assert_string_equal(cause.unknown, "");
	}
}

static void test_nothing_known(void **state)
{
	static const char *const quiet[] = {
		"",
		"[    1.000000] Linux version 6.12.0\n[    1.000001] x86/fpu: Supporting\n",
		"[    1.000000] lockdep: INFO: lockdep is turned off.\n",
		"[    1.000000] Spectre V2 : WARNING: Unprivileged eBPF is enabled\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++) {
		struct cause cause = find(quiet[i], CAUSE_LAST);

		assert_string_equal(cause.text, "");
		assert_string_equal(cause.title, "");
		assert_string_not_equal(cause.unknown, "");
		assert_string_equal(find(quiet[i], CAUSE_FIRST).title, "");
	}
}

/* How sure, and what comes next: the row's, and by what was accessed. */
static void test_verdicts(void **state)
{
	static const struct {
		const char *log;
		enum cause_certainty certainty;
		const char *why;
		enum cause_next next;
	} logs[] = {
		{ "Kernel panic - not syncing: sysrq triggered crash", CAUSE_SURE,
		  "the panic's own words", NEXT_SYSRQ },
		{ "Kernel panic - not syncing: boom", CAUSE_SURE, "the panic's own words",
		  NEXT_SEARCH },
		{ "Kernel panic - not syncing: EXT4-fs (device sda1): panic forced after "
		  "error",
		  CAUSE_SURE, "the panic's own words", NEXT_FILE_SYSTEM },
		{ "Kernel panic - not syncing: Fatal exception", CAUSE_LIKELY,
		  "no longer has", NEXT_SEARCH },
		{ "[    2.000001][   T11] BUG: kernel NULL pointer dereference, address: "
		  "0000000000000010\n"
		  "[    2.000002][   T11] #PF: supervisor instruction fetch in kernel mode\n"
		  "[    2.000003][   T11] Kernel panic - not syncing: Fatal exception",
		  CAUSE_SURE, "this is what it follows", NEXT_EXECUTION },
		{ "[    2.000001][   T11] BUG: kernel NULL pointer dereference, address: "
		  "0000000000000010\n"
		  "[    2.000003][   T12] Kernel panic - not syncing: Fatal exception",
		  CAUSE_LIKELY, "another task or CPU", NEXT_NULL },
		{ "[    2.000001][   T11] BUG: kernel NULL pointer dereference, address: "
		  "0000000000000010\n",
		  CAUSE_SURE, "no trouble after it", NEXT_NULL },
		{ "[    2.000001][   T11] BUG: kernel NULL pointer dereference, address: "
		  "0000000000000010\n"
		  "[    9.000001][   T12] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! "
		  "[sh:12]\n",
		  CAUSE_LIKELY, "not the last trouble", NEXT_NULL },
		{ "[    9.000001][   T12] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! "
		  "[sh:12]\n",
		  CAUSE_LIKELY, "neither a panic nor an oops", NEXT_SOFT_LOCKUP },
		{ "all is well", CAUSE_UNKNOWN, NULL, NEXT_SEARCH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		struct cause cause = find(logs[i].log, CAUSE_LAST);

		assert_int_equal(cause.certainty, logs[i].certainty);
		assert_int_equal(cause.next, logs[i].next);
		if (logs[i].why && !strstr(cause.certainty_why, logs[i].why))
			fail_msg("%s: %s", logs[i].log, cause.certainty_why);
	}
	for (int i = 0; i < NEXT_COUNT; i++)
		assert_in_range(strlen(cause_next_text((enum cause_next)i)), 60, 300);
}

static void test_disk_errors(void **state)
{
	struct cause cause =
		find("blk_update_request: I/O error, dev sda, sector 12 op 0x0:(READ)\n"
		     "nvme nvme0: I/O tag 3 (0001) QID 1 timeout, aborting\n"
		     "nvme nvme0: I/O tag 3 is fine\n"
		     "EXT4-fs error (device sda1): ext4_find_entry:1455: reading\n"
		     "INFO: task dd:80 blocked for more than 120 seconds.\n",
		     CAUSE_LAST);

	assert_int_equal(cause.disk_errors, 3);
	assert_string_equal(cause.disk_error,
			    "EXT4-fs error (device sda1): ext4_find_entry:1455: reading");
	assert_int_equal(cause.next, NEXT_HUNG_TASK);
}

/* A warning that the kernel survived is no cause of death, but the first trouble. */
static void test_first_and_last(void **state)
{
	static const char log[] =
		"[    2.000001] WARNING: CPU: 0 PID: 1 at kernel/some.c:12 warned+0x1/0x2\n"
		"[    2.000011] Call Trace:\n"
		"[    2.000012]  warned_caller+0xa0/0xe80\n"
		"[    2.000013] ---[ end trace 0000000000000000 ]---\n";

	assert_string_equal(find(log, CAUSE_FIRST).title, "WARNING in warned");
	assert_string_equal(find(log, CAUSE_LAST).title, "");
}

static void test_who_and_hardware(void **state)
{
	struct cause cause = find("Hardware name: ACME Rocket/9000, BIOS 1.2 01/01/2020\n"
				  "Kernel panic - not syncing: boom\n" WHO,
				  CAUSE_LAST);

	assert_string_equal(cause.comm, "sh");
	assert_int_equal(cause.pid, 71);
	assert_int_equal(cause.cpu, 1);
	assert_string_equal(cause.hardware, "ACME Rocket/9000, BIOS 1.2 01/01/2020");
}

/* The story names no function: what the backtrace says does. */
static void test_fallback(void **state)
{
	char text[] = "BUG: kernel NULL pointer dereference, address: 0000000000000008";
	struct printk_record record = { .text = text, .text_size = strlen(text) };
	struct printk_log log = { .records = &record, .count = 1 };
	struct oops_frame fallback = { .function = "from_the_stack", .module = "mod" };
	struct cause cause;
	struct err err;

	assert_int_equal(cause_find(&log, CAUSE_LAST, &fallback, &cause, &err), 0);
	assert_string_equal(cause.text,
			    "NULL pointer dereference: access at address 0x8 in "
			    "from_the_stack [mod]");
}

/* No byte and no length of a line may hurt: ASan and UBSan watch. */
static void test_damaged(void **state)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t size = strlen(known[i].log);

		for (size_t cut = 0; cut <= size; cut++) {
			char *text = malloc(cut ? cut : 1);
			struct printk_record record = { .text = text, .text_size = cut };
			struct printk_log log = { .records = &record, .count = 1 };
			struct cause cause;

			assert_non_null(text);
			memcpy(text, known[i].log, cut);
			if (cut)
				text[cut * 7 % cut] = (char)(cut * 31);
			assert_int_equal(cause_find(&log, CAUSE_LAST, NULL, &cause, &err),
					 0);
			assert_true(cause.text[0] || cause.unknown[0]);
			for (const char *p = cause.text; *p; p++)
				assert_true(*p >= 0x20 && *p < 0x7f);
			free(text);
		}
	}
}

static void test_long_line(void **state)
{
	static char text[100000] = "Kernel panic - not syncing: ";
	struct printk_record record = { .text = text, .text_size = sizeof(text) };
	struct printk_log log = { .records = &record, .count = 1 };
	struct cause cause;
	struct err err;

	memset(text + strlen(text), 'x', sizeof(text) - strlen(text));
	assert_int_equal(cause_find(&log, CAUSE_LAST, NULL, &cause, &err), 0);
	assert_int_equal(strncmp(cause.text, "panic: xxx", 10), 0);
	assert_in_range(strlen(cause.text), 200, sizeof(cause.text) - 1);
}

static void test_plumbing(void **state)
{
	assert_true(cause_is_plumbing("panic"));
	assert_true(cause_is_plumbing("asm_exc_page_fault"));
	assert_true(cause_is_plumbing("__crash_kexec"));
	assert_false(cause_is_plumbing("sysrq_handle_crash"));
	assert_false(cause_is_plumbing("panicky_driver"));
	assert_false(cause_is_plumbing(""));
}

static void test_log_text(void **state)
{
	static const char text[] = "[   12.345678] one\n"
				   "[   12.345679][  T247] two\r\n"
				   "[99999.000001] [    C1]  three\n"
				   "[T5] four\n"
				   "[12.3] [drm] five\n"
				   "\n"
				   "[    0.000000] [unknown] six\n"
				   "[";
	static const struct {
		const char *text;
		uint64_t nsec;
		uint32_t caller_id;
	} expected[] = {
		{ "one", 12345678000, 0 },
		{ "two", 12345679000, 247 },
		{ " three", 99999000001000, UINT32_C(0x80000001) },
		{ "four", 0, 5 },
		{ "[12.3] [drm] five", 0, 0 },
		{ "", 0, 0 },
		{ "[unknown] six", 0, 0 },
		{ "[", 0, 0 },
	};
	_cleanup_printk_log struct printk_log log = { 0 };
	struct err err;

	assert_int_equal(log_text_parse(text, strlen(text), &log, &err), 0);
	assert_int_equal(log.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < log.count; i++) {
		assert_int_equal(log.records[i].text_size, strlen(expected[i].text));
		assert_memory_equal(log.records[i].text, expected[i].text,
				    strlen(expected[i].text));
		assert_int_equal(log.records[i].ts_nsec, expected[i].nsec);
		assert_int_equal(log.records[i].caller_id, expected[i].caller_id);
	}
	for (size_t cut = 0; cut < strlen(text); cut++) {
		_cleanup_printk_log struct printk_log part = { 0 };
		char *bytes = malloc(cut ? cut : 1);

		assert_non_null(bytes);
		memcpy(bytes, text, cut);
		assert_int_equal(log_text_parse(bytes, cut, &part, &err), 0);
		free(bytes);
	}
}

static int print_titles(int count, char **paths)
{
	for (int i = 0; i < count; i++) {
		_cleanup_free char *text = NULL;
		_cleanup_printk_log struct printk_log log = { 0 };
		struct cause cause;
		struct err err;
		size_t size;
		char *body;

		if (file_read(AT_FDCWD, paths[i], (size_t)64 << 20, &text, &size, &err) <
		    0) {
			fprintf(stderr, "%s\n", err_text(&err));
			return 1;
		}
		body = *text == '\n' ? text : memmem(text, size, "\n\n", 2);
		body = body ? body : text;
		if (log_text_parse(body, size - (size_t)(body - text), &log, &err) < 0 ||
		    cause_find(&log, CAUSE_FIRST, NULL, &cause, &err) < 0)
			return 1;
		printf("%s\t%s\t%s\n", paths[i], cause.title, cause.text);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_logs),
		cmocka_unit_test(test_nothing_known),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_disk_errors),
		cmocka_unit_test(test_first_and_last),
		cmocka_unit_test(test_who_and_hardware),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_log_text),
		cmocka_unit_test(test_plumbing),
	};

	if (argc > 1)
		return print_titles(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
