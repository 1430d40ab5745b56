# Completion of userns_check(1) for fish(1).

complete -c userns_check -f
complete -c userns_check -l steps -x -a '(__fish_append , create map capable net pid nested)' -d 'Only these steps'
complete -c userns_check -l subids -d 'Also map subordinate ids'
complete -c userns_check -l one-by-one -d 'Create one namespace after the other'
complete -c userns_check -l read-only -d 'Try nothing, only read files'
complete -c userns_check -l json -d 'One JSON object'
complete -c userns_check -l quiet -d 'Only the exit status'
complete -c userns_check -s h -l help -d 'A short help'
complete -c userns_check -s V -l version -d 'The version'
