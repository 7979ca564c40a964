#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: where the record goes to."""
import struct
import subprocess
import zlib
from pathlib import Path

from machine import case, check, complete, output

NO_FIRST_DISK = ['[kernel]', 'cmdline_append = module_blacklist=virtio_blk', '[capture]',
                 'target_timeout = 6']


@case('targets', 'the first disk is missing, a second target is configured',
      'the whole record, on the second disk')
def second_target(m):
    disk = m.disk(512)
    subprocess.run(['mkfs.ext4', '-q', '-F', disk], check=True)
    m.before('mkdir -p /second', 'mount -t ext4 /dev/second /second')
    m.config += [*NO_FIRST_DISK, 'target = /second/crash']
    m.run()
    m.says('no record on target 1 of 2: .*did not appear', 'dmesg complete', 'dump complete')
    record, = m.records(m.take(disk))
    complete(m.meta(record), 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(record)


@case('targets', 'the first disk is missing, a raw partition is configured',
      'the whole record, in the archive after the next boot', core=True)
def raw_target(m):
    disk = m.disk(256)
    m.config += [*NO_FIRST_DISK, 'target = raw:/dev/second']
    m.run()
    m.says('no record on target 1 of 2', 'record .* on /dev/nvme0n1', 'dump complete')
    meta = m.good()
    record = Path(m.result['record'])
    complete(meta, 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    for name in 'mini', 'dump':
        contents = meta['parts'][name]['contents']
        check(contents['proof'] == 'none' and 'stream' in contents['proof_reason'] and
              contents['pages']['core'] > 0, f'{name}: {contents}')
    check(meta['crash']['step'] == 'end', f"{meta['crash']}")
    dump = next(record.glob('dump.*'))
    status, out, errors = output([m.epitaph, 'dmesg', dump])
    check(status == 0 and m.result['marker'] in out, f'dmesg of the dump: {errors}')
    status, out, errors = output([m.epitaph, 'verify', dump])
    check(status == 0, f'verify of the dump: {status} {out}{errors}')
    head = disk.read_bytes()[:8192]
    check(head.startswith(b'EPITAPH-RAW-DISK') or head[4096:].startswith(b'EPITAPH-RAW-DISK'),
          'the partition lost its header')


def file_system_case(m, fstype, maker, *modules):
    """What this machine can't read the next boot takes off: the kernel itself reads it."""
    disk = m.disk(512)
    subprocess.run([*maker, disk], check=True, stdout=subprocess.DEVNULL)
    m.load += [fstype, *modules]
    mount = ('mkdir -p /second', f'mount -t {fstype} /dev/second /second')
    m.before(*mount)
    m.after(*mount, 'cp -r /second/crash /rehearsal/second')
    m.config += [*NO_FIRST_DISK, 'target = /second/crash']
    m.run()
    m.says(rf"'/dev/nvme0n1' \({fstype}\) mounted", 'dump complete', 'end reboot')
    record, = m.records(m.kept / 'rehearsal/second')
    complete(m.meta(record), 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(record)
    status, out, errors = output([m.epitaph, 'verify', next(record.glob('dump.*'))])
    check(status == 0, f'verify of the dump: {status} {out}{errors}')


@case('targets', 'the archive is on xfs', 'the whole record')
def xfs(m):
    file_system_case(m, 'xfs', ['mkfs.xfs', '-q'])


@case('targets', 'the archive is on btrfs', 'the whole record')
def btrfs(m):
    file_system_case(m, 'btrfs', ['mkfs.btrfs', '-q'])


@case('targets', 'the archive is on vfat', 'the whole record')
def vfat(m):
    file_system_case(m, 'vfat', ['mkfs.vfat'], 'nls_cp437', 'nls_ascii', 'nls_utf8')


def lvm_label(uuid):
    """The first 4 sectors of a physical volume, as far as blkid looks: LVM2's label."""
    def crc(data):
        value = 0xf597a6cf  # LVM2's initial value of an ordinary CRC32
        return zlib.crc32(data, value ^ 0xffffffff) ^ 0xffffffff
    body = struct.pack('<I8s', 32, b'LVM2 001') + uuid.replace('-', '').encode()
    body = body.ljust(512 - 20, b'\0')
    label = struct.pack('<8sQI', b'LABELONE', 1, crc(body)) + body
    return b'\0' * 512 + label + b'\0' * 1024


def taken_from(m, disk, offset):
    inner = m.work / 'inner.img'
    inner.write_bytes(disk.read_bytes()[offset:])
    return m.take(inner)


@case('targets', 'the archive is on LVM (linear, in two pieces)', 'the whole record')
def lvm(m):
    disk = m.disk(512)
    label = lvm_label('8Fb0xQ-aaaa-bbbb-cccc-dddd-eeee-KfUeVh')
    with open(disk, 'r+b') as file:
        file.write(label)
    m.load += ['dm_mod']
    m.program('/usr/sbin/dmsetup')
    m.program('/usr/sbin/mkfs.ext4')
    half = 400 * 1024  # sectors
    m.before('/usr/sbin/dmsetup create vg-lv --noudevsync --table "'
             f'0 {half} linear /dev/second 2048\n{half} {half} linear /dev/second {2048 + half}"',
             '/usr/sbin/mkfs.ext4 -q /dev/dm-0', 'mkdir -p /second',
             'mount -t ext4 /dev/dm-0 /second')
    m.config += [*NO_FIRST_DISK, 'target = /second/crash']
    m.run()
    m.says("'vg-lv' is made again", 'dump complete')
    record, = m.records(taken_from(m, disk, 2048 * 512))
    complete(m.meta(record), 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(record)


def md_case(m, *crash_kernel):
    first = m.disk(512)
    if crash_kernel:
        m.qemu += ['-device', 'ahci,id=ahci']
        m.load += ['ahci', 'sd_mod']
    m.disk(512, 'ide-hd,bus=ahci.0' if crash_kernel else 'nvme,serial=third')
    other = '/dev/sda' if crash_kernel else '/dev/third'
    m.load += ['md_mod', 'raid1']
    m.program('/usr/sbin/mdadm')
    m.program('/usr/sbin/mkfs.ext4')
    m.before('/usr/sbin/mdadm --create /dev/md7 --run --assume-clean --level=1 '
             f'--raid-devices=2 --metadata=1.2 /dev/second {other}',
             '/usr/sbin/mkfs.ext4 -q /dev/md7', 'mkdir -p /second',
             'mount -t ext4 /dev/md7 /second')
    m.config += ['[kernel]', 'cmdline_append = module_blacklist=virtio_blk,ahci', '[capture]',
                 'target_timeout = 20', 'target = /second/crash']
    m.run()
    m.says("'md7' is made again", 'dump complete', *crash_kernel)
    offset, = struct.unpack('<Q', first.read_bytes()[4096 + 128:4096 + 136])
    record, = m.records(taken_from(m, first, offset * 512))
    complete(m.meta(record), 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    m.has_marker(record)


@case('targets', 'the archive is on an MD RAID1', 'the whole record')
def md_raid1(m):
    md_case(m)


@case('targets', 'the archive is on an MD RAID1, and one of its disks is missing',
      'the whole record, on the other one')
def md_degraded(m):
    md_case(m, 'md7: started with 1 of its 2 disks')


@case('targets', 'a raw partition that holds a file system',
      'the file system: it is refused when arming, and nothing is written to it')
def raw_refused(m):
    disk = m.disk(64)
    subprocess.run(['mkfs.ext4', '-q', '-F', disk], check=True)
    before = disk.read_bytes()
    m.config += ['[capture]', 'mode = dmesg', 'target = raw:/dev/second']
    m.run()
    m.good()
    m.says('left out: .*not empty: it holds ext4', where=m.console)
    check(disk.read_bytes() == before, 'the file system has changed')


@case('targets', 'no disk at all appears', "the dead kernel's last words on the console")
def no_disk(m):
    m.config += NO_FIRST_DISK
    m.run()
    m.says('did not appear', "the dead kernel's last words", 'sysrq: Trigger a crash',
           m.result['marker'], 'epitaph: end reboot')
