#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What epitaph says of all tasks of a reference dump: ps, bt --group, locks, show.

    tasks.py LABDIR EPITAPH [--no-drgn]

The truths: drgn with the full vmlinux (ids, states, CPUs, wait channels, times), and for
a lab whose trigger was "locks" what the test module logged of its own locks.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

DRGN_SCRIPT = r'''
import json
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.printk import get_printk_records
from drgn.helpers.linux.sched import idle_task, task_cpu, task_on_cpu, task_state_to_char

SLEEP = [(prog.symbol(f"__{name}_text_start").address, prog.symbol(f"__{name}_text_end").address)
         for name in ("sched", "lock")]
CPUS = list(for_each_present_cpu(prog))
# A run queue's clock stands where it was last asked; the log's is the same clock.
NOW = max(get_printk_records(prog)[-1].timestamp,
          *(per_cpu(prog["runqueues"], cpu).clock.value_() for cpu in CPUS))
CURRENT = [per_cpu(prog["runqueues"], cpu).curr.value_() for cpu in CPUS]

def channel(task):
    """The innermost frame that is not inlined, outside of the scheduler and locks."""
    try:
        for frame in prog.stack_trace(task):
            at = frame.pc if frame.interrupted else frame.pc - 1
            if not any(start <= at < end for start, end in SLEEP):
                return at, [symbol.name for symbol in prog.symbols(at)]
    except Exception:
        pass
    return None

def show(task):
    arrival = task.sched_info.last_arrival.value_()
    running = task.value_() in CURRENT
    print(json.dumps({
        "pid": task.pid.value_(), "tgid": task.tgid.value_(),
        "ppid": task.real_parent.tgid.value_(), "state": task_state_to_char(task),
        "cpu": CURRENT.index(task.value_()) if running else task_cpu(task),
        "comm": task.comm.string_().decode("latin-1"), "running": running,
        "kernel_thread": bool(task.flags & 0x00200000),
        "channel": None if running else channel(task),
        "since_ms": max(NOW - arrival, 0) // 1000000 if arrival else None}))

for cpu in CPUS:
    show(idle_task(prog, cpu))
for task in for_each_task(prog):
    show(task)
'''
KEYS = ('pid', 'tgid', 'ppid', 'state', 'cpu', 'comm', 'running', 'kernel_thread')
SHOW_SECONDS_MAX = 2.0  # less than 0.1 s where nothing else runs


def escape(comm):
    return ''.join(c if ' ' <= c <= '~' else f'\\x{ord(c):02x}' for c in comm)


