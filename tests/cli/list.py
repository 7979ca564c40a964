#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph list and collect, on archives made here as epitaph-record(5) describes them."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
PARTS = {'dmesg': 'dmesg.{}', 'report': 'report.txt', 'report_json': 'report.json',
         'mini': 'mini.{}', 'dump': 'dump.{}', 'log': 'log'}


class Machine:
    """An archive, a configuration that names it, and epitaph run on both."""

    def __init__(self, top):
        self.archive = Path(top) / 'crash'
        self.panic_log = Path(top) / 'panic.log'
        self.conf = Path(top) / 'epitaph.conf'
        self.configure()

    def configure(self, panic_log=''):
        # This machine's own pstore is not for tests to take.
        self.conf.write_text(f'[archive]\npath = {self.archive}\npanic_log = {panic_log}\n'
                             'collect_pstore = no\nsyslog = no\nmotd =\n')

    def add(self, stamp, crash, **sizes):
        """A record; a part's size is negative where the part is partial."""
        directory = self.archive / stamp
        directory.mkdir(parents=True)
        parts = {}
        for key, size in sizes.items():
            name = PARTS[key].format(stamp) + ('.partial' if size < 0 else '')
            with open(directory / name, 'wb') as file:
                file.truncate(abs(size))
            parts[key] = {'state': 'partial' if size < 0 else 'complete',
                          'size_bytes': abs(size), 'reason': 'slow' if size < 0 else ''}
        (directory / 'meta.json').write_text(json.dumps(
            {'schema_version': 1, 'crash': crash, 'parts': parts}))
        return directory

    def run(self, *arguments, code=0, columns=''):
        env = dict(os.environ, TZ='UTC', LC_ALL='C', COLUMNS=columns)
        done = subprocess.run([EPITAPH, arguments[0], '--config', self.conf, *arguments[1:]],
                              env=env, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert done.returncode == code, (arguments, done)
        return done


def fill(machine):
    machine.add('202611230042', {'kernel_release': '6.12.48-cloud-amd64', 'host': 'box',
                                 'cause': 'sysrq triggered crash (by sh, pid 71)',
                                 'crash_time': 1795394527},
                dmesg=34567, report=2000, report_json=3000, dump=-(123 << 20), log=100)
    machine.add('202611230042-1', {'kernel_release': '6.1.0-32', 'crash_time': 1795394567,
                                   'cause': 'h\u00fcng \u001b[31m' + 'x' * 300},
                dmesg=-10)
    foreign = machine.archive / '202601210724'
    foreign.mkdir()
    (foreign / 'dump.202601210724').write_bytes(b'x' * 2048)
    (foreign / 'dmesg.202601210724').write_bytes(b'x')


def test_no_crashes(machine):
    for _ in range(2):
        done = machine.run('list')
        assert done.stdout == '', done
        assert done.stderr == f"no crashes in '{machine.archive}'\n", done
        machine.archive.mkdir(exist_ok=True)
    done = json.loads(machine.run('list', '--json').stdout)
    assert done == {'schema_version': 1, 'archive': str(machine.archive), 'crashes': []}, done


def test_table(machine):
    fill(machine)
    done = machine.run('list')
    lines = done.stdout.splitlines()
    assert done.stderr == '', done
    assert lines[0].split() == 'RECORD TIME PARTS SIZE KERNEL ALIKE CAUSE'.split(), lines
    assert re.fullmatch(r'202601210724 +2026-01-21 07:24  D--C +2.0 KiB  - + -  '
                        r'unknown: there is no meta.json', lines[1]), lines
    assert re.fullmatch(r'202611230042 +2026-11-23 00:42  DR-c +123.0 MiB  '
                        r'6.12.48-cloud-amd64      -  sysrq triggered crash \(by sh, pid 71\)',
                        lines[2]), lines
    assert re.fullmatch(r'202611230042-1  2026-11-23 00:42  d--- +10 B  6.1.0-32 + -  '
                        r'h\u00fcng \?\[31mx{2,}', lines[3]), lines
    assert len(lines) == 4, lines


def test_narrow(machine):
    fill(machine)
    for columns in 80, 90, 100, 132:
        lines = machine.run('list', columns=str(columns)).stdout.splitlines()
        assert max(map(len, lines)) == columns, (columns, lines)
        assert ('2026-11-23 00:42' in lines[2]) == (columns >= 105), (columns, lines)
        assert lines[2].startswith('202611230042 '), lines
        assert 'sysrq triggered' in lines[2], lines


def test_alike(machine):
    """By meta.json, and by report.json where meta.json is from before it had that."""
    for day, signature in enumerate(('v2-a', 'v2-b', 'v2-a', '', 'v2-a'), 10):
        machine.add(f'202611{day}0042', {'signature': signature, 'crash_time': 1795394527 + day})
    old = machine.add('202611200042', {'crash_time': 1795394600}, report_json=10)
    (old / 'report.json').write_text('{"signature": "v2-a"}')
    broken = machine.add('202611210042', {'crash_time': 1795394700}, report_json=10)
    (broken / 'report.json').write_text('{"signature": ')
    rows = [line.split() for line in machine.run('list').stdout.splitlines()[1:]]
    assert [row[-2] for row in rows] == ['4', '1', '4', '-', '4', '4', '-'], rows
    crashes = json.loads(machine.run('list', '--json').stdout)['crashes']
    assert [crash['alike'] for crash in crashes] == [4, 1, 4, 0, 4, 4, 0], crashes
    assert crashes[5]['signature'] == 'v2-a' and crashes[3]['signature'] == '', crashes


def test_seen(machine):
    for day, crash in enumerate((
            {'signature': 'v2-a', 'cause': 'a', 'kernel_release': '6.1.1'},
            {'title': 'no signature', 'cause': 'c'},
            {'signature': 'v2-b', 'cause': 'b'}, {'title': 'no signature', 'cause': 'c2'},
            {'signature': 'v2-a', 'cause': 'a2 \033[31m', 'kernel_release': '6.1.2'},
            {}, {'signature': 'v2-a', 'cause': 'a3', 'kernel_release': '6.1.2'}), 10):
        machine.add(f'202611{day}0042', {'crash_time': 1794271320 + (day - 10) * 86400, **crash})
    lines = machine.run('list', '--seen').stdout.splitlines()
    assert lines[0].split() == 'TIMES FIRST LAST LATEST KERNEL CAUSE'.split(), lines
    assert [(row.split()[0], row.split()[5]) for row in lines[1:]] == [
        ('1', '202611120042'), ('2', '202611130042'), ('1', '202611150042'),
        ('3', '202611160042')], lines
    assert re.fullmatch(r' +3  2026-11-10 00:42  2026-11-16 00:42  202611160042  6.1.2 +a3',
                        lines[4]), lines
    assert machine.run('list', '--seen', '-n', '1').stdout.splitlines() == [lines[0], lines[4]]
    for columns in 80, 100, 132:
        narrow = machine.run('list', '--seen', columns=str(columns)).stdout.splitlines()
        assert max(map(len, narrow)) <= columns, narrow
    done = json.loads(machine.run('list', '--seen', '--json').stdout)
    assert done['seen'][3] == {
        'signature': 'v2-a', 'title': '', 'cause': 'a3', 'times': 3, 'first': 1794271320,
        'last': 1794271320 + 6 * 86400, 'kernels': ['6.1.1', '6.1.2'],
        'records': ['202611100042', '202611140042', '202611160042']}, done
    assert machine.run('list', '--seen', code=0).stderr == ''


def test_last(machine):
    fill(machine)
    for option in ['-n', '1'], ['-n2'], ['--last=3'], ['-n', '99']:
        count = min(3, int(re.search(r'\d+', ''.join(option)).group()))
        lines = machine.run('list', *option).stdout.splitlines()
        assert len(lines) == 1 + count, lines
        assert lines[-1].startswith('202611230042-1'), lines
    for wrong in ['-n', '0'], ['-n', '-1'], ['-n', 'x'], ['-n', ''], ['more'], ['--what']:
        done = machine.run('list', *wrong, code=2)
        assert done.stdout == '' and done.stderr, done


def test_json(machine):
    fill(machine)
    done = json.loads(machine.run('list', '--json', '-n', '2').stdout)
    first, second = done['crashes']
    assert done['schema_version'] == 1, done
    assert first['name'] == '202611230042', first
    assert first['path'] == str(machine.archive.resolve() / '202611230042'), first
    assert first['time'] == 1795394527, first
    assert first['size_bytes'] == 34567 + 5000 + (123 << 20) + 100, first
    assert first['meta_reason'] == '', first
    assert first['crash']['kernel_release'] == '6.12.48-cloud-amd64', first
    assert first['parts']['dmesg']['state'] == 'complete', first
    assert first['parts']['dump']['state'] == 'partial', first
    assert first['parts']['dump']['reason'] == 'slow', first
    assert first['parts']['dump']['file'] == 'dump.202611230042.partial', first
    assert first['parts']['mini'] == {'state': 'absent', 'reason': '',
                                      'duration_ms': 0}, first
    assert second['crash']['cause'].startswith('h\u00fcng ?[31mx'), second


def test_unreadable(machine):
    machine.archive.write_text('a file')
    done = machine.run('list', code=1)
    assert f"'{machine.archive}'" in done.stderr, done
    machine.run('collect', code=1)


def test_collect(machine):
    fill(machine)
    done = machine.run('collect')
    assert '3 crashes' in done.stdout and 'no panic_log' in done.stdout, done
    assert not machine.panic_log.exists()

    machine.configure(machine.panic_log)
    done = machine.run('collect')
    assert done.stdout.startswith(f"3 new crashes noted in '{machine.panic_log}'"), done
    lines = machine.panic_log.read_text().splitlines()
    assert len(lines) == 3, lines
    path = machine.archive.resolve() / '202611230042'
    assert lines[1] == ('2026-11-23T00:42:07+0000 box 6.12.48-cloud-amd64: '
                        f'sysrq triggered crash (by sh, pid 71) ({path})'), lines
    done = json.loads(machine.run('collect', '--json').stdout)
    assert done == {'schema_version': 1, 'archive': str(machine.archive),
                    'panic_log': str(machine.panic_log), 'crash_count': 3,
                    'new_count': 0, 'pstore': None, 'raw_count': 0, 'last_was_cut': False,
                    'told_count': 0, 'failed_count': 0, 'removed_count': 0}, done
    machine.add('202611230043', {}, dmesg=1)
    assert machine.run('collect').stdout.startswith('1 new crash noted'), done
    assert len(machine.panic_log.read_text().splitlines()) == 4

    machine.configure(machine.panic_log.parent / 'no/such.log')
    machine.add('202611230044', {}, dmesg=1)
    done = machine.run('collect', code=1)
    assert 'no/such.log' in done.stderr, done
    machine.run('collect', 'more', code=2)


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix='epitaph-list-') as top:
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
