#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks and backtraces of a reference dump, against what is known of that machine.

    backtraces.py LAB-DIRECTORY EPITAPH [--no-drgn]

LAB-DIRECTORY is one that `tests/vm/lab.py make` printed. Next to the program EPITAPH, in
tests/, its build has unwind_all, which prints what is compared. The truths:

    ps.txt        every task with its ids and name, and the state of those that keep it
    stacks.txt    the kernel's own unwinder, on tasks that sleep and go on sleeping
    console.log   the kernel's own backtrace of the crash
    drgn          with the full vmlinux: each task's frames, address by address

Ends with "N passed, N failed"; what differs is printed.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

# Inside drgn: a line a task, of its frames that are not inlined.
DRGN_SCRIPT = r'''
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import idle_task

def show(task):
    frames = []
    try:
        for frame in prog.stack_trace(task):
            if not frame.is_inline:
                at = frame.pc if frame.interrupted else frame.pc - 1
                frames.append(f"{frame.pc:#x} " + ",".join(s.name for s in prog.symbols(at)))
    except Exception as e:
        frames = [f"error {e}"]
    print(f"{task.value_():#x}", *frames, sep="\t")

for cpu in for_each_present_cpu(prog):  # arm64 takes those that it stops offline
    show(idle_task(prog, cpu))
for task in for_each_task(prog):
    show(task)
'''

# Labels inside a function, which have no size in vmlinux and so no place in drgn's answer.
ALIASES = {
    'entry_SYSCALL_64_after_hwframe': 'entry_SYSCALL_64',
    'end_repeat_nmi': 'asm_exc_nmi',
    'common_startup_64': 'secondary_startup_64',
    'secondary_startup_64_no_verify': 'secondary_startup_64',
    'asm_call_irq_on_stack': 'asm_call_on_stack',  # v5.10
}
# The task that recorded ps.txt, and the one that crashed the kernel.
RECORDER = 'lab_guest'
TRIGGERS = ('sh', 'insmod')
USER_END = 1 << 63

# What must be on the panicking task's stack, innermost first, by how the lab crashed.
EXPECTED = {
    'sysrq': ['__crash_kexec', 'panic', 'sysrq_handle_crash', '__handle_sysrq',
              'write_sysrq_trigger', 'proc_reg_write', 'vfs_write', 'ksys_write'],
    'null': ['epitaph_null_dereference [epitaph_crash]', 'epitaph_crash_now [epitaph_crash]',
             'epitaph_init [epitaph_crash]', 'do_one_initcall', 'do_init_module'],
    'panic': ['__crash_kexec', 'panic', 'epitaph_panic [epitaph_crash]',
              'epitaph_crash_now [epitaph_crash]', 'epitaph_init [epitaph_crash]'],
    'locks': ['__crash_kexec', 'panic', 'epitaph_panic [epitaph_crash]',
              'epitaph_locks [epitaph_crash]', 'epitaph_crash_now [epitaph_crash]'],
    'bug': ['epitaph_bug [epitaph_crash]', 'epitaph_crash_now [epitaph_crash]'],
    'divide': ['epitaph_divide [epitaph_crash]', 'epitaph_crash_now [epitaph_crash]'],
    'write': ['epitaph_null_write [epitaph_crash]', 'epitaph_crash_now [epitaph_crash]'],
    'stack': ['epitaph_stack_overflow [epitaph_crash]'] * 8,
}


# What panic() is made of in newer kernels.
INSIDE_PANIC = ('vpanic',)


class Frame:
    def __init__(self, text):
        self.stack, mark, address, self.name = re.fullmatch(
            r'(<\w+>)?(\?)?(0x[0-9a-f]+) (.*)', text).groups()
        self.is_reliable = mark is None
        self.address = int(address, 16)
        self.symbol = self.name.split('+')[0]
        module = re.search(r' \[.*\]$', self.name)
        self.function = self.symbol + (module.group() if module else '')


class Task:
    def __init__(self, fields):
        (self.address, pid, tgid, ppid, self.state, cpu, running, self.comm, self.end,
         self.why, *frames) = fields
        self.pid, self.tgid, self.ppid, self.cpu = int(pid), int(tgid), int(ppid), int(cpu)
        self.is_running = running == 'running'
        self.frames = [Frame(frame) for frame in frames]

    def __str__(self):
        return f'{self.pid} {self.comm}'


class Result:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, differences, told=''):
        """One test: no differences."""
        if differences:
            self.failed += 1
            print(f'not ok - {name}: {len(differences)} differ')
            for difference in differences[:20]:
                print(f'    {difference}')
        else:
            self.passed += 1
            print(f'ok - {name}' + (f' ({told})' if told else ''))


def read_dump(program, vmcore):
    done = subprocess.run([program, vmcore], stdout=subprocess.PIPE, text=True,
                          errors='replace')
    if done.returncode:
        sys.exit(f"backtraces: '{program}' ended with {done.returncode}\n0 passed, 1 failed")
    rows = [line.split('\t') for line in done.stdout.splitlines()]
    return rows, [Task(row[1:]) for row in rows if row[0] == 'task']


