#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions to one dump: ps --long, files, mounts, net, struct, sym, read.

    questions.py LABDIR EPITAPH [--no-drgn]

The truths: /proc of just before the crash, what the lab's tasks are made to do, and drgn
with the full vmlinux.
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
from drgn.helpers.linux.fs import d_path, for_each_file, for_each_mount, mount_dst, \
    mount_fstype, mount_src
from drgn.helpers.linux.net import for_each_netdev
from drgn.helpers.linux.pid import for_each_task

STRUCTS = ("task_struct", "rq", "mm_struct", "file", "inode", "sk_buff", "irq_desc",
           "timer_base", "page", "dentry", "kmem_cache", "zone", "net_device")

def members(type_):
    """Dotted paths of all named members with their places, of anonymous structs too."""
    for member in type_.members:
        if member.name:
            yield [member.name, member.bit_offset, member.bit_field_size]
        else:
            for name, at, bits in members(member.type):
                yield [name, at + member.bit_offset, bits]

def frames(task):
    try:
        return [frame.name for frame in prog.stack_trace(task)]
    except Exception:
        return []

def files(task):
    if not task.files or task.pid != task.tgid:
        return None
    return {fd: [d_path(file.f_path).decode("latin-1") if file.f_inode.i_sb.s_type.name.string_()
                 not in (b"pipefs", b"sockfs", b"anon_inodefs") else None,
                 file.f_pos.value_(), file.f_flags.value_(), file.f_inode.i_ino.value_()]
            for fd, file in for_each_file(task)}

tasks = {}
for task in for_each_task(prog):
    tasks[task.pid.value_()] = {
        "user_ns": task.utime.value_(), "system_ns": task.stime.value_(),
        "run_ns": task.se.sum_exec_runtime.value_(),
        "started_ns": task.start_boottime.value_(),
        "switches": task.nvcsw.value_(), "frames": frames(task), "files": files(task),
        "exe": d_path(task.mm.exe_file.f_path).decode() if task.mm else None}
values = {}
for name in ("panic_timeout", "jiffies_64", "nr_cpu_ids"):
    values[name] = [prog[name].address_, prog.read(prog[name].address_, 4).hex()]
init = prog["init_task"]
print(json.dumps({
    "tasks": tasks,
    "mounts": [[mount_src(m).decode(), mount_dst(m).decode(), mount_fstype(m).decode()]
               for m in for_each_mount(prog["init_task"].nsproxy.mnt_ns)],
    "devices": [[d.name.string_().decode(), d.ifindex.value_(), d.mtu.value_()]
                for d in for_each_netdev(prog["init_net"].address_of_())],
    "structs": {name: [prog.type("struct " + name).size, list(members(prog.type("struct " + name)))]
                for name in STRUCTS},
    "values": values,
    "init": {"flags": init.flags.value_(), "prio": init.prio.value_(), "pid": init.pid.value_(),
             "se.load.weight": init.se.load.weight.value_(),
             "comm": init.comm.string_().decode()}}))
