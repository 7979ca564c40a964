#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Files, lines and inlined functions of a reference dump's stacks, against drgn's.

    lines.py LAB-DIRECTORY EPITAPH

Both read the same vmlinux and the same module. Of each frame of each task drgn tells the
functions inlined there, and for each the file and line; epitaph must tell the same ones in
the same order. And what a user meets where symbols are missing, another kernel's, or on a
debuginfod server: one is served here, on loopback.

Ends with "N passed, N failed"; what differs is printed.
"""
import argparse
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
import assets  # noqa: E402
from backtraces import USER_END, Result  # noqa: E402

# Inside drgn: a JSON object a task; of its frames the address, the name, where it is.
DRGN_SCRIPT = r'''
import json
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import idle_task, task_cpu

def show(task):
    frames = []
    try:
        for frame in prog.stack_trace(task):
            try:
                file, line, _ = frame.source()
            except LookupError:
                file, line = "", 0
            frames.append([frame.pc, frame.name or "", frame.is_inline, file, line])
    except ValueError:
        pass  # no stack: it runs, or is dead
    print(json.dumps({"pid": task.pid.value_(), "comm": task.comm.string_().decode(),
                      "cpu": task_cpu(task), "frames": frames}))

for cpu in for_each_present_cpu(prog):
    show(idle_task(prog, cpu))
for task in for_each_task(prog):
    show(task)
'''


def run_drgn(lab, vmlinux):
    with tempfile.NamedTemporaryFile('w', suffix='.py') as script:
        script.write(DRGN_SCRIPT)
        script.flush()
        options = ['-c', lab / 'vmcore', '-s', vmlinux]
        for module in lab.glob('*.ko'):
            options += ['-s', module]
        argv, env = assets.peer_command('drgn', '-q', *options, script.name)
        out = subprocess.run(argv, env=env, check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    return [json.loads(line) for line in out.splitlines()]


class Prefixes:
    """drgn puts the directory of the compiler in front: one of the kernel, one of a module."""

    def __init__(self):
        self.seen = set()

    def same(self, ours, drgns):
        if ours != drgns and drgns.endswith('/' + ours):
            self.seen.add(drgns.removesuffix(ours))
            return True
        return ours == drgns


def epitaph(program, *arguments, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith('DEBUGINFOD')}
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors='replace',
                          env={**env, **environment})
    return done.returncode, done.stdout, done.stderr


def module_directory(lab, release, directory):
    """As a distribution's package of debug symbols has them."""
    place = Path(directory) / 'lib/modules' / release / 'extra'
    place.mkdir(parents=True)
    for module in lab.glob('*.ko'):
        (place / module.name).symlink_to(module)


def by_address(frames):
    """[(address, [(function, file, line, is inlined)])] innermost first."""
    groups = []
    for address, *frame in frames:
        if groups and groups[-1][1] and groups[-1][1][-1][3]:
            groups[-1][1].append(frame)  # behind one that is inlined
        else:
            groups.append((address, [frame]))
    return groups


def ours_of(task):
    return by_address([(int(f['address'], 16), f['function'], f.get('file', ''),
                        f.get('line', 0), f.get('inlined', False)) for f in task['frames']])


def drgns_of(task):
    return by_address([(pc, name, file, line, inlined) for
                       pc, name, inlined, file, line in task['frames'] if pc >= USER_END])


def same(mine, peer, prefixes):
    """Equal chains; a function that has code of its own is kallsyms' with us."""
    return len(mine) == len(peer) and [f[0] for f in mine[:-1]] == [f[0] for f in peer[:-1]] \
        and all(m[2:] == p[2:] and prefixes.same(m[1], p[1]) for m, p in zip(mine, peer))


def check_drgn(result, lab, program, vmlinux, directory):
    code, out, told = epitaph(program, 'bt', '--all', '--json', '--vmlinux', vmlinux,
                              '--debug-dir', directory, lab / 'vmcore')
    result.check('every line is found', [] if code == 0 else [f'exit {code}: {told}'])
    tasks = json.loads(out)['tasks']
    peers = {(t['pid'], t['cpu'] if not t['pid'] else None): t for t in run_drgn(lab, vmlinux)}
    differences, frames, inlined, missing, nowhere = [], 0, 0, 0, []
    prefixes = Prefixes()
    for task in tasks:
        peer = peers.get((task['pid'], task['cpu'] if not task['pid'] else None))
        theirs = dict(drgns_of(peer)) if peer else {}
        for address, chain in ours_of(task):
            nowhere += [f"{task['comm']} 0x{address:x} {f[0]}" for f in chain
                        if not f[1] or not f[2]]
            # drgn may break off before; on 6.1 it knows no init sections of modules
            if theirs.get(address, [['0x', '']])[0][0].startswith('0x'):
                missing += 1
                continue
            frames += 1
            inlined += len(chain) - 1
            if not same(chain, theirs[address], prefixes):
                differences.append(f"{task['comm']} 0x{address:x}: {chain}: "
                                   f"drgn has {theirs[address]}")
    result.check('drgn: the same files, lines and inlined functions', differences,
                 f'{len(tasks)} tasks, {frames} frames, {inlined} inlined, '
                 f'{missing} that drgn does not reach')
    result.check('drgn: one directory of the compiler each',
                 list(prefixes.seen) if len(prefixes.seen) > 2 else [])
    result.check('every frame has a file and a line', nowhere)
    if frames < 500 or inlined < 50 or missing > 20:
        result.check('drgn: enough to compare', [f'{frames} {inlined} {missing}'])


