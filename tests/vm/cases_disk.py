#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: a disk that is full, slow, broken, or that stands still."""
import json
import re
import subprocess
import time
from pathlib import Path

from cases_targets import NO_FIRST_DISK, lvm_label
from machine import case, check, complete

@case('disk', 'the disk is too small for the dump as ordered',
      'a smaller dump (level 31), complete, that says why', core=True)
def smaller_dump(m):
    m.config += ['[capture]', 'level = 0', 'codec = none']
    m.options += ['--disk', '320']
    # Pages that level 31 leaves out, and that are not zeros.
    m.before('dd if=/dev/urandom of=/run/noise bs=1M count=150 2>/dev/null')
    meta = m.run().good()
    complete(meta, 'dmesg', 'report', 'dump', 'log')
    check(re.search('level 31 in place of 0: .*No space left', meta['parts']['dump']['note']),
          f"{meta['parts']['dump']}")
    m.has_marker(Path(m.result['record']))


@case('disk', 'a dump larger than size_limit', 'a dump of no more than that; all else whole')
def size_limit(m):
    m.config += ['[capture]', 'size_limit = 8M']
    m.run()
    check(m.status == 3, f'status {m.status}: {m.errors}')
    meta = m.meta(Path(m.result['record']))
    complete(meta, 'dmesg', 'report', 'log')
    dump = meta['parts']['dump']
    check(dump['state'] == 'partial' and dump['size_bytes'] <= 8 << 20, f'{dump}')


def old_record(m, name, title, dump_mib, when):
    directory = f'/var/crash/{name}'
    m.file(f'{directory}/dmesg.{name}', 'an old crash\n', 0o600)
    m.file(f'{directory}/dump.{name}', 'x' * (dump_mib << 20), 0o600)
    parts = {key: {'state': 'absent', 'reason': '', 'duration_ms': 0}
             for key in ('report', 'report_json', 'mini', 'log')}
    for key, size in (('dmesg', 13), ('dump', dump_mib << 20)):
        parts[key] = {'state': 'complete', 'file': f'{key}.{name}', 'size_bytes': size,
                      'checksum': '', 'duration_ms': 1}
    crash = {'source': 'kdump', 'title': title, 'capture_time': when, 'crash_time': when,
             'step': 'end'}
    m.file(f'{directory}/meta.json', json.dumps({'schema_version': 1, 'crash': crash,
                                                 'parts': parts}), 0o600)


@case('disk', 'the disk is full of old dumps',
      'the new record whole; of the old ones all but the dump of one in the middle')
def make_room(m):
    for i in range(3):
        old_record(m, f'20250101000{i}', 'the same', 40, 1735689600 + 60 * i)
    m.config += ['[capture]', 'size_limit = 100M']
    m.options += ['--disk', '300']
    meta = m.run().good()
    complete(meta, 'dmesg', 'report', 'dump', 'log')
    m.says('the dump of 202501010001 is removed')
    archive = Path(m.result['record']).parent
    for i, state in enumerate(('complete', 'absent', 'complete')):
        old = m.meta(archive / f'20250101000{i}')
        check(old['parts']['dump']['state'] == state, f'{i}: {old}')
        complete(old, 'dmesg')
    reason = m.meta(archive / '202501010001')['parts']['dump']['reason']
    check('removed to make room for the crash 20' in reason, reason)


@case('disk', 'the machine crashes again and again',
      'dmesg and report; mini dump and dump are left out, and that is said')
def crash_loop(m):
    for i in range(3):
        old_record(m, f'20250101000{i}', 'the same', 1, int(time.time()) - 60 * i)
    m.config += ['[capture]', 'loop_crashes = 3', 'loop_minutes = 30']
    m.run()
    m.says('crash loop: 3 crashes in the last 1800 s')
    newest = max(m.records(m.kept / 'crash'), key=lambda d: d.name)
    meta = m.meta(newest)
    complete(meta, 'dmesg', 'report', 'report_json', 'log')
    check(meta['parts']['dump']['state'] == 'absent' and
          'crash loop' in meta['parts']['dump']['reason'], f"{meta['parts']['dump']}")


# ---- a target that fails while the record is written -------------------------------------

