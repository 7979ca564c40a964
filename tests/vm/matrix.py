#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix: what becomes of a crash when something else goes wrong as well.

    matrix.py EPITAPH [--core] [--table FILE] [CASE ...]

Each case is one `epitaph rehearse` of a real kernel, with a fault in it, judged by what
lies on the disks after the next boot. --core: those few that belong to every test run.
--table FILE: the outcome of all, as a table for docs/reliability.md.
Ends with "N passed, N failed".

A case is a function with the decorator @case(GROUP, WHAT IS WRONG, WHAT MUST REMAIN); it
gets a Case to set up the machine with, and check()s what it finds.
"""
import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tests/kmod'), str(ROOT / 'tests/vm')]
import assets  # noqa: E402
import build   # noqa: E402
from test_rehearse import Failure, check, output  # noqa: E402

TIMEOUT = 240
MARK = ('<!-- made by ./dev matrix -->', '<!-- end -->')
CASES = {}


def case(group, wrong, remains, core=False):
    def add(function):
        CASES[function.__name__] = (group, wrong, remains, core, function)
        return function
    return add


class Case:
    """The machine of one case: options first, then run(), then questions."""

    def __init__(self, epitaph, work, series='6.12'):
        self.epitaph, self.work, self.series = epitaph, work, series
        self.kept, self.tree = work / 'kept', work / 'tree'
        self.config, self.options, self.qemu, self.load = [], [], [], []
        self.append = ''
        self.disks = []

    def disk(self, mib=256, model='nvme,serial=second'):
        """One more disk, empty; as /dev/nvme0n1 if nothing else is said."""
        path = self.work / f'disk{len(self.disks)}.img'
        with open(path, 'wb') as file:
            file.truncate(mib << 20)
        name = f'more{len(self.disks)}'
        self.qemu += ['-drive', f'if=none,id={name},format=raw,cache=unsafe,file={path}',
                      '-device', f'{model},drive={name}']
        self.disks.append(path)
        return path

    def file(self, path, text, mode=0o644):
        where = self.tree / path.lstrip('/')
        where.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, Path):
            shutil.copy(text, where)
        else:
            where.write_text(text)
        where.chmod(mode)

    def script(self, path, *lines):
        """Run by busybox: there is no shell on that machine."""
        self.file('/rehearsal/busybox', Path('/bin/busybox'), 0o755)
        self.file(path, '\n'.join(['#!/rehearsal/busybox sh', 'set -e',
                                   'PATH=/rehearsal/bin', *lines, '']), 0o755)

    def program(self, path):
        """One of this machine's, with its libraries."""
        self.file(path, Path(path), 0o755)
        for library in re.findall(r'(/\S+) \(0x', output(['ldd', path])[1]):
            self.file(library, Path(library), 0o755)

    def before(self, *lines):
        self.script('/rehearsal/before', 'busybox=/rehearsal/busybox', '$busybox mkdir -p '
                    '/rehearsal/bin', '$busybox --install -s /rehearsal/bin', *lines)

    def after(self, *lines):
        self.script('/rehearsal/after', *lines)

    def run(self, timeout=TIMEOUT):
        conf = self.work / 'epitaph.conf'
        conf.write_text('\n'.join(self.config) + '\n')
        (self.work / 'tmp').mkdir(exist_ok=True)
        argv = [self.epitaph, 'rehearse', '--json', '--kernel-root', assets.kernel(self.series),
                '--keep', self.kept, '--config', conf, '--timeout', str(timeout), *self.options]
        if self.tree.exists():
            argv += ['--tree', self.tree]
        if self.qemu:
            argv += ['--qemu', ' '.join(self.qemu)]
        if self.load:
            argv += ['--load', ' '.join(self.load)]
        if self.append:
            argv += ['--append', self.append]
        self.status, out, self.errors = output(argv, dict(os.environ,
                                                          TMPDIR=str(self.work / 'tmp')))
        try:
            self.result = json.loads(out)
        except ValueError:
            raise Failure(f'no JSON, status {self.status}: {self.errors}') from None
        self.console = Path(self.result['console']).read_text(errors='replace')
        if os.environ.get('EPITAPH_MATRIX_LOG'):
            sys.stderr.write(self.console + self.errors)
        at = self.console.rfind('epitaph: crash kernel started')
        self.said = self.console[at:] if at >= 0 else ''
        return self

    def says(self, *texts, where=None):
        for text in texts:
            check(re.search(text, self.said if where is None else where),
                  f'{text!r} is not in\n{self.lines()}')

    def lines(self):
        """Our own lines of the last crash kernel: enough to see what went wrong."""
        return '\n'.join(re.findall(r'^(?:epitaph|rehearsal): .*$', self.said, re.M)[:60])

    def good(self):
        check(self.status == 0, f"status {self.status}: {self.result['why']}\n{self.errors}\n"
              f'{self.lines()}')
        return self.meta(Path(self.result['record']))

    def meta(self, record):
        meta = json.loads((record / 'meta.json').read_text())
        for name, part in meta['parts'].items():
            if part['state'] == 'absent':
                check(not list(record.glob(f'{name}.2*')), f'{name} is there after all')
            else:
                size = (record / part['file']).stat().st_size
                check(size == part['size_bytes'], f'{name}: {size} bytes, {part}')
        return meta

    def records(self, archive):
        return sorted(d for d in archive.iterdir() if re.match(r'\d{12}', d.name))

    def take(self, disk, path='/crash'):
        """What lies on another disk, an ext4 one, at last."""
        to = self.work / f'taken-{disk.stem}'
        to.mkdir()
        subprocess.run(['debugfs', '-R', f'rdump {path} {to}', disk], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return to / Path(path).name

    def has_marker(self, record):
        dmesg = ''.join(p.read_text(errors='replace') for p in record.glob('dmesg.*'))
        check(f"epitaph rehearsal {self.result['marker']}" in dmesg,
              f'{record}: the line before the panic is not in dmesg')


def states(meta):
    return {name: part['state'] for name, part in meta['parts'].items()}


def complete(meta, *names):
    for name in names:
        check(meta['parts'][name]['state'] == 'complete', f"{name}: {meta['parts'][name]}")


NO_FIRST_DISK = ['[kernel]', 'cmdline_append = module_blacklist=virtio_blk', '[capture]',
                 'target_timeout = 3']


# ---- targets -----------------------------------------------------------------------------

@case('targets', 'the first disk is missing, a second target is configured',
      'the whole record, on the second disk')
def second_target(m):
    disk = m.disk(512)
    subprocess.run(['mkfs.ext4', '-q', '-F', disk], check=True)
    m.before('mkdir -p /second', 'mount -t ext4 /dev/nvme0n1 /second')
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
    m.config += [*NO_FIRST_DISK, 'target = raw:/dev/nvme0n1']
    m.run()
    m.says('no record on target 1 of 2', 'record .* on /dev/nvme0n1', 'dump complete')
    meta = m.good()
    record = Path(m.result['record'])
    complete(meta, 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    check(meta['crash']['step'] == 'end', f"{meta['crash']}")
    dump = next(record.glob('dump.*'))
    status, out, errors = output([m.epitaph, 'dmesg', dump])
    check(status == 0 and m.result['marker'] in out, f'dmesg of the dump: {errors}')
    status, out, errors = output([m.epitaph, 'verify', dump])
    check(status == 0, f'verify of the dump: {status} {out}{errors}')
    head = disk.read_bytes()[:8192]
    check(head.startswith(b'EPITAPH-RAW-DISK') or head[4096:].startswith(b'EPITAPH-RAW-DISK'),
          'the partition lost its header')


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
             f'0 {half} linear /dev/nvme0n1 2048\n{half} {half} linear /dev/nvme0n1 {2048 + half}"',
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
    other = '/dev/sda' if crash_kernel else '/dev/nvme1n1'
    m.load += ['md_mod', 'raid1']
    m.program('/usr/sbin/mdadm')
    m.program('/usr/sbin/mkfs.ext4')
    m.before('/usr/sbin/mdadm --create /dev/md7 --run --level=1 --raid-devices=2 '
             f'--metadata=1.2 /dev/nvme0n1 {other}',
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
    m.config += ['[capture]', 'mode = dmesg', 'target = raw:/dev/nvme0n1']
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


# ---- the disk --------------------------------------------------------------------------

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


# ---- time and memory -------------------------------------------------------------------

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


# ---- the run ---------------------------------------------------------------------------

def table(outcomes):
    rows, last = [], None
    for name, (word, seconds) in outcomes.items():
        group, wrong, remains, _, _ = CASES[name]
        if group != last:
            rows += [f'\n### {group.capitalize()}\n', '| what is wrong | what must remain | seen |',
                     '|---|---|---|']
        last = group
        rows.append(f'| {wrong} | {remains} | {word} |')
    return '\n'.join(rows).strip() + '\n'


def write_table(path, outcomes):
    text = path.read_text()
    start, end = (text.index(mark) for mark in MARK)
    path.write_text(text[:start] + MARK[0] + '\n' + table(outcomes) + text[end:])


def run_case(epitaph, name):
    work = Path(tempfile.mkdtemp(prefix='epitaph-matrix.', dir='/var/tmp'))
    try:
        CASES[name][4](Case(epitaph, work))
        return 'ok', ''
    except (Failure, assets.Trouble, OSError, subprocess.SubprocessError, StopIteration,
            KeyError, ValueError) as error:
        return 'FAILED', f'{type(error).__name__}: {error}'
    finally:
        shutil.rmtree(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('cases', nargs='*', metavar='CASE')
    parser.add_argument('--core', action='store_true')
    parser.add_argument('--table', type=Path)
    args = parser.parse_args()
    unknown = set(args.cases) - set(CASES)
    if unknown:
        sys.exit(f"no case {unknown}: there are {', '.join(CASES)}")
    wanted = args.cases or [name for name in CASES if CASES[name][3] or not args.core]
    outcomes = {}
    for name in wanted:
        started = time.monotonic()
        word, why = run_case(args.epitaph.absolute(), name)
        outcomes[name] = word, time.monotonic() - started
        print(f'{outcomes[name][1]:6.1f} s  {CASES[name][0]}: {name}: {word} {why}', flush=True)
    if args.table:
        write_table(args.table, outcomes)
    failed = sum(word != 'ok' for word, _ in outcomes.values())
    print(f'{len(outcomes) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
