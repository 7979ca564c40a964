# SPDX-License-Identifier: GPL-2.0-or-later
"""Explaining a dump of level 31: epitaph, which has the dump alone, against crash and drgn,
which have the kernel's vmlinux with debug information too.

    report     the first thing to look at: `epitaph show`; crash's `sys', `bt'; drgn's trace
               of the task that crashed
    all        the backtrace of each task: `epitaph bt --all`, `foreach bt', for_each_task()
"""
import subprocess

import assets
from measure import FIGURES, lab, measure, medians

QUESTIONS = ('report', 'all')
CRASH = {'report': 'sys\nbt\nexit\n', 'all': 'foreach bt\nexit\n'}
DRGN = {'report': 'print(prog.crashed_thread().stack_trace())\n',
        'all': 'from drgn.helpers.linux.pid import for_each_task\n'
               'for task in for_each_task(prog):\n'
               '    try:\n'
               '        print(prog.stack_trace(task))\n'
               '    except Exception as e:\n'
               '        print(e)\n'}


def contestants(options, dump, vmlinux):
    """(program, question) -> (argv, env, stdin)"""
    found = {('epitaph', 'report'): ([options.epitaph, 'show', dump], None, None),
             ('epitaph', 'all'): ([options.epitaph, 'bt', '--all', dump], None, None)}
    for question in QUESTIONS:
        commands = options.work / f'crash.{question}'
        commands.write_text(CRASH[question])
        found['crash', question] = (*assets.peer_command('crash', '-s', vmlinux, dump),
                                    commands)
        script = options.work / f'drgn_{question}.py'
        script.write_text(DRGN[question])
        found['drgn', question] = (*assets.peer_command('drgn', '-q', '-c', dump, '-s', vmlinux,
                                                        script), None)
    return found


def run_explain(options):
    source, dump = lab() / 'vmcore', options.work / 'dump'
    subprocess.run([options.epitaph, 'save', '--level', '31', source, dump], check=True,
                   stdout=subprocess.DEVNULL)
    vmlinux = assets.vmlinux('6.12')
    subprocess.run(['cat', vmlinux], check=True, stdout=subprocess.DEVNULL)
    compared = contestants(options, dump, vmlinux)
    measured = {who: [] for who in compared}
    for _ in range(options.runs):
        for who, (argv, env, stdin) in compared.items():
            measured[who].append(measure(argv, env, stdin))
    dump.unlink()
    return [{'program': program, 'question': question, **medians(FIGURES, results)}
            for (program, question), results in measured.items()]


def show_explain(rows, options):
    print(f'Linux 6.12, dump of level 31, median of {options.runs}')
    print('program  question   wall s   CPU s  RSS MiB')
    for row in rows:
        print('{program:8} {question:8} {wall_s:8.3f} {cpu_s:7.3f} {rss_mib:8.0f}'
              .format(**row))
