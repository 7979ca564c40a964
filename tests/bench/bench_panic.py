# SPDX-License-Identifier: GPL-2.0-or-later
"""From panic to reboot: epitaph's crash kernel against a plain one.

The plain one is what is built by hand: Debian's kernel, kexec-tools, an initramfs of busybox
and makedumpfile with -d 31 and -z, -l or -c. Both load the same kernel into the same virtual
machine (2 CPUs, 1 of them in the crash kernel; 1 GiB, crashkernel=128M; a virtio disk with
ext4), which has just booted and is brought down by sysrq c.

Where the kernel has no KVM, QEMU emulates: everything takes 10 to 30 times as long as on a
machine, but for the disk, and what a program computes weighs more than it would there.

    kernel    from the panic's line to the first process: kexec, the kernel's boot
    capture   from there until the reboot is called, with all on the disk: modules, mounting;
              then of epitaph the log, the report, the mini dump and the dump, each with an
              fsync, and of makedumpfile the dump alone
    total     both: what a machine is away, but for its firmware and its boot
    log       of epitaph: from the panic until the log is safe on the disk
    low MiB   MemAvailable of the crash kernel at its lowest
"""
import json
import re
import shutil
import stat
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import assets
import lab
from measure import MIB

SERIES, CRASHKERNEL, CPUS, MEMORY_MIB, TIMEOUT = '6.12', '128M', 2, 1024, 900
RUNS_MAX = 3
OPTIONS = ('-z', '-l', '-c')
FIGURES = ('kernel_s', 'capture_s', 'total_s', 'log_s', 'low_mib', 'size_mib')
CRASH_CMDLINE = 'console=ttyS0 nr_cpus=1 reset_devices irqpoll panic=1 rootfstype=ramfs'

# Of both kernels: /proc/vmcore says which one it is.
INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
echo "bench: init"
fail() { echo "bench: failed: $*"; poweroff -f; }
for module in $(cat /modules.order); do
	insmod "/modules/$module" || fail "insmod $module"
done
for second in 1 2 3 4 5 6 7 8 9 10; do
	[ -b /dev/vda ] && break
	sleep 1
done
mount -t ext4 /dev/vda /disk || fail mount
. /disk/job
if [ -e /proc/vmcore ]; then
	low() {
		while sleep 0.1; do
			while read -r name value unit; do
				[ "$name" = MemAvailable: ] && break
			done </proc/meminfo
			[ "$value" -lt "$least" ] && least=$value && echo "$least" >/low
		done
	}
	least=99999999
	low &
	echo "bench: capture"
	/peer/ld.so --library-path /peer /peer/makedumpfile --message-level 0 \
		"$OPTION" -d 31 /proc/vmcore /disk/vmcore || fail makedumpfile
	sync
	umount /disk
	echo "bench: low $(cat /low)"
	echo "bench: end"
	reboot -f
fi
/disk/kexec/ld.so --library-path /disk/kexec /disk/kexec/kexec -s -p /disk/vmlinuz \
	--initrd=/disk/initrd --command-line="$CRASH_CMDLINE" || fail kexec
