#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph show, bt and dmesg on one reference dump of tests/vm/lab.py.

    show.py LABDIR EPITAPH

The name of LABDIR tells how the kernel was crashed ("6.12-sysrq", "6.12-null"); what was
running, and the line logged just before, lie in it.
"""
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tests')]
import assets  # noqa: E402
from json_schema import validate  # noqa: E402

LAB = Path(sys.argv[1])
EPITAPH = Path(sys.argv[2]).resolve()
DUMP = LAB / 'vmcore'
IS_ARM64 = '-arm64' in LAB.name
TRIGGER = re.search(r'sysrq|null|locks', LAB.name)[0]
SHOW_SECONDS_MAX = 2.0  # 0.1 s where nothing else runs

EXPECTED = {
    'sysrq': {
        'cause': 'crash triggered by sysrq (c), by task sh (pid ',
        'title': 'sysrq: crash',
        'comm': 'sh',
        'frames': ['panic', 'sysrq_handle_crash', 'write_sysrq_trigger', 'vfs_write'],
        'taints': 'none',
    },
    'null': {
        'cause': 'NULL pointer dereference: read at address 0x20 in '
                 'epitaph_null_dereference [epitaph_crash]',
        'title': 'BUG: unable to handle kernel NULL pointer dereference in '
                 'epitaph_null_dereference',
        'comm': 'insmod',
        'frames': ['epitaph_null_dereference', 'epitaph_crash_now', 'epitaph_init',
                   'do_one_initcall'],
        'taints': 'G           OE',
    },
    'locks': {
        'cause': 'panic: epitaph_crash: panic on request',
        'title': 'kernel panic: epitaph_crash: panic on request',
        'comm': 'insmod',
        'frames': ['panic', 'epitaph_panic', 'epitaph_locks', 'epitaph_init'],
        'taints': 'G           OE',
    },
}[TRIGGER]


def epitaph(*arguments):
    done = subprocess.run([EPITAPH, *arguments, DUMP], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={**os.environ, 'LC_ALL': 'C'})
    assert (done.returncode, done.stderr) == (0, ''), (done.returncode, done.stderr)
    return done.stdout


def in_order(wanted, names):
    rest = iter(names)
    return all(any(name.split('.')[0] == each for name in rest) for each in wanted)


def check_code(report):
    """The faulting instruction as it lies in the module, and what it followed."""
    text = epitaph('show')
    if IS_ARM64:
        assert '  epitaph_null_dereference+0xc/0x20 [epitaph_crash]\n' in text, text
        assert re.search(r'\n=>  <\+12>  00 10 40 f9 +ldr x0, \[x0, #0x20\]\n', text), text
        assert '\n  x0 is 0x0: NULL\n' in text, text
        return
    assert '  epitaph_null_dereference+0x7/0x10 [epitaph_crash]\n' in text, text
    assert re.search(r'\n=>   <\+7>  48 8b 40 20 +mov rax, qword ptr \[rax \+ 0x20\]\n',
                     text), text
    assert '\n  rax is 0x0: NULL\n' in text, text
    points_to = {each['name']: each.get('points_to', '') for each in report['registers']}
    assert points_to['rip'].startswith('epitaph_null_dereference+0x7/'), points_to
    assert points_to['rsp'].startswith('stack of task insmod (pid '), points_to
    # The place for ftrace's call, a nop; of v5.10 and before one without operands.
    assert report['code']['bytes'].startswith(('0f1f440000', '6666666690')), report['code']
    listing = epitaph('dis', 'epitaph_null_dereference')
    assert re.search(r'<\+7>  48 8b 40 20 ', listing), listing


def check_show_json():
    report = json.loads(epitaph('show', '--json'))
    validate(report, json.loads((ROOT / 'docs/report.schema.json').read_text()))
    assert report['verdict']['certainty'] == 'sure', report['verdict']
    suspect = report['verdict'].get('suspect', '')
    assert ('Module epitaph_crash (' in suspect) == (TRIGGER != 'sysrq'), suspect
    assert report['schema_version'] == 1
    assert report['cause'].startswith(EXPECTED['cause']), report['cause']
    assert report['title'] == EXPECTED['title'], report['title']
    assert report['cause_source'] == 'log' and report['source'] == 'dump'
    assert report['incomplete'] is False
    unknown = [key for key in report if key.endswith('_unknown')]
    assert not unknown, {key: report[key] for key in unknown}
    return report


def check_task():
    report = check_show_json()
    task = report['panic_task']
    assert task['comm'] == EXPECTED['comm'], task['comm']
    assert task['state'] == 'R' and 0 <= task['cpu'] < report['cpu_count'], task
    names = [frame['function'] for frame in task['frames']]
    assert in_order(EXPECTED['frames'], names), names
    assert task['end'] == 'user', task['end']
    assert all(frame['reliable'] for frame in task['frames']), task['frames']
    if TRIGGER == 'null':
        assert task['frames'][0]['module'] == 'epitaph_crash'
        offset = '0xc' if IS_ARM64 else '0x7'
        assert task['frames'][0]['text'].startswith(f'epitaph_null_dereference+{offset}/0x')
    # The kernel's own word for the same CPU and task.
    line = next(line for line in epitaph('dmesg').splitlines() if ' Comm: ' in line)
    assert f'CPU: {task["cpu"]} ' in line and f'PID: {task["pid"]} Comm: {task["comm"]} ' \
        in line, line


def check_facts():
    report = check_show_json()
    assert report['kernel']['release'] == (LAB / 'release').read_text().strip()
    assert report['kernel']['cmdline'] == (LAB / 'cmdline.txt').read_text().strip()
    assert report['kernel']['taints'] == EXPECTED['taints'], report['kernel']['taints']
    hardware = 'linux,dummy-virt' if IS_ARM64 else 'QEMU'
    assert hardware in report['hardware'], report['hardware']
    assert report['kernel']['machine'] == ('aarch64' if IS_ARM64 else 'x86_64')
    assert report['cpu_count'] == 2
    if TRIGGER == 'null':
        check_code(report)
    registers = {each['name']: int(each['value'], 16) for each in report['registers']}
    ip = registers['pc' if IS_ARM64 else 'rip']
    assert ip >> 47 == (1 << 17) - 1, hex(ip)
    # ps.txt was written just before: its own tasks came and went, idle ones are not in it.
    before = len((LAB / 'ps.txt').read_text().splitlines())
    near = 20 if TRIGGER == 'locks' else 10  # the module's own threads
    assert abs(report['task_count'] - before) < near, (report['task_count'], before)
    assert abs(report['crash_time'] - (DUMP.stat().st_mtime)) < 600, report['crash_time']


def check_show_text():
    text = epitaph('show')
    assert text.startswith('CAUSE      ' + EXPECTED['cause'][:40]), text[:80]
    head = text.partition('Last lines of the log')[0]
    wide = [line for line in head.splitlines() if len(line) > 80]
    assert not wide, wide
    assert EXPECTED['frames'][1] + '+0x' in head, head
    assert str(DUMP) in text and '\033' not in text
    if TRIGGER != 'locks':  # whose module has more to say before the end
        assert (LAB / 'marker').read_text().strip() in text, 'marker'


def check_bt():
    report = check_show_json()
    tasks = json.loads(epitaph('bt', '--json'))['tasks']
    assert len(tasks) == 1 and tasks[0] == report['panic_task'], tasks
    every = json.loads(epitaph('bt', '--all', '--json'))['tasks']
    assert len(every) == report['task_count'], len(every)
    broken = [task for task in every
              if task['state'] not in 'ZX' and task.get('end') not in ('clean', 'user')]
    assert not broken, broken
    assert [task for task in every if task['pid'] == tasks[0]['pid']] == tasks


def check_marker():
    marker = (LAB / 'marker').read_text().strip()
    assert any(marker in line for line in epitaph('dmesg').splitlines()), marker


def check_dmesg_equals_guests():
    """All that the kernel's own log said just before, line by line."""
    expected = (LAB / 'dmesg.txt').read_text(errors='surrogateescape').splitlines()
    got = epitaph('dmesg').splitlines()[:len(expected)]
    # A further line of one record is indented in ours, as by makedumpfile; the kernel's
    # own interface repeats the time.
    expected = [' ' * (len(line) - len(text)) + text
                if mine.startswith(' ') and (text := line.partition('] ')[2]) else line
                for mine, line in zip(got, expected, strict=True)]
    assert len(expected) > 100 and got == expected


