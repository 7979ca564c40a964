#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""import, collect, prune, rm and export killed at each system call that changes something,
and with a disk that is full from there on: the archive reads well, and nothing is lost.

strace(1) kills or fails the Nth call of a kind, for each N that there is: no chance, no time.
Then the same on a file system that really is full, at each size of it, and by several at
once.

    killed.py EPITAPH
"""
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

EPITAPH = Path(sys.argv[1]).resolve()
STRACE = assets.need('strace', 'strace')
ZSTD = assets.need('zstd', 'zstd')
LOG = ('[    0.000000] Linux version 6.12.1-test (a@b) (gcc) #1 SMP\n'
       '[    2.000001] sysrq: Trigger a crash\n'
       '[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n')
DUMP = b'KDUMP   ' + bytes(range(256)) * 40  # its header makes no sense: kept nonetheless
PSTORE = 'Panic#1 Part1\n' + ''.join(f'<0>{line}\n' for line in LOG.splitlines())
# Long enough to be known as the same crash.
LOG_LONG = LOG + ''.join(f'[    2.0000{n}] line {n}\n' for n in range(10, 20))
PSTORE_LONG = 'Panic#1 Part1\n' + ''.join(f'<0>{line}\n' for line in LOG_LONG.splitlines())
# What changes a file system, or makes a change last.
CALLS = ('mkdirat', 'fsync', 'renameat', 'renameat2', 'unlinkat', 'write', 'copy_file_range',
         'linkat')
FULL = ('write', 'copy_file_range', 'mkdirat')
POINTS_MAX = 100


class Machine:
    def __init__(self, top):
        self.top = Path(top)
        self.archive = self.top / 'crash'
        self.source = self.top / 'source'
        self.exported = self.top / 'x.tar.zst'
        self.conf = self.top / 'epitaph.conf'

    def fresh(self):
        for directory in self.archive, self.source:
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(mode=0o700)
        self.exported.unlink(missing_ok=True)
        self.conf.write_text(f'[archive]\npath = {self.archive}\nkeep = 2\n'
                             f'collect_pstore = no\nsyslog = no\nmotd = {self.top}/motd\n')

    def add(self, stamp, log=LOG):
        directory = self.archive / stamp
        directory.mkdir()
        (directory / f'dmesg.{stamp}').write_text(log)
        (directory / 'meta.json').write_text(json.dumps(
            {'schema_version': 1, 'crash': {'title': 'a', 'cause': 'a'}}))

    def run(self, command, *strace):
        done = subprocess.run([*strace, EPITAPH, command[0], '--config', self.conf,
                               *command[1:]], text=True,
                              env=dict(os.environ, TZ='UTC', LC_ALL='C'),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done

    def disturbed(self, command, call, n, how):
        """True while there is an Nth such call."""
        trace = self.top / 'trace'
        self.run(command, STRACE, '-qq', '-f', '-o', trace, '-e', f'trace={call}', '-e',
                 f'inject={call}:{how}:when={n}')
        text = trace.read_text()
        return 'INJECTED' in text or 'killed by SIGKILL' in text

    def crashes(self):
        done = self.run(['list', '--json'])
        assert done.returncode == 0, done
        return json.loads(done.stdout)['crashes']


def whole(machine, part, data):
    """Is it in one record, there for good, under its whole name?"""
    return any(path.read_bytes() == data
               for path in machine.archive.glob(f'[0-9]*/{part}.2*'))


def check_import(machine):
    dump = machine.source / '202401020304/dump.202401020304'
    dmesg = machine.source / '202401020304/dmesg.202401020304'
    in_archive = whole(machine, 'dump', DUMP) and whole(machine, 'dmesg', LOG.encode())
    assert in_archive or (dump.exists() and dmesg.exists()), 'lost'
    for crash in machine.crashes():
        assert crash['parts']['report']['state'] == 'complete', crash


def check_collect(machine):
    in_archive = any(path.read_text() in (PSTORE, PSTORE_LONG)
                     for path in machine.archive.glob('[0-9]*/pstore/dmesg-ramoops-0'))
    assert in_archive or (machine.source / 'dmesg-ramoops-0').exists(), 'lost'
    for crash in machine.crashes():
        assert crash['parts']['dmesg']['state'] == 'complete', crash


def check_prune(machine):
    names = {crash['name'] for crash in machine.crashes()}
    assert {'202401020300', '202401020304'} <= names, names
    for crash in machine.crashes():  # none is half there
        assert crash['parts']['dmesg']['state'] == 'complete', crash
        assert crash['crash']['cause'] == 'a', crash


def check_join(machine):
    """The crash kernel's record has what it had, and the file is somewhere."""
    check_collect(machine)
    assert whole(machine, 'dmesg', LOG_LONG.encode()), 'the crash kernel\'s is lost'


