#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions to one dump: ps --long, files, mounts, net, slab, zones, irq, work, timers, sys,
disks, struct, sym, read.

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
from drgn import Object, TypeKind, container_of
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.idr import idr_for_each
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.mmzone import for_each_online_pgdat
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry
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

SYSCTLS = {"kernel.panic": "panic_timeout", "kernel.panic_on_oops": "panic_on_oops",
           "kernel.hung_task_panic": "sysctl_hung_task_panic",
           "kernel.hung_task_timeout_secs": "sysctl_hung_task_timeout_secs",
           "kernel.softlockup_panic": "softlockup_panic", "kernel.oops_limit": "oops_limit",
           "vm.panic_on_oom": "sysctl_panic_on_oom", "kernel.watchdog_thresh": "watchdog_thresh",
           "crash_kexec_post_notifiers": "crash_kexec_post_notifiers"}

caches = {}
for cache in list_for_each_entry("struct kmem_cache", prog["slab_caches"].address_of_(), "list"):
    sums = [0, 0, 0]
    for i in range(prog["nr_node_ids"].value_()):
        try:
            node = cache.node[i]
        except AttributeError:
            node = cache.per_node[i].node
        if node:
            sums[0] += node.nr_slabs.counter.value_()
            sums[1] += node.total_objects.counter.value_()
            try:
                slabs = list(list_for_each_entry("struct slab", node.partial.address_of_(),
                                                 "slab_list"))
            except LookupError:
                slabs = list(list_for_each_entry("struct page", node.partial.address_of_(),
                                                 "slab_list"))
            sums[2] += sum(slab.objects.value_() - slab.inuse.value_() for slab in slabs)
    caches[hex(cache.value_())] = [cache.name.string_().decode(), cache.size.value_(), *sums]

zones = []
for pgdat in for_each_online_pgdat(prog):
    for zone in pgdat.node_zones:
        if zone.present_pages:
            zones.append([zone.name.string_().decode(),
                          max(zone.vm_stat[prog["NR_FREE_PAGES"]].counter.value_(), 0),
                          [area.nr_free.value_() for area in zone.free_area]])

CPUS = list(for_each_present_cpu(prog))

def bases(cpu):
    array = per_cpu(prog["timer_bases"], cpu)
    return list(array) if array.type_.kind == TypeKind.ARRAY else [array]

def function(pointer):
    return prog.symbol(pointer.value_()).name

timers = []
for cpu in CPUS:
    for base in bases(cpu):
        for head in base.vectors:
            for timer in hlist_for_each_entry("struct timer_list", head.address_of_(), "entry"):
                timers.append([cpu, hex(timer.value_()), timer.expires.value_(),
                               function(timer.function)])
    for base in per_cpu(prog["hrtimer_bases"], cpu).clock_base:
        for timer in rbtree_inorder_for_each_entry(
                "struct hrtimer", base.active.rb_root.rb_root.address_of_(), "node.node"):
            timers.append([cpu, hex(timer.value_()), timer.node.expires.value_(),
                           function(timer.function)])

softirqs = [[per_cpu(prog["kstat"], cpu).softirqs[i].value_() for cpu in CPUS]
            for i in range(len(per_cpu(prog["kstat"], CPUS[0]).softirqs))]
pools = {}
for index, entry in idr_for_each(prog["worker_pool_idr"].address_of_()):
    pool = Object(prog, "struct worker_pool *", entry)
    pools[index] = [pool.cpu.value_(), pool.nr_workers.value_(), pool.nr_idle.value_(),
                    sorted(work.value_() for work in list_for_each_entry(
                        "struct work_struct", pool.worklist.address_of_(), "entry"))]