def check_dmesg_equals_makedumpfile():
    if IS_ARM64:
        return  # that of this machine reads only dumps of its own
    command, env = ['makedumpfile'], None
    if not shutil.which('makedumpfile'):
        command, env = assets.peer_command('makedumpfile')
    with tempfile.TemporaryDirectory() as directory:
        theirs = Path(directory) / 'dmesg'
        subprocess.run([*command, '--dump-dmesg', DUMP, theirs], check=True, env=env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        expected = theirs.read_text(errors='surrogateescape').splitlines()
    got = epitaph('dmesg').splitlines()
    for number, (one, other) in enumerate(zip(got, expected), 1):
        assert one == other, f'line {number}: {one!r}, makedumpfile {other!r}'
    assert len(got) == len(expected), (len(got), len(expected))


def check_dmesg_json():
    records = json.loads(epitaph('dmesg', '--json'))['records']
    assert [each['seq'] for each in records] == list(range(records[0]['seq'],
                                                           records[0]['seq'] + len(records)))
    assert all(0 <= each['level'] <= 7 for each in records)
    assert records[0]['caller'] in ('T0', 'C0') and records[-1]['caller'][0] in 'TC'
    lines = epitaph('dmesg').splitlines()
    assert len(lines) == sum(each['text'].count('\n') + 1 for each in records)


def check_dmesg_options():
    """Levels and callers as the JSON has them; the last record in the second of the crash."""
    parsed = json.loads(epitaph('dmesg', '--json'))
    records = parsed['records']
    wanted = [each for each in records if each['level'] <= 3]
    lines = [line for line in epitaph('dmesg', '--level', 'err', '--callers').splitlines()
             if not line.startswith(' ')]
    assert 0 < len(wanted) < len(records) and len(lines) == len(wanted), lines
    for line, each in zip(lines, wanted):
        match = re.fullmatch(r'\[ *(\d+)\.(\d{6})\] \[ *([TC]\d+)\] (.*)', line)
        assert match and match[3] == each['caller'], (line, each)
        assert int(match[1] + match[2]) == each['time_ns'] // 1000, (line, each)
        assert match[4] == each['text'].split('\n')[0], (line, each)
    last = [line for line in epitaph('dmesg', '-T').splitlines() if line.startswith('[')][-1]
    told = datetime.datetime.fromisoformat(last[1:24] + '+00:00')
    crashed = json.loads(epitaph('show', '--json'))['crash_time']
    # To the millisecond, cut.
    assert 0 <= crashed - told.timestamp() < 0.0011, (last, crashed)
    assert parsed['boot_time_ns'] + records[-1]['time_ns'] == crashed * 10**9


def check_cut_dump():
    """Of a record whose dump was cut off, the crash kernel's report and log are told."""
    report, log = check_show_json(), epitaph('dmesg')
    for key in ('source', 'dump', 'incomplete'):
        del report[key]
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / '202611230042'
        record.mkdir()
        with open(DUMP, 'rb') as whole:
            (record / 'dump.202611230042.partial').write_bytes(whole.read(30 << 20))
        (record / 'report.json').write_text(json.dumps(report))
        (record / 'dmesg.202611230042').write_text(log)
        done = subprocess.run([EPITAPH, 'show', '--json', record], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode == 3 and 'dump is partial' in done.stderr, done
        shown = json.loads(done.stdout)
        assert shown['source'] == 'report.json' and shown['incomplete'] is True, shown
        assert {key: shown[key] for key in report} == report
        done = subprocess.run([EPITAPH, 'dmesg', record], text=True, stdout=subprocess.PIPE)
        assert done.returncode == 0 and done.stdout == log, done.returncode


def check_signature():
    """The log alone gives the same one; what it stands on is on the stack too."""
    report, log = check_show_json(), epitaph('dmesg')
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / '202611230042'
        record.mkdir()
        (record / 'dmesg.202611230042').write_text(log)
        done = subprocess.run([EPITAPH, 'show', '--json', record], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        shown = json.loads(done.stdout)
    assert shown['source'] == 'dmesg', shown
    for key in ('signature', 'signature_frames', 'title'):
        assert shown[key] == report[key], (shown[key], report[key])
    names = [frame['function'].split('.')[0] for frame in report['panic_task']['frames']]
    wanted = [frame.split(' ')[0] for frame in report['signature_frames']]
    assert len(wanted) == 5 and in_order(wanted, names), (wanted, names)


def check_saved_dump():
    """What `epitaph save` left out is nothing that a report or a backtrace needs."""
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory) / 'dump'
        subprocess.run([EPITAPH, 'save', DUMP, saved], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for command in (['show', '--json'], ['bt', '--all'], ['dmesg'], ['ps'], ['locks'],
                        ['mod']):
            out = subprocess.run([EPITAPH, *command, saved], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
            assert out.replace(str(saved), str(DUMP)) == epitaph(*command), command


def check_time():
    best = 1e9
    for _ in range(3):
        started = time.monotonic()
        epitaph('show')
        best = min(best, time.monotonic() - started)
    print(f'show: {best:.3f} s')
    assert best < SHOW_SECONDS_MAX, best


def main():
    checks = [check_show_json, check_task, check_facts, check_show_text, check_bt,
              check_marker, check_dmesg_equals_guests,
              check_dmesg_equals_makedumpfile, check_dmesg_json,
              check_dmesg_options, check_cut_dump, check_signature, check_saved_dump, check_time]
    failed = 0
    for check in checks:
        try:
            check()
        except Exception as error:  # one that fails must not hide the others
            failed += 1
            print(f'{check.__name__}: {error!r}')
    print(f'{len(checks) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
