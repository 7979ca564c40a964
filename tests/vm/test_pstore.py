#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Crashes that no crash kernel saw, kept by pstore's backends across reboots of virtual
machines:

    ramoops  a piece of RAM, which QEMU keeps over a reset; four boots: sysrq, a module's
             oops, sysrq again, and at last bytes of that record are damaged
    erst     ACPI's error records, in a file of QEMU's; three boots: two panics, and only
             then a collection
    efi      variables of an EFI firmware, as erst; only where it is asked for, as the
             firmware takes its time

    test_pstore.py EPITAPH [BACKEND...]

Judged by what lies in the archive afterwards. Ends with "N passed, N failed".
"""
import json
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / 'tools'), str(HERE.parent / 'kmod')]
import assets  # noqa: E402
import build   # noqa: E402
import lab     # noqa: E402

SERIES = '6.12'
TIMEOUT = 420
MEMORY = 512  # MiB, of which 2 at 496 MiB are ramoops'
REGION = 0x1f000000
RECORD = 0x20000
BACKENDS = {'ramoops': ('ramoops',), 'erst': (), 'efi': ('efi_pstore',)}
DAMAGED = (3000, 48)  # of the last record of ramoops: where, how many; ECC mends 8 of 128
FIRMWARE = '/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/OVMF/OVMF_VARS.fd'

INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
hostname crashbox

fail() { echo "test: failed: $*"; sync; poweroff -f; }

boot=1
backend=BACKEND
for module in $(cat /modules.order); do
	case $module in
	ramoops.ko | efi-pstore.ko) continue ;;
	esac
	insmod "/modules/$module" || fail "insmod $module"
done
mount -t ext4 /dev/vda /disk || fail "mount"
[ -e /disk/boot ] && boot=$(cat /disk/boot)
echo $((boot + 1)) >/disk/boot
sync
case $backend in
ramoops)
	if [ $boot -eq 4 ]; then
		head -c DAMAGE_SIZE /dev/zero | tr '\\0' '\\377' >/tmp/noise
		dd if=/tmp/noise of=/dev/mem bs=1 seek=$((DAMAGE_AT)) 2>/disk/out/damage.err ||
			fail "damage: $(cat /disk/out/damage.err)"
	fi
	insmod /modules/ramoops.ko PARAMETERS || fail "insmod ramoops"
	;;
efi)
	insmod /modules/efi-pstore.ko || fail "insmod efi-pstore"
	;;
esac
cat /sys/module/pstore/parameters/backend >/disk/out/backend-$boot

epitaph() { /disk/lib/ld.so --library-path /disk/lib /disk/epitaph "$@"; }
collect() {
	epitaph collect --json --config /disk/epitaph.conf >/disk/out/collect-$boot.json 2>/disk/out/collect-$boot.err
	echo $? >/disk/out/status-$boot
	epitaph collect --json --config /disk/epitaph.conf >/disk/out/again-$boot.json 2>>/disk/out/collect-$boot.err
	ls /sys/fs/pstore >/disk/out/left-$boot
}
off() { sync; umount /disk; poweroff -f; }
case $backend-$boot in
ramoops-[23]) collect ;;
ramoops-4 | erst-3 | efi-3) collect; off ;;
esac
echo 1 >/proc/sys/kernel/panic_on_oops
echo "epitaph pstore marker $boot" >/dev/kmsg
umount /disk || fail "umount"
case $boot in
2) insmod /epitaph_crash.ko how=null ;;
*) echo c >/proc/sysrq-trigger ;;
esac
fail "still alive"
'''


def initrd(kernel_dir, release, backend, work):
    modules = lab.module_closure(kernel_dir / 'lib/modules' / release,
                                 (*lab.DISK_MODULES, *BACKENDS[backend]))
    folder, program = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755
    # struct persistent_ram_buffer has 12 bytes before its data.
    content = INIT.replace('BACKEND', backend).replace(
        'DAMAGE_AT', f'{REGION + 12 + DAMAGED[0]:#x}').replace(
        'DAMAGE_SIZE', str(DAMAGED[1])).replace(
        'PARAMETERS', f'mem_address={REGION:#x} mem_size={2 << 20:#x} '
                      f'record_size={RECORD:#x} ecc=1')
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


def firmware_of(backend, work):
    """QEMU's options for what keeps the records."""
    if backend == 'erst':
        return ['-object', f'memory-backend-file,id=erst,mem-path={work}/erst,size=256K,share=on',
                '-device', 'acpi-erst,memdev=erst']
    if backend == 'efi':
        shutil.copy(FIRMWARE[1], work / 'variables')
        return ['-drive', f'if=pflash,format=raw,readonly=on,file={FIRMWARE[0]}',
                '-drive', f'if=pflash,format=raw,file={work}/variables']
    return []