sync
sleep 1
echo c >/proc/sysrq-trigger
'''


def peer_files():
    """[(name, bytes)] of makedumpfile, its loader and its libraries."""
    argv, env = assets.peer_command('makedumpfile')
    loader, libraries, program = Path(argv[0]), argv[2], Path(argv[-1])
    listed = subprocess.run([loader, '--library-path', libraries, '--list', program], env=env,
                            check=True, text=True, stdout=subprocess.PIPE).stdout
    found = [('ld.so', loader), ('makedumpfile', program)]
    for line in listed.splitlines():
        words = line.split()
        if '=>' in words:
            found.append((words[0], Path(words[2])))
    return [(name, path.read_bytes()) for name, path in found]


def initramfs(kernel_dir, release):
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    modules = lab.module_closure(kernel_dir / 'lib/modules' / release, lab.DISK_MODULES)
    busybox = Path(assets.need('busybox', 'busybox-static')).read_bytes()
    return lab.cpio_newc(
        [(name, folder, b'') for name in ('bin', 'dev', 'disk', 'modules', 'peer', 'proc',
                                          'sys', 'tmp')] +
        [('init', program, INIT.encode()), ('bin/busybox', program, busybox),
         ('modules.order', stat.S_IFREG | 0o644,
          ''.join(f'{name}\n' for name, _ in modules).encode())] +
        [(f'modules/{name}', stat.S_IFREG | 0o644, content) for name, content in modules] +
        [(f'peer/{name}', program, content) for name, content in peer_files()])


def make_disk(work, kernel_image, initrd, option):
    tree = work / 'tree'
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    shutil.copy(kernel_image, tree / 'vmlinuz')
    shutil.copy(initrd, tree / 'initrd')
    lab.copy_kexec(tree / 'kexec', assets.ARCHITECTURES[0])
    (tree / 'job').write_text(f"OPTION='{option}'\nCRASH_CMDLINE='{CRASH_CMDLINE}'\n")
    disk = work / 'disk.img'
    disk.unlink(missing_ok=True)
    with open(disk, 'wb') as image:
        image.truncate((MEMORY_MIB + 256) * MIB)
    assets.run(assets.need('mkfs.ext4', 'e2fsprogs'), '-q', '-d', tree, disk)
    return disk


def run_machine(kernel_image, initrd, disk, accelerator):
    """[(seconds, line)] of the console until the machine would start anew."""
    accel, cpu = {'kvm': ('kvm', 'host'), 'tcg': ('tcg,thread=multi', 'max')}[accelerator]
    argv = [assets.need('qemu-system-x86_64', 'qemu-system-x86'), '-no-user-config',
            '-nodefaults', '-nic', 'none', '-display', 'none', '-no-reboot', '-accel', accel,
            '-cpu', cpu, '-m', MEMORY_MIB, '-smp', CPUS, '-serial', 'stdio', '-kernel',
            kernel_image, '-initrd', initrd, '-append',
            f'console=ttyS0 panic=1 crashkernel={CRASHKERNEL}', '-drive',
            f'if=virtio,format=raw,cache=unsafe,file={disk}']
    started = time.monotonic()
    qemu = subprocess.Popen(['timeout', str(TIMEOUT), *map(str, argv)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    lines = [(time.monotonic() - started, line.decode(errors='replace').rstrip())
             for line in qemu.stdout]
    if qemu.wait() != 0:
        raise assets.Trouble(f'QEMU: status {qemu.returncode}: {lines[-5:]}')
    return lines


def find(lines, pattern):
    """(seconds, match) of the first line with the pattern, from the panic on."""
    is_after = False
    for at, line in lines:
        is_after = is_after or 'Kernel panic - not syncing' in line
        match = re.search(pattern, line)
        if is_after and match:
            return at, match
    raise assets.Trouble(f"no line '{pattern}' among {[line for _, line in lines[-20:]]}")


def figures(lines, first, log, low, end, size):
    panic = find(lines, 'Kernel panic - not syncing')[0]
    first, end = find(lines, first)[0], find(lines, end)[0]
    return {'kernel_s': first - panic, 'capture_s': end - first, 'total_s': end - panic,
            'log_s': find(lines, log)[0] - panic if log else None,
            'low_mib': float(find(lines, low)[1][1]), 'size_mib': size / MIB}


def plain(kernel_image, initrd, option, work, accelerator):
    disk = make_disk(work, kernel_image, initrd, option)
    lines = run_machine(kernel_image, initrd, disk, accelerator)
    size = re.search(r'Size: (\d+)', assets.output_of(
        assets.need('debugfs', 'e2fsprogs'), '-R', 'stat /vmcore', disk))
    found = figures(lines, 'bench: init', None, r'bench: low (\d+)', 'bench: end', int(size[1]))
    found['low_mib'] /= 1024
    return found


def rehearsal(epitaph, kernel_dir, work):
    """The figures, and by what the machine ran."""
    kept = work / 'kept'
    shutil.rmtree(kept, ignore_errors=True)
    conf = work / 'epitaph.conf'
    conf.write_text('')
    done = subprocess.run([epitaph, 'rehearse', '-v', '--json', '--kernel-root', kernel_dir,
                           '--keep', kept, '--config', conf, '--memory', str(MEMORY_MIB), '--cpus',
                           str(CPUS), '--crashkernel', CRASHKERNEL, '--timeout', str(TIMEOUT)],
                          text=True, errors='replace', stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise assets.Trouble(f'rehearsal: status {done.returncode}: {done.stderr[-2000:]}')
    # Each line of the console has its seconds before it.
    lines = [(float(match[1]), match[2]) for match in
             re.finditer(r'^.*?([0-9]+\.[0-9])  (.*)$', done.stderr, re.M)]
    result = json.loads(done.stdout)
    dump = next(Path(result['record']).glob('dump.*'))
    found = figures(lines, 'epitaph: crash kernel started', 'epitaph: dmesg complete',
                    r'epitaph: lowest free memory ([0-9.]+) MiB', 'epitaph: end',
                    dump.stat().st_size)
    return found, result['accelerator']


def run_panic(options):
    kernel_dir = assets.kernel(SERIES)
    release = (kernel_dir / 'release').read_text().strip()
    kernel_image = kernel_dir / 'boot' / f'vmlinuz-{release}'
    # A disk is a gigabyte: not in memory, as options.work.
    measured = {}
    with tempfile.TemporaryDirectory(prefix='epitaph-bench-') as name:
        work = Path(name)
        initrd = work / 'initrd'
        initrd.write_bytes(initramfs(kernel_dir, release))
        for _ in range(min(options.runs, RUNS_MAX)):
            # By KVM or not is for the rehearsal to find out.
            found, accelerator = rehearsal(options.epitaph, kernel_dir, work)
            measured.setdefault('epitaph', []).append(found)
            for option in OPTIONS:
                measured.setdefault(f'makedumpfile {option}', []).append(
                    plain(kernel_image, initrd, option, work, accelerator))
    rows = {name: {key: None if results[0][key] is None else
                   statistics.median(result[key] for result in results) for key in FIGURES}
            for name, results in measured.items()}
    return {'accelerator': accelerator, 'rows': rows}


def show_panic(found, options):
    print(f'Linux {SERIES}, {MEMORY_MIB} MiB, {found["accelerator"]}, median of '
          f'{min(options.runs, RUNS_MAX)}')
    print('crash kernel     kernel s  capture s  total s  log s  low MiB  dump MiB')
    for name, row in found['rows'].items():
        log = '     -' if row['log_s'] is None else f"{row['log_s']:6.1f}"
        print(f"{name:16} {row['kernel_s']:8.1f} {row['capture_s']:10.1f} "
              f"{row['total_s']:8.1f} {log} {row['low_mib']:8.1f} {row['size_mib']:9.1f}")
