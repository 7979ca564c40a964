# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for fish. The commands, options and crashes are those that the epitaph of the
# command line tells itself, so that this is never behind it.

function __epitaph_words
    commandline --tokenize --cut-at-cursor --current-process
end

# Lines "  COMMAND  summary" as "COMMAND<TAB>summary".
function __epitaph_commands
    set -l words (__epitaph_words)
    $words[1] --help 2>/dev/null | string match --invert --regex '^  epitaph ' |
        string replace --filter --regex '^  ([a-z]+) +(.*)' '$1\t$2'
end

function __epitaph_is_first
    test (count (__epitaph_words)) -le 1
end

function __epitaph_is_help
    set -l words (__epitaph_words)
    test (count $words) -ge 2; and test "$words[2]" = help
end

# Lines "  -x, --option VALUE  what it does", each spelling with what it does.
function __epitaph_options
    set -l words (__epitaph_words)
    for line in ($words[1] $words[2] --help 2>/dev/null | string match --regex '^ {2,6}-.*')
        set -l parts (string match --regex '^ *(-[A-Za-z0-9])?(?:, )?(--[a-z0-9-]+)?(?: [A-Z]+)? *(.*)' -- $line)
        for option in $parts[2] $parts[3]
            test -n "$option"; and printf '%s\t%s\n' $option $parts[4]
        end
    end
end

function __epitaph_takes_crash
    set -l words (__epitaph_words)
    test (count $words) -ge 2; or return 1
    $words[1] $words[2] --help 2>/dev/null | head -n 1 | string match --quiet --regex 'DUMP|CRASH'
end

function __epitaph_crashes
    set -l words (__epitaph_words)
    echo last
    $words[1] list --json 2>/dev/null | string replace --filter --regex '.*"name": "([0-9][0-9A-Za-z_.-]*)".*' '$1'
end

complete -c epitaph -n __epitaph_is_first -f -a '(__epitaph_commands)'
complete -c epitaph -n __epitaph_is_first -f -a 'help' -d 'print what a command takes'
complete -c epitaph -n __epitaph_is_first -f -a '--help --version'
complete -c epitaph -n __epitaph_is_help -f -a '(__epitaph_commands)'
complete -c epitaph -n 'not __epitaph_is_first; and not __epitaph_is_help' -a '(__epitaph_options)'
complete -c epitaph -n __epitaph_takes_crash -a '(__epitaph_crashes)'