def run_machine(kernel_image, initrd_path, disk, backend, work):
    command = [
        assets.need('qemu-system-x86_64', 'qemu-system-x86'), '-accel', 'tcg,thread=multi',
        '-cpu', 'max', '-smp', '1', '-m', str(MEMORY), '-nodefaults', '-nic', 'none',
        '-display', 'none', '-serial', f'file:{work}/console.log', '-kernel', kernel_image,
        '-initrd', initrd_path, '-drive', f'if=virtio,format=raw,cache=unsafe,file={disk}',
        *firmware_of(backend, work),
        '-append', f'console=ttyS0 panic=1 nokaslr memmap=2M${REGION:#x}'
                   + (' pstore.backend=ramoops' if backend == 'ramoops' else '')]
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
    def __init__(self, top, backend):
        self.backend = backend
        self.out = top / 'out'
        self.records = sorted((top / 'crash').glob('2*')) if (top / 'crash').is_dir() else []

    def json(self, name):
        return json.loads((self.out / name).read_text())

    def collected(self, boot, made, total):
        done = self.json(f'collect-{boot}.json')
        errors = (self.out / f'collect-{boot}.err').read_text()
        assert (self.out / f'status-{boot}').read_text() == '0\n', errors
        assert done['pstore'] == {'made': made, 'joined': 0, 'known': 0, 'left': 0,
                                  'failed': 0}, (done, errors)
        assert done['new_count'] == made and done['crash_count'] == total, done
        again = self.json(f'again-{boot}.json')
        assert again['pstore']['made'] == 0 and again['crash_count'] == total, again
        assert (self.out / f'left-{boot}').read_text() == '', 'pstore is not empty'


def test_collected_once(result):
    if result.backend == 'ramoops':
        for boot in 2, 3, 4:
            result.collected(boot, 1, boot - 1)
    else:  # both at once
        result.collected(3, 2, 2)


def test_backend(result):
    names = {'ramoops': 'ramoops', 'erst': 'erst', 'efi': 'efi_pstore'}
    for boot in 1, 2, 3:
        backend = (result.out / f'backend-{boot}').read_text().strip()
        assert backend == names[result.backend], backend


def test_records(result):
    assert len(result.records) == (3 if result.backend == 'ramoops' else 2), result.records
    for number, record in enumerate(result.records[:2], 1):
        meta = json.loads((record / 'meta.json').read_text())
        crash, parts = meta['crash'], meta['parts']
        assert crash['source'] == 'pstore' and crash['host'] == 'crashbox', crash
        assert '6.12' in crash['kernel_release'], crash
        assert abs(crash['crash_time'] - time.time()) < 600, crash
        assert 500 < crash['uptime_ms'] < TIMEOUT * 1000, crash
        for key in 'dmesg', 'report', 'report_json':
            # The firmwares' records are small: what they had no room for is missing.
            assert parts[key]['state'] == 'complete' or (
                key == 'dmesg' and result.backend != 'ramoops'), (key, parts[key])
        assert list((record / 'pstore').glob('dmesg-*')), number


def test_markers(result):
    for number, record in enumerate(result.records[:2], 1):
        dmesg = next(record.glob('dmesg.*')).read_text(errors='replace')
        assert dmesg.count(f'epitaph pstore marker {number}\n') == 1, dmesg[-3000:]
        assert f'marker {3 - number}\n' not in dmesg, dmesg
        assert dmesg.count('Kernel panic - not syncing') == 1, dmesg
        lines = dmesg.splitlines()
        assert all(re.match(r'\[ *\d+\.\d{6}\]', line) for line in lines[1:]), lines


def test_causes(result):
    causes = [json.loads((record / 'meta.json').read_text())['crash']['cause']
              for record in result.records[:2]]
    assert re.search('sysrq', causes[0]), causes
    assert re.search('NULL pointer dereference.*epitaph_null_dereference', causes[1]), causes
    log = (result.out / 'panic.log').read_text().splitlines()
    assert len(log) == len(result.records) and all(c in l for c, l in zip(causes, log)), log


