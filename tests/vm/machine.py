#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of one case of the matrix, and the table of the cases.

A case is a function with the decorator @case(GROUP, WHAT IS WRONG, WHAT MUST REMAIN); it
gets a Case to set up the machine with, run()s it and check()s what it finds.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tests/kmod'), str(ROOT / 'tests/vm')]
import assets  # noqa: E402
from test_rehearse import Failure, check, output  # noqa: E402

TIMEOUT = 600  # of a machine that hangs; all that must end sooner has its own limit inside
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
        self.lines_before, self.lines_after = [], []
        self.disks = []
        self.result, self.console, self.said = None, '', ''
        self.note = ''      # of what was seen: into the table
        self.watchers = []  # of the console, while it runs
        self.others = 0

    def another(self):
        """One more machine of the same case."""
        self.others += 1
        work = self.work / f'other{self.others}'
        work.mkdir()
        return Case(self.epitaph, work, self.series)

    def disk(self, mib=256, model='nvme,serial=second', more=''):
        """One more disk, empty: /dev/second, by its serial number."""
        path = self.work / f'disk{len(self.disks)}.img'
        with open(path, 'wb') as file:
            file.truncate(mib << 20)
        name = f'more{len(self.disks)}'
        self.qemu += ['-drive', f'if=none,id={name},format=raw,cache=unsafe,file={path}'
                      f'{"," if more else ""}{more}', '-device', f'{model},drive={name}']
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

    def program(self, path, source=None):
        """One of this machine's, with its libraries."""
        self.file(path, Path(source or path), 0o755)
        for library in re.findall(r'(/\S+) \(0x', output(['ldd', source or path])[1]):
            self.file(library, Path(library), 0o755)

    def before(self, *lines):
        """In the first boot, before it is armed."""
        self.lines_before += lines

    def after(self, *lines):
        """In the next one, before it collects."""
        self.lines_after += lines

    def write_scripts(self):
        """With links to the disks by their serial numbers, /dev/second: a kernel finds disks
        while others do their work, and in any order."""
        disks = ['for try in $(seq 100); do',
                 '[ $(ls -d /sys/class/block/nvme?n1 /sys/class/block/sda 2>/dev/null | wc -l) '
                 f'-ge {len(self.disks)} ] && break; sleep 0.2; done',
                 'for disk in /sys/class/block/nvme?n1; do [ -e $disk ] || continue',
                 'serial=$(cat $disk/device/serial)',
                 'ln -sf /dev/${disk##*/} /dev/${serial%% *}; done'] if self.disks else []
        if disks or self.lines_before or self.lines_after:
            self.script('/rehearsal/before', '/rehearsal/busybox mkdir -p /rehearsal/bin',
                        '/rehearsal/busybox --install -s /rehearsal/bin', *disks,
                        *self.lines_before)
            self.script('/rehearsal/after', *disks, *self.lines_after)

    # ---- while it runs ----

    def heard(self):
        """The console's text so far."""
        path = self.kept / 'console.log'
        return path.read_text(errors='replace') if path.exists() else ''

    def when(self, text, function):
        """Call it as soon as the console says so."""
        def watch(done, errors):
            while not done.wait(0.1):
                if text in self.heard():
                    try:
                        function()
                    except Exception as error:  # it is the case's, and told as that
                        errors.append(error)
                    return
        self.watchers.append(watch)

    def run(self, timeout=TIMEOUT):
        done, errors = threading.Event(), []
        threads = [threading.Thread(target=watch, args=(done, errors)) for watch in self.watchers]
        for thread in threads:
            thread.start()
        try:
            self.rehearse(timeout)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        if errors:
            raise Failure(f'while it ran: {errors[0]!r}')
        return self

    def rehearse(self, timeout):
        self.write_scripts()
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

    # ---- afterwards ----

    def tail(self):
        return self.console[-3000:]

    def phases(self):
        return [phase['name'] for phase in self.result['phases']]

    def says(self, *texts, where=None):
        for text in texts:
            check(re.search(text, self.said if where is None else where),
                  f'{text!r} is not in\n{self.lines()}')

    def lines(self):
        """Our own lines of the last crash kernel: enough to see what went wrong."""
        lines = re.findall(r'^epitaph arm: .*$', self.console, re.M)
        lines += re.findall(r'^(?:epitaph|rehearsal): .*$', self.said or self.console, re.M)
        return '\n'.join(lines[:15] + ['...'] + lines[-40:] if len(lines) > 60 else lines)

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

    def verify(self, record):
        for dump in record.glob('dump.*'):
            status, out, errors = output([self.epitaph, 'verify', dump])
            check(status == 0, f'verify of the dump: {status} {out}{errors}')

    def block_size(self, disk):
        """Of an ext4."""
        with open(disk, 'rb') as file:
            file.seek(1024 + 24)
            return 1024 << struct.unpack('<I', file.read(4))[0]

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
