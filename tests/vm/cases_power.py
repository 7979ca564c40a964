#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases of the matrix: the power is cut at some moment.

Many moments of one capture: the machine is stopped at random times, its disk copied as it
is then, and judged as the next boot would find it: the journal replayed (e2fsck), every
record weighed. What one copy calls complete has to be, byte for byte, what it is at the
end. Some moments are real: QEMU is told to end, and the machine boots again.

The copy has every write that the disk had acknowledged. A disk that loses such ones, in
spite of the flushes between, is not played.
"""
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from machine import Failure, case, check, complete, output

CUTS = int(os.environ.get('EPITAPH_MATRIX_CUTS', '50'))
CUTS_CORE = 6
STARTED, ENDED = 'epitaph: crash kernel started', 'epitaph: end reboot'


class Monitor:
    """QEMU's machine protocol."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile('r')
        self.lines.readline()
        self.do('qmp_capabilities')

    def do(self, command):
        self.socket.sendall(json.dumps({'execute': command}).encode())
        for line in self.lines:
            answer = json.loads(line)
            if 'return' in answer or 'error' in answer:
                return answer
        return {}


def monitored(m):
    path = m.work / 'qmp'
    m.qemu += ['-qmp', f'unix:{path},server=on,wait=off']
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Moments:
    """Copies of the disk, judged one by one while the machine stands still."""

    def __init__(self, m, count, spread_s):
        self.m, self.count, self.spread_s = m, count, spread_s
        self.qmp = monitored(m)
        self.seen, self.trouble = [], []
        self.random = random.Random(time.time_ns())

    def run(self):
        monitor = Monitor(self.qmp)
        disk, = (self.m.work / 'tmp').glob('epitaph-work.*/*disk*')
        while len(self.seen) < self.count and ENDED not in self.m.heard():
            time.sleep(self.random.uniform(0, self.spread_s))
            monitor.do('stop')
            try:
                self.judge(disk)
            finally:
                monitor.do('cont')

    def judge(self, disk):
        copy = self.m.work / 'moment.img'
        taken = self.m.work / 'moment'
        try:
            subprocess.run(['cp', '--sparse=always', disk, copy], check=True)
            check_status = subprocess.run(['e2fsck', '-fy', copy], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL).returncode
            taken.mkdir()
            subprocess.run(['debugfs', '-R', f'rdump /var/crash {taken}', copy], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if check_status > 1:
                self.trouble.append(f'e2fsck: status {check_status}')
            self.seen.append(self.weigh(taken / 'crash'))
        finally:
            copy.unlink(missing_ok=True)
            shutil.rmtree(taken, ignore_errors=True)

    def weigh(self, archive):
        """Part -> digest, of those that the record itself calls complete."""
        parts = {}
        config = self.m.work / 'moment.conf'
        config.write_text(f'[archive]\npath = {archive}\n')
        status, out, errors = output([self.m.epitaph, 'list', '--json', '--config', config])
        if status not in (0, 3):
            self.trouble.append(f'list: status {status}: {errors}')
        for record in archive.iterdir() if archive.is_dir() else ():
            meta = record / 'meta.json'
            if not re.fullmatch(r'\d{12}', record.name) or not meta.exists():
                continue
            for name, part in json.loads(meta.read_text())['parts'].items():
                if part['state'] != 'complete':
                    continue
                path = record / part['file']
                if not path.exists() or path.stat().st_size != part['size_bytes']:
                    self.trouble.append(f'{name} is said to be complete: {part}')
                else:
                    parts[name] = digest(path)
        return parts


def moments_case(m, count, spread_s):
    m.options += ['--disk', '256']
    m.config += ['[capture]', 'level = 17', 'codec = none']
    moments = Moments(m, count, spread_s)
    m.when(STARTED, moments.run)
    meta = m.run().good()
    complete(meta, 'dmesg', 'report', 'report_json', 'mini', 'dump', 'log')
    check(not moments.trouble, '; '.join(moments.trouble[:5]))
    record = Path(m.result['record'])
    at_end = {name: digest(record / part['file']) for name, part in meta['parts'].items()}
    had = set()
    for parts in moments.seen:
        for name, value in parts.items():
            check(value == at_end[name], f'{name} was complete, and then another')
        check(had <= set(parts), f'{had - set(parts)} was published, and then gone')
        had = set(parts)
    stages = len({frozenset(parts) for parts in moments.seen})
    m.note = f'{len(moments.seen)} moments, {stages} different states of the record'
    check(len(moments.seen) >= count // 2, f'only {m.note}')


@case('power', f'the power is cut, at {CUTS} random moments of a capture',
      'at each moment: what the record calls complete is so, and what was published stays')
def power_cuts(m):
    moments_case(m, CUTS, 0.25)


@case('power', f'the same, at {CUTS_CORE} moments', 'the same', core=True)
def power_cuts_core(m):
    moments_case(m, CUTS_CORE, 1.5)


@case('power', 'QEMU ends at a random moment of the capture, and the machine boots again',
      'the next boot finds the record, says in which step it ended, and claims no more')
def power_cut_boot(m):
    told = []
    # A moment after one of its lines: how fast a machine is would choose it otherwise.
    for line in "epitaph: record '", 'epitaph: dmesg complete', 'epitaph: mini complete':
        one = m.another()
        path = monitored(one)

        def cut(one=one, path=path):
            time.sleep(random.uniform(0, 1))
            if ENDED not in one.heard():
                try:
                    Monitor(path).do('quit')
                except OSError:
                    pass
        one.when(line, cut)
        one.run()
        archive = one.kept / 'crash'
        records = one.records(archive) if archive.is_dir() else []
        check('rehearsal: rebooted' in one.console, 'there was no next boot')
        if not records:
            check('no record' in one.result['why'], one.result['why'])
            told.append('before the record')
            continue
        meta = one.meta(records[0])
        if meta['crash']['step'] != 'end':
            one.says(f"in its step '{meta['crash']['step']}' the crash kernel", where=one.console)
        if meta['parts']['dmesg']['state'] == 'complete':
            one.has_marker(records[0])
        told.append(f"in step {meta['crash']['step']}: "
                    f"{sum(p['state'] == 'complete' for p in meta['parts'].values())} parts")
    m.note = '; '.join(told)