def check_rm(machine):
    crashes = machine.crashes()
    assert '202401020300' in {crash['name'] for crash in crashes}, crashes
    for crash in crashes:
        assert crash['parts']['dmesg']['state'] == 'complete', crash


def check_export(machine):
    """There and whole, or not there at all."""
    check_rm(machine)
    assert not list(machine.top.glob('*.partial')), os.listdir(machine.top)
    if not machine.exported.exists():
        return
    plain = machine.top / 'x.tar'
    with open(plain, 'wb') as out:
        subprocess.run([ZSTD, '-dcq', machine.exported], check=True, stdout=out)
    with tarfile.open(plain) as tar:
        assert tar.getnames()[-1].endswith('/SHA256SUMS'), tar.getnames()
        assert tar.extractfile('epitaph-202401020300/dmesg.202401020300').read() == LOG.encode()


def prepare_join(machine):
    prepare_collect(machine)
    (machine.source / 'dmesg-ramoops-0').write_text(PSTORE_LONG)
    machine.add('202401020304', LOG_LONG)


def prepare_two(machine):
    machine.add('202401020300')
    machine.add('202401020301')


def prepare_import(machine):
    directory = machine.source / '202401020304'
    directory.mkdir()
    (directory / 'dump.202401020304').write_bytes(DUMP)
    (directory / 'dmesg.202401020304').write_text(LOG)


def prepare_collect(machine):
    (machine.source / 'dmesg-ramoops-0').write_text(PSTORE)


def prepare_prune(machine):
    for minute in range(5):
        machine.add(f'20240102030{minute}')


def sweep(machine, name, command, prepare, check, count):
    points = 0
    for call in CALLS:
        for how in ('signal=KILL', 'error=ENOSPC') if call in FULL else ('signal=KILL',):
            for n in range(1, POINTS_MAX):
                machine.fresh()
                prepare(machine)
                # A disk that is full stays so.
                when = f'{n}+' if how.startswith('error') else n
                if not machine.disturbed(command, call, when, how):
                    break
                points += 1
                at = f'{name}, {call} {when}: {how}'
                try:
                    check(machine)
                    done = machine.run(command)
                    # All was done, and only the telling was missing.
                    assert done.returncode == 0 or any(
                        word in done.stderr for word in ('No such file', 'no crash',
                                                         'exists already')), done
                    assert not name.startswith('import') or not list(machine.source.iterdir())
                    check(machine)
                    assert len(machine.crashes()) == count, machine.crashes()
                    hidden = [p.name for p in machine.archive.iterdir()
                              if p.name.startswith('.') and p.name != '.collected']
                    assert not hidden, hidden
                except AssertionError as error:
                    raise AssertionError(f'{at}: {error}') from error
    assert points >= 5, f'{name}: only {points} places: does strace work here?'
    return points


# --- a disk that is full ---------------------------------------------------------------

FULL_CASES = {
    'import': (['import', '--move', 'source/202401020304'], prepare_import, check_import),
    'collect': (['collect', '--pstore', 'source'], prepare_collect, check_collect),
}
SIZES_KIB = range(4, 120, 4)


