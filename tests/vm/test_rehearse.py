#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole way, end to end: arm, panic, capture, reboot, explain.

    test_rehearse.py EPITAPH [CASE ...]     or "kernels": those of the oldest and newest ones

Each case is one `epitaph rehearse` of a Debian kernel, judged by what lies on the disk
afterwards and by other people's tools: crash, drgn and makedumpfile read the dump.
Ends with "N passed, N failed".

Tasks are compared with the list that the guest wrote from /proc just before the panic.
Every task of user space must be there. Kernel threads: workers (kworker/...) and
ext4lazyinit come and go between the list and the panic, all others must be there; a worker
shows its queue in /proc and not in the dump, so names are compared as far as the dump's go.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tools'), str(ROOT / 'tests/kmod')]
import assets  # noqa: E402
import build   # noqa: E402

TIMEOUT = 150
PASSING_THREADS = re.compile(r'kworker/|ext4lazyinit')
PANICKED = 'rehearsal'
DRGN_TASKS = '''
from drgn.helpers.linux.pid import for_each_task
for task in for_each_task(prog):
    print("TASK", task.pid.value_(), task.comm.string_().decode())
'''
# Functions that must be in the backtrace, in this order, innermost first.
FRAMES = {
    'sysrq': ['panic', 'sysrq_handle_crash', '__handle_sysrq', 'write_sysrq_trigger',
              'proc_reg_write', 'vfs_write', 'ksys_write'],
    'module': ['epitaph_null_dereference', 'epitaph_crash_now', 'epitaph_init',
               'do_one_initcall', 'do_init_module'],
}
CAUSES = {'sysrq': r'sysrq', 'module': r'NULL pointer dereference.*epitaph_null_dereference'}
FULL = ['booted', 'armed', 'panic', 'crash_kernel', 'dmesg', 'report', 'dump', 'end',
        'rebooted', 'found']


# Of kernels that are too new for sid's crash: how it ends.
BEYOND_CRASH = {'7.x': 'invalid structure member offset'}


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def output(argv, env=None, stdin=''):
    done = subprocess.run([str(a) for a in argv], env=env, input=stdin, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors='replace')
    return done.returncode, done.stdout, done.stderr


