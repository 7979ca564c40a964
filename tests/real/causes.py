#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the cause that was provoked the one that `epitaph show` tells, and is the stack right?

    causes.py LABDIR EPITAPH [--no-drgn] [--row]

LABDIR is one that `tests/vm/lab.py make` printed; its name tells how the kernel was crashed.
Judged are the title, the sentence, and the panicking task's functions with the stacks that
they are on, by the table EXPECTED, which was written from what the module does; and the
frames also by two others' word: the kernel's own trace in the log, and drgn with the
full vmlinux. The log alone must give the same title and signature as the dump.

--row prints a line of a table of the results, too.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import backtraces  # noqa: E402

MODULE = 'epitaph_crash'
CRASH_NOW = f'epitaph_crash_now [{MODULE}]'
ENTRY = [CRASH_NOW, f'epitaph_init [{MODULE}]', 'do_one_initcall', 'do_init_module']


def own(*names):
    return [f'{stack}{name} [{MODULE}]' for stack, name in
            (re.fullmatch(r'(<\w+>)?(.*)', each).groups('') for each in names)]


@dataclass(frozen=True)
class Expected:
    title: str
    cause: str          # how it begins, as a pattern
    frames: tuple       # in this order, maybe with others in between; "<IRQ>" on that stack
    first: str = ''     # the innermost frame is this one
    comm: str = 'insmod'
    end: str = 'user'
    guessed: bool = False  # not all can be proved: there is no code where the CPU was
    other: tuple = ()   # frames of another CPU, as `frames`
    code: str = None    # the function that Code and Registers are of; '' none at all


def in_task(title, cause, *frames, **more):
    return Expected(title, cause, (*frames, *ENTRY), **more)


def fault(title, cause, function, **more):
    """An exception: the CPU's registers are those of the instruction that faulted."""
    return in_task(f'{title} in {function}', f'{cause} in {function} \\[{MODULE}\\]',
                   *own(function), first=f'{function} [{MODULE}]', code=function, **more)


