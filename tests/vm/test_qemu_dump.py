#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps that QEMU makes of a panicked machine, read by epitaph.

    test_qemu_dump.py EPITAPH [--keep DIR] [--architecture arm64]

A kernel reads itself through its /proc/kcore, and epitaph and makedumpfile say what its
memory is used for; it panics with no crash kernel loaded and stays
where it is; QEMU's monitor writes its memory in each format that it has. All formats must
have the same memory, and the report must name the cause: in ELF and in flattened kdump, with
the kernel's VMCOREINFO in a note (-device vmcoreinfo) and without.
"""
import argparse
import json
import re
import secrets
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parents[1] / 'tools'))
import assets  # noqa: E402
import lab     # noqa: E402

SERIES = {'amd64': '6.12', 'arm64': '6.12-arm64'}
SECONDS = 180
PAGE = 4096
INIT = '''#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox insmod /qemu_fw_cfg.ko
if [ -e /live_kernel ]; then
	/live_kernel /proc/kcore >/dev/console
	/ours/ld.so --library-path /ours /ours/epitaph mem --estimate >/dev/console
	/ours/ld.so --library-path /ours --argv0 makedumpfile /ours/epitaph \
		--mem-usage /proc/kcore >/dev/console
	/theirs/ld.so --library-path /theirs /theirs/makedumpfile --mem-usage /proc/kcore \
		>/dev/console
fi
echo "marker {marker}" >/dev/kmsg
echo c >/proc/sysrq-trigger
'''


class Monitor:
    """QEMU's machine protocol: a line of JSON each way."""

    def __init__(self, path):
        deadline = time.monotonic() + 20
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.file = self.socket.makefile('rw')
        json.loads(self.file.readline())
        self.command('qmp_capabilities')

    def command(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'return' in answer:
                return answer['return']
            if 'error' in answer:
                raise assets.Trouble(f"QEMU: {name}: {answer['error']['desc']}")


def with_libraries(folder, program, loader, library_path=None):
    """Entries of a program with all that it is linked to: nothing else is in there."""
    path = ['--library-path', library_path] if library_path else []
    listed = assets.output_of(loader, *path, '--list', program)
    files = {program.name: program, 'ld.so': Path(loader)}
    for line in listed.splitlines():
        words = line.split()
        if '=>' in words and words[2].startswith('/'):
            files[words[0]] = Path(words[2])
    mode = stat.S_IFREG | 0o755
    return [(folder, stat.S_IFDIR | 0o755, b''),
            *((f'{folder}/{name}', mode, file.read_bytes()) for name, file in files.items())]


def programs(epitaph):
    """Ours, and sid's makedumpfile."""
    loader, _, path, program = assets.peer_command('makedumpfile')[0]
    return (with_libraries('ours', epitaph, '/lib64/ld-linux-x86-64.so.2') +
            with_libraries('theirs', Path(program), loader, path))


def initramfs(marker, modules, live_kernel, architecture):
    """The kernel tells QEMU where its note is only once qemu_fw_cfg is there."""
    busybox = lab.busybox_of(architecture).read_bytes()
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    return lab.cpio_newc([('bin', folder, b''), ('dev', folder, b''), ('proc', folder, b''),
                          ('sys', folder, b''), ('tmp', folder, b''),
                          ('init', program, INIT.format(marker=marker).encode()),
                          ('bin/busybox', program, busybox),
                          *([('live_kernel', program, live_kernel.read_bytes()),
                             *programs(live_kernel.parents[1] / 'epitaph')]
                            if live_kernel else []),
                          *((name, stat.S_IFREG | 0o644, content)
                            for name, content in modules)])


def make_dumps(work, marker, devices, live_kernel, architecture):
    """({format: path}, the console, the kernel's release). The machine stands still while it is dumped, and is ended then."""
    dumps = {}
    kernel_dir = assets.kernel(SERIES[architecture])
    played = lab.MACHINES[architecture]
    release = (kernel_dir / 'release').read_text().strip()
    console, monitor = work / 'console.log', work / 'monitor'
    console.write_bytes(b'')
    monitor.unlink(missing_ok=True)
    modules = lab.module_closure(kernel_dir / 'lib/modules' / release, ['qemu_fw_cfg'])
    (work / 'initrd').write_bytes(initramfs(marker, modules, live_kernel,
                                             architecture))
    machine = subprocess.Popen(
        [assets.need(played.qemu, played.package), *played.options,
         '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '512',
         '-nodefaults', '-nic', 'none', '-display', 'none', '-serial', f'file:{console}', '-qmp', f'unix:{monitor},server,nowait',
         '-kernel', kernel_dir / f'boot/vmlinuz-{release}', '-initrd', work / 'initrd',
         '-append', f'console={played.console} panic=0 crashkernel=64M', *devices],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr)
    try:
        qmp = Monitor(monitor)
        deadline = time.monotonic() + SECONDS
        while b'end Kernel panic' not in console.read_bytes():
            if time.monotonic() > deadline or machine.poll() is not None:
                raise assets.Trouble(f'no panic in {SECONDS} s: {console.read_bytes()[-500:]}')
            time.sleep(0.5)
        qmp.command('stop')
        for name in qmp.command('query-dump-guest-memory-capability')['formats']:
            if name == 'win-dmp':
                continue
            dumps[name] = work / name
            arguments = {} if name == 'elf' else {'format': name}
            qmp.command('dump-guest-memory', paging=False, protocol=f'file:{work / name}',
                        **arguments)
    finally:
        machine.kill()
        machine.wait()
    return dumps, console.read_text(errors='replace'), release


class Test:
    def __init__(self, epitaph, work, architecture):
        self.epitaph, self.work, self.architecture = epitaph, work, architecture
        self.marker = f'epitaph-{secrets.token_hex(8)}'
        self.passed = self.failed = 0

    def check(self, name, right, *why):
        self.passed, self.failed = self.passed + bool(right), self.failed + (not right)
        print(f'{"ok  " if right else "FAIL"} {name}', flush=True)
        if not right:
            for each in why:
                print(f'     {str(each)[:2000]}')

    def run_on(self, program, *arguments):
        return subprocess.run([program, *arguments], text=True, errors='replace',
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def shown(self, name, dump):
        started = time.monotonic()
        done = self.run_on(self.epitaph, 'show', dump)
        self.check(f'{name}: the report names the cause, in '
                   f'{time.monotonic() - started:.2f} s',
                   done.returncode == 0 and 'sysrq' in done.stdout.split('\n')[0],
                   done.returncode, done.stdout)
        # The CPUs' registers are in QEMU's notes.
        self.check(f'{name}: the backtrace from panic() on',
                   re.search(r'Backtrace\n(.*\n)*? .*\bpanic\+(.*\n)*? .*write_sysrq_trigger',
                             done.stdout), done.stdout[:3000])
        done = self.run_on(self.epitaph, 'dmesg', dump)
        self.check(f'{name}: the whole log', done.returncode == 0 and
                   f'marker {self.marker}' in done.stdout and
                   'Linux version' in done.stdout, done.returncode, done.stdout[:500])

    def saved(self, name, dump):
        """What had no note is saved with one: readers other than epitaph need it."""
        saved = self.work / 'saved'
        done = self.run_on(self.epitaph, 'save', '--force', dump, saved)
        self.check(f'{name}: saved', done.returncode == 0, done.stdout)
        infos = [json.loads(self.run_on(self.epitaph, 'info', '--json', each).stdout)
                 for each in (dump, saved)]
        self.check(f'{name}: VMCOREINFO was searched, and is in a note of what was saved',
                   [info['vmcoreinfo_searched'] for info in infos] == [True, False], infos)
        with open(saved, 'rb') as file:
            file.seek(PAGE)
            header = file.read(PAGE)
            at, size = struct.unpack_from('<QQ', header, 32)
            file.seek(at)
            text = file.read(size).decode(errors='replace')
        told = re.search(r'^NUMBER\(phys_base\)=(-?\d+)$', text, re.MULTILINE)
        self.check(f'{name}: its phys_base is in the header', told and
                   struct.unpack_from('<q', header)[0] == int(told[1]), told, text[:300])
        argv, env = assets.peer_command('makedumpfile', '--dump-dmesg', '-f', saved,
                                        self.work / 'dmesg')
        done = subprocess.run([str(a) for a in argv], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.check(f'{name}: makedumpfile reads it', done.returncode == 0 and self.marker in
                   (self.work / 'dmesg').read_text(errors='replace'), done.stdout)

    def usage(self, name, console):
        """The tables of the two programs, of one machine a second later."""
        tables = [dict(re.findall(r'^([A-Z_]+)\t+(\d+) +\t(?:yes|no)\t', table, re.M))
                  for table in console.replace('\r', '').split('EXCLUDABLE')[1:]]
        tables = [{key: int(value) for key, value in table.items()} for table in tables]
        self.check(f'--mem-usage /proc/kcore, {name}: as makedumpfile\'s', len(tables) == 2 and
                   tables[0].keys() == tables[1].keys() and len(tables[0]) == 6 and
                   all(abs(tables[0][key] - tables[1][key]) < 1500 for key in tables[0]
                       if key != 'KERN_DATA'), tables, console[-3000:])
        # It counts the kernel's image twice: kcore has it in two segments.
        ours, theirs = (int(total) for total in
                        re.findall(r'^Total pages on system:\t(\d+)', console, re.M))
        twice = theirs - ours
        self.check(f'--mem-usage /proc/kcore, {name}: KERN_DATA', ours < 131072 and
                   abs(tables[1]['KERN_DATA'] - tables[0]['KERN_DATA'] - twice) < 1500,
                   tables, ours, theirs)
        sizes = re.findall(r'^ +(\d+) +\d+ +([0-9.]+ [KM]iB) +\+-\d+%', console, re.M)
        self.check(f'mem --estimate of the running system, {name}: {sizes}',
                   len(sizes) > 4 and sizes[0][0] == '31', console[-3000:])

    def run(self):
        for name, devices in (('with a note', ['-device', 'vmcoreinfo']),
                              ('without a note', [])):
            work = self.work / name.replace(' ', '-')
            work.mkdir(exist_ok=True)
            is_ours = self.architecture == assets.ARCHITECTURES[0]
            live_kernel = self.epitaph.parent / 'tests/live_kernel' if is_ours else None
            dumps, console, release = make_dumps(work, self.marker, devices, live_kernel,
                                                 self.architecture)
            # 512 MiB without what the firmware has.
            live = re.search(r'live_kernel: pages=(\d+) lost=0 release=(\S+)\s', console)
            if is_ours:
                self.check(f'/proc/kcore, {name}', live and 130000 < int(live[1]) < 131072
                           and live[2] == release, live, console[-500:])
                self.usage(name, console)
            sums = {}
            for each, path in dumps.items():
                self.shown(f'{each}, {name}', path)
                done = self.run_on(self.epitaph.parent / 'tests/image_sum', path)
                sums[each] = [line for line in done.stdout.splitlines()
                              if line.startswith(('pages', 'sum'))]
                self.check(f'{each}, {name}: whole', done.returncode == 0, done.stdout)
            if not devices:
                for each, path in dumps.items():
                    self.saved(f'{each}, {name}', path)
            # Of the notes QEMU has one order in ELF, and another in kdump: memory only.
            pages = {each: (lines[0], lines[1].split()[1]) for each, lines in sums.items()}
            self.check(f'{name}: all formats have the same memory',
                       len(set(pages.values())) == 1, pages)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('epitaph', type=Path)
    parser.add_argument('--keep', type=Path)
    parser.add_argument('--architecture', choices=SERIES, default=assets.ARCHITECTURES[0])
    options = parser.parse_args()
    keep = options.keep and options.keep.resolve()
    work = keep or Path(tempfile.mkdtemp(prefix='epitaph-qemu-'))
    work.mkdir(parents=True, exist_ok=True)
    test = Test(options.epitaph.resolve(), work, options.architecture)
    try:
        test.run()
    finally:
        if not keep:
            shutil.rmtree(work)
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
