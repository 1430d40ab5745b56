# Completion of userns_tree(1) for bash(1).

_userns_tree() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}

    if [ "$option" = -p ] || [ "$option" = --proc ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W '-p --proc -h --help -V --version' -- "$word")
    fi
}

complete -F _userns_tree userns_tree
