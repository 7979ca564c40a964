// SPDX-License-Identifier: GPL-2.0-or-later
#include "explain/cause_names.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "explain/oops_text.h"

/* A '*' at either end of a name stands for anything. */
/* clang-format off */
static const char *const plumbing[] = {
	/* Telling of trouble. */
	"panic", "vpanic", "nmi_panic", "panic_*", "dump_stack*", "__dump_stack", "show_stack*",
	"show_trace*", "show_regs*", "__show_regs", "dump_backtrace*", "dump_trace", "warn_*",
	"__warn*", "report_bug*", "fixup_bug*", "handle_bug*", "die", "die_*", "__die*", "oops_*",
	"printk*", "_printk*", "vprintk*", "__panic*", "crash_kexec*", "__crash_kexec*",
	"machine_kexec*", "native_machine*", "check_panic_on_warn", "end_report*",
	"print_address_description*", "print_report*", "print_bad_page*", "bad_page*",
	"print_*_bug*", "print_circular*", "print_usage*", "print_unlock*", "print_freed*",
	"print_deadlock*", "print_bad_*", "print_cpu_stall*", "print_other_cpu_stall*",
	"rcu_dump_cpu_stacks*", "rcu_check_*", "rcu_pending*", "rcu_sched_clock_irq*",
	"check_cpu_stall*", "rcu_check_callbacks*", "lockdep_*", "__lock_acquire*",
	"lock_acquire*", "lock_release*", "__lock_release*", "check_prev*", "check_noncircular*",
	"check_deadlock*", "validate_chain*", "mark_lock*", "mark_held*", "valid_state*",
	"register_lock_class*", "assign_lock_key*", "lookup_lock*", "check_wait_context*",
	"look_up_lock_class*", "__might_sleep*", "___might_sleep*", "__might_resched*",
	"might_fault", "__might_fault", "check_preemption_disabled*", "debug_smp_processor_id",
	"__this_cpu_preempt_check", "sched_show_task*", "dump_cpu_task*", "trigger_*", "nmi_trigger*",
	"nmi_cpu_backtrace*", "arch_trigger*", "rcu_lockdep_current*", "watchdog*",
	"__schedule_bug*", "schedule_debug*", "lockdep", "spin_dump", "spin_bug", "rwlock_bug",
	"do_raw_*", "debug_print_object*", "debug_object_*", "debug_check_no_obj*",
	"__debug_check_no_obj*", "debug_hrtimer*", "debug_timer*", "debug_check_no_locks*",
	"slab_bug", "slab_err", "object_err", "report_*", "debug_*", "__slab_err*",
	"perf_trace_*", "trace_*", "check_flags*", "ubsan_*", "__ubsan_*", "handle_overflow*",
	"val_to_string*", "fail_dump", "should_fail*", "should_failslab*", "fault_create*",

	/* Ways in from an exception or interrupt, and the bottom of a stack. */
	"asm_*", "exc_*", "do_error_trap*", "do_trap*", "do_general_protection", "do_double_fault*",
	"do_invalid_op*", "do_int3*", "do_divide_error*", "do_page_fault*", "__do_page_fault*",
	"page_fault*", "no_context*", "bad_area*", "__bad_area*", "do_user_addr_fault*",
	"do_kern_addr_fault*", "page_fault_oops*", "kernelmode_fixup*", "general_protection",
	"invalid_op", "divide_error", "error_*", "ret_from_*", "entry_*", "do_syscall_64*",
	"do_SYSENTER*", "do_fast_syscall*", "do_int80*", "__do_fast_syscall*", "system_call*",
	"common_interrupt*", "apic_timer_interrupt*", "smp_apic_timer*", "sysvec_*",
	"__sysvec_*", "irq_exit*", "__irq_exit*", "irq_enter*", "do_softirq*", "__do_softirq*",
	"invoke_softirq*", "handle_softirqs*", "run_ksoftirqd", "local_apic_timer*",
	"hrtimer_interrupt*", "__hrtimer_run*", "__run_hrtimer*", "tick_sched*", "tick_nohz*", "tick_periodic*",
	"tick_handle_*", "tick_do_*", "update_process_times*",
	"nmi", "end_repeat_nmi", "do_nmi", "default_do_nmi", "first_nmi", "instr_sysvec*",
	"arch_timer_handler*", "handle_percpu_*", "*handle_domain_irq", "gic_handle_irq",
	"generic_handle_*", "handle_irq_*", "handle_IRQ*", "el0_*", "el1_*", "el1h_*", "el0t_*", "do_mem_abort*", "do_translation_fault*",
	"do_undefinstr*", "bug_handler*", "brk_handler*", "do_debug_exception*",
	"do_el0_*", "invoke_syscall*", "__invoke_syscall*", "vector_*", "__dabt_*", "__irq_*",
	"kthread", "worker_thread*", "process_one_work*", "process_scheduled_works*",
	"smpboot_thread_fn*", "x64_sys_call", "do_sys_call*", "arch_call_rest_init",

	"__do_kernel_fault*", "do_bad_area*", "do_tag_check_fault*", "do_sp_pc*",
	"smp_trace_apic*", "skb_panic*", "skb_over_panic*", "skb_under_panic*", "assertfail*",
	"rust_helper_*", "*rust_begin_unwind*", "*core9panicking*", "__reiserfs_panic*", "rcu_gp_*", "__switch_to*",
	"__do_sys_*_noop", "irqentry_*",

	/* Waiting and locking: whoever called is of interest. */
	"schedule*", "__schedule*", "context_switch*", "preempt_schedule*", "io_schedule*",
	"wait_for_*", "__wait_for_*", "do_wait_for_*", "wait_on_bit*", "__wait_on_bit*",
	"out_of_line_wait_on*", "bit_wait*", "prepare_to_wait*", "down_*", "__down_*", "up_*",
	"__up_*", "down", "up", "rwsem_*", "call_rwsem*", "mutex_*", "__mutex_*", "ww_mutex_*",
	"__ww_mutex*", "rt_mutex*", "__rt_mutex*", "percpu_down*", "__percpu_down*",
	"percpu_rwsem*", "_raw_*", "__raw_*", "raw_spin*", "spin_*", "queued_*", "native_queued*",
	"pv_queued*", "__pv_queued*", "pv_wait*", "read_lock*", "write_lock*", "read_unlock*",
	"write_unlock*", "local_bh_*", "__local_bh*", "seqcount*", "read_seq*", "lock_sock_nested",
	"__lock_sock", "usleep*", "msleep*", "cond_resched*",
	"_cond_resched*", "__cond_resched*", "osq_lock*", "__down", "finish_wait", "complete*",
	"retint_*", "___preempt_schedule*", "pipe_lock*", "ldsem_*", "kthread_stop*", "wait_on_page_*", "folio_wait_*",
	"__seqprop*", "rcu_read_lock*", "kthread_should_*",

	/* Memory, copies, strings, lists, counts. */
	"kasan_*", "__kasan*", "check_memory_region*", "__asan_*", "__hwasan*", "kmsan_*",
	"__msan_*", "kcsan_*", "__tsan_*", "kfence_*", "__kfence*", "__sanitizer*", "memcpy*",
	"__memcpy*", "memset*", "__memset*", "memmove*", "__memmove*", "memcmp*", "memchr*",
	"memscan*", "strlen*", "strnlen*", "strcmp*", "strncmp*", "strcpy*",
	"strlcpy*", "strscpy*", "strstr*", "strchr*", "strnchr*", "strcat*", "strncpy*",
	"copy_to_user*", "copy_from_user*", "_copy_*", "__copy_*", "copy_user*", "rep_movs*",
	"instrument_*", "check_object_size*", "__check_object_size*", "usercopy_*", "kmalloc*",
	"__kmalloc*", "kmem_cache_*", "__kmem_cache*", "kfree*", "kvfree*", "kzalloc*", "kcalloc*",
	"kvmalloc*", "vmalloc*", "__vmalloc*", "vzalloc*", "slab_*", "__slab_*", "___slab_*",
	"cache_*", "__cache_*", "alloc_pages*", "__alloc_pages*", "__get_free_pages*",
	"free_debug*", "alloc_debug*", "krealloc*", "kmemdup*", "__do_kmalloc*", "do_slab_free*",
	"__list_*", "list_*", "hlist_*", "klist_*", "rb_*", "refcount_*", "__refcount*", "kref_*", "atomic_*",
	"arch_atomic*", "atomic64_*", "test_bit", "set_bit*", "clear_bit*", "variable_test_bit",
	"constant_test_bit", "_test_bit*", "test_and_*", "__set_bit*", "__fortify*",
	"fortify_*", "sized_strscpy*", "kobject_*", "__kobject*", "_find_*", "bitmap_*",
	"qlink_*", "quarantine_*", "set_track*", "stack_trace*", "save_stack*",
	"get_page_from_freelist*", "__read_once*", "__write_once*", "__compiletime*",
	"kmemleak_*", "create_object*", "sock_kmalloc*", "__rb_*", "radix_tree_node_*", "xas_*",
	"hex_dump*", "pointer", "vsnprintf*", "crc16*", "crc32*", "_atomic_dec*", "memdup_user*",
	"alloc_page_interleave*", "___kmalloc*", "free_large_kmalloc*", "post_alloc_hook*",
	"copy_page_to_iter*", "simple_copy_to_iter*", "arch_stack_walk*", "folio_unlock*",
	"unlock_page", "pskb_expand_head*", "__alloc_skb*", "strnstr", "string*", "hex_string*", "__x86_indirect*", "__stack_chk_fail*",
	"__check_heap_object*", "proc_register*", "__proc_*", "proc_mkdir*", "proc_create*", "create_nod*", "krealloc*",

	/* Copies, allocations and texts under any name. */
	"*copy_to_user*", "*copy_from_user*", "*kmalloc*", "*vmalloc*", "*alloc_skb*",
	"*snprintf*", "*scnprintf*", "*vprintk*", "*printk*", "*_hex_dump*", "va_format*", "console_unlock*",
	"_dev_*", "widen_string", "skb_put*", "skb_push*", "skb_pull*", "alloc_inode", "sk_alloc",
	"sk_prot_alloc", "idr_*", "ida_*", "radix_tree_*", "__raw_read*", "__raw_write*",
	"logic_in*", "logic_out*", "get_device_parent*", "device_add", "device_del",
	"device_destroy", "device_unregister", "device_create*", "sysfs_*", "dpm_sysfs_*",
	"*uevent*", "tty_unregister_device", "hwrng_unregister", "usb_kill_*",
	"usb_start_wait_urb", "usb_control_msg", "usb_bulk_msg", "usb_interrupt_msg",
	"device_for_each_child*", "i2c_del_adapter", "__unregister_client",
	"__sk_destruct", "sk_destruct", "__sk_free", "sk_free", "iput", "iput.*",
	"put_device", "get_device", "dput*", "fast_dput*", "*queue_delayed_work*",
	"*_frozen_pages*", "*alloc_pages*", "*folio_alloc*", "filemap_alloc_folio*",
	"__filemap_get_folio*", "pagecache_get_page*", "find_lock_entries", "truncate_inode_pages*", "insert_work*", "print_tainted*",
	"call_rcu*", "__call_rcu*", "reacquire_held_locks*", "release_sock",
	"lookup_chain_cache*", "add_chain_cache*",

	/* Locks and waiting under other names. */
	"reiserfs_write_lock*", "tty_ldisc_lock*", "tty_lock*",
	"*fdatawait*", "*_spin_lock*", "*_trylock*", "*mutex_lock*", "flush_workqueue*",
	"__flush_workqueue*", "drain_workqueue*", "destroy_workqueue*",
	"mutex_optimistic_spin*", "perf_trace_*", "__alloc_skb*",

	/* How a stack is walked, while it is. */
	"unwind_*", "__unwind_*", "__save_stack*", "__kernel_text_address*",
	"kernel_text_address*", "is_bpf_text_address*", "print_context_stack*", "dump_stack*",

	/* Work items, timers and their like. */
	"flush_work*", "__flush_work*", "cancel_work*", "__cancel_work*",
	"queue_work*", "__queue_work*", "call_timer_fn*", "expire_timers*", "__run_timers*",
	"del_timer*", "try_to_del_timer*", "mod_timer*", "__mod_timer*", "add_timer*",
	"cancel_delayed_work*", "try_to_grab_pending*", "work_is_static_object*",
	"hrtimer_*", "timer_*", "init_timer*",
};

