# Completion of userns_inspect(1) for bash(1).

_userns_inspect_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_userns_inspect_pids() {
    _userns_inspect_words "self $(cd /proc && echo [0-9]*)" "$1"
}

# Namespaces: those of processes, or files.
_userns_inspect_namespaces() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -W "self $(cd /proc && echo [0-9]*)" -- "$1"; compgen -f -- "$1")
}

# The last name in a list with commas.
_userns_inspect_columns() {
    local before=${1%"${1##*[,+]}"}
    local columns='NS ID PNS DEPTH STATE OUID OWNER NPROCS PID UID USER COMMAND CGROUP UNIT UIDMAP GIDMAP SETGROUPS OWNED PINS'

    compopt -o nospace 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -P "$before" -W "$columns" -- "${1#"$before"}")
}

_userns_inspect() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}

    COMPREPLY=()
    if [ "$word" = = ]; then # bash takes "--sort=pid" for three words
        word=
    elif [ "$option" = = ]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -gt 2 ] && [ "${COMP_WORDS[COMP_CWORD - 2]}" = --can ]; then
        return # a capability
    fi
    case $option in
    --proc)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        ;;
    --load)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
    --sort) _userns_inspect_words 'pid inode processes owner' "$word" ;;
    --pid | --can) _userns_inspect_pids "$word" ;;
    --from | --to) _userns_inspect_namespaces "$word" ;;
    --output | -o | -[lnr]*o) _userns_inspect_columns "$word" ;;
    --inode | --map | --watch) ;;
    *)
        case $word in
        -*)
            _userns_inspect_words '--pid --inode --pinned --sockets --bpf --proc --empty --user --sort
                --no-pids --all -l --list -o --output -n --noheadings -r --raw --dot --openmetrics
                --json --watch --load --map --from --to --gid --projid --can --limits -h --help
                -V --version' "$word"
            ;;
        *) _userns_inspect_namespaces "$word" ;;
        esac
        ;;
    esac
}

complete -F _userns_inspect userns_inspect
