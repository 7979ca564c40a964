#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Reference dumps, made with other people's tools only: Debian's kernel, kexec and dd.

    lab.py make 6.12 sysrq      boot, fill with tasks, crash, copy /proc/vmcore
    lab.py path 6.12 sysrq      the directory that `make` prints (made once, then kept)
    lab.py make 6.12-arm64 sysrq    of another machine, which QEMU plays; --cpu cortex-a72
                                is one with addresses of 48 bits, not 52

The trigger is `sysrq`, or a `how` of tests/kmod/epitaph_crash.c (null, panic, stack, ...);
what else one needs to die of it, a setting or a push of the NMI button, is in TRIGGERS.
The directory holds

    vmcore        ELF, all of the machine's memory, sparse
    release       the kernel, for `tools/assets.py vmlinux`
    marker        a text that is in the log, in anonymous, page cache and tmpfs memory
    console.log   both kernels' serial console
    ps.txt        every task just before the crash: tid, tgid, ppid, state, cpu, comm
    stacks.txt    /proc/TID/stack of each: what the kernel's own unwinder says
    dmesg.txt modules.txt kallsyms.txt iomem.txt ...    the same of /proc
    epitaph_crash.ko                                    if that was the trigger

With --files N the kernel also holds N files of a tmpfs, about 1 KiB of slab each: what a
machine with much to do has, and what a dump of it is mostly made of.

ps.txt is a ground truth for all but a few: the tasks of the recording and of the trigger
themselves come and go, and a kernel thread may start to run between the two.
"""
import argparse
import lzma
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'tools'))
sys.path.insert(0, str(HERE.parents[0] / 'kmod'))
import assets  # noqa: E402
import build   # noqa: E402

MIB = 1 << 20


@dataclass(frozen=True)
class Machine:
    """What plays a machine of an architecture, and what makes programs for it."""
    qemu: str
    package: str
    options: tuple
    console: str
    compiler: str
    compiler_package: str
    kexec: str  # -s: the kernel itself reads the file; Debian's for arm64 can't (KEXEC_FILE)


MACHINES = {
    'amd64': Machine('qemu-system-x86_64', 'qemu-system-x86', (), 'ttyS0', 'gcc', 'gcc', '-s'),
    'arm64': Machine('qemu-system-aarch64', 'qemu-system-arm', ('-machine', 'virt'), 'ttyAMA0',
                     'aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
                     '-c'),
}


@dataclass(frozen=True)
class Trigger:
    """What the module can't do itself."""
    settings: tuple = ()  # 'FILE=VALUE', written just before
    append: str = ''      # to the first kernel's command line
    nmi: bool = False     # QEMU sends one when the guest says NMI_LINE


NMI_LINE = 'epitaph_crash: waiting for an NMI'
RCU_STALL = ('/proc/sys/kernel/panic_on_rcu_stall=1',
             '/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout=3')
TRIGGERS = {
    'warn': Trigger(('/proc/sys/kernel/panic_on_warn=1',)),
    'nmi': Trigger(('/proc/sys/kernel/unknown_nmi_panic=1',), nmi=True),
    # Before v5.17 poison of one cache counts only where the command line asked for some.
    'uaf': Trigger(append='slub_debug=P,epitaph_victim'),
    'softlockup': Trigger(('/proc/sys/kernel/softlockup_panic=1',
                           '/proc/sys/kernel/watchdog_thresh=1')),
    # Hardware counters are what finds one at once (hardlockup_panic); where there are
    # none, as in a QEMU without KVM, RCU does.
    'hardlockup': Trigger(('/proc/sys/kernel/hardlockup_panic=1', *RCU_STALL)),
    'rcu': Trigger(RCU_STALL),
    'hung': Trigger(('/proc/sys/kernel/hung_task_panic=1',
                     '/proc/sys/kernel/hung_task_timeout_secs=2')),
    'oom': Trigger(('/proc/sys/vm/panic_on_oom=1',)),
}
# What the virtual disks need, in the order of a modprobe; absent = built in.
DISK_MODULES = ('virtio_pci', 'virtio_blk', 'ext4')
PROC_FILES = ('modules', 'kallsyms', 'iomem', 'meminfo', 'vmstat', 'zoneinfo', 'buddyinfo',
              'slabinfo', 'mounts', 'cmdline', 'version', 'loadavg', 'uptime', 'interrupts')

# What kexec needs where the machine's own is of no use: Debian's can load Xen too.
KEXEC_LIBRARIES = (
    'libc6', 'zlib1g', 'libfdt1', 'libuuid1', 'libext2fs2', 'libcom-err2', 'libyajl2',
    'libxenmisc4.17', 'libxencall1', 'libxendevicemodel1', 'libxenevtchn1',
    'libxenforeignmemory1', 'libxengnttab1', 'libxenhypfs1', 'libxenstore4',
    'libxentoolcore1', 'libxentoollog1')

