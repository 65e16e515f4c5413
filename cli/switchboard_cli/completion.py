"""Shell completion is Typer's own, but for bash, which takes the colon in our commands for a new word."""

from typer import _completion_classes, _completion_shared

_BASH = r"""
%(complete_func)s() {
    local line="${COMP_LINE:0:$COMP_POINT}" words
    read -ra words <<< "$line"
    [[ "$line" == *" " ]] && words+=("")
    local last=$((${#words[@]} - 1))
    local current="${words[$last]}"
    local IFS=$'\n'
    COMPREPLY=( $( env COMP_WORDS="$line" COMP_CWORD=$last %(autocomplete_var)s=complete_bash "$1" ) )
    if [[ "$current" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
        # Readline replaces only what follows the last colon.
        COMPREPLY=( "${COMPREPLY[@]#"${current%%"${current##*:}"}"}" )
    fi
    return 0
}

complete -o default -F %(complete_func)s %(prog_name)s
"""


def mend_bash() -> None:
    _completion_shared._completion_scripts["bash"] = _BASH
    _completion_classes.BashComplete.source_template = _BASH
