#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph show, bt and dmesg on records without a dump that can be read, and on no record.

    show.py EPITAPH

With dumps: tests/real/show.py.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
STAMP = '202611230042'
LOG = '''[    1.000000] Linux version 6.12.0
[    2.000001] marker \x1b[31mred
[    2.000002] sysrq: Trigger a crash
[    2.000003] Kernel panic - not syncing: sysrq triggered crash
[    2.000004] CPU: 1 UID: 0 PID: 71 Comm: sh Kdump: loaded Not tainted 6.12.0 #1
'''
REPORT = {
    'schema_version': 1, 'cause': 'the cause of the file', 'cause_source': 'log',
    'title': 'title', 'kernel': {'release': '6.12.0-test'},
    'panic_task': {'pid': 71, 'comm': 'sh', 'cpu': 1, 'state': 'R', 'end': 'user',
                   'frames': [{'text': 'some_function+0x1/0x2', 'function': 'some_function',
                               'module': '', 'address': '0xffffffff81000000',
                               'reliable': True, 'stack': ''}]},
    'log': {'tail': ['[    2.000003] Kernel panic'], 'count': 5},
}


class Machine:
    def __init__(self, top):
        self.archive = Path(top) / 'crash'
        self.conf = Path(top) / 'epitaph.conf'
        self.conf.write_text(f'[archive]\npath = {self.archive}\n')

    def add(self, **files):
        """A record of these parts; a text, or bytes for a dump."""
        directory = self.archive / STAMP
        directory.mkdir(parents=True)
        names = {'dmesg': f'dmesg.{STAMP}', 'report_json': 'report.json',
                 'dump': f'dump.{STAMP}', 'partial_dmesg': f'dmesg.{STAMP}.partial'}
        for key, data in files.items():
            data = data if isinstance(data, bytes) else data.encode()
            (directory / names[key]).write_bytes(data)
        return directory

    def run(self, command, *arguments, code=0):
        done = subprocess.run([EPITAPH, command, '--config', self.conf, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, 'LC_ALL': 'C'})
        assert done.returncode == code, (command, arguments, done)
        return done


def check_no_crash(machine):
    for command in ('show', 'bt', 'dmesg'):
        done = machine.run(command, code=1)
        assert done.stdout == '' and f"no crash in '{machine.archive}'" in done.stderr, done
        machine.run(command, '/nonexistent/vmcore', code=1)
        machine.run(command, 'a', 'b', code=2)


def check_no_dump(machine):
    not_dump = machine.conf
    for command in ('show', 'bt', 'dmesg'):
        done = machine.run(command, not_dump, code=1)
        assert done.stdout == '' and str(not_dump) in done.stderr, done


def check_report_json(machine):
    directory = machine.add(report_json=json.dumps(REPORT), dmesg=LOG)
    for name in ((), ('last',), (STAMP,), (directory,)):
        text = machine.run('show', *name).stdout
        assert text.startswith('CAUSE      the cause of the file\n'), text
        assert 'This is from report.json: no dump in this record' in text, text
        assert '  #0     some_function+0x1/0x2\n' in text, text
        assert f'{directory}/dmesg.{STAMP}\n' in text, text
    report = json.loads(machine.run('show', '--json').stdout)
    assert report['cause'] == 'the cause of the file' and report['source'] == 'report.json'
    assert report['panic_task'] == REPORT['panic_task'] and not report['incomplete']
    assert report['record']['path'] == str(directory), report['record']
    assert report['record']['parts']['dmesg']['state'] == 'complete', report['record']


def check_html(machine):
    """What a report without its dump has, hostile or not; in a browser: tests/real/page.py."""
    hostile = '<script>alert(1)</script>\u202e'
    machine.add(report_json=json.dumps({**REPORT, 'cause': hostile}), dmesg=LOG)
    page = machine.run('show', '--html').stdout
    assert page.startswith('<!DOCTYPE html>') and page.count('<script') == 1, page
    assert '<h1>&lt;script&gt;alert(1)&lt;/script&gt;\\xe2\\x80\\xae</h1>' in page, page
    assert '<b>some_function</b>' in page and page.isascii(), page
    assert 'http:' not in page and 'https:' not in page
    output = machine.conf.parent / 'page.html'
    done = machine.run('show', '--html', '--output', output)
    assert done.stdout == '' and output.read_text() == page
    assert output.stat().st_mode & 0o777 == 0o600
    done = machine.run('show', '-o', '/nonexistent/page', code=1)
    assert "'/nonexistent/page'" in done.stderr, done
    machine.run('show', '--html', '--json', code=2)