class Rehearsal:
    """One run of `epitaph rehearse --json`, and what it left in its --keep directory."""

    def __init__(self, epitaph, work, series, trigger='sysrq', config='', mode=None, end=None,
                 more=()):
        self.epitaph, self.trigger, self.series = epitaph, trigger, series
        self.kept = work / 'kept'
        self.temporary = work / 'tmp'
        self.temporary.mkdir()
        conf = work / 'epitaph.conf'
        conf.write_text(config)
        argv = [epitaph, 'rehearse', '--json', '--kernel-root', assets.kernel(series),
                '--keep', self.kept, '--config', conf, '--timeout', str(TIMEOUT)]
        if trigger == 'module':
            argv += ['--module', build.build_module(series), '--module-args', 'how=null']
        argv += ['--mode', mode] if mode else []
        argv += ['--end', end] if end else []
        argv += more
        self.status, out, self.errors = output(argv, dict(os.environ,
                                                          TMPDIR=str(self.temporary)))
        try:
            self.result = json.loads(out)
        except ValueError:
            raise Failure(f'no JSON, status {self.status}: {self.errors}') from None

    def check_good(self, phases):
        result = self.result
        check(self.status == 0 and result['verdict'] == 'good',
              f"status {self.status}, {result['verdict']}: {result['why']}\n{self.errors}")
        reached = [phase['name'] for phase in result['phases']]
        check(reached == phases, f'phases {reached}')
        times = [phase['seconds'] for phase in result['phases']]
        check(times == sorted(times), f'phases out of order: {times}')
        check(not list(self.temporary.iterdir()), 'temporary files were left')
        self.record = Path(result['record'])
        check(self.record.is_relative_to(self.kept), f'record {self.record}')

    def check_contents(self, name, contents):
        pages = contents['pages']
        # Of the core, a few may have been kept in doubt, or lie where no RAM is.
        unproved = pages['core'] - pages['proved']
        check(contents['selection'] == ('core' if name == 'mini' else 'memmap') and
              contents['proof'] == 'done' and contents['proof_reason'] == '' and
              pages['total'] > pages['written'] >= pages['proved'] > 1000 and
              0 <= unproved <= pages['core'] // 100 and pages['unreadable'] == 0,
              f'{name}: {contents}')

    def check_meta(self, parts):
        """meta.json tells the truth, and nobody else may read any of it."""
        meta = json.loads((self.record / 'meta.json').read_text())
        present = {name for name, part in meta['parts'].items() if part['state'] != 'absent'}
        check(present == parts, f'parts {present}')
        files = {'meta.json'}
        for name in parts:
            part = meta['parts'][name]
            check(part['state'] == 'complete', f'{name}: {part}')
            size = (self.record / part['file']).stat().st_size
            check(size == part['size_bytes'] > 0, f'{name}: {size} bytes, {part}')
            files.add(part['file'])
            check(('contents' in part) == (name in ('mini', 'dump')), f'{name}: {part}')
            if name in ('mini', 'dump'):
                self.check_contents(name, part['contents'])
        noted = {'noted', 'announced'} & {f.name for f in self.record.iterdir()}
        check({f.name for f in self.record.iterdir()} - noted == files,
              f'files {sorted(f.name for f in self.record.iterdir())}')
        for path in [self.record, *self.record.iterdir()]:
            mode = path.stat().st_mode & 0o7777
            check(mode == (0o700 if path == self.record else 0o600), f'{path}: mode {mode:o}')
        crash = meta['crash']
        check(crash['kernel_release'] == self.result['kernel_release'], f'{crash}')
        check(re.search(CAUSES[self.trigger], crash['cause']), f"cause {crash['cause']}")
        check(crash['source'] == 'kdump' and crash['host'] == 'rehearsal', f'{crash}')
        check(0 <= crash['capture_time'] - crash['crash_time'] < 60, f'{crash}')
        check(len(crash['boot_id']) == 36 and len(crash['build_id']) == 40, f'{crash}')
        stamp = time.strftime('%Y%m%d%H%M', time.localtime(crash['capture_time']))
        check(self.record.name == stamp, f'{self.record.name}, at {stamp}')

    def check_dmesg(self):
        dmesg = next(self.record.glob('dmesg.*')).read_text(errors='replace')
        lines = dmesg.splitlines()
        marks = [i for i, line in enumerate(lines)
                 if f"epitaph rehearsal {self.result['marker']}" in line]
        check(len(marks) == 1, f'the marker is in {len(marks)} lines of dmesg')
        after = '\n'.join(lines[marks[0] + 1:])
        check(re.search(r'sysrq: Trigger a crash|BUG: kernel NULL pointer', after),
              f'after the marker:\n{after}')

    def check_report(self):
        report = self.result['report']
        check(report == json.loads((self.record / 'report.json').read_text()), 'two reports')
        check(re.search(CAUSES[self.trigger], report['cause']), report['cause'])
        task = report['panic_task']
        check(task['comm'] == PANICKED, f"task {task['comm']}")
        names = [frame['function'].removesuffix('.cold') for frame in task['frames'] if frame['reliable']]
        rest = iter(names)
        check(all(name in rest for name in FRAMES[self.trigger]), f'frames {names}')
        check(task['end'] == 'user', f"the stack's end is {task['end']}")
        text = (self.record / 'report.txt').read_text()
        check(' '.join(report['cause'].split()) in ' '.join(text.split()), 'cause in the text')
        for name in FRAMES[self.trigger]:
            check(re.search(rf' {name}(\.cold)?\+0x', text), f'{name} is not in report.txt')

    def check_show(self):
        status, out, errors = output([self.epitaph, 'show', self.record])
        check(status == 0, f'show: status {status}: {errors}')
        check(PANICKED in out and str(self.record) in out, f'show:\n{out}')

    def dump(self):
        return next(self.record.glob('dump.*'))

    def expected_tasks(self):
        lines = (self.kept / 'rehearsal/ps.txt').read_text().splitlines()
        return {int(pid): comm for pid, comm in (line.split(' ', 1) for line in lines)}

    def check_tasks(self, who, found):
        expected = self.expected_tasks()
        check(sum(c.startswith('bystander-') for c in expected.values()) == 3,
              f'ps.txt: {expected}')
        for pid, comm in expected.items():
            if pid not in found:
                check(PASSING_THREADS.match(comm), f'{who} lacks {pid} {comm}')
            elif not PASSING_THREADS.match(comm):
                check(found[pid] == comm[:15], f'{who}: {pid} is {found[pid]}, not {comm}')
            else:
                check(PASSING_THREADS.match(found[pid]), f'{who}: {pid} is {found[pid]}')
        more = [comm for pid, comm in found.items() if pid not in expected
                and comm != PANICKED and not PASSING_THREADS.match(comm)]
        check(not more, f'{who} has more: {more}')
        check(PANICKED in found.values(), f'{who} lacks the task that panicked')

    def check_peers(self):
        vmlinux = assets.vmlinux(self.series)
        argv, env = assets.peer_command('crash', '-s', vmlinux, self.dump())
        status, out, errors = output(argv, env, 'ps\nquit\n')
        crash = {}
        for line in out.splitlines():
            row = re.match(r'>?\s*(\d+)\s+\d+\s+\d+\s+[0-9a-f]+\s+\w+\s+\S+\s+\d+\s+\d+\s+(.*)',
                           line)
            if row and row[1] != '0':  # the idle tasks are in no list of /proc
                crash[int(row[1])] = row[2].strip('[]')
        is_too_new = BEYOND_CRASH.get(self.series, '\0') in out + errors
        check(len(crash) > 20 or is_too_new, f'crash: status {status}\n{out}{errors}')
        if not is_too_new:
            self.check_tasks('crash', crash)
        argv, env = assets.peer_command('drgn', '-q', '-c', self.dump(), '-s', vmlinux, '-e',
                                        DRGN_TASKS)
        status, out, errors = output(argv, env)
        drgn = {int(pid): comm for pid, comm in re.findall(r'^TASK (\d+) (.*)$', out, re.M)}
        check(len(drgn) > 20, f'drgn: status {status}\n{out}{errors}')
        self.check_tasks('drgn', drgn)
        check(crash == drgn or is_too_new, f'crash and drgn differ: {set(crash.items()) ^ set(drgn.items())}')

    def check_makedumpfile(self):
        """Sid's: it reads zstd. It names the printer of each line, dmesg(1) does not."""
        theirs = self.kept / 'makedumpfile.txt'
        argv, env = assets.peer_command('makedumpfile', '--dump-dmesg', self.dump(), theirs)
        status, out, errors = output(argv, env)
        check(status == 0, f'makedumpfile: {out}{errors}')
        expected = re.sub(r'^(\[ *\d+\.\d+\]) \[ *[TC]\d+\]', r'\1',
                          theirs.read_text(errors='replace'), flags=re.M)
        # The further lines of a record are indented by as much.
        expected = re.sub(r'^ {11}(?= {15})', '', expected, flags=re.M)
        for name in self.dump(), self.record:
            status, out, errors = output([self.epitaph, 'dmesg', name])
            check(status == 0, f'dmesg: status {status}: {errors}')
            differ = [f'{a!r} and {b!r}' for a, b in zip(out.splitlines(), expected.splitlines())
                      if a != b]
            check(out == expected, f'epitaph dmesg {name.name} and makedumpfile differ: '
                  f'{len(out)} and {len(expected)} bytes; {differ[:3]}')

    def check_full(self):
        self.check_good(FULL)
        self.check_meta({'dmesg', 'report', 'report_json', 'mini', 'dump', 'log'})
        self.check_dmesg()
        self.check_report()
        self.check_show()
        self.check_makedumpfile()
        self.check_peers()