static const char *const dispatchers[] = {
	/* System calls. */
	"do_syscall_*", "do_fast_syscall_*", "__do_fast_syscall_*", "entry_SYSCALL_*",
	"entry_SYSENTER_*", "sysenter_dispatch*", "tracesys*", "el0_svc*", "do_el0_svc*",
	"invoke_syscall*", "ret_fast_syscall", "system_call*", "do_int80_*",
	/* Those that are as many as there are files and sockets. */
	"vfs_read", "vfs_write", "__vfs_read", "__vfs_write", "__kernel_read", "__kernel_write*",
	"vfs_readv", "vfs_writev", "vfs_iter_*", "do_iter_*", "new_sync_*", "call_read_iter",
	"call_write_iter", "vfs_ioctl", "do_vfs_ioctl", "ksys_ioctl", "*_sys_ioctl",
	"*compat_ioctl*", "blkdev_ioctl", "blkdev_driver_ioctl", "ksys_read", "ksys_write",
	"sock_sendmsg*", "__sock_sendmsg*", "sock_recvmsg*", "sock_write_iter", "sock_read_iter",
	"*_sys_setsockopt", "kernel_setsockopt", "sock_common_setsockopt", "__sys_listen",
	"kernel_listen", "__sys_accept*", "kernel_accept", "sock_do_ioctl", "sock_ioctl",
	"sock_release", "__sock_release", "sk_common_release", "sock_mmap", "call_mmap",
	"mmap_region*", "do_mmap*", "vfs_open", "__fput", "task_work_run", "exit_to_usermode*",
	"do_dentry_open", "vfs_get_tree", "mount_fs", "rtnetlink_rcv_msg", "nfnetlink_rcv_msg",
	/* Work items, timers, interrupts, threads, modules that begin. */
	"do_one_initcall", "process_one_work", "process_scheduled_works", "worker_thread", "kthread", "call_timer_fn*",
	"expire_timers*", "__run_timers*", "run_timer_softirq", "__hrtimer_run*", "do_softirq*",
	"__do_softirq*", "handle_softirqs*", "run_ksoftirqd", "netif_receive_skb*",
	"__netif_receive_skb*", "smpboot_thread_fn", "start_secondary", "cpu_startup_entry",
	"ret_from_*",
};

