#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph import of what other tools leave: kdump-tools, kdump-utils, openSUSE's kdump,
systemd-pstore, bare files; and of what it must not take.

    import.py EPITAPH
"""
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

EPITAPH = Path(sys.argv[1]).resolve()
LOG = ('[    0.000000] Linux version 6.12.1-test (a@b) (gcc) #1 SMP\n'
       '[    2.000001] sysrq: Trigger a crash\n'
       '[    2.000002] Kernel panic - not syncing: sysrq triggered crash\n'
       '[    2.000003] CPU: 0 PID: 71 Comm: sh Not tainted 6.12.1-test #1 D\n')
PSTORE = 'Panic#1 Part1\n' + ''.join(f'<0>{line}\n' for line in LOG.splitlines())


def core(size):
    """An ELF core whose one range of memory is longer than the file."""
    head = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', 4, 62, 1, 0, 64, 0, 0,
                       64, 56, 1, 0, 0, 0)
    load = struct.pack('<IIQQQQQQ', 1, 7, 4096, 0xffff888000000000, 0, 1 << 20, 1 << 20, 0)
    return (head + load).ljust(size, b'\0')


class Machine:
    def __init__(self, top):
        self.top = Path(top)
        self.archive = self.top / 'crash'
        self.source = self.top / 'source'
        self.source.mkdir()
        self.conf = self.top / 'epitaph.conf'
        self.conf.write_text(f'[archive]\npath = {self.archive}\n')

    def put(self, name, data):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def names(self):
        return sorted(p.name for p in self.archive.iterdir() if p.name != '.collected')

    def meta(self, name):
        return json.loads((self.archive / name / 'meta.json').read_text())

    def run(self, *arguments, code=0, **more):
        done = subprocess.run([EPITAPH, arguments[0], '--config', self.conf, *arguments[1:]],
                              env=dict(os.environ, TZ='UTC', LC_ALL='C'), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        assert done.returncode == code, (arguments, done)
        return done


def test_layouts(machine):
    """All of a /var/crash at once; a second time nothing is made."""
    machine.put('202401020304/dmesg.202401020304', LOG)
    machine.put('202401020304/dump-incomplete', core(9000))
    machine.put('127.0.0.1-2024-01-02-03:05:06/vmcore-dmesg.txt', LOG + '[    3.000000] a\n')
    machine.put('127.0.0.1-2024-01-02-03:05:06/kexec-dmesg.log', LOG + 'of the crash kernel\n')
    machine.put('2024-01-02-03:06/dmesg.txt', LOG + '[    3.000000] b\n')
    machine.put('2024-01-02-03:06/vmcore', core(5000))
    machine.put('2024-01-02-03:06/README.txt', 'Kernel crashdump\n')
    machine.put('kdump_lock', '')
    machine.put('kexec_cmd', '/sbin/kexec -p\n')
    before = {p: p.read_bytes() for p in machine.source.rglob('*') if p.is_file()}
    done = json.loads(machine.run('import', '--json', machine.source).stdout)
    assert (done['made'], done['known'], done['failed']) == (3, 0, 0), done
    assert machine.names() == ['202401020304', '202401020305', '202401020306']
    first, second, third = (machine.meta(name) for name in machine.names())
    assert first['crash']['source'] == 'kdump-tools', first
    assert second['crash']['source'] == 'kdump-utils', second
    assert third['crash']['source'] == 'suse-kdump', third
    for meta in first, second, third:
        assert meta['crash']['kernel_release'] == '6.12.1-test', meta
        assert 'sysrq' in meta['crash']['cause'], meta
        assert meta['parts']['dmesg']['state'] == 'complete', meta
        assert meta['parts']['report_json']['state'] == 'complete', meta
    assert first['parts']['dump']['state'] == 'partial', first
    assert 'never finished' in first['parts']['dump']['reason'], first
    assert second['parts']['dump']['state'] == 'absent', second
    assert third['parts']['dump']['state'] == 'partial', third  # its name says nothing
    log = (machine.archive / '202401020305/log').read_text()
    assert 'of the crash kernel' in log and 'vmcore-dmesg.txt' in log, log
    assert before == {p: p.read_bytes() for p in machine.source.rglob('*') if p.is_file()}
    for path in [machine.archive, *machine.archive.rglob('*')]:
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    done = json.loads(machine.run('import', '--json', machine.source).stdout)
    assert (done['made'], done['known'], done['failed']) == (0, 3, 0), done
    assert len(machine.names()) == 3


def test_files(machine):
    """By contents: names tell nothing, and what is no crash is none."""
    log = machine.put('whatever', LOG)
    os.utime(log, (1704164640, 1704164640))
    machine.run('import', log)
    assert machine.names() == ['202401020304'], machine.names()
    assert machine.meta('202401020304')['crash']['source'] == 'file'
    out = machine.run('import', log).stdout
    assert 'in the archive already' in out, out
    for name, data, why in (('dump.202401020304', 'no dump\n', 'no dump and no kernel log'),
                            ('vmcore.gz', b'\x1f\x8b\x08', 'unpack it first'),
                            ('linux-image-6.12.202401020304.crash',
                             'ProblemType: KernelCrash\n', 'apport-unpack'),
                            ('a\nb', LOG, 'strange name'),
                            ('.hidden', LOG, 'strange name'),
                            ('program.core', core(3 << 20), 'no kernel is found')):
        done = machine.run('import', machine.put(name, data), code=1)
        assert why in done.stderr, (name, done.stderr)
    assert machine.names() == ['202401020304'], machine.names()


def test_traps(machine):
    """Links, devices and FIFOs are not opened for reading, and stop nothing."""
    machine.put('secret', LOG + '[    9.000000] secret\n')
    machine.put('202401020304/dmesg.202401020304', LOG)
    directory = machine.source / '202401020304'
    (directory / 'dump.202401020304').symlink_to(machine.source / 'secret')
    os.mkfifo(directory / 'vmcore')
    (machine.source / 'link').symlink_to(directory)
    machine.run('import', directory)
    meta = machine.meta('202401020304')
    assert meta['parts']['dump']['state'] == 'absent', meta
    for trap in machine.source / 'link', directory / 'dump.202401020304', \
            directory / 'vmcore', '/dev/null':
        done = machine.run('import', trap, code=1)
        assert machine.names() == ['202401020304'], (trap, done)
    machine.run('import', code=2)


def test_move(machine):
    machine.put('202401020304/dmesg.202401020304', LOG)
    machine.put('202401020305/dmesg.202401020305', LOG + '[    3.000000] b\n')
    machine.put('202401020305/precious', 'x')
    machine.run('import', '--move', machine.source)
    assert [p.name for p in machine.source.rglob('*')] == ['202401020305', 'precious']
    assert (machine.archive / '202401020304/dmesg.202401020304').read_text() == LOG


def test_pstore(machine):
    """What systemd-pstore has put away, in its two forms."""
    machine.put('pstore/17041646/001/dmesg-efi_pstore-170416464001001', PSTORE)
    machine.put('pstore/17041646/001/dmesg.txt', LOG)
    done = json.loads(machine.run('import', '--json', machine.source / 'pstore').stdout)
    assert done['made'] == 1, done
    assert machine.meta(machine.names()[0])['crash']['source'] == 'pstore'
    machine.run('import', machine.source / 'pstore')
    assert len(machine.names()) == 1


def test_pstore_of_systemd(machine):
    """What systemd-pstore of systemd 252 made of two parts in EFI variables, two in ERST, of
    ramoops with its console, and of a record that the kernel could not unpack: it joins the
    parts into dmesg.txt, and leaves the rest flat."""
    def panic(when, *files):
        for name, data in files:
            os.utime(machine.put(f'pstore/{name}', data), (when, when))

    panic(1704164640,
          ('170416464/dmesg-efi_pstore-170416464001001', PSTORE),
          ('170416464/dmesg-efi_pstore-170416464002001', 'Panic#1 Part2\n<6>[    1.000001] a\n'),
          ('170416464/dmesg.txt', 'Panic#1 Part2\n<6>[    1.000001] a\n' + PSTORE))
    erst = 1704165240 << 32
    for part, text in ((2, '<6>[    3.000001] b\n'), (1, '<0>[    3.000002] Kernel panic - c\n')):
        panic(1704165240, (f'{str(erst)[:-6]}/dmesg-erst-{erst + 3 - part}',
                           f'Panic#1 Part{part}\n{text}'))
    panic(1704165840, ('dmesg-ramoops-0', 'Panic#1 Part1\n<0>[    4.000002] Kernel panic - d\n'),
          ('console-ramoops-0', '[    4.000002] the console\n'), ('dmesg.txt', 'x'))
    panic(1704166440, ('dmesg-ramoops-1.enc.z', 'xx'))
    done = json.loads(machine.run('import', '--json', machine.source / 'pstore').stdout)
    assert (done['made'], done['failed']) == (4, 0), done
    assert machine.names() == ['202401020304', '202401020314', '202401020324',
                               '202401020334'], machine.names()
    logs = [next((machine.archive / name).glob('dmesg.*')).read_text() for name in machine.names()]
    assert logs[0].splitlines()[0] == '[    1.000001] a' and 'sysrq' in logs[0], logs
    assert logs[1] == '[    3.000001] b\n[    3.000002] Kernel panic - c\n', logs
    # The console is of the last crash of its backend.
    assert (machine.archive / '202401020334/pstore/console-ramoops-0').exists()
    broken = machine.meta('202401020334')['parts']['dmesg']
    assert broken['state'] == 'partial' and 'compressed data' in broken['reason'], broken
    assert (machine.archive / '202401020334/pstore/dmesg-ramoops-1.enc.z').read_text() == 'xx'
    machine.run('import', machine.source / 'pstore')
    assert len(machine.names()) == 4 and (machine.source / 'pstore/dmesg-ramoops-0').exists()


def test_in_place(machine):
    """A crash that another tool keeps in the archive itself is not made twice."""
    machine.archive.mkdir()
    directory = machine.archive / '202401020304'
    directory.mkdir()
    (directory / 'dmesg.202401020304').write_text(LOG)
    for path in machine.archive, directory:
        assert 'already' in machine.run('import', path).stdout
    machine.put('202401020304/dmesg.202401020304', LOG)
    assert 'already' in machine.run('import', machine.source).stdout
    assert machine.names() == ['202401020304']


def test_listed(machine):
    """Other tools' records in the archive are crashes too, read as they are."""
    for name, files in (('127.0.0.1-2024-01-02-03:05:06', ('vmcore-dmesg.txt', 'vmcore-incomplete')),
                        ('2024-01-02-03:06', ('dmesg.txt', 'vmcore')),
                        ('2024-01-02', ('vmcore',)), ('a-2024-01-02-03:07:08', ('other',))):
        for file in files:
            path = machine.archive / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(core(5000) if 'vmcore' in file and 'txt' not in file
                             else LOG.encode())
    listed = json.loads(machine.run('list', '--json').stdout)['crashes']
    assert [(crash['name'], crash['time']) for crash in listed] == [
        ('127.0.0.1-2024-01-02-03:05:06', 1704164706), ('2024-01-02-03:06', 1704164760)], listed
    states = [(crash['parts']['dmesg']['state'], crash['parts']['dump']['state'])
              for crash in listed]
    assert states == [('complete', 'partial'), ('complete', 'complete')], listed
    done = machine.run('show', '127', code=3)
    assert 'sysrq' in done.stdout and 'never finished' in done.stderr, done
    assert 'Kernel panic' in machine.run('dmesg', 'last', code=0).stdout
    out = machine.run('import', '--move', machine.archive).stdout
    for crash in listed:
        assert f"{crash['name']}' is in the archive already: {crash['path']}\n" in out, out
        assert len(os.listdir(crash['path'])) == 2, out
    machine.run('rm', '127.0.0.1-2024-01-02-03:05:06')
    assert not (machine.archive / '127.0.0.1-2024-01-02-03:05:06').exists()


def test_disk_full(machine):
    """Files may not grow past a size: nothing is published, the originals stay."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

    machine.put('202401020304/vmcore', core(300000))
    machine.put('202401020304/dmesg.txt', LOG)
    machine.run('import', '--move', machine.source, code=1, preexec_fn=limit)
    assert machine.names() == [], machine.names()
    machine.run('import', '--move', machine.source)
    assert machine.names() == ['202401020304']
    dump = machine.archive / '202401020304/dump.202401020304.partial'
    assert dump.read_bytes() == core(300000)


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    failed = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory(prefix='epitaph-import-') as top:
            try:
                test(Machine(top))
                print(f'ok {name}')
            except AssertionError as error:
                failed += 1
                print(f'FAILED {name}: {error}')
    print(f'{len(tests) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