def read_ps(lab):
    rows = {}
    for line in (lab / 'ps.txt').read_text(errors='replace').splitlines():
        if not line.startswith('#'):
            tid, tgid, ppid, state, _, comm = line.split('\t', 5)
            rows[int(tid)] = (int(tgid), int(ppid), state, comm)
    return rows


def same_comm(recorded, ours):
    """/proc shows a kernel thread's long name, and what a kworker works on."""
    return recorded == ours or recorded[:15] == ours or (
        ours.startswith('kworker/') and recorded[:len(ours) + 1] in (ours + '-', ours + '+'))


def check_tasks(result, lab, tasks):
    recorded = read_ps(lab)
    by_pid = {task.pid: task for task in tasks if task.pid}
    result.check('every task that was there is there', [
        f'{tid} {comm}' for tid, (*_, comm) in recorded.items()
        if tid not in by_pid and comm != RECORDER], f'{len(recorded)} tasks')
    result.check('no other task', [
        f'{task}' for task in by_pid.values()
        if task.pid not in recorded and task.ppid != 2
        and not (task.is_running and task.comm in TRIGGERS)])
    differences = []
    for tid, (tgid, ppid, state, comm) in recorded.items():
        task = by_pid.get(tid)
        if not task:
            continue
        if (task.tgid, task.ppid) != (tgid, ppid) or not same_comm(comm, task.comm):
            differences.append(f'{task} of {task.tgid}, child of {task.ppid}: '
                               f'{tid} {comm} of {tgid}, child of {ppid}')
        if comm.startswith('lab') and comm != RECORDER and task.state != state:
            differences.append(f'{task} is {task.state}: was {state}')
    result.check('ids, names and states', differences)
    result.check('one idle task a CPU', [
        f'{task}' for cpu, task in enumerate(t for t in tasks if not t.pid)
        if (task.cpu, task.comm) != (cpu, f'swapper/{cpu}')])


def check_symbols(result, lab, rows):
    """Where the kernel says where its symbols are, the search finds them there."""
    _, count, how, found = next(row for row in rows if row[0] == 'symbols')
    result.check('symbols are found without VMCOREINFO',
                 [] if found == {'exported': 'there', 'not': 'found'}.get(how)
                 else [f'{how}: {found}'], f'{how}')
    # /proc has those of modules too, each with its module behind it.
    lines = (lab / 'kallsyms.txt').read_text().splitlines()
    kernels = sum('\t' not in line for line in lines)
    result.check('as many symbols as the kernel says', [] if int(count) == kernels
                 else [f'{count}, the kernel has {kernels}'], count)


def check_ends(result, tasks):
    result.check('every backtrace comes to its end', [
        f'{task}: {task.end} {task.why}' for task in tasks
        if task.end not in ('clean', 'user') and task.state != 'Z'],
        ', '.join(f'{n} {end}' for end, n in sorted(Counter(t.end for t in tasks).items())))
    result.check('a zombie has no stack, and says so', [
        f'{task}: {task.end} {task.why}' for task in tasks
        if task.state == 'Z' and 'stack was freed' not in task.why])
    result.check('every frame is proved', [
        f'{task}: {frame.name}' for task in tasks for frame in task.frames
        if not frame.is_reliable])
    result.check('a task that sleeps is on its own stack', [
        f'{task}: {frame.name}' for task in tasks for frame in task.frames
        if frame.stack and not task.is_running])
    result.check('every frame has a name', [
        f'{task}: 0x{frame.address:x}' for task in tasks for frame in task.frames
        if not frame.name])


def panic_task(rows, tasks):
    cpu = next(int(row[1]) for row in rows if row[0] == 'panic')
    address = next(row[2] for row in rows if row[0] == 'cpu' and int(row[1]) == cpu)
    return next(task for task in tasks if task.address == address)


def trigger_of(lab):
    """'6.12-arm64-null' -> 'null'"""
    return next(part for part in lab.name.split('-') if part in EXPECTED)


def check_panic(result, lab, rows, tasks):
    trigger = trigger_of(lab)
    task = panic_task(rows, tasks)
    expected = EXPECTED[trigger]
    functions = [re.sub(r'\.cold', '', frame.function) for frame in task.frames
                 if frame.function not in INSIDE_PANIC]
    result.check('the panicking task', [] if functions[:len(expected)] == expected else [
        f'{task}: {functions}', f'expected: {expected}'], f'{task}')

    # The first trace on the console, without its doubtful lines. What the kernel was in
    # when it printed it (dump_stack, panic) differs, what led there does not.
    console = (lab / 'console.log').read_text(errors='replace')
    trace = re.search(r'Call [Tt]race:(.*?)(</TASK>|RIP: 0033|Code: |SMP: )', console, re.S)
    kernels = re.findall(r'\] {2}([\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?)\s*$',
                         trace.group(1), re.M) if trace else []
    ours = [frame.name for frame in task.frames]
    if 'arm64' in lab.name and len(kernels) > 1 and ours[:1] == kernels[:1] \
            and ours[2:3] == kernels[1:2]:
        del ours[1]  # the caller of a function without a frame record: the kernel misses it
    same = 0
    while same < min(len(ours), len(kernels)) and ours[-1 - same] == kernels[-1 - same]:
        same += 1
    rest = [name.split('+')[0] for name in kernels[:len(kernels) - same]]
    known = ('dump_backtrace', 'show_stack', 'dump_stack_lvl', 'dump_stack', 'panic', 'vpanic')
    if trigger == 'stack' and not trace:
        return  # it had no stack to print one
    result.check('the kernel\'s own trace of the crash',
                 [] if same >= 5 and all(name in known for name in rest)
                 else [f'ours:   {ours}', f'kernel: {kernels}'], f'{same} frames')


