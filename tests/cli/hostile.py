#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a dead kernel, another tool or another user of the machine may have prepared: control
characters in logs and names, records and links planted in an archive that all may write to,
programs and files that are not root's alone.

    hostile.py EPITAPH
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
# Colours, the window's title, C1's CSI, backspace, DEL; and what a shell would run.
EVIL = '\x1b[31mRED\x1b]0;title\x07\x9b31m\x08\x7f$(touch /nowhere)`id`;"\'<script>alert(1)'
PANIC = ('Panic#1 Part1\n'
         '<6>[    2.000001] sysrq: Trigger a crash {evil}\n'
         '<0>[    2.000002] Kernel panic - not syncing: evil {evil}\n'
         '<4>[    2.000003] CPU: 0 PID: 71 Comm: s{evil}h Not tainted 6.12.1-test #1 D\n'
         '<4>[    2.000004] RIP: 0010:evil{evil}_function+0x10/0x20 [mod{evil}]\n')


class Machine:
    def __init__(self, top):
        self.top = Path(top)
        self.archive = self.top / 'crash'
        self.archive.mkdir(mode=0o700)
        self.pstore = self.top / 'pstore'
        self.pstore.mkdir()
        self.conf = self.top / 'epitaph.conf'
        self.configure('')

    def configure(self, more):
        self.conf.write_text(f'[archive]\npath = {self.archive}\ncollect_pstore = no\n'
                             f'syslog = no\nmotd =\n{more}')

    def panic(self, evil='', when=None):
        path = self.pstore / 'dmesg-ramoops-0'
        path.write_bytes(PANIC.format(evil=evil).encode('latin1'))
        os.utime(path, (when or time.time() - 60,) * 2)

    def record(self, name, crash=None, evil=''):
        directory = self.archive / name
        directory.mkdir()
        log = ''.join(line.split('>', 1)[-1] + '\n'
                      for line in PANIC.format(evil=evil).splitlines()[1:])
        (directory / 'dmesg.202611230042').write_bytes(log.encode('latin1'))
        if crash is not None:
            (directory / 'meta.json').write_text(json.dumps(
                {'schema_version': 1, 'crash': crash,
                 'parts': {'dump': {'state': 'absent', 'reason': EVIL}}}))
        return directory

    def run(self, *arguments, code=None):
        done = subprocess.run([EPITAPH, arguments[0], '--config', self.conf, *arguments[1:]],
                              env=dict(os.environ, TZ='UTC', LC_ALL='C.UTF-8'),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for text in done.stdout, done.stderr:
            clean(text, arguments)
        assert code is None or done.returncode == code, (arguments, done)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        return done


def clean(data, what):
    """Valid UTF-8 without control characters: nothing that steers a terminal."""
    bad = [c for c in data.decode() if (ord(c) < 32 and c not in '\n\t') or 0x7f <= ord(c) < 0xa0]
    assert not bad, (what, bad, data)


def test_terminal(machine):
    machine.configure(f'panic_log = {machine.top}/panic.log\nmotd = {machine.top}/motd.d/x\n'
                      'keep = 1\n')
    machine.panic(EVIL)
    machine.record('202611230042', dict.fromkeys(
        ('title', 'cause', 'host', 'kernel_release', 'step', 'signature'), EVIL), EVIL)
    strange = machine.record('name' + EVIL.replace('/', ''), None, EVIL)
    machine.run('collect', '-v', '--pstore', machine.pstore, code=0)
    for arguments in (['list'], ['list', '-v'], ['list', '--seen'], ['list', '--json'],
                      ['prune', '-n', '-v'], ['rm', 'no' + EVIL], ['import', strange / EVIL[:9]],
                      ['export', 'name', machine.top / ('x' + EVIL[:9])], ['show', EVIL]):
        machine.run(*arguments)
    for crash in 'last', '202611230042', 'name':
        for command in 'show', 'dmesg', 'bt', 'info', 'ps', 'verify':
            machine.run(command, crash)
        page = machine.run('show', '--html', crash).stdout
        assert '<script>alert' not in page, page
    for file in 'panic.log', 'motd.d/x':
        clean((machine.top / file).read_bytes(), file)


def test_told_program(machine):
    """Its environment and its input, never a shell's line."""
    program = machine.top / 'told'
    program.write_text(f'#!/bin/sh\nenv >{machine.top}/env\ncat >{machine.top}/input\n')
    program.chmod(0o700)
    machine.configure(f'notify = {program}\n')
    machine.panic(EVIL)
    machine.run('collect', '--pstore', machine.pstore, code=0)
    for file in 'env', 'input':
        text = (machine.top / file).read_bytes()
        clean(text, file)
    assert 'EPITAPH_TITLE=' in (machine.top / 'env').read_text()
    assert '$(touch /nowhere)' in (machine.top / 'input').read_text()  # as it is


def test_programs_of_others(machine):
    """Not run where others may change it, or the way to it."""
    folder = machine.top / 'folder'
    folder.mkdir()
    program = folder / 'told'
    program.write_text(f'#!/bin/sh\ntouch {machine.top}/ran\n')
    link = machine.top / 'link'
    link.symlink_to(program)
    for path, mode, other in ((program, 0o777, program), (link, 0o777, program),
                              (program, 0o777, folder), (link, 0o777, folder)):
        program.chmod(0o755)
        folder.chmod(0o755)
        other.chmod(mode)
        machine.configure(f'notify = {path}\n')
        machine.panic(when=time.time() - 600)
        done = machine.run('collect', '--pstore', machine.pstore, code=1)
        assert 'others than root may change' in done.stderr, done
        assert not (machine.top / 'ran').exists(), (path, other)
        machine.run('rm', 'last', code=0)
    folder.chmod(0o1777)  # nobody can take away what is in it
    machine.panic(when=time.time() - 600)
    machine.run('collect', '--pstore', machine.pstore, code=0)
    assert (machine.top / 'ran').exists()


def test_archive_for_all(machine):
    """As apport makes it: records of others are none, and their traps catch nothing."""
    machine.archive.chmod(0o1777)
    secret = machine.top / 'secret'
    secret.write_text('secret\n')
    own = machine.record('202611230041', {'cause': 'own', 'title': 'own'})
    planted = machine.record('202611230042', {'cause': 'planted', 'title': 'planted'})
    planted.chmod(0o777)
    if os.geteuid() == 0:
        other = machine.record('202611230043', {'cause': 'planted', 'title': 'planted'})
        os.chown(other, 65534, 65534)
    for name in '.collected', '.202611230044.new', '202611230045':
        (machine.archive / name).symlink_to(secret if name == '.collected' else machine.top)
    done = machine.run('list')
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [own.name], done
    assert 'may say anything' in done.stderr, done
    when = 1795394640  # 2026-11-23 00:44 UTC: its hidden name is taken, and by a link
    machine.panic(when=when)
    machine.run('collect', '--pstore', machine.pstore, code=0)
    assert (machine.archive / '202611230044-1').is_dir(), os.listdir(machine.archive)
    assert secret.read_text() == 'secret\n' and secret.exists()
    assert (machine.archive / '.202611230044.new').is_symlink()
    assert not (machine.archive / '202611230045').is_dir() or \
        (machine.archive / '202611230045').is_symlink()
    machine.configure('keep = 1\n')
    machine.run('prune', code=0)
    assert planted.exists() and secret.exists()
    assert not list(machine.top.glob('meta.json'))


def test_links_in_a_record(machine):
    """Planted before it was ours, or by a tool that copies links: none is followed."""
    secret = machine.top / 'secret'
    secret.write_text('[    1.000000] secret\n')
    record = machine.record('202611230042', {'cause': 'a', 'title': 'a'})
    (record / 'dmesg.202611230042').unlink()
    for name in 'dmesg.202611230042', 'report.txt', 'report.json', 'dump.202611230042', 'pstore', \
            'noted', 'announced', '.noted.tmp', 'meta.json.tmp':
        (record / name).symlink_to(secret if name != 'pstore' else machine.top)
    machine.configure(f'panic_log = {machine.top}/panic.log\nmotd = {machine.top}/motd.d/x\n')
    machine.run('collect')
    for command in 'show', 'dmesg', 'bt', 'verify':
        assert 'secret' not in machine.run(command, 'last').stdout.replace(str(machine.top), '')
    machine.run('export', '--with-dump', 'last', machine.top / 'x.tar.zst')
    assert secret.read_text() == '[    1.000000] secret\n'
    machine.run('rm', 'last', code=0)
    assert secret.exists() and (machine.top / 'epitaph.conf').exists()


def test_files_that_are_links(machine):
    """panic_log is refused; a message of the day is replaced, and shows nothing of what it
    led to; nor is anything of a memory that all may write to believed."""
    secret = machine.top / 'secret'
    secret.write_text('secret\n')
    (machine.top / 'log').symlink_to(secret)
    (machine.top / 'motd').symlink_to(secret)
    machine.configure(f'panic_log = {machine.top}/log\n')
    machine.panic()
    machine.run('collect', '--pstore', machine.pstore, code=1)
    machine.configure(f'motd = {machine.top}/motd\n')
    machine.run('collect', code=0)
    assert secret.read_text() == 'secret\n'
    motd = machine.top / 'motd'
    assert not motd.is_symlink() and 'secret' not in motd.read_text(), motd.read_text()
    motd.chmod(0o666)
    motd.write_text('of all\n')
    machine.panic('another', time.time() - 600)
    machine.run('collect', '--pstore', machine.pstore, code=0)
    assert 'of all' not in motd.read_text() and motd.stat().st_mode & 0o777 == 0o644


def test_collected_of_others(machine):
    """It says what need not be kept before it is removed from pstore."""
    machine.panic()
    machine.configure('')
    data = (machine.pstore / 'dmesg-ramoops-0').read_bytes()
    # What we write of a file that can't be removed.
    machine.pstore.chmod(0o500)
    if os.geteuid() == 0:
        return  # root removes it all the same: seen as a plain user only
    machine.run('collect', '--pstore', machine.pstore)
    machine.run('rm', 'last', code=0)
    (machine.archive / '.collected').chmod(0o666)
    machine.pstore.chmod(0o700)
    machine.run('collect', '--pstore', machine.pstore, code=0)
    assert any(path.read_bytes() == data for path in machine.archive.glob('*/pstore/*'))


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix='epitaph-hostile-') as top:
            try:
                test(Machine(top))
                print(f'ok {name}')
            except (AssertionError, UnicodeDecodeError, OSError) as error:
                failed += 1
                print(f'FAILED {name}: {error!r}')
    print(f'{len(tests) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
