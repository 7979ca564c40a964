#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: time, memory and hooks."""
import re
from pathlib import Path

import build
from machine import Failure, case, check, complete, states

@case('time', 'the dump takes longer than its time', 'a dump as far as it came, and the rest')
def dump_too_late(m):
    m.config += ['[capture]', 'level = 0', 'codec = zlib:9', 'dump_timeout = 1']
    m.run()
    check(m.status == 3, f'status {m.status}: {m.errors}')
    meta = m.meta(Path(m.result['record']))
    complete(meta, 'dmesg', 'report', 'log')
    check('its time was up' in meta['parts']['dump']['reason'], f"{meta['parts']['dump']}")


@case('time', 'a hardware watchdog is there', 'the whole record: it is opened, and fed')
def watchdog_is_fed(m):
    m.qemu += ['-device', 'i6300esb', '-action', 'watchdog=reset']
    m.load += ['i6300esb']
    m.config += ['[capture]', 'watchdog = 6', 'console_pages = 2']
    meta = m.run().good()
    complete(meta, 'dmesg', 'report', 'dump', 'log')
    m.says(r"watchdog 'i6300ESB timer': 6 s", 'end reboot')


@case('time', 'the crash kernel hangs', 'a reset by the watchdog; the next boot says in '
      'which step, and what was published is whole')
def watchdog_fires(m):
    m.qemu += ['-device', 'i6300esb', '-action', 'watchdog=reset']
    m.load += ['i6300esb']
    m.config += ['[capture]', 'watchdog = 6']
    m.file('/etc/epitaph/post.d/hang.ko', build.build_module(m.series))
    m.script('/etc/epitaph/post.d/10-hang', 'echo 0 >/proc/sys/kernel/watchdog',
             '/rehearsal/busybox insmod /etc/epitaph/post.d/hang.ko how=hang')
    m.run()
    record = Path(m.result['record'])
    meta = m.meta(record)
    complete(meta, 'dmesg', 'report', 'dump')
    check(meta['parts']['log']['state'] == 'absent', f"{meta['parts']['log']}")
    m.says("the capture of '.*' did not end: in its step 'dump'", where=m.console)


@case('time', 'the crash kernel panics itself', 'a reboot; the next boot says in which step, '
      'and what was published is whole')
def crash_kernel_panics(m):
    m.config += ['[kernel]', 'panic = 2']
    m.script('/etc/epitaph/post.d/10-panic', 'echo c >/proc/sysrq-trigger')
    m.run()
    meta = m.meta(Path(m.result['record']))
    complete(meta, 'dmesg', 'report', 'dump')
    m.says("the capture of '.*' did not end: in its step 'dump'", where=m.console)


# ---- memory ------------------------------------------------------------------------------

# From what can't be loaded up to what is enough.
MEMORY_SIZES = 60, 64, 68, 72, 80


@case('memory', f"{', '.join(map(str, MEMORY_SIZES))} MiB reserved for the crash kernel",
      'it is refused, or does not start, or dmesg is saved: lack of memory costs the dump first')
def little_memory(m):
    told = []
    for size in MEMORY_SIZES:
        one = m.another()
        one.options += ['--crashkernel', f'{size}M']
        try:
            one.run()
        except Failure as failure:
            check('crashkernel=' in str(failure), f'{size} MiB: {failure}')
        if one.result is None or 'rehearsal: armed' not in one.console:
            told.append(f'{size}: not armed')
            continue
        if not one.said:
            check('rehearsal: rebooted' in one.console,
                  f"{size} MiB: the machine did not end: {one.result['why']}\n{one.tail()}")
            told.append(f'{size}: the crash kernel did not come up')
            continue
        records = one.records(one.kept / 'crash')
        check(records, f'{size} MiB: the crash kernel ran, and there is no record\n{one.lines()}')
        record, = records
        meta = one.meta(record)
        complete(meta, 'dmesg')
        one.has_marker(record)
        told.append(f"{size}: {', '.join(f'{k} {v}' for k, v in states(meta).items())}")
    m.note = '; '.join(told)
    check(told[-1].count('complete') == 6, m.note)


@case('memory', 'a hook takes all of the memory but 8 MiB after the crash kernel has started',
      'dmesg; what had no memory is said')
def memory_is_taken(m):
    m.script('/etc/epitaph/pre.d/10-eat',
             'free=$(/rehearsal/busybox awk \'/MemAvailable/ { print int($2 / 1024) }\' '
             '/proc/meminfo)',
             '/rehearsal/busybox dd if=/dev/zero of=/eaten bs=1M count=$((free - 8))')
    m.run()
    record, = m.records(m.kept / 'crash')
    meta = m.meta(record)
    complete(meta, 'dmesg')
    m.has_marker(record)
    m.says('end reboot')
    low, = re.findall(r'epitaph: lowest free memory ([0-9.]+) MiB', m.said)
    check(float(low) < 10, f'{low} MiB were free at the least')
    for name, part in meta['parts'].items():
        check(part['state'] == 'complete' or part['reason'] or name == 'log', f'{name}: {part}')
    m.note = f'{low} MiB at the least: ' + ', '.join(f'{k} {v}' for k, v in
                                                     states(meta).items())


# ---- the user's own programs -----------------------------------------------------------

@case('hooks', 'a hook that works, one that fails, one that never ends, one that is linked',
      'the whole record; in its log what they said and how they ended')
def hooks(m):
    m.config += ['[capture]', 'hook_timeout = 3']
    m.script('/etc/epitaph/pre.d/10-says', 'echo "hello from $EPITAPH_WHEN $EPITAPH_RECORD"')
    m.script('/etc/epitaph/pre.d/20-fails', 'exit 3')
    m.script('/etc/epitaph/post.d/10-hangs', '/rehearsal/busybox sleep 1000')
    m.program('/usr/bin/env')
    m.file('/etc/epitaph/post.d/20-linked', Path('/usr/bin/env'), 0o755)
    meta = m.run().good()
    complete(meta, 'dmesg', 'report', 'dump', 'log')
    log = (Path(m.result['record']) / 'log').read_text()
    m.says('hello from pre /target/0/var/crash/20', "20-fails': it ended with status 3",
           "10-hangs': its time was up", 'EPITAPH_WHEN=post', where=log)
