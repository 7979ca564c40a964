#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A stock gdb on a reference dump, and on a core made from it: every task a thread, with
its true backtrace.

    gdb.py LABDIR EPITAPH [--no-drgn]

gdb is this machine's, for arm64 gdb-multiarch, without and with the full vmlinux, and for a lab that ended by a
null pointer Debian sid's too; --no-drgn leaves out what has to be fetched. The truth is `epitaph bt --all`, which backtraces.py holds against drgn.
"""
import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402

# Inside gdb: a line a thread, of its frames that are not inlined.
GDB_SCRIPT = r'''
import gdb, json

gdb.execute("set width 0")
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frames, frame, problem = [], None, ""
    try:
        frame = gdb.newest_frame()
        while frame is not None:
            if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
                frames.append([frame.pc(), frame.name() or ""])
            reason = frame.unwind_stop_reason()
            frame = frame.older()
        if reason not in (gdb.FRAME_UNWIND_OUTERMOST, gdb.FRAME_UNWIND_NO_REASON):
            problem = gdb.frame_stop_reason_string(reason)
    except gdb.error as e:
        problem = str(e)
    print("THREAD", json.dumps([thread.ptid, thread.name, frames, problem]))
'''
USER_END = 1 << 63
IDLE = 10000000


def plain(name):
    """gdb writes "f.isra" for f.isra.0, and "f[cold]" for f.cold."""
    return re.split(r'[.\[]', name)[0]


class Check:
    def __init__(self, options):
        self.is_arm64 = 'arm64' in options.lab.name
        self.own_gdb = 'gdb-multiarch' if self.is_arm64 else 'gdb'
        self.lab, self.program = options.lab, options.epitaph.absolute()
        self.dump = options.lab / 'vmcore'
        self.passed = self.failed = 0
        self.tasks = self.bt()

    def check(self, name, differences, told=''):
        if differences:
            self.failed += 1
            print(f'not ok - {name}: {len(differences)} differ')
            for difference in differences[:20]:
                print(f'    {difference}')
        else:
            self.passed += 1
            print(f'ok - {name}' + (f' ({told})' if told else ''))

    def bt(self):
        done = subprocess.run([self.program, 'bt', '--all', '--json', self.dump],
                              stdout=subprocess.PIPE, check=True)
        tasks = {}
        for task in json.loads(done.stdout)['tasks']:
            pid = task['pid'] or IDLE + task['cpu']
            tasks[pid] = task
        return tasks

    def gdb(self, *commands, options=(), peer=None):
        """(exit code, output) of a session."""
        argv, env = peer or ([self.own_gdb], None)
        arguments = [a for command in commands for a in ('-ex', command)]
        with tempfile.TemporaryDirectory() as home:
            wrapper = Path(home) / 'gdb'
            wrapper.write_text('#!/bin/sh\nexec ' + ' '.join(map(str, argv)) + ' "$@"\n')
            wrapper.chmod(0o755)
            done = subprocess.run(
                [self.program, 'gdb', '--gdb', wrapper, *options, self.dump, '--', '-nx',
                 '-batch', *arguments], env={**(env or os.environ), 'TMPDIR': home},
                text=True, errors='replace', stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            left = [path.name for path in Path(home).iterdir() if path != wrapper]
            self.check('nothing is left behind', left)
        return done.returncode, done.stdout

    def threads(self, **session):
        with tempfile.NamedTemporaryFile('w', suffix='.py') as script:
            script.write(GDB_SCRIPT)
            script.flush()
            code, output = self.gdb(f'source {script.name}', **session)
        if code:
            print(output[-2000:])
        return self.parse(output)

    @staticmethod
    def parse(output):
        rows = [json.loads(line[7:]) for line in output.splitlines()
                if line.startswith('THREAD ')]
        return {ptid[1]: (name, frames, problem) for ptid, name, frames, problem in rows}

    def check_core(self):
        """epitaph has no part in it any more: gdb, a core and its symbols."""
        with tempfile.TemporaryDirectory() as home:
            core, symbols, script = (Path(home) / name for name in ('core', 'sym', 'x.py'))
            script.write_text(GDB_SCRIPT)
            done = subprocess.run([self.program, 'core', '--symbols', symbols, self.dump,
                                   core], stderr=subprocess.PIPE, text=True)
            self.check('core is written', [f'{done}'] if done.returncode else [])
            again = subprocess.run([self.program, 'core', self.dump, core],
                                   stderr=subprocess.PIPE, text=True)
            self.check('core overwrites nothing',
                       [] if again.returncode == 1 and 'exists' in again.stderr
                       else [f'{again}'])
            blocks = [path.stat().st_blocks * 512 for path in (core, self.dump)]
            self.check('core is sparse', [f'{blocks}'] if blocks[0] > blocks[1] * 1.1 else [],
                       f'{blocks[0] >> 20} of {core.stat().st_size >> 20} MiB')
            done = subprocess.run(
                [self.own_gdb, '-nx', '-batch', '-ex', 'x/s &linux_banner', '-ex', 'x/x 0',
                 '-ex', f'source {script}', symbols, core],
                text=True, errors='replace', stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        release = (self.lab / 'release').read_text().strip()
        self.check('core: memory of the kernel, and none at 0',
                   [] if f'Linux version {release}' in done.stdout
                   and 'Cannot access memory at address 0x0' in done.stdout
                   else [done.stdout[-3000:]])
        threads = self.parse(done.stdout)
        expected = {pid for pid, task in self.tasks.items()
                    if 'backtrace_unknown' not in task}
        self.check('core: the same tasks', [f'{pid}' for pid in threads.keys() ^ expected],
                   f'{len(threads)} threads')
        self.compare('core', threads, has_names=False)

    def check_threads(self, name, **session):
        threads = self.threads(**session)
        self.check(f'{name}: the same tasks',
                   [f'{pid}' for pid in threads.keys() ^ self.tasks.keys()],
                   f'{len(threads)} threads')
        self.compare(name, threads)

    def compare(self, name, threads, has_names=True):
        names, addresses, symbols, problems, count = [], [], [], [], 0
        for pid, (comm, frames, problem) in threads.items():
            task = self.tasks.get(pid)
            if not task or 'backtrace_unknown' in task:
                continue
            if has_names and comm != re.sub(r'[^ -~]', '?', task['comm']):
                names.append(f'{pid}: {comm}: {task["comm"]}')
            kernels = [frame for frame in frames if frame[0] >= USER_END]
            ours = task['frames']
            # Where code can't be read, as that of the kernel's first function, which was
            # freed, gdb (13) for arm64 unwinds by itself; so user space is no frame there
            # but the first.
            if self.is_arm64 and (pid == IDLE or not ours):
                ours, problem = ours[:len(kernels)], ''
            if problem:
                problems.append(f'{pid} {comm}: {problem}')
            is_user = task['end'] == 'user' and not (self.is_arm64 and ours)
            if (len(kernels) < len(frames)) != is_user:
                problems.append(f'{pid} {comm}: {frames[-1]}: {task["end"]}')
            if [pc for pc, _ in kernels] != [int(f['address'], 16) for f in ours]:
                addresses.append(f'{pid} {comm}: {[f[1] for f in kernels]}: '
                                 f'{[f["text"] for f in ours]}')
                continue
            count += len(ours)
            symbols += [f'{pid} {comm}: {symbol}: {frame["function"]}'
                        for (_, symbol), frame in zip(kernels, ours)
                        if plain(symbol) != plain(frame['function'])
                        and 'vmlinux' not in name]
        self.check(f'{name}: names', names)
        self.check(f'{name}: every backtrace comes to its end', problems)
        self.check(f'{name}: the same frames', addresses, f'{count} frames')
        self.check(f'{name}: the same functions', symbols)

    def check_module(self, vmlinux):
        """Lines of the module that died, from its debug file at its load addresses."""
        module = next(self.lab.glob('*.ko'))
        with tempfile.TemporaryDirectory() as home:
            release = (self.lab / 'release').read_text().strip()
            place = Path(home) / 'lib/modules' / release / 'extra'
            place.mkdir(parents=True)
            (place / module.name).symlink_to(module)
            code, output = self.gdb('bt 2', options=('--vmlinux', vmlinux, '--debug-dir', home))
        lines = re.findall(r'^#\d .*epitaph_\w+ \(.*\) at \S*epitaph_crash\.c:\d+$', output, re.M)
        self.check("lines of a module's frames", [] if len(lines) == 2 else [output[-2000:]])

    def check_session(self):
        code, output = self.gdb(
            'info threads', 'print $pc', 'x/2xg $sp', 'print/x *(char*)0', 'set var $pc = 0',
            'continue', 'monitor nonsense', 'monitor report', 'thread find swapper/1',
            options=('--no-vmlinux',))
        panicked = next(iter(self.threads_in(output)), '')
        expected = {
            'the first thread is the one that panicked': panicked.startswith('* 1 '),
            'the null page is not there': 'Cannot access memory at address 0x0' in output,
            'registers are not written': 'Could not write register' in output,
            'nothing runs': 'The machine is dead: nothing runs.' in output,
            'an unknown command is told': 'unknown monitor command' in output,
            'monitor report': 'Last lines of the log' in output,
            'threads are found by name': re.search(
                r"^Thread \d+ has target name 'swapper/1'$", output, re.M),
        }
        self.check('a session', [name for name, is_right in expected.items() if not is_right]
                   + ([output[-3000:]] if not all(expected.values()) else []))

    def check_socket(self):
        """Noise, a wrong checksum, a packet in pieces, a client that just goes away."""
        with tempfile.NamedTemporaryFile() as symbols:
            server = subprocess.Popen(
                [self.program, 'gdbserve', '--listen', '127.0.0.1:0', '--symbols',
                 symbols.name, self.dump], text=True, stderr=subprocess.PIPE)
            port = re.search(r'127\.0\.0\.1:(\d+)$', server.stderr.readline().strip())
            answers = b''
            with socket.create_connection(('127.0.0.1', int(port[1]))) as client:
                for part in (b'GET / HTTP/1.1\n', b'$g#00', b'$qAtta', b'ched#8f', b'-'):
                    client.sendall(part)
                while answers.count(b'#31') < 2:
                    part = client.recv(4096)
                    if not part:
                        break
                    answers += part
            code = server.wait()
            server.stderr.close()
            kind = Path(symbols.name).read_bytes()[:4]
        self.check('gdbserve on a port', [] if (code, answers, kind) == (
            0, b'-+$1#31$1#31', b'\x7fELF') else [f'{code} {answers} {kind}'])
        done = subprocess.run([self.program, 'gdbserve', '--listen', '0.0.0.0:0', self.dump],
                              stderr=subprocess.PIPE)
        self.check('gdbserve listens on loopback only',
                   [] if done.returncode == 2 else [f'{done}'])

    @staticmethod
    def threads_in(output):
        return [line for line in output.splitlines() if re.match(r'[* ] \d+ +Thread ', line)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--no-drgn', action='store_true')
    options = parser.parse_args()

    check = Check(options)
    check.check_threads('gdb', options=('--no-vmlinux',))
    check.check_session()
    check.check_socket()
    check.check_core()
    if not options.no_drgn:
        release = (options.lab / 'release').read_text().strip()
        vmlinux = assets.vmlinux(release)
        check.check_threads('gdb with vmlinux', options=('--vmlinux', vmlinux))
        if options.lab.name.endswith('-null'):
            check.check_module(vmlinux)
        if options.lab.name.endswith('-null') and not check.is_arm64:  # once a kernel is enough
            check.check_threads("sid's gdb", options=('--no-vmlinux',),
                                peer=assets.peer_command('gdb'))
    print(f'{check.passed} passed, {check.failed} failed')
    return 1 if check.failed else 0


if __name__ == '__main__':
    sys.exit(main())