# --- the cases ------------------------------------------------------------------------

def case_full(series, trigger, **options):
    def run(epitaph, work):
        Rehearsal(epitaph, work, series, trigger, **options).check_full()
    return run


def case_dmesg_mode(epitaph, work):
    """dmesg and report only, then off; the next boot notes it in the configured log."""
    config = '[archive]\npanic_log = /var/log/panic.log\n'
    run = Rehearsal(epitaph, work, '6.12', config=config, mode='dmesg', end='poweroff')
    run.check_good([phase for phase in FULL if phase != 'dump'])
    run.check_meta({'dmesg', 'report', 'report_json', 'log'})
    run.check_dmesg()
    run.check_report()
    run.check_show()
    ends = [p['detail'] for p in run.result['phases'] if p['name'] == 'end']
    check(ends == ['poweroff'], f'end {ends}')
    lines = (run.kept / 'panic.log').read_text().splitlines()
    cause, release = run.result['report']['cause'], run.result['kernel_release']
    check(len(lines) == 1 and re.fullmatch(
        rf'\S+T\S+ rehearsal {re.escape(release)}: {re.escape(cause)} '
        rf'\(/var/crash/{run.record.name}\)', lines[0]), f'panic.log: {lines}')


def case_halt(epitaph, work):
    run = Rehearsal(epitaph, work, '6.1', mode='dmesg', end='halt')
    run.check_good([phase for phase in FULL if phase != 'dump'])