def check_stacks(result, lab, tasks):
    """Tasks of the lab sleep on where they were: /proc leaves out only the scheduler."""
    by_pid = {task.pid: task for task in tasks}
    differences, compared = [], 0
    for block in (lab / 'stacks.txt').read_text(errors='replace').split('\n\n'):
        head, *lines = block.strip().splitlines() or ['']
        tid, _, comm = head.partition('\t')
        kernels = [line.partition('] ')[2] for line in lines]
        task = by_pid.get(int(tid or -1))
        if not task or not comm.startswith('lab') or comm == RECORDER or task.is_running \
                or not kernels:
            continue
        compared += 1
        ours = [frame.name for frame in task.frames]
        if ours[-len(kernels):] != kernels:
            differences.append(f'{task}: {ours}: was {kernels}')
    result.check('the kernel\'s own stacks of sleeping tasks', differences,
                 f'{compared} tasks')
    if not compared:
        result.check('stacks.txt says something', ['nothing to compare'])


def run_drgn(lab):
    release = (lab / 'release').read_text().strip()
    with tempfile.NamedTemporaryFile('w', suffix='.py') as script:
        script.write(DRGN_SCRIPT)
        script.flush()
        options = ['-c', lab / 'vmcore', '-s', assets.vmlinux(release)]
        for module in lab.glob('*.ko'):
            options += ['-s', module]
        argv, env = assets.peer_command('drgn', '-q', *options, script.name)
        return subprocess.run(argv, env=env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout


def drgn_frames(fields):
    """[(address, names)] without those of user space."""
    frames = []
    for field in fields:
        address, _, names = field.partition(' ')
        if address == 'error':
            return [(0, [field])]
        if int(address, 16) >= USER_END:
            frames.append((int(address, 16), names.split(',')))
    return frames


def check_drgn(result, lab, tasks, but=None):
    """@but: the address of a task whose frames drgn does not find."""
    peers = {}
    for line in run_drgn(lab).splitlines():
        address, *fields = line.split('\t')
        peers[address] = drgn_frames(fields)
    ours = {task.address: task for task in tasks}
    result.check('drgn: the same tasks', [f'{a}' for a in peers.keys() ^ ours.keys()],
                 f'{len(peers)} tasks')
    addresses, names = [], []
    for address, frames in peers.items():
        task = ours.get(address)
        if not task or task.state == 'Z' or address == but:
            continue
        # On 6.1 drgn knows no init sections of modules: it breaks off in one.
        unnamed = next((i for i, (_, symbols) in enumerate(frames) if symbols == ['']), None)
        is_in_init = (unnamed is not None and unnamed < len(task.frames)
                      and ' [' in task.frames[unnamed].name)
        if is_in_init:
            frames = frames[:unnamed]
        mine = [frame.address for frame in task.frames]
        if mine[:len(frames)] != [a for a, _ in frames] \
                or len(mine) != len(frames) and not is_in_init:
            addresses.append(f'{task}: {[f.name for f in task.frames]}: drgn has {frames}')
            continue
        for frame, (_, symbols) in zip(task.frames, frames):
            if frame.symbol not in symbols and ALIASES.get(frame.symbol) not in symbols:
                names.append(f'{task}: {frame.name}: drgn has {symbols}')
    result.check('drgn: the same frames', addresses,
                 f'{sum(len(task.frames) for task in tasks)} frames')
    result.check('drgn: the same names', names)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    options = parser.parse_args()

    result = Result()
    program = options.epitaph.absolute().parent / 'tests' / 'unwind_all'
    rows, tasks = read_dump(program, options.lab / 'vmcore')
    result.check('nothing is cut off', [row for row in rows if row[0] == 'cut'],
                 ', '.join(' '.join(row[1:]) for row in rows if row[0] == 'unwinder'))
    check_symbols(result, options.lab, rows)
    check_tasks(result, options.lab, tasks)
    check_ends(result, tasks)
    check_panic(result, options.lab, rows, tasks)
    check_stacks(result, options.lab, tasks)
    if not options.no_drgn:
        check_drgn(result, options.lab, tasks)
    print(f'{result.passed} passed, {result.failed} failed')
    return 1 if result.failed else 0


if __name__ == '__main__':
    sys.exit(main())
