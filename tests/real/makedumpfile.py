#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph under the name of makedumpfile on a reference dump: the lines of kdump-tools,
kdump-utils and openSUSE's kdump, held against Debian sid's makedumpfile.

    makedumpfile.py LAB [EPITAPH]       LAB as tests/vm/lab.py makes it
"""
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/cli'))
import dump_equal  # noqa: E402
import makedumpfile as parameters  # noqa: E402
from dump_equal import CODECS, INCOMPLETE, PAGE, Kdump, assets  # noqa: E402

COMPLETED = '\nmakedumpfile Completed.\n'
FAILED = '\nmakedumpfile Failed.\n'


class Test(dump_equal.Test):
    def __init__(self, lab, epitaph, work):
        super().__init__(lab, epitaph, work)
        self.program = work / 'makedumpfile'
        self.program.symlink_to(epitaph)

    def mdf(self, *arguments, stdin=b''):
        done = subprocess.run([self.program, *map(str, arguments)], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout, done.stderr.decode()

    def theirs(self, *arguments, stdin=b''):
        argv, env = assets.peer_command('makedumpfile', *arguments)
        done = subprocess.run(argv, env=env, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        return done.returncode, done.stdout, done.stderr.decode(errors='replace')

    def same_dump(self, name, ours, theirs):
        """All but where the pages lie and how well they were compressed."""
        a, b = Kdump(ours), Kdump(theirs)
        if self.is_beyond_makedumpfile:
            self.same_bits(name, a, b, ['bitmap1'])
            self.same_but_for_tails(name, a, b)
        else:
            self.same_bits(name, a, b)
        self.check(f'{name}: headers', a.header == b.header and
                   a.sub_header == b.sub_header and a.notes == b.notes)
        pages = dict(a.pages())
        wrong = [hex(pfn) for pfn, page in b.pages() if pages.get(pfn) != page]
        self.check(f'{name}: pages', not wrong, wrong[:10])

    def crash_says_the_same(self, name, path, vmlinux):
        ours, source = self.crash(path, vmlinux), self.crash(self.vmcore, vmlinux)
        told = self.crash_gives_up(source) or (ours[0] == 0 and len(ours[1]) > 80)
        self.check(f'{name} ({len(ours[1])} lines)', ours == source and told, ours[0],
                   ours[1][:10])

    # --- the callers' lines ---

    def debian(self):
        flat, ours, theirs = (self.work / name for name in ('flat', 'ours', 'theirs'))
        code, out, err = self.mdf('-F', '-c', '-d', '31', self.vmcore)
        flat.write_bytes(out)
        self.check('Debian: -F -c -d 31', code == 0 and err.endswith(
            '\nThe dumpfile is saved to STDOUT.\n' + COMPLETED), code, err)
        done = self.theirs('-c', '-d', '31', self.vmcore, theirs)
        self.check('Debian: makedumpfile can', done[0] == 0, done)
        for name, program in ('their', self.theirs), ('our', self.mdf):
            code, out, err = program('-R', ours, stdin=flat.read_bytes())
            self.check(f'Debian: {name} -R', code == 0 and out.decode().endswith(
                f'The dumpfile is saved to {ours}.\n{COMPLETED}'), code, out, err)
            self.same_dump(f'Debian: {name} -R', ours, theirs)
            ours.unlink()
        vmlinux = assets.vmlinux(self.release)
        self.crash_says_the_same('Debian: crash reads the stream as it reads the source',
                                 flat, vmlinux)
        theirs.unlink()
        code, out, err = self.theirs('-F', '-l', '-d', '31', self.vmcore)
        code, _, err = self.mdf('-R', ours, stdin=out)
        self.theirs('-l', '-d', '31', self.vmcore, theirs)
        self.same_dump('their stream, our -R', ours, theirs)
        ours.unlink()
        theirs.unlink()

    def dmesg(self):
        ours, theirs = self.work / 'dmesg', self.work / 'their-dmesg'
        for options in (), ('--partial-dmesg',):
            code, out, err = self.mdf('--dump-dmesg', *options, self.vmcore, ours)
            self.check(f'--dump-dmesg {" ".join(options)}', (code, out.decode(), err) == (
                0, f'\nThe dmesg log is saved to {ours}.\n{COMPLETED}', ''), code, out, err)
            self.theirs('--dump-dmesg', *options, self.vmcore, theirs)
            self.check(f'--dump-dmesg {" ".join(options)}: as makedumpfile',
                       ours.read_bytes() == theirs.read_bytes() and ours.stat().st_size > 9999)
            code, out, _ = self.mdf('-F', '--dump-dmesg', *options, self.vmcore)
            self.check('-F --dump-dmesg', code == 0 and out == ours.read_bytes(), code)
            ours.unlink()
            theirs.unlink()

    def line(self, name, *options):
        ours, theirs = self.work / 'ours', self.work / 'theirs'
        code, out, err = self.mdf(*options, self.vmcore, ours)
        self.check(f'{name}: {" ".join(options)}', code == 0 and out.decode().endswith(
            f'\nThe dumpfile is saved to {ours}.\n{COMPLETED}') and
            'Copying data' in err and '[100.0 %]' in err, code, out, err)
        self.theirs(*options, self.vmcore, theirs)
        self.same_dump(name, ours, theirs)
        ours.unlink()
        theirs.unlink()

    # --- ELF ---

    def elf_file(self, name, path, theirs=None):
        """Every kept page as the source has it, and nothing but it and zeros."""
        kept = set(Kdump(self.work / 'kept').kept())
        ours = dump_equal.Elf(path)
        wrong = [hex(pfn) for pfn in kept if ours.page(pfn) != self.elf.page(pfn)]
        self.check(f'{name}: {len(kept)} kept pages', kept and not wrong, wrong[:10])
        pages = [pfn for paddr, size, _ in ours.loads
                 for pfn in range(paddr // PAGE, (paddr + size) // PAGE)]
        other = {pfn for pfn in pages if pfn not in kept and ours.page(pfn).strip(b'\0')}
        self.check(f'{name}: no page that was left out', not other and len(pages) > len(kept),
                   len(other))
        if theirs:
            missing = {pfn for paddr, size, _ in dump_equal.Elf(theirs).loads
                       for pfn in range(paddr // PAGE, (paddr + size) // PAGE)} - set(pages)
            self.check(f'{name}: all that makedumpfile -E has', not missing, len(missing))

    def elf_flags(self, path):
        return struct.unpack_from('<I', path.read_bytes()[:64], 48)[0]

    def elfs(self):
        ours, theirs, kept = (self.work / name for name in ('ours', 'theirs', 'kept'))
        self.mdf('-l', '-d', '31', self.vmcore, kept)
        code, out, err = self.mdf('-E', '-d', '31', self.vmcore, ours)
        self.check('-E', code == 0 and out.decode().endswith(COMPLETED) and
                   self.elf_flags(ours) == 0, code, out, err)
        self.theirs('-E', '-d', '31', self.vmcore, theirs)
        self.elf_file('-E', ours, theirs)
        self.check('-E: zeros and what is left out take no room',
                   ours.stat().st_blocks * 512 < theirs.stat().st_blocks * 512)
        vmlinux = assets.vmlinux(self.release)
        self.crash_says_the_same('-E: crash says the same as of the source', ours, vmlinux)
        code, said = self.drgn(ours, vmlinux)
        self.check(f'-E: drgn says the same as of the source ({len(said)} lines)',
                   code == 0 and said == self.drgn(self.vmcore, vmlinux)[1] and len(said) > 80,
                   code, said[:10])
        done = subprocess.run([*assets.peer_command('gdb', '-q', '-batch', '-ex',
                                                    'p linux_banner', vmlinux, ours)[0]],
                              env=assets.peer_command('gdb')[1], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.check('-E: gdb takes it as a core', 'is not a core' not in done.stdout and
                   'New LWP' in done.stdout, done.stdout[-500:])
        theirs.unlink()
        code, out, _ = self.mdf('-F', '-E', '-d', '31', self.vmcore)
        self.check('-F -E', code == 0 and self.theirs('-R', theirs, stdin=out)[0] == 0 and
                   theirs.read_bytes() == ours.read_bytes(), code)
        theirs.unlink()
        done = subprocess.run([self.epitaph, 'save', '--format', 'elf', kept, theirs],
                              stdout=subprocess.DEVNULL)
        self.check('of a dump that is no ELF file', done.returncode == 0)
        self.elf_file('of a dump that is no ELF file', theirs)
        code, out, _ = self.mdf('-f', '-E', '-d', '31', '-L', '50M', self.vmcore, ours)
        self.check('-E -L 50M: incomplete', code == 1 and self.elf_flags(ours) == 1, code, out)
        # Of an ELF file that was filtered.
        self.mdf('-f', '-E', '-d', '31', self.vmcore, ours)
        theirs.unlink()
        code, out, _ = self.mdf('-l', '-d', '31', ours, theirs)
        self.check('an ELF file again', code == 0 and
                   Kdump(theirs).bitmap2 == Kdump(kept).bitmap2, code, out)
        for path in ours, theirs, kept:
            path.unlink()

    def streams(self):
        """`epitaph save` to the standard output and to a pipe that has a name."""
        ours, fifo, direct = (self.work / name for name in ('ours', 'fifo', 'direct'))
        self.mdf('-z', '-d', '31', self.vmcore, direct)
        done = subprocess.run([self.epitaph, 'save', self.vmcore, '-'], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.check('save SOURCE -', done.returncode == 0 and b', complete\n' in done.stderr and
                   self.theirs('-R', ours, stdin=done.stdout)[0] == 0, done.stderr)
        self.same_dump('save SOURCE -', ours, direct)
        ours.unlink()
        os.mkfifo(fifo)
        with subprocess.Popen([self.epitaph, 'save', self.vmcore, fifo],
                              stdout=subprocess.DEVNULL) as process:
            code = self.mdf('-R', ours, stdin=fifo.read_bytes())[0]
        self.check('save SOURCE FIFO', (code, process.returncode) == (0, 0) and fifo.is_fifo(),
                   code, process.returncode)
        self.same_dump('save SOURCE FIFO', ours, direct)
        ours.unlink()
        direct.unlink()

    # --- the rest ---

    def parameters(self):
        for words in parameters.RIGHT + parameters.WRONG:
            words = ('--check-params', *words.split())
            ours, theirs = self.mdf(*words)[0], self.theirs(*words)[0]
            self.check(' '.join(words) + f': {theirs}', ours == theirs, ours)

    def refilter(self):
        """A dump is filtered again: what is not there stays away."""
        once, ours, theirs = (self.work / name for name in ('once', 'ours', 'theirs'))
        self.mdf('-l', '-d', '16', self.vmcore, once)
        code, out, _ = self.mdf('-c', '-d', '3', once, ours)
        self.check('a dump again: the level', code == 0 and b'dump_level is changed to 19, '
                   b'because ' in out and Kdump(ours).level == 19, code, out)
        self.theirs('-c', '-d', '3', once, theirs)
        self.same_dump('a dump again', ours, theirs)
        for path in once, ours, theirs:
            path.unlink()

    def parts(self):
        """What makedumpfile has split, joined by both."""
        ours, theirs, one, two, three = (self.work / name for name in
                                         ('ours', 'theirs', 'one', 'two', 'three'))
        parts = one, two, three
        for options in ('-c', '-d', '31'), ('-z', '-d', '1'), ('-d', '17'):
            name = f'--reassemble, of {" ".join(options)}'
            done = self.theirs('--split', '--splitblock-size', 64, *options, self.vmcore,
                               *parts)
            done = self.theirs('--reassemble', *parts, theirs)
            self.check(f'{name}: makedumpfile can', done[0] == 0, done)
            code, out, err = self.mdf('--reassemble', three, one, two, ours)
            self.check(name, (code, out.decode()) == (
                0, f'\nThe dumpfile is saved to {ours}.\n{COMPLETED}'), code, out, err)
            self.same_dump(name, ours, theirs)
            for path in ours, theirs:
                path.unlink()
            if '17' not in options:
                for path in parts:
                    path.unlink()
        code, out, err = self.mdf('--reassemble', one, three, ours)
        self.check('--reassemble without a part: incomplete', code == 1 and
                   out.decode().endswith(FAILED) and Kdump(ours).status & INCOMPLETE,
                   code, out, err)
        code, _, err = self.mdf('-f', '--reassemble', one, two, two)
        self.check('--reassemble into a part', code == 1 and 'the source itself' in err and
                   two.stat().st_size, code, err)
        self.mdf('-d', '31', '-z', self.vmcore, theirs)
        ours.unlink()
        done = subprocess.run([self.epitaph, 'save', '-c', 'zstd:1', *parts, ours],
                              stdout=subprocess.DEVNULL)
        self.check('save PART PART PART DEST', done.returncode == 0, done)
        self.same_dump('save PART PART PART DEST', ours, theirs)
        for path in ours, theirs, *parts:
            path.unlink()

    def limits(self):
        ours = self.work / 'ours'
        code, out, _ = self.mdf('-l', '-d', '31', '-L', '4M', self.vmcore, ours)
        self.check('-L 4M: incomplete', code == 1 and out.decode().endswith(
            'This is an incomplete dumpfile, but might analyzable.\n' + FAILED), code, out)
        self.check('-L 4M: header and size', Kdump(ours).status == CODECS['lzo'] | INCOMPLETE
                   and ours.stat().st_size == 4 << 20, ours.stat().st_size)
        self.same_pages('-L 4M', ours, None, lost_too=True)
        code, out, _ = self.mdf('-F', '-l', '-d', '31', '-L', '4M', self.vmcore)
        ours.unlink()
        self.check('-F -L 4M: a stream that ends, of an incomplete dump', code == 1 and
                   self.theirs('-R', ours, stdin=out)[0] == 0 and
                   Kdump(ours).status == CODECS['lzo'] | INCOMPLETE, code)
        self.same_pages('-F -L 4M', ours, None, lost_too=True)
        ours.unlink()
        self.mdf('-l', '-d', '31', self.vmcore, ours)
        limit = ours.stat().st_size + (1 << 20)
        code, out, _ = self.mdf('-f', '-l', '-d', '0,31', '-L', limit, self.vmcore, ours)
        self.check('-d 0,31: the second is tried', code == 0 and
                   b'\nRetry to create a dumpfile by dump_level(31).\n' in out and
                   Kdump(ours).level == 31, code, out)
        self.same_pages('-d 0,31', ours, None)
        ours.unlink()
        code, out, _ = self.mdf('--dry-run', '--show-stats', '-l', '-d', '31', self.vmcore,
                                ours)
        self.check('--dry-run writes nothing, --show-stats counts', code == 0 and
                   not ours.exists() and b'\nOriginal pages  : 0x' in out, code, out)

    def cut(self):
        ours = self.work / 'ours'
        _, flat, _ = self.mdf('-F', '-z', '-d', '31', self.vmcore)
        code, out, err = self.mdf('-R', ours, stdin=flat[:len(flat) // 2])
        self.check('half a stream: exit 1, and marked', code == 1 and 'stream' in err and
                   Kdump(ours).status & INCOMPLETE, code, out, err)
        self.same_pages('half a stream', ours, None, lost_too=True)
        source = subprocess.Popen([self.program, '-F', '-d', '0', self.vmcore],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        source.stdout.read(9999)
        source.stdout.close()
        err = source.stderr.read().decode()
        source.stderr.close()
        code = source.wait()
        self.check('a reader that goes away: exit 1', code == 1 and 'Broken pipe' in err and
                   err.endswith(FAILED), code, err)
        ours.unlink()

    def run(self):
        self.parameters()
        self.debian()
        self.dmesg()
        self.line('RHEL', '-l', '--message-level', '7', '-d', '31')
        self.line('openSUSE', '-c', '-d', '31', '--message-level', '31',
                  '--non-mmap', '--cyclic-buffer', '1024')
        self.line('uncompressed', '-d', '1')
        self.elfs()
        self.streams()
        self.refilter()
        self.parts()
        self.limits()
        self.cut()


def main():
    lab = Path(sys.argv[1]).resolve()
    epitaph = Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / 'build/epitaph').resolve()
    with tempfile.TemporaryDirectory(prefix='epitaph-mdf-') as work:
        test = Test(lab, epitaph, Path(work))
        test.run()
    print(f'{test.passed} passed, {test.failed} failed')
    return 1 if test.failed or not test.passed else 0


if __name__ == '__main__':
    sys.exit(main())