# What else may happen, told by who panicked.
ELSEWHERE = {
    # A CPU that is busy in user space may be the first to notice.
    'rcu': Expected('INFO: rcu detected stall in epitaph_init',
                    f'RCU stall in epitaph_rcu \\[{MODULE}\\]',
                    ('panic', 'rcu_sched_clock_irq'), comm='lab:state_R',
                    other=own('epitaph_rcu')),
}
ASKED = 'kernel panic: epitaph_crash: panic on request'
PANIC = f'panic: epitaph_crash: panic on request in epitaph_panic \\[{MODULE}\\]'
NULL = 'BUG: unable to handle kernel NULL pointer dereference'
BY_PANIC = ('__crash_kexec', 'panic', *own('epitaph_panic'))
EXPECTED = {
    'sysrq': Expected('sysrq: crash', 'crash triggered by sysrq \\(c\\), by task sh',
                      ('__crash_kexec', 'panic', 'sysrq_handle_crash', 'write_sysrq_trigger',
                       'vfs_write'), comm='sh', code=''),
    'null': fault(NULL, 'NULL pointer dereference: read at address 0x20',
                  'epitaph_null_dereference'),
    'write': fault(NULL, 'NULL pointer dereference: write at address 0x20',
                   'epitaph_null_write'),
    'console': fault(NULL, 'NULL pointer dereference: read at address 0x20',
                     'epitaph_null_dereference'),
    'gpf': fault('general protection fault',
                 'general protection fault: access at address 0x1bad1bad00000020 '
                 '\\(not canonical\\)', 'epitaph_non_canonical'),
    'uaf': fault('general protection fault',
                 # v5.10 does not decode the instruction: the register's value
                 'use after free: access at address 0x6b6b6b6b6b6b6b[68]b, made of the bytes '
                 'of freed slab memory', 'epitaph_use_after_free'),
    'callnull': in_task(f'{NULL} in epitaph_call_null', 'NULL pointer dereference: execution '
                        f'at address 0x0 in epitaph_call_null \\[{MODULE}\\]',
                        *own('epitaph_call_null'), guessed=True),
    'callwild': in_task('BUG: unable to handle kernel paging request in epitaph_call_wild',
                        'bad pointer: execution at address 0xffffffffdeadb000 in '
                        f'epitaph_call_wild \\[{MODULE}\\]',
                        *own('epitaph_call_wild'), guessed=True),
    'divide': fault('divide error', 'division by zero, or a quotient too large',
                    'epitaph_divide'),
    'bug': fault('kernel BUG', 'kernel BUG at .*epitaph_crash.c:\\d+', 'epitaph_bug'),
    'warn': in_task('WARNING in epitaph_warn',
                    f'a kernel warning at .*epitaph_crash.c:\\d+ in epitaph_warn \\[{MODULE}\\]',
                    '__crash_kexec', 'panic', *own('epitaph_warn'), code='epitaph_warn'),
    'list': in_task('BUG: corrupted list in epitaph_list',
                    f'a linked list is corrupted in epitaph_list \\[{MODULE}\\]: list_del',
                    *own('epitaph_list')),
    'panic': in_task(ASKED, PANIC, *BY_PANIC),
    'locks': in_task(ASKED, PANIC, *BY_PANIC, *own('epitaph_locks')),
    'stack': Expected('BUG: stack guard page was hit in epitaph_init',
                      f'kernel stack overflow in epitaph_stack_overflow \\[{MODULE}\\]',
                      (*own(*['epitaph_stack_overflow'] * 20), *ENTRY),
                      first=f'epitaph_stack_overflow [{MODULE}]',
                      code='epitaph_stack_overflow'),
    'stackend': in_task('kernel panic: corrupted stack end in epitaph_init',
                        'the end of a kernel stack was overwritten in epitaph_stack_end '
                        f'\\[{MODULE}\\], by task insmod',
                        '__crash_kexec', 'panic', '__schedule', 'msleep',
                        *own('epitaph_stack_end')),
    'doublefault': Expected('PANIC: double fault in epitaph_double_fault',
                            f'double fault in epitaph_double_fault \\[{MODULE}\\]',
                            tuple(own('epitaph_double_fault')),
                            first=f'epitaph_double_fault [{MODULE}]', end='broken',
                            code='epitaph_double_fault'),
    'hardirq': in_task(ASKED, PANIC, '<IRQ>__crash_kexec', '<IRQ>panic',
                       *own('<IRQ>epitaph_panic', '<IRQ>epitaph_in_hardirq'),
                       '<IRQ>irq_work_run', '<IRQ?>sysvec_irq_work', *own('epitaph_hardirq'), code=''),
    'softirq': in_task(ASKED, PANIC, '<IRQ>__crash_kexec', '<IRQ>panic',
                       *own('<IRQ>epitaph_panic', '<IRQ>epitaph_in_softirq'),
                       '<IRQ>call_timer_fn', '<IRQ?>sysvec_apic_timer_interrupt',
                       *own('epitaph_softirq'), code=''),
    'nmi': in_task('kernel panic: NMI', 'a non-maskable interrupt that the kernel was told '
                   f'to die of \\(Not continuing\\) in epitaph_nmi \\[{MODULE}\\]',
                   '<NMI>panic', '<NMI>nmi_panic', '<NMI>unknown_nmi_error', '<NMI>exc_nmi',
                   *own('epitaph_nmi'), code='epitaph_nmi'),
    'spinning': in_task(ASKED, PANIC, *BY_PANIC, *own('epitaph_spinning'),
                        other=own('epitaph_hang', 'epitaph_hang_thread')),
    'softlockup': in_task('BUG: soft lockup in epitaph_init',
                          f'soft lockup: CPU \\d hung in the kernel in epitaph_softlockup '
                          f'\\[{MODULE}\\], by task insmod',
                          '<IRQ>panic', '<IRQ>watchdog_timer_fn', *own('epitaph_softlockup'), code='epitaph_softlockup'),
    'rcu': in_task('INFO: rcu detected stall in epitaph_init',
                   f'RCU stall in epitaph_rcu \\[{MODULE}\\]',
                   '<IRQ>panic', '<IRQ>rcu_sched_clock_irq', *own('epitaph_rcu'), code='epitaph_rcu'),
    'hardlockup': Expected('INFO: rcu detected stall in epitaph_hang_thread',
                           f'RCU stall in epitaph_hang \\[{MODULE}\\]',
                           ('panic', 'rcu_sched_clock_irq'), comm='',
                           other=own('epitaph_hang', 'epitaph_hang_thread')),
    'hung': Expected('INFO: task hung in epitaph_actor_run',
                     'task elk_[bc]{2} \\(pid \\d+\\) hung in epitaph_actor_run '
                     f'\\[{MODULE}\\]', ('__crash_kexec', 'panic', 'watchdog', 'kthread'),
                     comm='khungtaskd', end='clean'),
    'oom': in_task('kernel panic: Out of memory',
                   'out of memory, and vm.panic_on_oom is set: system-wide',
                   '__crash_kexec', 'panic', 'out_of_memory', *own('epitaph_oom')),
}