def fill_disks():
    """In a name space of its own, where this program may mount: the archive on a tmpfs, from
    one page on. The size at which all fits ends it."""
    for name, (command, prepare, check) in FULL_CASES.items():
        refused = 0
        with tempfile.TemporaryDirectory(prefix='epitaph-full-') as top:
            machine = Machine(top)
            command = [str(Path(top) / word) if word.startswith('source') else word
                       for word in command]
            for size in SIZES_KIB:
                machine.fresh()
                subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}k,mode=700', 'archive',
                                machine.archive], check=True)
                try:
                    prepare(machine)
                    done = machine.run(command)
                    check(machine)
                    refused += done.returncode != 0
                    subprocess.run(['mount', '-o', 'remount,size=1M', machine.archive],
                                   check=True)
                    again = machine.run(command)
                    assert again.returncode == 0 or 'No such file' in again.stderr, again
                    check(machine)
                    assert len(machine.crashes()) == 1 and not list(machine.source.iterdir())
                    hidden = [p for p in os.listdir(machine.archive) if p[0] == '.']
                    assert hidden in ([], ['.collected']), hidden
                except AssertionError as error:
                    raise AssertionError(f'{name} on {size} KiB: {error}') from error
                finally:
                    subprocess.run(['umount', machine.archive], check=True)
                if done.returncode == 0:
                    break
        assert done.returncode == 0 and refused > 2, (name, refused, done)
        print(f'{name}: {refused} sizes of a disk were too small')


def full_disks():
    can = subprocess.run(['unshare', '-rm', 'mount', '-t', 'tmpfs', 'x', '/mnt'],
                         stderr=subprocess.DEVNULL).returncode == 0
    if not can:  # containers often forbid it
        return 'a full disk: not tried, no name space to mount in'
    done = subprocess.run(['unshare', '-rm', sys.executable, __file__, EPITAPH, '--full'],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return 'a full disk: ' + '; '.join(done.stdout.splitlines())


# --- several at once -------------------------------------------------------------------

def at_once(machine):
    """The same crash collected, imported and pruned by all: it is there once, and all end
    well."""
    for _ in range(ROUNDS):
        machine.fresh()
        prepare_import(machine)
        prepare_collect(machine)
        directory = machine.source / '202401020304'
        outcomes = []
        commands = [['collect', '--pstore', machine.source], ['import', directory],
                    ['import', directory], ['collect', '--pstore', machine.source], ['prune'],
                    ['list', '--json']]
        threads = [threading.Thread(target=lambda c=c: outcomes.append(machine.run(c)))
                   for c in commands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bad = [done for done in outcomes if done.returncode != 0]
        assert not bad, bad
        assert whole(machine, 'dump', DUMP) and whole(machine, 'dmesg', LOG.encode())
        assert not (machine.source / 'dmesg-ramoops-0').exists()
        check_collect(machine)
        sources = sorted(crash['crash']['source'] for crash in machine.crashes())
        assert sources == ['kdump-tools', 'pstore'], sources
    return f'{ROUNDS} times six at once'


ROUNDS = 5


def main():
    if sys.argv[2:] == ['--full']:
        return fill_disks()
    failed = 0
    # In memory where there is such a place: a disk's fsync takes its time.
    place = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix='epitaph-killed-', dir=place) as top:
        machine = Machine(top)
        sweeps = (('import', ['import', '--move', machine.source / '202401020304'], prepare_import,
                   check_import, 1),
                  ('collect', ['collect', '--pstore', machine.source], prepare_collect,
                   check_collect, 1),
                  ('collect and join', ['collect', '--pstore', machine.source], prepare_join,
                   check_join, 1),
                  ('prune', ['prune'], prepare_prune, check_prune, 2),
                  ('rm', ['rm', '202401020301'], prepare_two, check_rm, 1),
                  ('export', ['export', '202401020300', machine.exported], prepare_two,
                   check_export, 2))
        for each in sweeps:
            try:
                print(f'ok {each[0]}: {sweep(machine, *each)} places')
            except AssertionError as error:
                failed += 1
                print(f'FAILED {error}')
        for each in full_disks, lambda: at_once(machine):
            try:
                print(f'ok {each()}')
            except AssertionError as error:
                failed += 1
                print(f'FAILED {error}')
    print(f'{len(sweeps) + 2 - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
