#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph collect --pstore, rm, prune, export, on archives and directories made here.

    archive.py EPITAPH
"""
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

EPITAPH = Path(sys.argv[1]).resolve()
PANIC = ('Panic#1 Part1\n'
         '<6>[    2.000001] sysrq: Trigger a crash\n'
         '<0>[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n'
         '<4>[    2.00000{n}] CPU: 0 PID: 71 Comm: sh Not tainted 6.12.1-test #1 D\n')
WHEN = 1795394527  # 2026-11-23 00:42:07 UTC


class Machine:
    def __init__(self, top):
        self.top = Path(top)
        self.archive = self.top / 'crash'
        self.pstore = self.top / 'pstore'
        self.pstore.mkdir()
        self.conf = self.top / 'epitaph.conf'
        self.configure('')

    def configure(self, more):
        self.conf.write_text(f'[archive]\npath = {self.archive}\ncollect_pstore = no\nsyslog = no\nmotd =\n{more}')

    def put(self, name, data, when):
        path = self.pstore / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.utime(path, (when, when))

    def add(self, stamp, title, size=10, signature=''):
        directory = self.archive / stamp
        directory.mkdir(parents=True)
        (directory / f'dmesg.{stamp}').write_bytes(b'x' * size)
        (directory / 'meta.json').write_text(json.dumps(
            {'schema_version': 1, 'crash': {'title': title, 'cause': title,
                                            'signature': signature}}))

    def names(self):
        return sorted(p.name for p in self.archive.iterdir())

    def run(self, *arguments, code=0):
        done = subprocess.run([EPITAPH, arguments[0], '--config', self.conf, *arguments[1:]],
                              env=dict(os.environ, TZ='UTC', LC_ALL='C'), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == code, (arguments, done)
        return done


def test_pstore(machine):
    packed = zlib.compressobj(wbits=-15)
    machine.put('dmesg-ramoops-0', PANIC.format(n=3), WHEN)
    machine.put('dmesg-ramoops-1.enc.z',
                packed.compress(PANIC.format(n=4).encode()) + packed.flush(), WHEN + 60)
    done = json.loads(machine.run('collect', '--json', '--pstore', machine.pstore).stdout)
    assert done['pstore'] == {'made': 2, 'joined': 0, 'known': 0, 'left': 0,
                              'failed': 0}, done
    assert machine.names() == ['202611230042', '202611230043'], machine.names()
    assert not list(machine.pstore.iterdir())
    shown = machine.run('show', 'last').stdout
    assert 'sysrq' in shown and '6.12.1-test' in shown, shown
    log = machine.run('dmesg', '202611230042').stdout
    assert log.splitlines()[0] == '[    2.000001] sysrq: Trigger a crash', log
    listed = machine.run('list').stdout.splitlines()
    assert re.match(r'202611230042 +2026-11-23 00:42 +DR--', listed[1]), listed
    for path in [machine.archive, *machine.archive.rglob('*')]:
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    out = machine.run('collect', '--pstore', machine.pstore).stdout
    assert 'from pstore' not in out, out


def test_redhat(machine):
    """The names of kdump-utils: for sos, which looks for */vmcore-dmesg.txt, and abrt."""
    machine.configure('layout = redhat\nkeep = 2\n')
    for n, when in enumerate((WHEN, WHEN, WHEN + 61)):
        machine.put(f'dmesg-ramoops-{n}', PANIC.format(n=n), when)
    done = json.loads(machine.run('collect', '--json', '--pstore', machine.pstore).stdout)
    assert done['pstore']['made'] == 3 and done['removed_count'] == 1, done
    assert machine.names() == ['127.0.0.1-2026-11-23-00:42:07',
                               '127.0.0.1-2026-11-23-00:43:08'], machine.names()
    for name in machine.names():
        log = (machine.archive / name / 'vmcore-dmesg.txt').read_text()
        assert 'Kernel panic - not syncing: sysrq' in log, log
    assert 'sysrq' in machine.run('show', '127.0.0.1-2026-11-23-00:42').stdout
    file = machine.top / 'x.tar.zst'
    machine.run('export', 'last', file)
    machine.configure('')  # read whatever is written
    assert len(machine.run('list').stdout.splitlines()) == 3
    machine.run('rm', 'last')
    assert machine.names() == ['127.0.0.1-2026-11-23-00:42:07'], machine.names()


def test_pstore_unreadable(machine):
    done = machine.run('collect', '--pstore', machine.conf, code=1)
    assert str(machine.conf) in done.stderr, done
    assert '0 crashes' in done.stdout, done  # the rest is done nonetheless


def test_rm(machine):
    for stamp in '202611230042', '202611230043', '202611230044', '202611230044-1':
        machine.add(stamp, 'a')
    (machine.archive / 'precious').mkdir()
    (machine.archive / 'precious/log').write_text('x')
    for wrong in (machine.archive / 'precious', '202611', '2030', machine.conf, '/'):
        machine.run('rm', 'last', wrong, code=1)
    machine.run('rm', code=2)
    assert len(machine.names()) == 5, machine.names()
    machine.run('rm', '--', '-1', '-2', '202611230044-1')
    assert machine.names() == ['202611230042', '202611230043', 'precious'], machine.names()
    machine.run('rm', machine.archive / '202611230042')
    assert machine.names() == ['202611230043', 'precious'], machine.names()


def test_prune(machine):
    for minute in range(5):
        machine.add(f'20261123004{minute}', 'a', 1000)
    machine.configure('keep = 3\n')
    before = machine.names()
    done = machine.run('prune', '--dry-run')
    assert done.stdout.count('would remove') == 2, done
    assert re.search('would keep .*/202611230040 .*: the first of its title\n', done.stdout), done
    assert re.search('would keep .*/202611230043 .*: within all limits\n', done.stdout), done
    assert machine.names() == before
    done = json.loads(machine.run('prune', '-n', '--json').stdout)
    assert done['dry_run'] and [r['name'] for r in done['removed']] == [
        '202611230041', '202611230042'], done
    assert [r['why'] for r in done['kept']] == [
        'the first of its title', 'within all limits', 'the last of its title'], done
    done = machine.run('prune')
    assert f"removed {machine.archive.resolve()}/202611230041" in done.stdout, done
    assert machine.names() == ['202611230040', '202611230043', '202611230044']
    assert machine.run('prune').stdout == ''
    machine.configure('keep = 2\n')
    done = json.loads(machine.run('collect', '--json').stdout)
    assert done['removed_count'] == 1 and done['crash_count'] == 2, done
    assert machine.names() == ['202611230040', '202611230044']
    machine.configure('keep = 0\nkeep_size = 1x\n')
    assert "'1x' of 'keep_size'" in machine.run('prune').stderr


def test_prune_signatures(machine):
    """One title, two signatures: of each the first and the last stay."""
    for minute, signature in enumerate(('v2-a', 'v2-b', 'v2-a', 'v2-b', 'v2-a', 'v2-b')):
        machine.add(f'20261123004{minute}', 'BUG in f', signature=signature)
    machine.configure('keep = 1\n')
    done = json.loads(machine.run('prune', '--json').stdout)
    assert [r['name'] for r in done['removed']] == ['202611230042', '202611230043'], done
    assert [r['why'] for r in done['kept']] == ['the first of its signature'] * 2 + [
        'the last of its signature'] * 2, done


def test_prune_for_room(machine):
    for minute in range(4):
        machine.add(f'20261123004{minute}', 'a', 1000)
    machine.configure('keep_free = 1\n')
    assert machine.run('prune').stdout == ''
    machine.configure('keep_free = 1000000T\n')
    done = machine.run('prune')
    assert done.stdout.count('less than keep_free is free') == 2, done
    assert machine.names() == ['202611230040', '202611230043']


def test_telling(machine):
    """Each crash once: to the journal, at the next logins, and to a program."""
    program = machine.top / 'told'
    program.write_text(f'#!/bin/sh\nenv >>{machine.top}/env\n')
    program.chmod(0o700)
    machine.configure(f'syslog = yes\nmotd = {machine.top}/motd.d/epitaph\nnotify = {program}\n')
    machine.put('dmesg-ramoops-0', PANIC.format(n=3), int(time.time()) - 60)
    with open(machine.top / 'journal', 'w+') as journal:
        st = os.fstat(journal.fileno())
        for _ in range(2):
            subprocess.run([EPITAPH, 'collect', '--config', machine.conf, '--pstore',
                            machine.pstore], check=True, stdout=subprocess.DEVNULL,
                           stderr=journal,
                           env=dict(os.environ, JOURNAL_STREAM=f'{st.st_dev}:{st.st_ino}'))
    lines = (machine.top / 'journal').read_text().splitlines()
    assert [line for line in lines if line.startswith('<2>the kernel 6.12.1-test crashed')
            and 'sysrq' in line and 'epitaph show' in line] == lines[-1:], lines
    motd = (machine.top / 'motd.d/epitaph').read_text()
    assert motd.count('\n') == 1 and 'sysrq' in motd, motd
    environment = (machine.top / 'env').read_text()
    assert environment.count('EPITAPH_RECORD=') == 1, environment
    assert re.search('^EPITAPH_SIGNATURE=v', environment, re.M), environment


def test_export(machine):
    machine.add('202611230042', 'a')
    (machine.archive / '202611230042/dump.202611230042').write_bytes(b'memory')
    file = machine.top / 'x.tar.zst'
    done = machine.run('export', 'last', file)
    assert str(file) in done.stdout and '--with-dump' in done.stderr, done
    plain = subprocess.run([assets.need('zstd', 'zstd'), '-dcq', file], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        assert tar.getnames() == [f'epitaph-202611230042/{name}' for name in (
            'meta.json', 'dmesg.202611230042', 'SHA256SUMS')], tar.getnames()
        tar.extractall(machine.top / 'unpacked')
    unpacked = machine.top / 'unpacked/epitaph-202611230042'
    done = subprocess.run(['sha256sum', '-c', 'SHA256SUMS'], cwd=unpacked, check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    assert done == 'meta.json: OK\ndmesg.202611230042: OK\n', done
    (unpacked / 'meta.json').write_text('{}')
    assert subprocess.run(['sha256sum', '-c', '--status', 'SHA256SUMS'], cwd=unpacked,
                          stderr=subprocess.DEVNULL).returncode
    assert str(file) in machine.run('export', 'last', file, code=1).stderr
    machine.run('export', '--with-dump', 'last', machine.top / 'y.tar.zst')
    machine.run('export', 'last', code=2)
    machine.run('export', '2030', machine.top / 'z.tar.zst', code=1)
    assert not (machine.top / 'z.tar.zst').exists()


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix='epitaph-archive-') as top:
            try:
                test(Machine(top))
                print(f'ok {name}')
            except AssertionError as error:
                failed += 1
                print(f'FAILED {name}: {error}')
    print(f'{len(tests) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