print(json.dumps({
    "tasks": tasks,
    "mounts": [[mount_src(m).decode(), mount_dst(m).decode(), mount_fstype(m).decode()]
               for m in for_each_mount(prog["init_task"].nsproxy.mnt_ns)],
    "devices": [[d.name.string_().decode(), d.ifindex.value_(), d.mtu.value_()]
                for d in for_each_netdev(prog["init_net"].address_of_())],
    "structs": {name: [prog.type("struct " + name).size, list(members(prog.type("struct " + name)))]
                for name in STRUCTS},
    "values": values, "caches": caches, "zones": zones, "timers": sorted(timers),
    "sysctls": {name: int(prog[symbol].value_()) for name, symbol in SYSCTLS.items()},
    "load": [round(load.value_() / 2048, 2) for load in prog["avenrun"]],
    "disks": sorted([bdev.bd_dev.value_() >> 20, bdev.bd_dev.value_() & 0xfffff,
                     bdev.bd_disk.disk_name.string_().decode()]
                    for bdev in (container_of(inode, "struct bdev_inode", "vfs_inode").bdev
                                 for inode in list_for_each_entry(
                                     "struct inode",
                                     prog["blockdev_superblock"].s_inodes.address_of_(),
                                     "i_sb_list")) if bdev.bd_disk),
    "softirqs": softirqs, "pools": pools,
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
# arm64 has fewer calls, and others' numbers (include/uapi/asm-generic/unistd.h).
ARM64_CALLS = {'lab:poll': {'ppoll'}, 'lab:epoll': {'epoll_pwait'}, 'lab:pause': {'ppoll'},
               'lab:anon': {'ppoll'}, 'lab:state_D': {'clone'}}
ARM64_NUMBERS = {'read': 63, 'ppoll': 73, 'recvfrom': 207, 'clone': 220, 'wait4': 260,
                 'flock': 32, 'rt_sigtimedwait': 137, 'futex': 98, 'clock_nanosleep': 115,
                 'epoll_pwait': 22}

# What reading all of /proc/PID filled after slabinfo was read.
FILLED_SINCE = {'proc_inode_cache', 'dentry', 'lsm_inode_cache', 'pid', 'filp', 'cred_jar'}


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
        is_arm64 = '-arm64' in self.lab.name
        calls = {**CALLS, **ARM64_CALLS} if is_arm64 else CALLS
        numbers = ARM64_NUMBERS if is_arm64 else NUMBERS
        for task in tasks:
            call = task.get('syscall', {})
            wanted = calls.get(task['comm'])
            if wanted is None:
                continue
            compared += 1
            if call.get('name') not in wanted or call['number'] != numbers[call['name']]:
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

    # --- slab, zones ------------------------------------------------------------------------

    def check_slab(self):
        caches = self.json('slab')['caches']
        ours = {cache['name']: cache for cache in caches}
        wrong, compared = [], 0
        for line in (self.lab / 'slabinfo.txt').read_text().splitlines()[2:]:
            name, used, objects, size, per_slab, pages = line.split()[:6]
            cache = ours.get(name)
            if not cache:
                wrong.append(f'{name} is missing')
                continue
            compared += 1
            if name in FILLED_SINCE and cache['objects'] >= int(objects):
                continue
            near = int(objects) // 8 + 8 * int(per_slab)  # what came and went since
            if [cache['object_bytes'], cache['objects_per_slab'], cache['slab_bytes']] != \
                    [int(size), int(per_slab), int(pages) * 4096] or \
                    abs(cache['objects'] - int(objects)) > near or \
                    abs(cache['used'] - int(used)) > near:
                wrong.append(f'{cache}: {line}')
        self.check('slab caches as /proc/slabinfo', wrong, f'{compared} caches')
        if self.peer:
            found = {c['address']: [c['name'], c['object_bytes'], c['slabs'], c['objects'],
                                    c['objects'] - c['used']] for c in caches}
            self.check('drgn: the same slab caches', [
                f'{found.get(key)}: {cache}' for key, cache in self.peer['caches'].items()
                if found.get(key) != cache] or
                ([] if len(found) == len(self.peer['caches']) else [len(found)]))

    def check_zones(self):
        zones = self.json('zones')['zones']
        text = (self.lab / 'zoneinfo.txt').read_text()
        wrong = []
        for zone in zones:
            part = text.split(f"Node {zone['node']}, zone {zone['name']:>8}\n")[1]
            then = {key: int(re.search(rf'^ +{key} +(\d+)$', part, re.M)[1]) for key in
                    ('min', 'low', 'high', 'spanned', 'present', 'managed', 'start_pfn:')}
            then['start_pfn'] = then.pop('start_pfn:')
            wrong += [f"{zone['name']} {key}: {zone[key]}: {value}" for key, value in
                      then.items() if zone[key] != value]
        self.check('zones as /proc/zoneinfo', wrong if zones else ['none'], f'{len(zones)} zones')
        if self.peer:
            ours = [[z['name'], z['free'], z['free_blocks']] for z in zones]
            self.check('drgn: the same free pages', [] if ours == self.peer['zones'] else
                       [ours, self.peer['zones']])

    # --- sys, disks -------------------------------------------------------------------------

    def check_sys(self):
        system = self.json('sys')
        then = float((self.lab / 'uptime.txt').read_text().split()[0])
        self.check('uptime goes on from /proc/uptime', [] if then - 0.1 <= system['uptime_ms'] / 1000
                   < then + 120 else [f"{system['uptime_ms']} {then}"])
        self.check('panic_on_oops as the lab sets it', [] if
                   system['sysctls']['kernel.panic_on_oops'] == 1 else [system['sysctls']])
        disks = self.json('disks')['disks']
        sizes = {disk['disk']: disk['size_bytes'] for disk in disks if not disk['partition']}
        self.check("the lab's disk", [] if sizes.get('vda') == 256 << 20 else [disks])
        if not self.peer:
            return
        self.check('drgn: the same sysctls', [
            f"{name} {system['sysctls'].get(name)}: {value}" for name, value in
            self.peer['sysctls'].items() if system['sysctls'].get(name) != value])
        self.check('drgn: the same load', [] if all(
            abs(ours - peer) < 0.02 for ours, peer in
            zip(system['load_average'], self.peer['load'])) else [system, self.peer['load']])
        ours = [[disk['major'], disk['minor'], disk['disk']] for disk in disks]
        self.check('drgn: the same disks', [] if ours == self.peer['disks'] else
                   [ours, self.peer['disks']])

    # --- irq, work, timers ------------------------------------------------------------------

    def check_irq(self):
        irq = self.json('irq')
        ours = {each['irq']: each for each in irq['irqs']}
        wrong, compared = [], 0
        for line in (self.lab / 'interrupts.txt').read_text().splitlines()[1:]:
            number, *rest = line.split()
            if not number[:-1].isdigit():
                continue
            compared += 1
            each = ours.get(int(number[:-1]))
            counts = [int(word) for word in rest[:len(irq['cpus'])]]
            # Of arm64 the trigger is a word of its own, and the GIC prints its number where
            # it has no name.
            words = 3 if 'arm64' in self.lab.name else 2
            if not each or each.get('chip', 'GIC-0') != rest[len(counts)] or \
                    ', '.join(rest[len(counts) + words:]) != each.get('actions', '') or \
                    any(now < then for now, then in zip(each['counts'], counts)):
                wrong.append(f'{each}: {line}')
        self.check('interrupts as /proc/interrupts', wrong if compared else ['none'],
                   f'{compared} interrupts')
        if self.peer:
            counts = [each['counts'] for each in irq['softirqs']]
            self.check('drgn: the same softirqs', [] if counts == self.peer['softirqs'] else
                       [counts, self.peer['softirqs']])

    def check_timers(self):
        timers = self.json('timers')['timers']
        details = {timer.get('detail', '').split(' ', 2)[-1] for timer in timers
                   if timer['function'] == 'hrtimer_wakeup'}
        self.check("whom a sleeper's timer wakes", [] if 'lab:nanosleep' in details else
                   [details])
        if not self.peer:
            return
        ours = sorted([t['cpu'], t['address'], t['expires'], t['function'].split(' ')[0]]
                      for t in timers)
        self.check('drgn: the same timers', [
            each for each in ours + self.peer['timers']
            if (each in ours) != (each in self.peer['timers'])], f'{len(ours)} timers')
        pools = {str(pool['id']): [pool['cpu'], pool['workers'], pool['idle'], sorted(
            int(work['address'], 16) for work in pool['works'] if not work['running'])]
            for pool in self.json('work')['pools']}
        self.check('drgn: the same workers and works', [] if pools == self.peer['pools'] else
                   [pools, self.peer['pools']], f'{len(pools)} pools')

    # --- struct, sym, read --------------------------------------------------------------------

    def check_module_types(self):
        """Those of a driver's own, by the BTF that it brought; 5.10 has none of modules."""
        code, said = 0, ''
        try:
            ours = self.json('struct', 'virtblk_req')
            said = {member['path'] for member in ours['members']}
        except AssertionError:
            code = 1
        has = (self.lab / 'release').read_text().startswith('5.10')
        self.check("a module's types", [] if (code == 1 if has else {
            'out_hdr', 'sg_table'} <= said) else [f'{code} {said}'])

    def check_struct(self):
        self.check_module_types()
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
    check.check_slab()
    check.check_zones()
    check.check_sys()
    check.check_irq()
    check.check_timers()
    check.check_struct()
    check.check_symbols()
    print(f'{check.passed} passed, {check.failed} failed')
    return 1 if check.failed else 0


if __name__ == '__main__':
    sys.exit(main())
