#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: kernels and machines, ways to die, damaged structures."""
from pathlib import Path

import build
from machine import case, check, complete

ALL = 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log'


def whole(m):
    meta = m.run().good()
    complete(meta, *ALL)
    m.has_marker(Path(m.result['record']))
    m.verify(Path(m.result['record']))
    return meta


# ---- kernels and machines -------------------------------------------------------------------

def machine_case(m, series, cpus, memory, append='', qemu=(), levels=None):
    m.series = series
    m.options += ['--cpus', str(cpus), '--memory', str(memory), '--disk', '1024']
    m.append = append
    m.qemu += qemu
    m.before('grep -c " la57" /proc/cpuinfo >/rehearsal/la57 || true')
    whole(m)
    five = int((m.kept / 'rehearsal/la57').read_text()) > 0
    check(levels is None or five == (levels == 5), f'levels {levels}, la57 {five}')


@case('machines', 'Linux 5.10, 1 CPU, no KASLR, 512 MiB', 'the whole record')
def machine_5_10(m):
    machine_case(m, '5.10', 1, 512, 'nokaslr')


@case('machines', 'Linux 6.1, 4 CPUs, KASLR, 1 GiB', 'the whole record')
def machine_6_1(m):
    machine_case(m, '6.1', 4, 1024)


@case('machines', 'Linux 6.12, 1 CPU, KASLR, 4 levels of page tables, 512 MiB', 'the whole record')
def machine_4_levels(m):
    machine_case(m, '6.12', 1, 512, qemu=('-cpu', 'max,la57=off'), levels=4)


@case('machines', 'Linux 6.12, 4 CPUs, no KASLR, 5 levels of page tables, 8 GiB',
      'the whole record')
def machine_5_levels(m):
    machine_case(m, '6.12', 4, 8192, 'nokaslr', qemu=('-cpu', 'max,la57=on'), levels=5)


@case('machines', 'Linux 7.x, 4 CPUs, KASLR, 2 GiB', 'the whole record')
def machine_7(m):
    machine_case(m, '7.x', 4, 2048)


# ---- ways to die ----------------------------------------------------------------------------

def way(m, how, *settings):
    m.options += ['--trigger', 'module', '--module', str(build.build_module(m.series)),
                  '--module-args', f'how={how}']
    if settings:
        m.before(*(f'echo {setting.split("=")[1]} >{setting.split("=")[0]}'
                   for setting in settings))


STALL = ('/proc/sys/kernel/panic_on_rcu_stall=1',
         '/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout=3')
WAYS = {
    'bug': ('BUG()', ()),
    'stack': ('a stack overflow', ()),
    'doublefault': ('a double fault', ()),
    'hardirq': ('a panic in a hard interrupt', ()),
    'softirq': ('a panic in a soft interrupt', ()),
    'spinning': ('a panic while the other CPU spins with interrupts off', ()),
    'console': ('an oops while the console lock is held', ()),
    'softlockup': ('a soft lockup', ('/proc/sys/kernel/softlockup_panic=1',
                                     '/proc/sys/kernel/watchdog_thresh=1')),
    'hardlockup': ('a CPU with interrupts off for ever', STALL),
    'hung': ('a hung task', ('/proc/sys/kernel/hung_task_panic=1',
                             '/proc/sys/kernel/hung_task_timeout_secs=2')),
    'oom': ('no memory left', ('/proc/sys/vm/panic_on_oom=1',)),
}


def add_way(how, text, settings):
    def run(m):
        way(m, how, *settings)
        whole(m)
    run.__name__ = f'way_{how}'
    case('ways to die', text, 'the whole record')(run)


for how, (text, settings) in WAYS.items():
    add_way(how, text, settings)


@case('ways to die', 'an NMI from outside', 'the whole record')
def way_nmi(m):
    m.options += ['--trigger', 'nmi']
    whole(m)


@case('ways to die', 'a panic while the disk of the archive is busy', 'the whole record')
def way_busy(m):
    m.before('(while :; do dd if=/dev/zero of=/busy bs=1M count=64 conv=fsync; done) '
             '>/dev/null 2>&1 &')
    whole(m)


# ---- damaged structures ---------------------------------------------------------------------

def damaged(m, how):
    way(m, how)
    m.run()
    check(m.result['record'], f"no record: {m.result['why']}\n{m.lines()}")
    record = Path(m.result['record'])
    meta = m.meta(record)
    m.has_marker(record)
    dmesg = ''.join(p.read_text(errors='replace') for p in record.glob('dmesg.*'))
    check('Kernel panic - not syncing: epitaph_crash' in dmesg, 'no panic in dmesg')
    m.says('end reboot')
    m.note = ', '.join(f"{k} {v['state']}{': ' if v.get('reason') else ''}{v.get('reason', '')}"
                       for k, v in meta['parts'].items() if v['state'] != 'complete')
    return meta


@case('damaged kernels', 'the list of tasks leads nowhere', 'the whole record')
def bad_tasks(m):
    complete(damaged(m, 'badtasks'), *ALL)


@case('damaged kernels', 'the struct pages of 128 MiB are overwritten', 'the whole record')
def bad_map(m):
    complete(damaged(m, 'badmap'), *ALL)


@case('damaged kernels', "84 descriptors of the log's ring are overwritten",
      'the whole record, with the lines around them')
def bad_printk(m):
    complete(damaged(m, 'badprintk'), *ALL)
