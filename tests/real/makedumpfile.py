#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph under the name of makedumpfile on a reference dump: the lines of kdump-tools,
kdump-utils and openSUSE's kdump, held against Debian sid's makedumpfile.

    makedumpfile.py LAB [EPITAPH]       LAB as tests/vm/lab.py makes it
"""
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/cli'))
import dump_equal  # noqa: E402
import makedumpfile as parameters  # noqa: E402
from dump_equal import CODECS, INCOMPLETE, Kdump, assets  # noqa: E402

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
        self.same_bits(name, a, b)
        self.check(f'{name}: headers', a.header == b.header and
                   a.sub_header == b.sub_header and a.notes == b.notes)
        wrong = [hex(pfn) for (pfn, page), (_, other) in zip(a.pages(), b.pages())
                 if page != other]
        self.check(f'{name}: pages', not wrong, wrong[:10])

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
        code, said = self.crash(flat, vmlinux)
        self.check('Debian: crash reads the stream as it reads the source',
                   code == 0 and said == self.crash(self.vmcore, vmlinux)[1] and
                   len(said) > 80, code, said[:10])
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
        self.refilter()
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
