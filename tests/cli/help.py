#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every command of epitaph: its help, its wrong arguments, its man page.

    help.py EPITAPH
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAN = ROOT / 'docs/man'
EPITAPH = Path(sys.argv[1]).resolve()


def run(*arguments):
    done = subprocess.run([EPITAPH, *arguments], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


def commands():
    _, out, _ = run('--help')
    return re.findall(r'^  ([a-z]+) +\S', out.replace('  epitaph', ''), re.M)


def man_page(name):
    """The source of a page; one that is only another name gives the other's."""
    alias = MAN / f'{name}.1'
    if alias.exists():
        name = re.fullmatch(r'\.so man1/(\S+)\.1\n', alias.read_text())[1]
    return (MAN / f'{name}.1.scd').read_text()


def check_width(text):
    wide = [line for line in text.splitlines() if len(line) > 80]
    assert not wide, wide


def check_top():
    code, out, err = run('--help')
    assert (code, err) == (0, ''), (code, err)
    check_width(out)
    assert run()[:2] == (0, out)
    assert run('help')[:2] == (0, out)
    listed = commands()
    assert len(listed) >= 10 and len(set(listed)) == len(listed), listed
    page = man_page('epitaph')
    for command in listed:
        assert f'*epitaph-{command}*(1)' in page, f'{command} is not in epitaph(1)'


def check_version():
    code, out, _ = run('--version')
    assert code == 0 and re.fullmatch(r'epitaph \d+\.\d+\.\d+\n', out), out


def check_unknown_command():
    code, out, err = run('sho')
    assert (code, out) == (2, ''), (code, out)
    assert "unknown command 'sho', did you mean 'show'?" in err, err
    code, _, err = run('xyzzy')
    assert code == 2 and 'did you mean' not in err, err
    assert run('--xyzzy')[0] == 2
    assert run('help', 'xyzzy')[0] == 2


def check_help(command):
    code, out, err = run(command, '--help')
    assert (code, err) == (0, ''), (code, err)
    check_width(out)
    assert out.startswith(f'Usage: epitaph {command} ['), out
    assert run(command, '-h') == (0, out, '')
    assert run('help', command) == (0, out, '')


def check_wrong(command):
    for wrong in ('--xyzzy', '-\u00e4', '--config', '--help=x'):
        code, out, err = run(command, wrong)
        assert (code, out) == (2, ''), (wrong, code, out)
        assert err.startswith(f'epitaph {command}: '), err
        assert f"Try 'epitaph {command} --help'." in err, err


def check_no_config(command):
    code, out, err = run(command, '--config', '/nonexistent/epitaph.conf')
    assert (code, out) == (1, ''), (code, out)
    assert "'/nonexistent/epitaph.conf'" in err, err


def check_man(command):
    page = man_page(f'epitaph-{command}')
    name, _, rest = page.partition('# SYNOPSIS')
    assert f'epitaph-{command}' in name, 'not in NAME'
    for option in re.findall(r'(?<![\w-])--?[a-z][a-z-]*', run(command, '--help')[1]):
        assert re.search(rf'\*{option}\*', rest), f'{option} is not in the man page'
    for status in ('*0*', '*1*', '*2*'):
        assert status in rest.partition('# EXIT STATUS')[2], f'no exit status {status}'


def main():
    checks = [(check_top,), (check_version,), (check_unknown_command,)]
    checks += [(check, command) for command in commands()
               for check in (check_help, check_wrong, check_no_config, check_man)]
    failed = 0
    for check, *arguments in checks:
        try:
            check(*arguments)
        except (AssertionError, OSError, TypeError) as error:
            failed += 1
            print(f'{check.__name__} {" ".join(arguments)}: {error!r}')
    print(f'{len(checks) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