def check_partial_dump(run, reason):
    """Not all was had, and that is what everything says; what came before is whole."""
    result = run.result
    check(run.status == 3 and result['verdict'] == 'incomplete',
          f"status {run.status}, {result['verdict']}: {result['why']}\n{run.errors}")
    check([phase['name'] for phase in result['phases']] == FULL, f"{result['phases']}")
    run.record = Path(result['record'])
    parts = json.loads((run.record / 'meta.json').read_text())['parts']
    for name in 'dmesg', 'report', 'report_json', 'log':
        check(parts[name]['state'] == 'complete', f'{name}: {parts[name]}')
    dump = parts['dump']
    check(dump['state'] == 'partial' and re.search(reason, dump['reason']), f'{dump}')
    check(re.search(reason, result['why']), result['why'])
    path = run.record / dump['file']
    check(path.suffix == '.partial' and path.stat().st_size == dump['size_bytes'] > 1 << 20,
          f'{path}: {dump}')
    check(reason in (run.record / 'log').read_text(), 'the log does not say it')
    run.check_dmesg()
    run.check_report()


def case_disk_full(epitaph, work):
    config = '[capture]\nlevel = 0\ncodec = none\n'
    run = Rehearsal(epitaph, work, '6.12', config=config, more=['--disk', '200'])
    check_partial_dump(run, 'No space left on device')


def case_too_late(epitaph, work):
    config = '[capture]\nlevel = 0\ncodec = zlib:9\ndump_timeout = 1\n'
    check_partial_dump(Rehearsal(epitaph, work, '6.12', config=config), 'its time was up')


def case_no_disk(epitaph, work):
    """The crash kernel never sees the disk: it says so, tells the log, and ends."""
    config = ('[capture]\ntarget_timeout = 3\n'
              '[kernel]\ncmdline_append = module_blacklist=virtio_blk\n')
    run = Rehearsal(epitaph, work, '6.12', config=config)
    check(run.status == 1 and 'no record' in run.result['why'], f'{run.result}\n{run.errors}')
    console = Path(run.result['console']).read_text(errors='replace')
    said = console[console.index('epitaph: crash kernel started'):]
    for text in ('did not appear', "the dead kernel's last words", 'sysrq: Trigger a crash',
                 run.result['marker'], 'epitaph: end reboot'):
        check(text in said, f'{text} is not in\n{said}')