def call(*argv):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode or done.stderr:
        raise SystemExit(f"causes: {argv}: {done.returncode} {done.stderr}\n0 passed, 1 failed")
    return done.stdout


def frame_name(frame):
    stack = f'<{frame["stack"]}>' if frame['stack'] else ''
    module = f' [{frame["module"]}]' if frame['module'] else ''
    return stack + re.sub(r'\.(cold|constprop|isra|part)(\.\d+)?', '',
                          frame['function']) + module


def missing(wanted, names):
    """Those that are not there in this order; "<IRQ?>" is on that stack or the task's."""
    rest = iter(names)
    return [each for each in wanted if not any(
        name in (each, each.replace('<IRQ?>', '<IRQ>'), each.replace('<IRQ?>', ''))
        for name in rest)]


def check_told(result, expected, report):
    result.check('the title', [] if report['title'] == expected.title
                 else [report['title'], f'expected: {expected.title}'], report['title'])
    cause = report.get('cause', '')
    result.check('the cause', [] if re.match(expected.cause, cause)
                 else [cause, f'expected: {expected.cause}'], cause)
    task = report['panic_task']
    if expected.comm:
        result.check('the task', [] if task['comm'] == expected.comm else [task['comm']],
                     task['comm'])


def check_guesses(result, frames):
    """What can't be proved is marked as such."""
    result.check('only the place itself is proved', [
        frame['text'] for i, frame in enumerate(frames) if frame['reliable'] != (i == 0)])


def check_frames(result, expected, report):
    frames = report['panic_task']['frames']
    names = [frame_name(frame) for frame in frames]
    result.check('the functions in order', [] if not missing(expected.frames, names) else [
        f'{names}', f'missing: {missing(expected.frames, names)}'], f'{len(names)} frames')
    if expected.first:
        result.check('the innermost function', [] if names[0] == expected.first
                     else names[:1], names[0])
    if expected.guessed:
        check_guesses(result, frames)
    else:
        result.check('every frame is proved', [
            frame['text'] for frame in frames if not frame['reliable']])
    end, why = report['panic_task']['end'], report['panic_task'].get('end_why')
    result.check('how the stack ends', [] if end == expected.end else [f'{end}: {why}'],
                 f'{end}' + (f': {why}' if why else ''))
    if expected.other:
        others = [[frame_name(frame) for frame in cpu['task']['frames']]
                  for cpu in report['other_cpus']]
        result.check('the other CPU', [] if any(
            not missing(expected.other, [re.sub('^<\\w+>', '', name) for name in names])
            for names in others) else [f'{others}'])


def check_code(result, expected, report):
    """Of the instruction that faulted, though the CPU has gone on into panic()."""
    if expected.code is None:
        return
    where = report.get('code', {}).get('where', '')
    ok = where.split('+')[0] == expected.code
    if ok and where:
        frame = report['panic_task']['frames'][report.get('registers_frame', 0)]
        ip = next(each['value'] for each in report['registers']
                  if each['name'] in ('rip', 'pc'))
        address = int(report['code']['address'], 16) + report['code']['at']
        ok = int(ip, 16) == int(frame['address'], 16) == address
    result.check('the code', [] if ok else [
        f"{where}, registers of frame {report.get('registers_frame', 0)}",
        f'expected: {expected.code}'], where)


