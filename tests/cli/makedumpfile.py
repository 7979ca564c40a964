#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""epitaph under the name of makedumpfile, as far as no dump is needed: options, what goes
together, messages, and streams made here that are rearranged.

    makedumpfile.py EPITAPH
"""
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

INVALID = ('Commandline parameter is invalid.\n'
           "Try `makedumpfile --help' for more information.\n")
FAILED = '\nmakedumpfile Failed.\n'
WORK = None

# What is right and what is wrong: makedumpfile's own answers, but for those of SUPPORT.
RIGHT = (
    '-F -c -d 31 /proc/vmcore',
    '-l --message-level 7 -d 31 /proc/vmcore dump',
    '-F -l -d 31 /proc/vmcore',
    '-c --message-level 7 -d 31 --num-threads=2 /proc/vmcore dump',
    '-c -d 31 --message-level 31 -L 10M vmcore dump',
    '-z -d 1,3,31 vmcore dump',
    '-p -d 31 vmcore dump',
    '-E -d 31 vmcore dump',
    '-F -E -d 31 vmcore',
    '-b 8 --cyclic-buffer 1024 --non-mmap --splitblock-size 1024 --work-dir /tmp -d 31 v d',
    '-x vmlinux -d 31 vmcore dump',
    '-i vmcoreinfo -d 31 vmcore dump',
    '-e --work-dir /tmp -d 31 vmcore dump',
    '-f -D -d 0 vmcore dump',
    '-d 31 --show-stats --dry-run vmcore dump',
    '--dump-dmesg /proc/vmcore dmesg',
    '--dump-dmesg --partial-dmesg /proc/vmcore dmesg',
    '-R dump',
    '--reassemble part dump',
    '--reassemble --message-level 7 part part2 part3 dump',
    '--mem-usage /proc/kcore',
    '--mem-usage -f --message-level 31 /proc/kcore',
    'vmcore dump',
)
WRONG = (
    '',
    'vmcore',
    'vmcore dump another',
    '-F vmcore dump',
    '-d 32 vmcore dump',
    '-d 1,32 vmcore dump',
    '-d -1 vmcore dump',
    '-E -c vmcore dump',
    '-E --num-threads 2 vmcore dump',
    '-x vmlinux -i vmcoreinfo vmcore dump',
    '-e -d 31 vmcore dump',
    '--partial-dmesg vmcore dump',
    '--dump-dmesg --dry-run vmcore dump',
    '--message-level 32 vmcore dump',
    '-L 0 vmcore dump',
    '-L 10Q vmcore dump',
    '-R',
    '-R -c dump',
    '-R dump another',
    '--reassemble',
    '--reassemble -l part dump',
    '--reassemble -d 31 part dump',
    '--reassemble -F part dump',
    '--reassemble --dry-run part dump',
    '--mem-usage',
    '--xyzzy vmcore dump',
    '-y vmcore dump',
    '-d',
)
# makedumpfile takes these, and we say why we do not.
SUPPORT = {
    '--split -d 31 vmcore one two': '--split is not supported: all CPUs work on one',
    '-g vmcoreinfo -x vmlinux': '-g is not supported',
    '--config rules -x vmlinux vmcore dump': "can't be erased from a dump yet",
    '--eppic rules -x vmlinux vmcore dump': "can't be erased from a dump yet",
    '-X -d 1 vmcore dump': 'Xen are not supported',
}


def run(words, stdin=b'', **options):
    arguments = words.split() if isinstance(words, str) else words
    done = subprocess.run([WORK / 'makedumpfile', *arguments], input=stdin, cwd=WORK,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_right():
    for words in RIGHT:
        got = run('--check-params ' + words)
        assert got == (0, '', ''), (words, got)


def check_wrong():
    for words in WRONG:
        code, out, _ = run('--check-params ' + words)
        assert code == 1 and 'makedumpfile Failed' not in out, (words, code, out)
        assert 'invalid' in out, (words, out)
        code, out, err = run(words)
        text = err if '-F' in words.split() else out
        assert code == 1 and text.endswith(FAILED), (words, code, out, err)


def check_support():
    for words, why in SUPPORT.items():
        code, out, _ = run('--check-params ' + words)
        assert code == 1 and why in out and out.endswith(INVALID), (words, code, out)
        code, out, _ = run(words)
        assert code == 1 and why in out and out.endswith(FAILED), (words, code, out)


def check_help():
    code, out, err = run('--help')
    assert (code, err) == (0, '') and 'makedumpfile Completed' not in out, (code, err)
    assert run('-h') == (0, out, '')
    assert not [line for line in out.splitlines() if len(line) > 80]
    page = (Path(__file__).resolve().parents[2] / 'docs/man/epitaph-makedumpfile.1.scd')
    for option in ('-c', '-d', '-E', '-F', '-R', '-L', '--dump-dmesg', '--check-params'):
        assert f'*{option}*' in page.read_text(), f'{option} is not in the man page'


def check_version():
    code, out, err = run('-v')
    assert (code, err) == (0, '') and out.startswith('makedumpfile: version 1.7.'), out
    assert 'lzo\tenabled\n' in out and 'zstd\tenabled\n' in out, out


def check_errors():
    code, out, err = run('-d 31 nothing dump')
    assert code == 1 and out == FAILED and "'nothing'" in err, (code, out, err)
    assert not (WORK / 'dump').exists()
    (WORK / 'text').write_bytes(b'x' * 5000)
    code, out, err = run('-F -d 31 text')
    assert (code, out) == (1, '') and err.endswith(FAILED), (code, out, err)
    assert 'no dump of a kind that is known' in err, err
    code, out, err = run('--message-level 0 -d 31 text dump')
    assert (code, out, err) == (1, '', ''), (code, out, err)
    code, out, err = run('-f -d 31 text text')
    assert code == 1 and "'text' is the source itself" in err, (code, err)
    assert (WORK / 'text').stat().st_size == 5000


# --- streams ---

def piece(offset, data):
    return struct.pack('>qq', offset, len(data)) + data


def stream(*pieces, end=struct.pack('>qq', -1, -1), head=b'makedumpfile\0\0\0\0', kind=1):
    return (head + struct.pack('>qq', kind, 1)).ljust(4096, b'\0') + b''.join(pieces) + end


def rearrange(data, *options):
    (WORK / 'file').unlink(missing_ok=True)
    code, out, err = run([*options, '-R', 'file'], data, timeout=20)
    return code, out, err, (WORK / 'file').read_bytes() if (WORK / 'file').exists() else None


def check_rearrange():
    big = bytes(range(256)) * 3000
    code, out, err, data = rearrange(stream(piece(10, b'later'), piece(0, b'first'),
                                            piece(100, big), piece(12, b'WINS')))
    assert (code, err) == (0, ''), (code, err)
    assert out == '\nThe dumpfile is saved to file.\n\nmakedumpfile Completed.\n', out
    assert data == b'first\0\0\0\0\0laWINS'.ljust(100, b'\0') + big, data[:50]
    assert (WORK / 'file').stat().st_mode & 0o777 == 0o600


def check_rearrange_cut():
    """At every byte of a small stream: an error at once, and what came is there."""
    whole = stream(piece(0, b'abcdef'), piece(6, b'ghi'))
    for size in range(0, len(whole), 1 if len(whole) < 64 else 7):
        code, _, err, data = rearrange(whole[:size])
        assert code == 1 and 'stream' in err, (size, code, err)
        assert b'abcdefghi'.startswith(data), (size, data)


def check_rearrange_wrong():
    for wrong, why in (
            (stream(head=b'makedumpfilE\0\0\0\0'), 'no flattened dump'),
            (stream(kind=2), 'of a type 2'),
            (stream(piece(-2, b'x')), 'a piece of 1 bytes'),
            (stream(piece(2**63 - 1, b'x')), 'a piece of 1 bytes'),
            (stream(struct.pack('>qq', 5, 0)), 'a piece of 0 bytes'),
            (stream(struct.pack('>qq', 5, -1)), 'a piece of'),
            (b'KDUMP   '.ljust(5000, b'\0'), 'no flattened dump')):
        code, out, err, _ = rearrange(wrong)
        assert code == 1 and why in err and out.endswith(FAILED), (why, code, err)


def check_rearrange_marks():
    """A dump whose stream was cut says so afterwards."""
    header = bytearray(464)
    header[:8] = b'KDUMP   '
    struct.pack_into('<I', header, 8, 6)
    struct.pack_into('<II', header, 424, 1, 4096)
    code, _, _, data = rearrange(stream(piece(0, bytes(header)), end=b''))
    assert code == 1 and struct.unpack_from('<I', data, 424) == (9,), data[424:428]
    code, _, _, data = rearrange(stream(piece(0, bytes(header))))
    assert code == 0 and data == header
    elf = b'\x7fELF\2\1'.ljust(64, b'\0')
    code, _, _, data = rearrange(stream(piece(0, elf), end=b''))
    assert code == 1 and data[48] == 1, data
    # Of a big-endian machine: left as it is.
    struct.pack_into('>I', header, 8, 6)
    code, _, _, data = rearrange(stream(piece(0, bytes(header)), end=b''))
    assert code == 1 and data == header


def check_exists():
    (WORK / 'file').write_bytes(b'old')
    code, out, err = run(['-R', 'file'], stream(piece(0, b'new')))
    assert code == 1 and "Can't open the dump file (file). File exists" in err, (code, err)
    assert (WORK / 'file').read_bytes() == b'old' and out == FAILED
    assert run(['-f', '-R', 'file'], stream(piece(0, b'new')))[0] == 0
    assert (WORK / 'file').read_bytes() == b'new'


def main():
    global WORK
    checks = [check for name, check in sorted(globals().items()) if name.startswith('check_')]
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        WORK = Path(directory)
        (WORK / 'makedumpfile').symlink_to(Path(sys.argv[1]).resolve())
        for check in checks:
            try:
                check()
            except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f'{check.__name__}: {error!r}')
    print(f'{len(checks) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
