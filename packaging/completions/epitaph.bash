# SPDX-License-Identifier: GPL-2.0-or-later
# Completion for bash. The commands, options and crashes are those that the epitaph of the
# command line tells itself, so that this is never behind it.

# What --help prints, lines "  COMMAND  summary" and "  -x, --option VALUE  what it does".
_epitaph_commands() {
	"$1" --help 2>/dev/null | sed -n '/^  epitaph /d; s/^  \([a-z]\{1,\}\) \{1,\}.*/\1/p'
}

_epitaph_options() {
	"$1" "$2" --help 2>/dev/null |
		sed -nE '/^ {2,6}-/s/^ *(-[A-Za-z0-9])?(, )?(--[a-z0-9-]+)?.*/\1 \3/p'
}

# The word after an option in --help, as FILE; nothing if it takes no value.
_epitaph_value() {
	"$1" "$2" --help 2>/dev/null |
		sed -nE "/^ {2,6}-/s/^ *(-[A-Za-z0-9], )?${3//[^a-z0-9A-Z-]/} ([A-Z]+).*/\\2/p"
}

_epitaph_crashes() {
	echo last
	"$1" list --json 2>/dev/null | sed -nE 's/.*"name": "([0-9][0-9A-Za-z_.-]*)".*/\1/p'
}

_epitaph() {
	local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]}
	local previous=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "--help --version help $(_epitaph_commands "$program")" -- "$current"))
		return
	fi
	if [ "$command" = help ]; then
		COMPREPLY=($(compgen -W "$(_epitaph_commands "$program")" -- "$current"))
		return
	fi
	case $previous in
	-?*)
		# Of values only files can be offered; those are the default of `complete -o`.
		[ -z "$(_epitaph_value "$program" "$command" "$previous")" ] || return
		;;
	esac
	case $current in
	-*)
		COMPREPLY=($(compgen -W "$(_epitaph_options "$program" "$command")" -- "$current"))
		return
		;;
	esac
	case $("$program" "$command" --help 2>/dev/null | head -n 1) in
	*DUMP* | *CRASH*)
		COMPREPLY=($(compgen -W "$(_epitaph_crashes "$program")" -- "$current"))
		;;
	esac
}

complete -o bashdefault -o default -F _epitaph epitaph