# The same /init serves both kernels: /proc/vmcore says which one it is.
INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp

fail() { echo "lab: failed: $*"; sync; poweroff -f; }

for module in $(cat /modules.order); do
	insmod "/modules/$module" || fail "insmod $module"
done
for second in 1 2 3 4 5 6 7 8 9 10; do
	[ -b /dev/vda ] && [ -b /dev/vdb ] && break
	sleep 1
done
mount -t ext4 /dev/vda /disk || fail "mount"
. /disk/job

if [ -e /proc/vmcore ]; then
	echo "lab: copying $(stat -c %s /proc/vmcore) bytes, $(cut -d' ' -f1 /proc/uptime) s after kexec"
	dd if=/proc/vmcore of=/dev/vdb bs=1M iflag=fullblock conv=fsync || fail "dd"
	stat -c %s /proc/vmcore >/disk/out/size
	umount /disk
	echo "lab: done, $(cut -d' ' -f1 /proc/uptime) s after kexec"
	poweroff -f
fi

echo 1 >/proc/sys/kernel/panic_on_oops
if [ "$FILES" -gt 0 ]; then
	mkdir /files && mount -t tmpfs -o nr_inodes=0 tmpfs /files || fail "mount /files"
	/bin/lab_guest files /files "$FILES" || fail "files"
fi
/bin/lab_guest tasks "$MARKER" &
cat /disk/vmlinuz >/dev/null		# page cache
echo "lab page cache $MARKER" >/disk/marker
/disk/kexec/ld.so --library-path /disk/kexec /disk/kexec/kexec $KEXEC -p /disk/vmlinuz \
	--initrd=/disk/initrd --command-line="$CRASH_CMDLINE" || fail "kexec"
sleep 1					# let the tasks go to sleep
echo "lab marker $MARKER" >/dev/kmsg
for name in $PROC_FILES; do
	cat "/proc/$name" >"/disk/out/$name.txt"
done
dmesg >/disk/out/dmesg.txt
/bin/lab_guest record /disk/out || fail "record"
sync
for setting in $SETTINGS; do
	[ ! -e "${setting%%=*}" ] || echo "${setting#*=}" >"${setting%%=*}" || fail "$setting"
