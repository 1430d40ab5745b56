# Completion of userns_check(1) for bash(1).

_userns_check() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} before

    if [ "$word" = = ]; then # bash takes "--steps=pid" for three words
        word=
    elif [ "$option" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$option" = --steps ]; then # the last name in a list with commas
        before=${word%"${word##*,}"}
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P "$before" -W 'create map capable net pid nested' -- "${word#"$before"}")
    else
        mapfile -t COMPREPLY < <(compgen -W '--steps --subids --one-by-one --read-only --json --quiet
            -h --help -V --version' -- "$word")
    fi
}

complete -F _userns_check userns_check