def check_stuck(result, trigger, report):
    """The CPU that hung, which is not always the one that noticed."""
    stuck = report.get('stuck_cpu')
    if trigger not in ('softlockup', 'rcu', 'hardlockup'):
        result.check('no CPU was stuck', [f'{stuck}'] if stuck else [])
        return
    tasks = {report['panic_task']['cpu']: report['panic_task'],
             **{cpu['cpu']: cpu['task'] for cpu in report['other_cpus']}}
    wrong = [] if stuck and not stuck.get('unknown') else [f'{stuck}']
    if not wrong and not any(frame['module'] == MODULE
                             for frame in tasks[stuck['cpu']]['frames']):
        wrong = [f'{stuck["cpu"]} ran {tasks[stuck["cpu"]]["comm"]}']
    if not wrong and trigger == 'hardlockup' and not (
            stuck.get('hrtimers_overdue') or stuck.get('timers_overdue')):
        wrong = ['no timer is overdue']
    result.check('what waited for the CPU that hung', wrong)


def check_kernels_trace(result, epitaph, lab, report):
    """A trace of the panicking CPU in the log, as far as the kernel vouches for it."""
    text = call(epitaph, 'dmesg', lab / 'vmcore')
    traces = re.findall(r'Call [Tt]race:(.*?)(?=</TASK>|RIP: 0033|---\[|Call [Tt]race:|$(?!.))',
                        text, re.S)
    ours = [frame['text'] for frame in report['panic_task']['frames']]
    best = None
    for trace in traces:
        kernels = re.findall(r'\] {2}([\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?)\s*$',
                             trace, re.M)
        kernels = [name for name in kernels if name.split('+')[0] not in
                   ('dump_stack_lvl', 'dump_stack', 'panic', 'vpanic', 'show_stack',
                    'dump_backtrace')]
        gone = missing(kernels, ours)
        if kernels and (best is None or len(gone) < len(best[0])):
            best = gone, kernels
    if best:
        result.check("the kernel's own trace", [
            f'ours: {ours}', f'not in it: {best[0]}'] if best[0] else [],
            f'{len(best[1])} frames')
    return bool(best and not best[0])


def check_log_alone(result, epitaph, lab, report):
    with tempfile.TemporaryDirectory() as directory:
        record = Path(directory) / '202611230042'
        record.mkdir()
        (record / 'dmesg.202611230042').write_text(call(epitaph, 'dmesg', lab / 'vmcore'))
        shown = json.loads(subprocess.run([epitaph, 'show', '--json', record], text=True,
                                          stdout=subprocess.PIPE).stdout)
    result.check('the log alone tells the same', [
        f'{key}: {shown.get(key)}, the dump {report.get(key)}'
        for key in ('title', 'cause', 'signature') if shown.get(key) != report.get(key)])


def check_drgn(result, expected, epitaph, lab):
    """Frame by frame; where the CPU jumped to nowhere, drgn has nothing to say."""
    program = epitaph.parent / 'tests' / 'unwind_all'
    rows, tasks = backtraces.read_dump(program, lab / 'vmcore')
    but = backtraces.panic_task(rows, tasks).address if expected.guessed else None
    backtraces.check_drgn(result, lab, tasks, but)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    parser.add_argument('--row', action='store_true')
    options = parser.parse_args()

    epitaph, lab = options.epitaph.absolute(), options.lab
    trigger = next(part for part in lab.name.split('-') if part in EXPECTED)
    expected = EXPECTED[trigger]
    report = json.loads(call(epitaph, 'show', '--json', lab / 'vmcore'))
    elsewhere = ELSEWHERE.get(trigger)
    if elsewhere and report['panic_task']['comm'] == elsewhere.comm:
        expected = elsewhere
    result = backtraces.Result()
    check_told(result, expected, report)
    told = not result.failed
    check_frames(result, expected, report)
    check_code(result, expected, report)
    check_stuck(result, trigger, report)
    check_log_alone(result, epitaph, lab, report)
    traced = check_kernels_trace(result, epitaph, lab, report)
    failed = result.failed
    if not options.no_drgn:
        check_drgn(result, expected, epitaph, lab)
    if options.row:
        answer = {True: 'yes', False: 'NO'}
        print(f'| {lab.name} | {report["title"]} | {answer[told]} | {answer[traced]} |'
              f' {"-" if options.no_drgn else answer[result.failed == failed]} |')
    print(f'{result.passed} passed, {result.failed} failed')
    return 1 if result.failed else 0


if __name__ == '__main__':
    sys.exit(main())