def case_not_armed(epitaph, work):
    """A reservation that is too small: fails, says why, and leaves the console's log."""
    argv = [epitaph, 'rehearse', '--kernel-root', assets.kernel('6.12'), '--crashkernel', '32M',
            '--timeout', str(TIMEOUT)]
    status, out, errors = output(argv, dict(os.environ, TMPDIR=str(work)))
    check(status == 1, f'status {status}: {errors}')
    check('ended with status 1' in errors and 'crashkernel=' in errors, errors)
    left = list(work.iterdir())
    check(len(left) == 1 and (left[0] / 'console.log').exists(), f'left: {left}')
    check(str(left[0]) in errors, errors)


def case_interrupted(epitaph, work):
    """SIGTERM in the middle: no machine and no file stays."""
    process = subprocess.Popen([epitaph, 'rehearse', '--kernel-root', assets.kernel('6.12')],
                               env=dict(os.environ, TMPDIR=str(work)), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = ''
    for line in process.stderr:
        seen += line
        if 'the first system is up' in line:
            break
    children = subprocess.run(['ps', '-o', 'pid=,comm=', '--ppid', str(process.pid)],
                              text=True, stdout=subprocess.PIPE).stdout.split()
    check(any(word.startswith('qemu') for word in children), f'children {children}')
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    check(process.returncode == 1 and 'interrupted' in errors, f'{seen}{errors}')
    check(not list(work.iterdir()), f'left: {list(work.iterdir())}')
    for word in children:
        check(not word.isdigit() or not os.path.exists(f'/proc/{word}'), f'{word} still runs')


CASES = {
    '6.1 sysrq': case_full('6.1', 'sysrq', config='[capture]\ncodec = zlib\n'),
    '6.1 null': case_full('6.1', 'module', config='[capture]\ncodec = lzo\n'),
    '6.12 sysrq': case_full('6.12', 'sysrq'),
    '6.12 null': case_full('6.12', 'module'),
    '6.12 null poweroff': case_full('6.12', 'module', end='poweroff'),
    '6.12 dmesg mode, poweroff, panic_log': case_dmesg_mode,
    '6.1 dmesg mode, halt': case_halt,
    'disk full': case_disk_full,
    'dump too late': case_too_late,
    'no disk': case_no_disk,
    'a machine that can not be armed': case_not_armed,
    'interrupted': case_interrupted,
}
KERNEL_CASES = {f'{series} {name}': case_full(series, trigger)
                for series in assets.OTHER_SUITES
                for name, trigger in (('sysrq', 'sysrq'), ('null', 'module'))}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    epitaph = Path(sys.argv[1]).absolute()
    known = CASES | KERNEL_CASES
    wanted = sys.argv[2:] or list(CASES)
    wanted = list(KERNEL_CASES) if wanted == ['kernels'] else wanted
    unknown = set(wanted) - set(known)
    if unknown:
        sys.exit(f"no case {unknown}: there are {', '.join(known)}")
    passed = failed = 0
    for name, case in known.items():
        if name not in wanted:
            continue
        started = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix='epitaph-test.', dir='/var/tmp'))
        try:
            case(epitaph, work)
            word, passed = 'ok', passed + 1
        except (Failure, assets.Trouble, OSError, subprocess.SubprocessError, StopIteration,
                KeyError) as error:
            word, failed = f'FAILED: {type(error).__name__}: {error}', failed + 1
        print(f'{time.monotonic() - started:6.1f} s  {name}: {word}', flush=True)
        shutil.rmtree(work)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