def test_oops_and_panic_are_one(result):
    """The module's oops is written by itself, then again in the panic's log."""
    files = sorted(f.name for f in (result.records[1] / 'pstore').iterdir())
    texts = [(result.records[1] / 'pstore' / f).read_text(errors='replace') for f in files]
    assert any(text.startswith('Oops#1') for text in texts), files
    assert any(text.startswith('Panic#2') for text in texts), files


def test_damaged(result):
    """More bytes than ECC mends, in what the kernel packed: it unpacks to something else, or
    not at all (.enc.z). What stands before them is there, and that it is not all."""
    if result.backend != 'ramoops':
        return
    record = result.records[2]
    part = json.loads((record / 'meta.json').read_text())['parts']['dmesg']
    assert part['state'] == 'partial', part
    assert 'could not be corrected' in part['reason'] or 'damaged' in part['reason'], part
    raw = list((record / 'pstore').iterdir())
    assert re.fullmatch(r'dmesg-ramoops-0(\.enc\.z)?', raw[0].name) and len(raw) == 1, raw
    print(f'ramoops: damaged, {raw[0].name}: {part["reason"]}')
    assert re.search(rb'Corrected bytes, [1-9]\d* unrecoverable', raw[0].read_bytes()[-80:])
    dmesg = next(record.glob('dmesg.*')).read_text(errors='replace')
    assert re.search(r'\] Linux version 6.12', dmesg), dmesg  # as far as it goes


def show_failure(work, console):
    print(console.read_text(errors='replace')[-6000:] if console.exists() else 'no console')
    print(subprocess.run(['find', work / 'top', '-ls'], text=True,
                         stdout=subprocess.PIPE).stdout)
    for path in sorted((work / 'top/out').glob('*.err')):
        print(f'{path.name}: {path.read_text(errors="replace")}')


def run_backend(epitaph, backend, work):
    """Judges all that one machine left."""
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    kernel_dir = assets.kernel(SERIES)
    release = (kernel_dir / 'release').read_text().strip()
    disk = make_disk(epitaph, work)
    started = time.monotonic()
    status = run_machine(kernel_dir / 'boot' / f'vmlinuz-{release}',
                         initrd(kernel_dir, release, backend, work), disk, backend, work)
    seconds = time.monotonic() - started
    (work / 'top').mkdir()
    for tree in 'out', 'crash':
        subprocess.run([assets.need('debugfs', 'e2fsprogs'), '-R',
                        f'rdump /{tree} {work / "top"}', disk], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    result = Result(work / 'top', backend)
    failures = []
    for name, test in tests:
        try:
            assert status == 0, f'QEMU: {status}'
            test(result)
        except (AssertionError, OSError, ValueError, IndexError, KeyError,
                StopIteration) as error:
            failures.append(f'{backend}: {name}: {error!r}')
    return len(tests), failures, seconds


def main():
    epitaph = Path(sys.argv[1]).resolve()
    backends = sys.argv[2:] or ['ramoops', 'erst']
    for backend in backends:
        if backend not in BACKENDS:
            sys.exit(f"no backend '{backend}': there are {' '.join(BACKENDS)}")
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix='epitaph-pstore-') as name:
        outcomes = {}

        def run(backend):
            try:
                outcomes[backend] = run_backend(epitaph, backend, Path(name) / backend)
            except Exception as error:  # a thread's would be lost
                outcomes[backend] = (1, [f'{backend}: {error!r}'], 0)

        build.build_module((assets.kernel(SERIES) / 'release').read_text().strip())
        # Each has one CPU, and mostly waits for its disk and its firmware.
        threads = [threading.Thread(target=run, args=(backend,)) for backend in backends]
        for backend, thread in zip(backends, threads):
            (Path(name) / backend).mkdir()
            thread.start()
        for backend, thread in zip(backends, threads):
            thread.join()
            count, failures, seconds = outcomes[backend]
            print(f'{backend}: {seconds:.1f} s')
            for failure in failures:
                print(failure)
            if failures:
                show_failure(Path(name) / backend, Path(name) / backend / 'console.log')
            passed += count - len(failures)
            failed += len(failures)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