/* All who wait for the one lock that all network devices have are one trouble. */
static const char *const shared_locks[] = { "rtnl_lock*", "synchronize_*", "__wait_rcu_gp*" };
static const char *const waits[] = {
	"*sched*", "*_lock*", "*_slowlock*", "*down_*", "*completion*", "*wait*", "*synchronize*",
	"*kthread*",
};

static const char *const checkers[] = { "usb_submit_urb" };

static const struct {
	const char *pattern, *name;
} aliases[] = {
	{ "synchronize_rcu*", "synchronize_rcu" }, { "__wait_rcu_gp*", "synchronize_rcu" },
	{ "synchronize_sched*", "synchronize_rcu" }, { "synchronize_srcu*", "synchronize_rcu" },
	{ "__synchronize_srcu*", "synchronize_rcu" }, { "synchronize_net*", "synchronize_rcu" },
	{ "smp_call_function*", "smp_call_function" },
};

/* clang-format on */

static bool name_matches(const char *pattern, const char *name)
{
	char part[OOPS_NAME_SIZE];
	size_t size = strlen(pattern), name_size = strlen(name);
	bool any_start = pattern[0] == '*', any_end = size && pattern[size - 1] == '*';

	if (any_start && any_end) {
		snprintf(part, sizeof(part), "%.*s", (int)(size - 2), pattern + 1);
		return strstr(name, part);
	}
	if (any_start)
		return name_size >= size - 1 &&
		       !strcmp(name + name_size - (size - 1), pattern + 1);
	if (any_end)
		return !strncmp(pattern, name, size - 1);
	return !strcmp(pattern, name);
}

static bool is_one_of(const char *const patterns[], size_t count, const char *function)
{
	for (size_t i = 0; i < count; i++) {
		if (name_matches(patterns[i], function))
			return true;
	}
	return false;
}

bool cause_is_plumbing(const char *function)
{
	return is_one_of(plumbing, ARRAY_SIZE(plumbing), function);
}

bool cause_is_dispatcher(const char *function)
{
	return is_one_of(dispatchers, ARRAY_SIZE(dispatchers), function);
}

const char *cause_alias(const char *function)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (name_matches(aliases[i].pattern, function))
			return aliases[i].name;
	}
	return NULL;
}

bool cause_is_wait(const char *function)
{
	return !is_one_of(shared_locks, ARRAY_SIZE(shared_locks), function) &&
	       is_one_of(waits, ARRAY_SIZE(waits), function);
}

bool cause_is_checker(const char *function)
{
	return is_one_of(checkers, ARRAY_SIZE(checkers), function);
}