def second_disk_case(m, *hook, raw='/dev/third'):
    """An ext4 on LVM, to which `hook` happens before the first step; then a partition."""
    disk = m.disk(512)
    with open(disk, 'r+b') as file:
        file.write(lvm_label('8Fb0xQ-aaaa-bbbb-cccc-dddd-eeee-KfUeVh'))
    m.disk(256, 'nvme,serial=third')
    m.load += ['dm_mod']
    for path in '/usr/sbin/dmsetup', '/usr/sbin/mkfs.ext4':
        m.program(path)
    sectors = 400 * 1024
    m.before(f'/usr/sbin/dmsetup create vg-lv --noudevsync --table "0 {sectors} linear '
             '/dev/second 2048"', '/usr/sbin/mkfs.ext4 -q /dev/dm-0', 'mkdir -p /second',
             'mount -t ext4 /dev/dm-0 /second')
    m.config += [*NO_FIRST_DISK, 'stall_timeout = 5', 'target = /second/crash',
                 f'target = raw:{raw}']
    # Packed with its libraries, as it is a hook itself: one that says how to use it.
    m.program('/etc/epitaph/pre.d/00-dmsetup', '/usr/sbin/dmsetup')
    m.script('/etc/epitaph/pre.d/10-trouble', '[ -n "$EPITAPH_TARGET" ] || exit 0',
             f'sectors={sectors} dmsetup=/etc/epitaph/pre.d/00-dmsetup',
             *(f'/rehearsal/busybox {line}' if not line.startswith('$') else line
               for line in hook))
    m.run()
    m.says('going on with the next target', r'on /dev/nvme\dn1', 'end reboot')
    meta = m.good()
    complete(meta, 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(Path(m.result['record']))
    return meta


@case('disk', 'each write to the disk fails (dm-error) once the record has begun',
      'the whole record, on the next target')
def writes_fail(m):
    second_disk_case(m, '$dmsetup suspend --noudevsync --nolockfs vg-lv',
                     '$dmsetup reload --noudevsync vg-lv --table "0 $sectors error"',
                     '$dmsetup resume --noudevsync vg-lv')


@case('disk', 'the disk stands still (a suspended device) once the record has begun: who '
      'writes hangs for ever, and can not be killed',
      'the whole record, on the next target; the machine ends as it was told to')
def disk_hangs(m):
    second_disk_case(m, '$dmsetup suspend --noudevsync --nolockfs --noflush vg-lv')
    m.says("it can't be killed")


@case('disk', 'the disk becomes read-only once the record has begun',
      'the whole record, on the next target')
def read_only(m):
    second_disk_case(m, 'mount -o remount,ro $EPITAPH_TARGET')


@case('disk', 'the disk is full once the record has begun', 'the whole record, on the next '
      'target')
def full_at_once(m):
    second_disk_case(m, 'dd if=/dev/zero of=$EPITAPH_TARGET/fill bs=64k || true',
                     'dd if=/dev/zero of=$EPITAPH_TARGET/fill2 bs=1k || true')


@case('disk', 'the disk has room for dmesg and report only (2 MiB), and there is no other',
      'dmesg and report; what the dump had no room for is said')
def full_at_dump(m):
    m.options += ['--disk', '256']
    m.script('/etc/epitaph/pre.d/10-fill',
             '/rehearsal/busybox dd if=/dev/zero of=/rehearsal-room bs=1M count=2',
             '/rehearsal/busybox cp /rehearsal-room $EPITAPH_TARGET/room',
             '/rehearsal/busybox dd if=/dev/zero of=$EPITAPH_TARGET/fill bs=64k || true',
             '/rehearsal/busybox rm $EPITAPH_TARGET/room')
    m.run()
    check(m.status == 3, f'status {m.status}: {m.errors}')
    meta = m.meta(Path(m.result['record']))
    complete(meta, 'dmesg', 'report', 'report_json')
    m.has_marker(Path(m.result['record']))
    for name in 'mini', 'dump':
        part = meta['parts'][name]
        check(part['state'] != 'complete' and 'No space left' in part['reason'],
              f'{name}: {part}')


@case('disk', 'one target\'s file system can not be mounted, the next one\'s has no whole '
      'top directory, the third is a raw partition', 'the whole record, on the third')
def corrupt_file_systems(m):
    for i, model in enumerate(('nvme,serial=second', 'nvme,serial=third')):
        subprocess.run(['mkfs.ext4', '-q', '-F', m.disk(128, model)], check=True)
    m.disk(256, 'nvme,serial=fourth')
    # Damaged as an image: the running kernel has read what it needs of the disks before.
    m.before('mkdir -p /second /third', 'mount -t ext4 /dev/second /second',
             'mount -t ext4 /dev/third /third', 'sync')
    m.config += [*NO_FIRST_DISK, 'target = /second/crash', 'target = /third/crash',
                 'target = raw:/dev/fourth']

    def damage():
        with open(m.disks[0], 'r+b') as file:  # its superblock's size, group descriptors
            file.seek(1024 + 4)
            file.write(b'\xff' * 4)
            file.seek(4096)
            file.write(b'\xff' * 4096)
        table = subprocess.run(['debugfs', '-R', 'imap <2>', m.disks[1]], check=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        block, offset = re.search(rb'block (\d+), offset 0x([0-9a-f]+)', table).groups()
        with open(m.disks[1], 'r+b') as file:
            # 40 bytes into the inode of "/": its map of blocks.
            file.seek(int(block) * m.block_size(m.disks[1]) + int(offset, 16) + 40)
            file.write(b'\xa5' * 60)
    m.when('epitaph: crash kernel started', damage)
    m.run()
    m.says('no record on target 2 of 4', 'no record on target 3 of 4', r'on /dev/nvme\dn1')
    meta = m.good()
    complete(meta, 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')


@case('disk', 'the disk is slow: 2 MB a second', 'the whole record')
def slow_disk(m):
    disk = m.disk(512, more='throttling.bps-write=2000000')
    subprocess.run(['mkfs.ext4', '-q', '-F', disk], check=True)
    m.before('mkdir -p /second', 'mount -t ext4 /dev/second /second')
    m.config += [*NO_FIRST_DISK, 'target = /second/crash']
    m.run()
    m.says('dump complete', 'end reboot')
    record, = m.records(m.take(disk))
    complete(m.meta(record), 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(record)

