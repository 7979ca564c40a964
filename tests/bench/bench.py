#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving a dump: `epitaph save` against makedumpfile (Debian sid's), same source, same run.

    bench.py [--runs N] [--lab DIR] [--epitaph PROGRAM] [--json]

Each program writes the same pages with the same codec; the source is in the page cache, so
that the programs are measured and not the disk. The median of N runs (3); programs take
turns, so that other work on the machine hits them alike. MB/s is of kept pages by wall
time; peak RSS counts pages of the source that are mapped.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
import assets  # noqa: E402

LEVELS = (31, 1)
CODECS = {'zstd': '-z', 'zlib': '-c', 'lzo': '-l'}
MIB = 1 << 20


def measure(argv, env, output):
    """(wall s, CPU s, peak RSS in MiB, size in MiB)"""
    output.unlink(missing_ok=True)
    started = time.monotonic()
    child = subprocess.Popen([str(a) for a in argv], env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f'bench: {argv[0]} failed with status {child.returncode}')
    return (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024,
            output.stat().st_size / MIB)


def rivals(epitaph, vmcore, output, codec, level):
    """What is compared: name -> (argv, env)."""
    save = [epitaph, 'save', '--codec', codec, '--level', level]
    threads = len(os.sched_getaffinity(0))
    found = {'epitaph, 1 thread': (save + ['--threads', 1, vmcore, output], None)}
    if threads > 1:
        found[f'epitaph, {threads} threads'] = (save + ['--threads', threads, vmcore, output],
                                                None)
    found['makedumpfile'] = assets.peer_command('makedumpfile', '--message-level', 0,
                                                CODECS[codec], '-d', level, vmcore, output)
    return found


def kept_bytes(epitaph, vmcore, output, level):
    output.unlink(missing_ok=True)
    done = subprocess.run([epitaph, 'save', '--json', '--codec', 'lzo', '--level', str(level),
                           vmcore, output], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)['pages']['written'] * 4096


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--lab', type=Path)
    parser.add_argument('--epitaph', type=Path, default=ROOT / 'build/epitaph')
    parser.add_argument('--json', action='store_true')
    arguments = parser.parse_args()
    lab = arguments.lab
    if not lab:
        lab = Path(subprocess.run([sys.executable, ROOT / 'tests/vm/lab.py', 'make', '6.12',
                                   'sysrq'], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout.splitlines()[-1])
    epitaph, vmcore = arguments.epitaph.resolve(), lab.resolve() / 'vmcore'
    rows = []
    with tempfile.TemporaryDirectory(prefix='epitaph-bench-') as work:
        output = Path(work) / 'dump'
        for level in LEVELS:
            kept = kept_bytes(epitaph, vmcore, output, level)
            for codec in CODECS:
                compared = rivals(epitaph, vmcore, output, codec, level)
                runs = {name: [] for name in compared}
                for _ in range(arguments.runs):
                    for name, (argv, env) in compared.items():
                        runs[name].append(measure(argv, env, output))
                for name, measured in runs.items():
                    wall, cpu, rss, size = map(statistics.median, zip(*measured))
                    rows.append({'level': level, 'codec': codec, 'program': name,
                                 'wall_s': wall, 'cpu_s': cpu, 'peak_rss_mib': rss,
                                 'size_mib': size, 'ratio': size * MIB / kept,
                                 'mb_per_s': kept / wall / 1e6})
    if arguments.json:
        print(json.dumps({'schema_version': 1, 'source': str(vmcore), 'rows': rows}, indent=2))
        return
    print(f'{vmcore}, median of {arguments.runs}')
    print('level codec  program              wall s   CPU s  RSS MiB  size MiB  ratio    MB/s')
    for row in rows:
        print('{level:5} {codec:6} {program:19} {wall_s:7.2f} {cpu_s:7.2f} {peak_rss_mib:8.0f} '
              '{size_mib:9.1f}  {ratio:5.3f} {mb_per_s:7.0f}'.format(**row))


if __name__ == '__main__':
    main()