class Check:
    def __init__(self, options):
        self.lab, self.program = options.lab, options.epitaph.absolute()
        self.dump = options.lab / 'vmcore'
        self.passed = self.failed = 0
        self.tasks = self.json('ps')['tasks']

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments, self.dump], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, 'LC_ALL': 'C'})
        assert (done.returncode, done.stderr) == (0, ''), (arguments, done)
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, '--json'))

    def check(self, name, differences, told=''):
        if differences:
            self.failed += 1
            print(f'not ok - {name}: {len(differences)} differ')
            for difference in differences[:20]:
                print(f'    {difference}')
        else:
            self.passed += 1
            print(f'ok - {name}' + (f' ({told})' if told else ''))

    def run_drgn(self):
        release = (self.lab / 'release').read_text().strip()
        with tempfile.NamedTemporaryFile('w', suffix='.py') as script:
            script.write(DRGN_SCRIPT)
            script.flush()
            options = ['-c', self.dump, '-s', assets.vmlinux(release)]
            for module in self.lab.glob('*.ko'):
                options += ['-s', module]
            argv, env = assets.peer_command('drgn', '-q', *options, script.name)
            lines = subprocess.run(argv, env=env, check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def check_drgn(self):
        def order(task):
            return task['pid'], task['cpu']

        peers = sorted(self.run_drgn(), key=order)
        self.check('drgn: as many tasks', [f'{len(peers)}, we have {len(self.tasks)}']
                   if len(peers) != len(self.tasks) else [], f'{len(peers)} tasks')
        facts, channels, times, compared = [], [], [], 0
        for ours, peer in zip(sorted(self.tasks, key=order), peers):
            peer['comm'] = escape(peer['comm'])
            facts += [f"{ours['pid']} {ours['comm']}: {key} {ours.get(key)}: {peer[key]}"
                      for key in KEYS if ours.get(key) != peer[key]]
            if peer['since_ms'] != ours.get('since_ms'):
                times.append(f"{ours['pid']}: {ours.get('since_ms')}: {peer['since_ms']}")
            name = ours.get('wait_channel', '').split(' ')[0]
            # A dead task's stack was freed; drgn reads what is there now.
            if not peer['channel'] and not name or ours['state'] == 'Z':
                continue
            compared += 1
            if not peer['channel'] or name not in peer['channel'][1]:
                channels.append(f"{ours['pid']} {ours['comm']}: {name}: {peer['channel']}")
        self.check('drgn: the same ids, states, CPUs, names', facts)
        self.check('drgn: the same times', times)
        self.check('drgn: the same wait channels', channels, f'{compared} tasks')

    def check_cpus(self):
        """Each CPU's task is the one that `bt --all` says was running there."""
        running = {}
        for task in self.json('bt', '--all')['tasks']:
            if task.get('cpu') is not None and task['state'] == 'R':
                running.setdefault(task['cpu'], []).append(task)
        wrong = []
        for cpu, tasks in running.items():
            found = self.json('bt', '--cpu', str(cpu))['tasks']
            if len(found) != 1 or found[0] not in tasks:
                wrong.append(f'{cpu}: {found}')
        self.check('bt --cpu', wrong if running else ['no CPU'], f'{len(running)} CPUs')

    def check_groups(self):
        """Groups hold each task once, with the stack that `bt --all` prints of it."""
        stacks = Counter()
        for task in self.json('bt', '--all')['tasks']:
            stacks[task['state'], task.get('backtrace_unknown') is not None,
                   tuple(frame['address'] for frame in task['frames'])] += 1
        groups = self.json('bt', '--all', '--grouped')['groups']
        ours = Counter()
        for group in groups:
            stack = group['stack']
            ours[stack['state'], 'stack_unknown' in group,
                 tuple(frame['address'] for frame in stack['frames'])] += group['count']
        self.check('groups of stacks', list((stacks - ours) + (ours - stacks)),
                   f'{sum(ours.values())} tasks in {len(groups)} groups')
        self.check('the largest group first', [
            f"{a['count']} {b['count']}" for a, b in zip(groups, groups[1:])
            if a['count'] < b['count']])

    def check_show(self):
        started = time.monotonic()
        report = self.json('show')
        seconds = time.monotonic() - started
        self.check('show is quick', [f'{seconds:.2f} s'] if seconds > SHOW_SECONDS_MAX else [],
                   f'{seconds:.2f} s')
        blocked = sorted(task['pid'] for task in self.tasks if task['state'] == 'D')
        shown = sorted(task['pid'] for group in report['blocked'] for task in group['tasks'])
        self.check('show: the blocked tasks', [f'{shown}: {blocked}']
                   if shown != blocked or not blocked else [], f'{len(blocked)} tasks')
        locks = self.json('locks')['locks']
        self.check('show and locks agree', [] if report['locks'] == locks else [
            f'{report["locks"]}: {locks}'])

    def check_locks(self):
        log = self.run('dmesg')
        truth = sorted(re.findall(r'epitaph_crash: truth: (\S+) (\S+) (\S+) (\S+)$', log, re.M))
        edges = self.json('locks')['locks']
        ours = sorted((edge['waiter']['comm'], edge['kind'], edge.get('lock', '0x')[2:],
                       edge.get('owner', {}).get('comm')) for edge in edges
                      if edge['kind'] != 'task-end')
        self.check('who waits for which lock of whom',
                   sorted(set(truth) ^ set(ours)) or [] if truth or self.lab.name.find('locks') < 0
                   else ['the module logged nothing'], f'{len(ours)} waiters')
        self.check('vfork() waits for its child', [] if [
            (edge['waiter']['comm'], edge.get('owner', {}).get('comm')) for edge in edges
            if edge['kind'] == 'task-end'] == [('lab:state_D', 'lab:vforked')] else [f'{edges}'])
        dead = sorted(e['waiter']['comm'] for e in edges if e['deadlock'])
        wanted = ['elk_bc', 'elk_cb'] if truth else []
        self.check('deadlocks', [f'{dead}: {wanted}'] if dead != wanted else [], ' '.join(dead))
        if truth:
            text = self.run('locks')
            self.check('the chain and the circle, in words', [
                words for words in (
                    'DEADLOCK:\n  elk_bc (pid ', 'held by elk_middle (pid ',
                    '    who waits for elk_owner (pid ', '(epitaph_mutex_held [epitaph_crash])')
                if words not in text])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    options = parser.parse_args()
    check = Check(options)
    check.check_cpus()
    check.check_groups()
    check.check_show()
    check.check_locks()
    if not options.no_drgn:
        check.check_drgn()
    print(f'{check.passed} passed, {check.failed} failed')
    return 1 if check.failed else 0


if __name__ == '__main__':
    sys.exit(main())
