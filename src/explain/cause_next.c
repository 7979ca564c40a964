// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/cause_next.h"

#include "base/cleanup.h"

/* The sections named are those of the report, the commands epitaph's. */
static const char *const texts[] = {
	[NEXT_SEARCH] =
		"Search for the title in the bug trackers of the kernel and of the "
		"distribution, and try the newest kernel of this series.",
	[NEXT_SYSRQ] = "Somebody asked for this crash: find out who wrote \"c\" to "
		       "/proc/sysrq-trigger or pressed the keys, a person, a watchdog or "
		       "a cluster's fencing. The kernel itself did nothing wrong.",
	[NEXT_INIT] = "See in the last lines of the log how init ended: a program's exit "
		      "code, or a signal. Often a library is missing or damaged, or the "
		      "root file system is.",
	[NEXT_ROOT] =
		"Compare root= of the command line with the disks that the log names. "
		"Where the disk is missing, its driver is not in the initramfs; make "
		"that anew, or boot the kernel before.",
	[NEXT_STACK] =
		"See in the backtrace whether a function calls itself, or how many "
		"layers (file system, network, device mapper, driver) are on one "
		"stack; a large structure on it is the other usual reason.",
	[NEXT_OOM] =
		"See under Memory what holds it, and in the log's table which tasks had "
		"most. Much unreclaimable slab is a leak in the kernel (epitaph slab); "
		"else limit the service that grew, or unset vm.panic_on_oom.",
	[NEXT_HARDWARE] =
		"The hardware reports this, no kernel will change it: read the "
		"lines \"mce:\" and \"Hardware Error\" of the log and the board's "
		"event log, and replace the part they name.",
	[NEXT_NMI] =
		"Ask the board's event log who sent it: a watchdog, a button, the "
		"management controller, or an error of memory or PCI. Other CPUs shows "
		"whether the machine had hung before.",
	[NEXT_NULL] =
		"See under Code which register was followed and where the function got "
		"it from: a pointer that was never set, was cleared by somebody else, "
		"or whose failure was not looked at.",
	[NEXT_POINTER] =
		"See under Registers what the bad pointer looks like: poison is freed "
		"memory, text somebody's overrun, one wrong bit bad memory. If it "
		"happens again, boot with slub_debug=FZPU, which finds who did it.",
	[NEXT_EXECUTION] =
		"The CPU jumped to where no code is, through a function pointer or "
		"a return address: the caller in the backtrace has the broken "
		"structure. A module that was unloaded too early does this too.",
	[NEXT_SANITIZER] =
		"The log names where the memory was accessed, allocated and freed: "
		"the mistake is in one of these three. Report it with all three "
		"traces.",
	[NEXT_OVERWRITTEN] =
		"The function named only noticed it: something else wrote there, "
		"freed it or counted wrong before. Boot with slub_debug=FZPU (or "
		"a KASAN kernel) to catch that one; test the memory where each "
		"crash is elsewhere.",
	[NEXT_BUG] =
		"The kernel's own check failed: the source line named says which "
		"condition. Search for that line with the release; later kernels of the "
		"series may have the fix.",
	[NEXT_SOFT_LOCKUP] =
		"The stack of the CPU named shows the loop, or the lock it spins "
		"for: then Other CPUs shows who holds that. In a virtual "
		"machine, see whether the host had paused or overcommitted it.",
	[NEXT_HARD_LOCKUP] =
		"The CPU named ran with interrupts off: its stack shows where. If "
		"it spins for a lock, Other CPUs shows who holds that; if not, "
		"suspect the firmware or, in a virtual machine, the host.",
	[NEXT_RCU_STALL] =
		"The CPU or task named kept RCU from going on: its stack shows the "
		"loop, or that it never got to run (real-time tasks, a host that "
		"gave no time).",
	[NEXT_HUNG_TASK] =
		"See under Locks who has what the task waits for, and under Blocked "
		"tasks where the rest waits: if that is I/O, look for errors of the "
		"disk, the path to it or the server in the log.",
	[NEXT_LOCK_ORDER] =
		"The log shows both orders in which the locks are taken: it may "
		"deadlock, and maybe has not. Report it with both traces.",
	[NEXT_CONTEXT] = "See in the trace who took a spinlock or turned preemption or "
			 "interrupts off, and called something that may sleep.",
	[NEXT_FILE_SYSTEM] =
		"Look for errors of the disk before it in the log, check the disk "
		"(smartctl -a) and its cables, then the file system (fsck) before "
		"it is mounted again.",
	[NEXT_NETDEV] =
		"Check the link, the firmware and the driver of the network card named; "
		"the kernel resets it and goes on, unless told to panic on warnings.",
};
_Static_assert(ARRAY_SIZE(texts) == NEXT_COUNT, "a text for each");

const char *cause_next_text(enum cause_next next)
{
	return texts[next];
}