done
case $TRIGGER in
sysrq)	sh -c 'echo c >/proc/sysrq-trigger' ;;
*)	insmod /disk/epitaph_crash.ko "how=$TRIGGER" "marker=$MARKER" ;;
esac
fail "still alive after the trigger"
'''


def say(text):
    print(f'lab: {text}', file=sys.stderr, flush=True)


# --- the initramfs --------------------------------------------------------------------

def cpio_newc(entries):
    """Bytes of a cpio archive in the kernel's format from [(name, mode, content)]."""
    out = bytearray()
    for inode, (name, mode, content) in enumerate([*entries, ('TRAILER!!!', 0, b'')], 1):
        path = name.encode() + b'\0'
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
        out += b'070701' + b''.join(b'%08x' % value for value in fields) + path
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def module_closure(tree, wanted):
    """[(file name, content)] of the wanted modules and what they need, in loading order."""
    depends = {}
    for line in (tree / 'modules.dep').read_text().splitlines():
        path, _, needs = line.partition(':')
        depends[path] = needs.split()
    by_name = {Path(path).name.split('.')[0].replace('-', '_'): path for path in depends}
    order = []
    for name in wanted:
        if name not in by_name:
            continue  # built in; if it is neither, mounting the disk will fail and say so
        path = by_name[name]
        for each in [*reversed(depends[path]), path]:
            if each not in order:
                order.append(each)
    result = []
    for path in order:
        content = (tree / path).read_bytes()
        if path.endswith('.xz'):
            content = lzma.decompress(content)
        result.append((Path(path).name.removesuffix('.xz'), content))
    return result


def architecture_of(series):
    return assets.series_parts(series)[1]


def busybox_of(architecture):
    if architecture == assets.ARCHITECTURES[0]:
        return Path(assets.need('busybox', 'busybox-static'))
    return assets.program('busybox-static', 'bin/busybox', architecture)


def guest_program(work, architecture):
    program = work / 'lab_guest'
    machine = MACHINES[architecture]
    assets.run(assets.need(machine.compiler, machine.compiler_package), '-std=gnu17', '-O2', '-static', '-pthread', '-s',
               '-o', program, HERE / 'lab_guest.c')
    return program.read_bytes()


def initramfs(kernel_dir, release, work):
    modules = module_closure(kernel_dir / 'lib/modules' / release, DISK_MODULES)
    architecture = architecture_of(release)
    busybox = busybox_of(architecture).read_bytes()
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    entries = [(name, folder, b'') for name in
               ('bin', 'dev', 'disk', 'modules', 'proc', 'sys', 'tmp')]
    entries += [('init', program, INIT.encode()),
                ('bin/busybox', program, busybox),
                ('bin/lab_guest', program, guest_program(work, architecture)),
                ('modules.order', stat.S_IFREG | 0o644,
                 ''.join(f'{name}\n' for name, _ in modules).encode())]
    entries += [(f'modules/{name}', stat.S_IFREG | 0o644, content)
                for name, content in modules]
    return cpio_newc(entries)


# --- the disks ------------------------------------------------------------------------

def copy_libraries(program, root, folder):
    """The libraries that a program of another architecture needs, and its loader."""
    wanted, done = [program], set()
    while wanted:
        dynamic = assets.output_of('readelf', '-d', wanted.pop())
        for name in re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic):
            if name in done:
                continue
            done.add(name)
            path = next(root.glob(f'**/{name}'), None)
            if not path:
                raise assets.Trouble(f"'{program}' needs '{name}', which is not in '{root}'")
            shutil.copy(path, folder / ('ld.so' if name.startswith('ld-linux') else name))
            wanted.append(path)


def copy_kexec(folder, architecture):
    """Debian's kexec is dynamic: take its libraries along, and start it by its loader."""
    folder.mkdir()
    if architecture != assets.ARCHITECTURES[0]:
        kexec = assets.program('kexec-tools', 'sbin/kexec', architecture, *KEXEC_LIBRARIES)
        shutil.copy(kexec, folder / 'kexec')
        copy_libraries(kexec, kexec.parents[1], folder)
        return
    kexec = assets.need('kexec', 'kexec-tools')
    shutil.copy(kexec, folder / 'kexec')
    for line in assets.output_of('ldd', kexec).splitlines():
        words = line.split()
        path = words[2] if '=>' in words else words[0]
        if path.startswith('/'):
            shutil.copy(path, folder / ('ld.so' if 'ld-linux' in path else Path(path).name))


def shell_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def scratch_disk(disk, work, job, files, architecture):
    """An ext4 disk with the job's parameters and files, made without mounting it."""
    tree = work / 'disk'
    (tree / 'out').mkdir(parents=True)
    for name, source in files.items():
        shutil.copy(source, tree / name)
    copy_kexec(tree / 'kexec', architecture)
    (tree / 'job').write_text(''.join(f'{k}={shell_quote(v)}\n' for k, v in job.items()))
    with open(disk, 'wb') as image:
        image.truncate(256 * MIB)
    assets.run(assets.need('mkfs.ext4', 'e2fsprogs'), '-q', '-d', tree, disk)


def take_results(disk, out):
    debugfs = assets.need('debugfs', 'e2fsprogs')
    listing = assets.output_of(debugfs, '-R', 'ls -p /out', disk)
    for line in listing.splitlines():  # /INODE/MODE/UID/GID/NAME/SIZE/
        parts = line.split('/')
        if len(parts) > 5 and parts[2].startswith('10'):
            subprocess.run([debugfs, '-R', f'dump /out/{parts[5]} {out / parts[5]}', disk],
                           check=True, stderr=subprocess.DEVNULL)


# --- the machine ----------------------------------------------------------------------

def trigger_of(options):
    return TRIGGERS.get(options.trigger, Trigger())


def wait_for_end(process, seconds, console, monitor):
    """With a monitor: until NMI_LINE has been seen, and an NMI sent, with open eyes."""
    deadline = time.monotonic() + seconds
    while monitor and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
        if NMI_LINE in console.read_text(errors='replace'):
            with socket.socket(socket.AF_UNIX) as to:
                to.connect(str(monitor))
                to.sendall(b'nmi\n')
                to.recv(4096)
            break
    return process.wait(max(deadline - time.monotonic(), 0))


def boot(kernel_image, initrd, disks, console, options):
    machine = MACHINES[architecture_of(options.series)]
    trigger = trigger_of(options)
    monitor = disks[0].with_name('monitor') if trigger.nmi else None
    command = [
        assets.need(machine.qemu, machine.package), *machine.options,
        '-accel', 'tcg,thread=multi', '-cpu', options.cpu, '-smp', str(options.cpus),
        '-m', str(options.memory), '-nodefaults', '-nic', 'none', '-display', 'none',
        '-no-reboot', '-serial', f'file:{console}', '-kernel', kernel_image, '-initrd', initrd,
        '-append', f'console={machine.console} panic=1 crashkernel={options.crashkernel}'
                   f' {trigger.append} {options.append}'.rstrip()]
    for disk in disks:
        command += ['-drive', f'if=virtio,format=raw,cache=unsafe,file={disk}']
    if monitor:
        command += ['-monitor', f'unix:{monitor},server=on,wait=off']
    # QEMU keeps stdin of a terminal otherwise; it ends when the guest powers off.
    process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                               stdout=sys.stderr)
    try:
        if wait_for_end(process, options.timeout, console, monitor) != 0:
            raise assets.Trouble(f'QEMU failed with status {process.returncode}')
    except subprocess.TimeoutExpired:
        raise assets.Trouble(f'the machine was not done after {options.timeout} s') from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def lab_dir(series, options):
    name = f'{series}-{options.trigger}'
    if options.cpu != 'max':
        name += f'-{options.cpu}'
    if options.memory != 1024:
        name += f'-{options.memory}M'
    if options.cpus != 2:
        name += f'-{options.cpus}cpu'
    if options.files:
        name += f'-{options.files}files'
    return assets.cache_dir() / 'lab' / name


def make_in(out, options):
    kernel_dir = assets.kernel(options.series)
    release = (kernel_dir / 'release').read_text().strip()
    architecture = architecture_of(release)
    kernel_image = kernel_dir / 'boot' / f'vmlinuz-{release}'
    marker = f'epitaph-lab-{secrets.token_hex(8)}'
    work = out / 'work'
    work.mkdir()

    initrd = work / 'initrd'
    initrd.write_bytes(initramfs(kernel_dir, release, work))
    files = {'vmlinuz': kernel_image, 'initrd': initrd}
    if options.trigger != 'sysrq':
        module = build.build_module(release)
        files[module.name] = module
        shutil.copy(module, out)
    job = {'TRIGGER': options.trigger, 'MARKER': marker, 'PROC_FILES': ' '.join(PROC_FILES),
           'FILES': str(options.files), 'SETTINGS': ' '.join(trigger_of(options).settings),
           'KEXEC': MACHINES[architecture].kexec,
           'CRASH_CMDLINE': f'console={MACHINES[architecture].console} nr_cpus=1 reset_devices irqpoll panic=1'
                            ' oops=panic rootfstype=ramfs'}
    disk = work / 'disk.img'
    scratch_disk(disk, work, job, files, architecture)
    vmcore = out / 'vmcore'
    with open(vmcore, 'wb') as image:  # a raw disk, cut to the dump's size afterwards
        image.truncate((options.memory + 64) * MIB)

    console = out / 'console.log'
    console.touch()
    boot(kernel_image, initrd, [disk, vmcore], console, options)
    take_results(disk, out)
    if not (out / 'size').exists():
        raise assets.Trouble('the machine left no dump')
    os.truncate(vmcore, int((out / 'size').read_text()))
    (out / 'size').unlink()
    # Pages of zeros become holes again.
    assets.run('fallocate', '--dig-holes', vmcore)
    (out / 'marker').write_text(marker + '\n')
    (out / 'release').write_text(release + '\n')
    shutil.rmtree(work)


def make(options):
    final = lab_dir(options.series, options)
    if final.exists():
        return final
    with assets.cache_lock(f'lock-{final.name}'):
        if final.exists():
            return final
        started = time.monotonic()
        with assets.new_dir(final) as out:
            try:
                make_in(out, options)
            except assets.Trouble as trouble:
                kept = final.with_name(f'{final.name}.failed.log')
                if (out / 'console.log').exists():
                    shutil.copy(out / 'console.log', kept)
                    raise assets.Trouble(f'{trouble}; its console is {kept}') from None
                raise
        say(f'{final} made in {time.monotonic() - started:.1f} s')
    return final


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('verb', choices=('make', 'path'))
    parser.add_argument('series', help='5.10, 6.1, 6.12, 7.x, 6.12-arm64, or a full release')
    parser.add_argument('trigger')
    parser.add_argument('--memory', type=int, default=1024, metavar='MIB')
    parser.add_argument('--cpu', default='max', metavar='MODEL', help="as QEMU's -cpu")
    parser.add_argument('--cpus', type=int, default=2)
    parser.add_argument('--files', type=int, default=0, metavar='N')
    parser.add_argument('--crashkernel', default='256M')
    parser.add_argument('--append', default='', help="more for the first kernel's command line")
    parser.add_argument('--timeout', type=int, default=300, metavar='SECONDS')
    options = parser.parse_args()
    try:
        print(make(options) if options.verb == 'make' else lab_dir(options.series, options))
    except assets.Trouble as trouble:
        sys.exit(f'lab: {trouble}')
    except subprocess.CalledProcessError as error:
        sys.exit(f"lab: '{' '.join(map(str, error.cmd))}' failed with status {error.returncode}")


if __name__ == '__main__':
    main()
