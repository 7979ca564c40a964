#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Crashes that only a piece of RAM kept: ramoops, across reboots of a virtual machine.

    test_pstore.py EPITAPH

One machine without a crash kernel boots three times; QEMU keeps its RAM over a reset. The
first boot panics by sysrq, the second collects and then panics in a module, the third
collects. Judged by what lies in the archive afterwards. Ends with "N passed, N failed".
"""
import json
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / 'tools'), str(HERE.parent / 'kmod')]
import assets  # noqa: E402
import build   # noqa: E402
import lab     # noqa: E402

SERIES = '6.12'
TIMEOUT = 300
MEMORY = 512  # MiB, of which 2 at 496 MiB are ramoops'
REGION = 0x1f000000
MODULES = (*lab.DISK_MODULES, 'ramoops')

INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
hostname crashbox

fail() { echo "test: failed: $*"; sync; poweroff -f; }

for module in $(cat /modules.order); do
	case $module in
	ramoops.ko) insmod /modules/$module $RAMOOPS || fail "insmod $module" ;;
	*) insmod "/modules/$module" || fail "insmod $module" ;;
	esac
done
mount -t ext4 /dev/vda /disk || fail "mount"
boot=$(cat /disk/boot 2>/dev/null || echo 1)
echo $((boot + 1)) >/disk/boot
sync

epitaph() { /disk/lib/ld.so --library-path /disk/lib /disk/epitaph "$@"; }
if [ $boot -gt 1 ]; then
	epitaph collect --json --config /disk/epitaph.conf >/disk/out/collect-$boot.json 2>/disk/out/collect-$boot.err
	echo $? >/disk/out/status-$boot
	epitaph collect --json --config /disk/epitaph.conf >/disk/out/again-$boot.json 2>>/disk/out/collect-$boot.err
	ls /sys/fs/pstore >/disk/out/left-$boot
fi
[ $boot -ge 3 ] && { sync; umount /disk; poweroff -f; }
echo 1 >/proc/sys/kernel/panic_on_oops
echo "epitaph pstore marker $boot" >/dev/kmsg
umount /disk || fail "umount"
case $boot in
1) echo c >/proc/sysrq-trigger ;;
2) insmod /epitaph_crash.ko how=null ;;
esac
fail "still alive"
'''


def initrd(kernel_dir, release, work):
    modules = lab.module_closure(kernel_dir / 'lib/modules' / release, MODULES)
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    parameters = (f'mem_address={REGION:#x} mem_size={2 << 20:#x} record_size=0x20000 '
                  'ecc=1')
    content = INIT.replace('$RAMOOPS', parameters)
    entries = [(name, folder, b'') for name in
               ('bin', 'dev', 'disk', 'modules', 'proc', 'sys', 'tmp')]
    entries += [('init', program, content.encode()),
                ('bin/busybox', program,
                 Path(assets.need('busybox', 'busybox-static')).read_bytes()),
                ('epitaph_crash.ko', program, build.build_module(release).read_bytes()),
                ('modules.order', stat.S_IFREG | 0o644,
                 ''.join(f'{name}\n' for name, _ in modules).encode())]
    entries += [(f'modules/{name}', stat.S_IFREG | 0o644, data) for name, data in modules]
    path = work / 'initrd'
    path.write_bytes(lab.cpio_newc(entries))
    return path


def make_disk(epitaph, work):
    tree = work / 'disk'
    (tree / 'out').mkdir(parents=True)
    (tree / 'lib').mkdir()
    shutil.copy(epitaph, tree / 'epitaph')
    for line in assets.output_of('ldd', epitaph).splitlines():
        words = line.split()
        path = words[2] if '=>' in words else words[0]
        if path.startswith('/'):
            shutil.copy(path, tree / 'lib' / ('ld.so' if 'ld-linux' in path
                                              else Path(path).name))
    (tree / 'epitaph.conf').write_text('[archive]\npath = /disk/crash\n'
                                       'panic_log = /disk/out/panic.log\n')
    disk = work / 'disk.img'
    with open(disk, 'wb') as image:
        image.truncate(128 << 20)
    assets.run(assets.need('mkfs.ext4', 'e2fsprogs'), '-q', '-d', tree, disk)
    return disk


def run_machine(kernel_image, initrd_path, disk, console):
    command = [
        assets.need('qemu-system-x86_64', 'qemu-system-x86'), '-accel', 'tcg,thread=multi',
        '-cpu', 'max', '-smp', '1', '-m', str(MEMORY), '-nodefaults', '-nic', 'none',
        '-display', 'none', '-serial', f'file:{console}', '-kernel', kernel_image,
        '-initrd', initrd_path, '-drive', f'if=virtio,format=raw,cache=unsafe,file={disk}',
        '-append', f'console=ttyS0 panic=1 nokaslr memmap=2M${REGION:#x}']
    machine = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                               stdout=sys.stderr)
    try:
        return machine.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if machine.poll() is None:
            machine.kill()
            machine.wait()


# --- what is looked for ------------------------------------------------------------------

class Result:
    def __init__(self, top):
        self.out = top / 'out'
        self.records = sorted((top / 'crash').glob('2*')) if (top / 'crash').is_dir() else []

    def json(self, name):
        return json.loads((self.out / name).read_text())


def test_collected_once_a_boot(result):
    for boot in 2, 3:
        done = result.json(f'collect-{boot}.json')
        errors = (result.out / f'collect-{boot}.err').read_text()
        assert (result.out / f'status-{boot}').read_text() == '0\n', errors
        assert done['pstore'] == {'made': 1, 'joined': 0, 'known': 0, 'left': 0,
                                  'failed': 0}, (done, errors)
        assert done['new_count'] == 1 and done['crash_count'] == boot - 1, done
        again = result.json(f'again-{boot}.json')
        assert again['pstore']['made'] == 0 and again['crash_count'] == boot - 1, again
        assert (result.out / f'left-{boot}').read_text() == '', 'pstore is not empty'


def test_two_records(result):
    assert len(result.records) == 2, result.records
    for number, record in enumerate(result.records, 1):
        meta = json.loads((record / 'meta.json').read_text())
        crash, parts = meta['crash'], meta['parts']
        assert crash['source'] == 'pstore' and crash['host'] == 'crashbox', crash
        assert '6.12' in crash['kernel_release'], crash
        assert abs(crash['crash_time'] - time.time()) < 600, crash
        assert 500 < crash['uptime_ms'] < TIMEOUT * 1000, crash
        for key in 'dmesg', 'report', 'report_json':
            assert parts[key]['state'] == 'complete', (key, parts[key])
        assert list((record / 'pstore').glob('dmesg-ramoops-*')), number


def test_markers(result):
    for number, record in enumerate(result.records, 1):
        dmesg = next(record.glob('dmesg.*')).read_text(errors='replace')
        assert dmesg.count(f'epitaph pstore marker {number}\n') == 1, dmesg[-3000:]
        assert f'marker {3 - number}\n' not in dmesg, dmesg
        assert dmesg.count('Kernel panic - not syncing') == 1, dmesg
        lines = dmesg.splitlines()
        assert all(re.match(r'\[ *\d+\.\d{6}\]', line) for line in lines[1:]), lines


def test_causes(result):
    causes = [json.loads((record / 'meta.json').read_text())['crash']['cause']
              for record in result.records]
    assert re.search('sysrq', causes[0]), causes
    assert re.search('NULL pointer dereference.*epitaph_null_dereference', causes[1]), causes
    log = (result.out / 'panic.log').read_text().splitlines()
    assert len(log) == 2 and all(c in line for c, line in zip(causes, log)), log


def test_oops_and_panic_are_one(result):
    """The module's oops is written by itself, then again in the panic's log."""
    files = sorted(f.name for f in (result.records[1] / 'pstore').iterdir())
    texts = [(result.records[1] / 'pstore' / f).read_text(errors='replace') for f in files]
    assert any(text.startswith('Oops#1') for text in texts), files
    assert any(text.startswith('Panic#2') for text in texts), files


def main():
    epitaph = Path(sys.argv[1]).resolve()
    tests = [test for name, test in globals().items() if name.startswith('test_')]
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix='epitaph-pstore-') as name:
        work = Path(name)
        kernel_dir = assets.kernel(SERIES)
        release = (kernel_dir / 'release').read_text().strip()
        disk = make_disk(epitaph, work)
        console = work / 'console.log'
        console.touch()
        started = time.monotonic()
        status = run_machine(kernel_dir / 'boot' / f'vmlinuz-{release}',
                             initrd(kernel_dir, release, work), disk, console)
        print(f'three boots took {time.monotonic() - started:.1f} s')
        (work / 'top').mkdir()
        for tree in 'out', 'crash':
            subprocess.run([assets.need('debugfs', 'e2fsprogs'), '-R',
                            f'rdump /{tree} {work / "top"}', disk], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        result = Result(work / 'top')
        for test in tests:
            try:
                assert status == 0, f'QEMU: {status}'
                test(result)
                passed += 1
            except (AssertionError, OSError, ValueError, IndexError, KeyError) as error:
                failed += 1
                print(f'{test.__name__}: {error!r}')
        if failed:
            print(console.read_text(errors='replace')[-6000:])
            print(subprocess.run(['find', work / 'top', '-ls'], text=True,
                                 stdout=subprocess.PIPE).stdout)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
