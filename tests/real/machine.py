#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What epitaph says of the machine in a reference dump: memory, modules, other CPUs.

    machine.py LABDIR EPITAPH [--no-drgn]

The truths: /proc/meminfo and /proc/modules of just before the crash, the ends of the
kernel's own words on its modules ("Modules linked in:"), and drgn with the full vmlinux.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

DRGN_SCRIPT = r'''
import json
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.percpu import per_cpu

def stat(name):
    item = prog[name]
    array = {"node_stat_item": "vm_node_stat", "zone_stat_item": "vm_zone_stat"}[item.type_.tag]
    return max(prog[array][item].counter.value_(), 0) * 4096

print(json.dumps({
    "memory": {
        "total": prog["_totalram_pages"].counter.value_() * 4096,
        "free": stat("NR_FREE_PAGES"),
        "anon": stat("NR_ANON_MAPPED"),
        "file": stat("NR_FILE_PAGES"),
        "shmem": stat("NR_SHMEM"),
        "dirty": stat("NR_FILE_DIRTY"),
        "writeback": stat("NR_WRITEBACK"),
        "slab_reclaimable": stat("NR_SLAB_RECLAIMABLE_B"),
        "slab_unreclaimable": stat("NR_SLAB_UNRECLAIMABLE_B"),
        "page_tables": stat("NR_PAGETABLE"),
        "kernel_stacks": stat("NR_KERNEL_STACK_KB") // 4},
    "modules": [[module.name.string_().decode(), module.taints.value_()] for module in
                list_for_each_entry("struct module", prog["modules"].address_of_(), "list")],
    "cpus": {cpu: per_cpu(prog["runqueues"], cpu).curr.pid.value_()
             for cpu in for_each_present_cpu(prog)}}))
'''
MEMINFO = {'total': 'MemTotal', 'free': 'MemFree', 'anon': 'AnonPages', 'shmem': 'Shmem',
           'slab_unreclaimable': 'SUnreclaim', 'page_tables': 'PageTables',
           'kernel_stacks': 'KernelStack'}
NEAR = 8 << 20  # what may have changed since, and what CPUs had not summed up
LETTERS = 'PFSRMBUDAWCIOELKXTNJ'


def run(*argv, **options):
    done = subprocess.run([str(each) for each in argv], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)
    assert done.returncode == 0, done
    return done.stdout


def run_drgn(lab):
    release = (lab / 'release').read_text().strip()
    with tempfile.NamedTemporaryFile('w', suffix='.py') as script:
        script.write(DRGN_SCRIPT)
        script.flush()
        argv, env = assets.peer_command('drgn', '-q', '-c', lab / 'vmcore', '-s',
                                        assets.vmlinux(release), script.name)
        return json.loads(run(*argv, env=env))


def differences(ours, theirs):
    return [f'{key}: {ours.get(key)}: {theirs.get(key)}'
            for key in [*theirs, *(key for key in ours if key not in theirs)]
            if ours.get(key) != theirs.get(key)]


def meminfo(lab, memory):
    lines = (lab / 'meminfo.txt').read_text()
    for key, name in MEMINFO.items():
        then = int(re.search(rf'^{name}: +(\d+) kB$', lines, re.M)[1]) * 1024
        if abs(memory[key] - then) > NEAR:
            yield f'{key}: {memory[key]}: {name} was {then}'


def proc_modules(lab, modules):
    """All that were there, with size and address; nothing else but the test module."""
    ours = {module['name']: module for module in modules}
    for line in (lab / 'modules.txt').read_text().splitlines():
        name, size, _, _, _, address, *_ = line.split()
        module = ours.pop(name, None)
        if not module:
            yield f'{name} is missing'
        elif (module['size_bytes'], int(module['address'], 16)) != (int(size), int(address, 16)):
            yield f'{module}: was {line}'
    yield from (name for name in ours if name != 'epitaph_crash')


def linked_in(epitaph, dump, modules):
    """An oops names modules as "virtio_blk epitaph_crash(OE+)"."""
    lines = re.findall(r'Modules linked in: (.*)', run(epitaph, 'dmesg', dump))
    if lines:
        theirs = dict(re.match(r'(\w+)(?:\((\w*)[+-]?\))?$', word).groups()
                      for word in lines[-1].split() if not word.startswith('['))
        yield from differences({m['name']: m.get('taints') for m in modules}, theirs)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    options = parser.parse_args()
    lab, epitaph, dump = options.lab, options.epitaph.absolute(), options.lab / 'vmcore'
    report = json.loads(run(epitaph, 'show', '--json', dump))
    memory, modules, cpus = report['memory'], report['modules'], report['other_cpus']
    checks = {
        'memory as /proc/meminfo just before': list(meminfo(lab, memory)),
        'modules as /proc/modules just before': list(proc_modules(lab, modules)),
        "taints as the kernel's own list": list(linked_in(epitaph, dump, modules)),
        'show and mod agree': [] if modules == json.loads(
            run(epitaph, 'mod', '--json', dump))['modules'] else ['they do not'],
        'every other CPU has a stack or was in user space': [
            cpu for cpu in cpus if 'backtrace_unknown' in cpu
            or cpu['task']['end'] not in ('clean', 'user')] or
            ([] if len(cpus) == report['cpu_count'] - 1 else [f'{len(cpus)} CPUs']),
    }
    if not options.no_drgn:
        peer = run_drgn(lab)
        checks['drgn: the same memory'] = differences(memory, peer['memory'])
        checks['drgn: the same modules and taints'] = differences(
            {m['name']: m.get('taints', '') for m in modules},
            {name: ''.join(letter for bit, letter in enumerate(LETTERS) if taints >> bit & 1)
             for name, taints in peer['modules']})
        running = {str(c['cpu']): c['task']['pid'] for c in [*cpus, {
            'cpu': report['panic_task']['cpu'], 'task': report['panic_task']}]}
        checks['drgn: the same tasks on CPUs'] = differences(running, peer['cpus'])
    for name, found in checks.items():
        print(f'not ok - {name}: {found}' if found else f'ok - {name}')
    failed = sum(bool(found) for found in checks.values())
    print(f'{len(checks) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