'''
# What each kind of task of lab_guest.c sleeps in.
CALLS = {'lab:nanosleep': {'clock_nanosleep'}, 'lab:poll': {'poll'}, 'lab:epoll': {'epoll_wait'},
         'lab:pipe': {'read'}, 'lab:socket': {'recvfrom'}, 'lab:pause': {'pause'},
         'lab:sigwait': {'rt_sigtimedwait'}, 'lab:wait4': {'wait4'},
         'lab:flock': {'flock', 'clock_nanosleep'}, 'lab:thread': {'futex'},
         'lab:futex': {'futex'}, 'lab:state_D': {'vfork'}, 'lab:anon': {'pause'}}
# The kernel's numbers, of include/uapi/asm-generic/unistd.h's x86-64 sister.
NUMBERS = {'read': 0, 'poll': 7, 'pause': 34, 'recvfrom': 45, 'vfork': 58, 'wait4': 61,
           'flock': 73, 'rt_sigtimedwait': 128, 'futex': 202, 'clock_nanosleep': 230,
           'epoll_wait': 232}


class Check:
    def __init__(self, options):
        self.lab, self.program = options.lab, options.epitaph.absolute()
        self.dump = options.lab / 'vmcore'
        self.passed = self.failed = 0
        self.peer = None if options.no_drgn else self.run_drgn()

    def run(self, *arguments, status=0):
        done = subprocess.run([self.program, *map(str, arguments), self.dump], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, 'LC_ALL': 'C'})
        assert done.returncode == status, (arguments, done)
        assert bool(done.stderr) == bool(status), (arguments, done.stderr)
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, '--json'))

    def check(self, name, differences, told=''):
        differences = list(differences)
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
            argv, env = assets.peer_command('drgn', '-q', '-c', self.dump, '-s',
                                            assets.vmlinux(release), script.name)
            done = subprocess.run(argv, env=env, check=True, text=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)

    # --- ps -----------------------------------------------------------------------------

    def check_calls(self, tasks):
        wrong, compared = [], 0
        for task in tasks:
            call = task.get('syscall', {})
            wanted = CALLS.get(task['comm'])
            if wanted is None:
                continue
            compared += 1
            if call.get('name') not in wanted or call['number'] != NUMBERS[call['name']]:
                wrong.append(f"{task['pid']} {task['comm']}: {call}")
        self.check("the calls that the lab's tasks are in", wrong if compared > 40 else
                   [f'only {compared} tasks'], f'{compared} tasks')
        reads = [task['syscall'] for task in tasks if task['comm'] == 'lab:pipe']
        self.check('their arguments', [
            call for call in reads
            if [(a['name'], a['value']) for a in call['arguments'] if a['name'] != 'buf']
            != [('fd', '0x3'), ('count', '0x1')]] if reads else ['none'])
        self.check('command lines', [
            task for task in tasks if task['comm'].startswith('lab:') and task['state'] != 'Z'
            and not task.get('command', '').startswith('/bin/lab_guest tasks epitaph-lab-')])

    def check_ps(self):
        tasks = self.json('ps')['tasks']
        self.check_calls(tasks)
        pid = next(task['pid'] for task in tasks if task['comm'] == 'lab:pipe')
        done = subprocess.run([self.program, 'ps', self.dump, str(pid)], text=True,
                              stdout=subprocess.PIPE, check=True).stdout
        self.check('ps PID tells the call', [] if ' in       read(fd=3, buf=0x' in done
                   else [done])
        if not self.peer:
            return
        facts, calls = [], []
        for task in tasks:
            peer = self.peer['tasks'].get(str(task['pid']))
            if not peer:
                continue
            facts += [f"{task['pid']}: {key} {task.get(key)}: {peer[key]}" for key in
                      ('user_ns', 'system_ns', 'run_ns', 'started_ns', 'switches')
                      if task.get(key) != peer[key]]
            name = task.get('syscall', {}).get('name')
            # Whoever stops at a signal has left its call's function already.
            if name and peer['frames'] and not any(
                    frame and (frame.endswith(f'_{name}') or frame == 'get_signal')
                    for frame in peer['frames']):
                calls.append(f"{task['pid']} {name}: {peer['frames']}")
        self.check('drgn: the same times', facts, f'{len(tasks)} tasks')
        self.check("drgn: the call's function is on the stack", calls)

    # --- files, mounts, net -----------------------------------------------------------------

    def check_files(self):
        tasks = self.json('files')['tasks']
        kinds = {task['comm']: {file['kind'] for file in task['files']} for task in tasks}
        self.check('kinds of files', [
            f'{comm} has no {kind}: {kinds.get(comm)}' for comm, kind in
            (('lab:pipe', 'pipe'), ('lab:socket', 'socket'), ('lab:epoll', 'anon'),
             ('lab:flock', 'file'), ('sh', 'char')) if kind not in kinds.get(comm, ())])
        if not self.peer:
            return
        wrong, compared = [], 0
        for task in tasks:
            peer = self.peer['tasks'][str(task['pid'])]
            ours = {str(file['fd']): file for file in task['files']}
            if set(ours) != set(peer['files']):
                wrong.append(f"{task['pid']}: {set(ours)}: {set(peer['files'])}")
                continue
            if task.get('exe') != peer['exe']:
                wrong.append(f"{task['pid']}: {task.get('exe')}: {peer['exe']}")
            for fd, (path, *rest) in peer['files'].items():
                file = ours[fd]
                compared += 1
                if (path and file['path'] != path) or \
                        [file['pos'], file['flags'], file['inode']] != rest:
                    wrong.append(f"{task['pid']} {file}: {path} {rest}")
        self.check('drgn: the same files', wrong, f'{compared} files')

    def check_mounts(self):
        ours = [[m.get('device', 'none'), m['path'], m['type']] for m in
                self.json('mounts')['mounts']]
        lines = (self.lab / 'mounts.txt').read_text().splitlines()
        self.check('mounts as /proc/mounts', [
            line for line in lines if line.split()[:3] not in ours] or
            ([] if len(lines) <= len(ours) <= len(lines) + 1 else [ours]), f'{len(ours)} mounts')
        options = {m['path']: m['options'] for m in self.json('mounts')['mounts']}
        self.check('their options', [
            line for line in lines if line.split()[1] != '/'
            and not line.split()[3].startswith(options[line.split()[1]])])
        if self.peer:
            self.check('drgn: the same mounts', [] if ours == self.peer['mounts'] else
                       [ours, self.peer['mounts']])

    def check_net(self):
        net = self.json('net')
        pairs = [s for s in net['sockets'] if s['comm'] == 'lab:socket']
        addresses = {s['address'] for s in pairs}
        self.check('pairs of sockets', [s for s in pairs if s['peer'] not in addresses
                                        or s['family'] != 'unix' or s['type'] != 'stream']
                   if len(pairs) == 10 else [f'{len(pairs)} sockets'])
        if self.peer:
            ours = [[d['name'], d['index'], d['mtu']] for d in net['interfaces']]
            self.check('drgn: the same interfaces', [] if ours == self.peer['devices'] else
                       [ours, self.peer['devices']])

    # --- struct, sym, read --------------------------------------------------------------------

    def check_struct(self):
        if not self.peer:
            return
        wrong, compared = [], 0
        for name, (size, members) in self.peer['structs'].items():
            ours = self.json('struct', name)
            places = {}
            for m in ours['members']:
                places.setdefault(m['path'], [m['offset_bytes'] * 8 + m.get('bit_offset', 0),
                                              m.get('bits')])
            if ours['size_bytes'] != size:
                wrong.append(f"{name}: {ours['size_bytes']} {size}")
            for path, *place in members:
                compared += 1
                if places.get(path) != place:
                    wrong.append(f'{name}.{path}: {places.get(path)}: {place}')
        self.check('drgn: the same layouts', wrong, f'{compared} members')
        init = {m['path']: m.get('value') for m in
                self.json('struct', 'task_struct', '&init_task')['members']}
        self.check('drgn: the same values', [
            f'{key}: {init.get(key)}: {value}' for key, value in self.peer['init'].items()
            if init.get(key) not in (str(value), f'"{value}"')])

    def check_symbols(self):
        symbols = {}
        for line in (self.lab / 'kallsyms.txt').read_text().splitlines():
            address, kind, name = line.split()[:3]
            symbols.setdefault(name, int(address, 16))
        wanted = ('schedule', 'init_task', 'linux_banner', 'vfs_read', 'jiffies_64')
        self.check('sym: as /proc/kallsyms', [
            name for name in wanted
            if int(self.json('sym', name)['address'], 16) != symbols[name]
            or self.json('sym', hex(symbols[name] + 4))['offset'] != 4])
        banner = bytes(self.json('read', 'linux_banner', 200)['bytes'])
        self.check('read: the version', [] if banner.startswith(
            (self.lab / 'version.txt').read_text().strip().encode()[:190]) else [banner])
        if self.peer:
            self.check('drgn: the same memory', [
                name for name, (address, value) in self.peer['values'].items()
                if bytes(self.json('read', hex(address), 4)['bytes']).hex() != value
                or int(self.json('sym', name)['address'], 16) != address])
        text = self.run('read', '0x10', 16, status=3)
        self.check('read: what is not there', [] if re.search('( [?]{2}){16}', text) else [text])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    options = parser.parse_args()
    check = Check(options)
    check.check_ps()
    check.check_files()
    check.check_mounts()
    check.check_net()
    check.check_struct()
    check.check_symbols()
    print(f'{check.passed} passed, {check.failed} failed')
    return 1 if check.failed else 0


if __name__ == '__main__':
    sys.exit(main())