def check_alike(machine):
    report = json.dumps({**REPORT, 'signature': 'v2-0123456789abcdef'})
    for day in (21, 22, 24):
        other = machine.archive / f'202611{day}0042'
        other.mkdir(parents=True)
        (other / 'report.json').write_text(report)
    machine.add(report_json=report)
    text = machine.run('show', STAMP).stdout
    text = ' '.join(text.split())
    assert ('Signature v2-0123456789abcdef: 3rd of 4 crashes with this signature, the first '
            'on 2026-11-21 ' in text), text
    shown = json.loads(machine.run('show', '--json', STAMP).stdout)
    assert shown['alike']['count'] == 4 and shown['alike']['number'] == 3, shown


def check_bt_of_report(machine):
    machine.add(report_json=json.dumps(REPORT))
    done = machine.run('bt')
    assert done.stdout == ('sh (pid 71), CPU 1, state R\n  #0     some_function+0x1/0x2\n'
                           '         (user space)\n'), done
    assert 'from report.json' in done.stderr, done
    tasks = json.loads(machine.run('bt', '--json').stdout)['tasks']
    assert tasks == [REPORT['panic_task']], tasks
    for arguments in (('--all',), ('71',), (STAMP, '71')):
        done = machine.run('bt', *arguments, code=1)
        assert done.stdout == '' and 'no dump in this record' in done.stderr, done
    machine.run('bt', STAMP, 'sh', code=2)


def check_dmesg_only(machine):
    machine.add(dmesg=LOG)
    text = machine.run('show').stdout
    assert text.startswith('CAUSE      crash triggered by sysrq (c), by task sh (pid 71)'), text
    assert 'This is from dmesg: no dump in this record' in text, text
    assert '\x1b' not in text
    report = json.loads(machine.run('show', '--json').stdout)
    assert report['source'] == 'dmesg' and report['panic_task']['pid'] == 71, report
    done = machine.run('dmesg')
    assert done.stdout == LOG.replace('\x1b', '\\x1b'), done
    lines = json.loads(machine.run('dmesg', '--json').stdout)['lines']
    assert lines == done.stdout.splitlines(), lines


def check_partial(machine):
    machine.add(partial_dmesg=LOG, report_json=json.dumps(REPORT))
    done = machine.run('show', code=3)
    assert done.stdout.startswith('CAUSE') and 'incomplete: dmesg is partial' in done.stderr, \
        done
    assert json.loads(machine.run('show', '--json', code=3).stdout)['incomplete'] is True
    done = machine.run('dmesg', code=3)
    assert 'Kernel panic' in done.stdout and 'dmesg is partial' in done.stderr, done


def check_bad_dump(machine):
    machine.add(dump=b'no dump at all' * 1000, report_json=json.dumps(REPORT), dmesg=LOG)
    done = machine.run('show', code=3)
    assert done.stdout.startswith('CAUSE      the cause of the file'), done
    assert "not from the dump but from report.json" in done.stderr, done
    done = machine.run('dmesg')
    assert 'Kernel panic' in done.stdout and 'from the file, not the dump' in done.stderr, done


def check_bad_report(machine):
    machine.add(report_json='{"cause": 7}')
    done = machine.run('show', code=1)
    assert done.stdout == '' and "'cause' is not a string" in done.stderr, done


def main():
    checks = [check for name, check in globals().items() if name.startswith('check_')]
    failed = 0
    for check in checks:
        try:
            with tempfile.TemporaryDirectory() as top:
                check(Machine(top))
        except Exception as error:  # one that fails must not hide the others
            failed += 1
            print(f'{check.__name__}: {error!r}')
    print(f'{len(checks) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