def check_refused(result, lab, program, vmlinux):
    """What a user meets who has no symbols, or those of something else."""
    other = assets.vmlinux('6.1' if '6.12' in vmlinux.name else '6.12')
    for name, wanted, words, *arguments in (
            ('another kernel', 1, "is another kernel's: its build id is", '--vmlinux', other),
            ('no kernel', 1, 'is no ELF file', '--vmlinux', __file__),
            ('no file', 1, 'unable to open', '--vmlinux', '/nonexistent'),
            ('none installed', 3, 'no vmlinux of', '--debug-dir', lab),
            ('no server', 3, 'DEBUGINFOD_URLS is not set', '--debuginfod', '--debug-dir', lab)):
        for command in ('bt', 'show'):
            code, out, told = epitaph(program, command, *arguments, lab / 'vmcore')
            result.check(f'{command}: {name}', [] if code == wanted and words in told
                         and bool(out) == (wanted == 3) else [f'exit {code}: {told}'])


class Server(http.server.BaseHTTPRequestHandler):
    """debuginfod's one request: /buildid/ID/debuginfo"""

    def do_GET(self):
        self.server.asked.append(self.path)
        file = self.server.files.get(self.path.rpartition('buildid/')[2])
        if not file:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header('Content-Length', str(file.stat().st_size))
        self.end_headers()
        with open(file, 'rb') as source:
            while block := source.read(1 << 20):
                self.wfile.write(block)

    def log_message(self, *_):
        pass


def check_debuginfod(result, lab, program, vmlinux):
    """Fetched once, kept, and not asked again; one that has nothing is told of."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Server)
    server.asked, server.files = [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix='epitaph-debuginfod-') as cache:
        def ask():
            return epitaph(program, 'bt', '--debuginfod', '--debug-dir', lab, lab / 'vmcore',
                           DEBUGINFOD_URLS=f'http://127.0.0.1:{server.server_port}',
                           DEBUGINFOD_CACHE_PATH=f'{cache}/{len(server.files)}')
        code, out, told = ask()
        result.check('debuginfod: it has none', [] if code == 3 and out
                     and 'has no debug symbols of build id' in told else [f'{code}: {told}'])
        wanted = server.asked[0].rpartition('buildid/')[2] if server.asked else ''
        server.files[wanted] = vmlinux
        first = ask()
        count = len(server.asked)
        second = ask()
        result.check('debuginfod: fetched, and kept', [] if first[1] == second[1]
                     and '(init/main.c:' in first[1] and len(server.asked) == count
                     else [f'{first}', f'{second}', f'{server.asked}'])
    server.shutdown()
    server.server_close()


def check_sym(result, lab, program, vmlinux):
    """The address of the frame with the most inlined in it gets the lines that bt has."""
    code, out, told = epitaph(program, 'bt', '--json', '--vmlinux', vmlinux, lab / 'vmcore')
    frames = json.loads(out)['tasks'][0]['frames']
    chains = {}
    for frame in frames[1:]:  # the first may be where the CPU was, not a return address
        chains.setdefault(frame['address'], []).append(frame)
    returned, chain = max(((address, chain) for address, chain in chains.items()
                           if all('file' in frame for frame in chain)),  # not the test module
                          key=lambda item: len(item[1]))
    address = f'0x{int(returned, 16) - 1:x}'
    code, out, told = epitaph(program, 'sym', '--json', '--vmlinux', vmlinux, address,
                              lab / 'vmcore')
    lines = json.loads(out).get('lines', []) if code == 0 else []
    result.check('sym: the lines of an address', [] if [
        (line['file'], line['line'], line['inlined']) for line in lines] == [
        (f['file'], f['line'], f.get('inlined', False)) for f in chain] else [f'{code}', out, told])
    code, out, told = epitaph(program, 'sym', '--vmlinux', vmlinux, 'init_task',
                              lab / 'vmcore')
    result.check('sym: data has no line', [] if code == 3 and 'init_task' in out
                 and 'no line is known' in told else [f'{code}', out, told])


def check_show(result, lab, program, vmlinux, directory):
    code, out, told = epitaph(program, 'show', '--json', '--vmlinux', vmlinux,
                              '--debug-dir', directory, lab / 'vmcore')
    report = json.loads(out)
    stacks = [report['panic_task']] + [cpu['task'] for cpu in report['other_cpus']]
    result.check('show: every frame has a line', [] if code == 0 else [f'{code}: {told}'] + [
        f'{frame}' for stack in stacks for frame in stack['frames'] if not frame.get('line')])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('lab', type=Path)
    parser.add_argument('epitaph', type=Path)
    options = parser.parse_args()

    result = Result()
    program, lab = options.epitaph.absolute(), options.lab
    release = (lab / 'release').read_text().strip()
    vmlinux = assets.vmlinux(release)
    with tempfile.TemporaryDirectory(prefix='epitaph-lines-') as directory:
        module_directory(lab, release, directory)
        check_drgn(result, lab, program, vmlinux, directory)
        check_show(result, lab, program, vmlinux, directory)
    check_sym(result, lab, program, vmlinux)
    check_refused(result, lab, program, vmlinux)
    check_debuginfod(result, lab, program, vmlinux)
    print(f'{result.passed} passed, {result.failed} failed')
    return 1 if result.failed else 0


if __name__ == '__main__':
    sys.exit(main())
