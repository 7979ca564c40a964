#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash, zsh and fish offer after `epitaph`: every command, every option of each, and
the crashes. They are asked in the shells themselves, in one run of each.

    completion.py EPITAPH
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

COMPLETIONS = Path(__file__).resolve().parents[2] / 'packaging/completions'
EPITAPH = Path(sys.argv[1]).resolve()

# Each is given the program, then lines of words (the last one is what is being completed),
# and prints what it offers, and a line "--" after each.
SHELLS = {
    'bash': r'''
source "$1"
while read -r line; do
	COMP_WORDS=("$2" $line); [[ $line = *'@' ]] && COMP_WORDS[-1]=
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_epitaph
	printf '%s\n' "${COMPREPLY[@]}" ::
done''',
    'zsh': r'''
compdef() { }
_files() { }
# Called as: -t tag description array, of "word:what it does"
_describe() { print -l -- ${${(P)4}%%:*} }
while read -r line; do
	words=($2 ${=line}); [[ $line = *@ ]] && words[-1]=''
	CURRENT=$#words
	source $1
	print -- ::
done''',
    'fish': r'''
source $argv[1]
while read line
    set line (string replace '@' '' -- $line)
    complete -C "$argv[2] $line" | string replace --regex '\t.*' ''
    echo ::
end''',
}
ARGUMENTS = {'bash': ('--norc', '-c'), 'zsh': ('-f', '-c'), 'fish': ('--no-config', '-c')}


def help_of(*arguments):
    return subprocess.run([EPITAPH, *arguments, '--help'], text=True, check=True,
                          stdout=subprocess.PIPE).stdout


def commands():
    return re.findall(r'^  ([a-z]+) +\S', help_of().replace('  epitaph', ''), re.M)


def options(command):
    """The spellings at the beginning of the lines of --help."""
    found = set()
    for line in re.findall(r'^ {2,6}(-\S.*?)(?:  |$)', help_of(command), re.M):
        found.update(re.findall(r'(?<!\S)--?[A-Za-z0-9][\w-]*', line))
    return found


def offered(shell, questions):
    """What is offered for each; "@" stands for a word of which nothing is typed yet."""
    script = COMPLETIONS / {'bash': 'epitaph.bash', 'zsh': '_epitaph',
                            'fish': 'epitaph.fish'}[shell]
    # bash and zsh call the first argument behind -c $0.
    name = () if shell == 'fish' else (shell,)
    done = subprocess.run([shell, *ARGUMENTS[shell], SHELLS[shell], *name, script, EPITAPH],
                          input=''.join(f'{q}\n' for q in questions), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, ''), (done.returncode, done.stderr)
    answers = done.stdout.split('::\n')[:-1]
    assert len(answers) == len(questions), (len(answers), len(questions))
    return [set(answer.split()) for answer in answers]


def check_shell(shell):
    """The number of answers that are wrong."""
    names = commands()
    assert len(names) > 20, names
    expected = {'@': set(names) | {'help'}, 'help @': set(names)}
    expected |= {f'{name} -': options(name) for name in names}
    expected['show @'] = {'last'}
    answers = offered(shell, list(expected) + ['list @'])
    wrong = 0
    for (question, wanted), answer in zip(expected.items(), answers):
        # A command's options may only be those; elsewhere files are offered too.
        extra = answer - wanted if question.endswith(' -') else set()
        if wanted - answer or extra:
            wrong += 1
            print(f'{shell}: epitaph {question}: lacks {wanted - answer}, has {extra}')
    if 'last' in answers[-1]:
        wrong += 1
        print(f'{shell}: list takes no crash')
    return len(expected) + 1, wrong


def main():
    passed = failed = 0
    for shell in SHELLS:
        if not shutil.which(shell):
            print(f"'{shell}' is missing: apt-get install {shell}")
            failed += 1
            continue
        try:
            count, wrong = check_shell(shell)
        except AssertionError as error:
            count, wrong = 1, 1
            print(f'{shell}: {error!r}')
        passed, failed = passed + count - wrong, failed + wrong
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
