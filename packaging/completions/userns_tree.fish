# Completion of userns_tree(1) for fish(1).

complete -c userns_tree -f
complete -c userns_tree -s p -l proc -x -a '(__fish_complete_directories)' -d 'The procfs to read'
complete -c userns_tree -s h -l help -d 'A short help'
complete -c userns_tree -s V -l version -d 'The version'
