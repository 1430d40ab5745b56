//! Real processes in real user namespaces, scanned through the C ABI. Each situation is a function of the C program
//! that has the name of its module.

mod common;

situations!(tree:
    siblings,
    deepest_nesting,
    empty_in_the_middle,
    zombie,
    exited_leader,
    more_namespaces_than_descriptors,
    generated_trees,
);

situations!(storm:
    executions,
    executions_by_tasks,
    forks_and_unshares,
    inodes_used_again,
    inodes_used_again_without_ids,
);

situations!(sight:
    unprivileged,
    root_refused,
    all_accounted_for,
    nested_with_outer_procfs,
    nested_with_own_procfs,
    owner_out_of_sight,
    child_pid_namespace_with_own_procfs,
    child_pid_namespace_with_outer_procfs,
    foreign_procfs,
    no_procfs,
    hidepid,
    hidepid_ptraceable,
    hidepid_nested,
    procfs_of_the_past,
    foreign_procfs_as_nobody,
    false_files,
    hidden_even_from_root,
);

situations!(race: member_ends, member_moves, number_changes_hands, viewer_ends, number_of_calls);

situations!(display: example, generated, unmounted_procfs, nested, refused, hidden, no_kernel_support);

situations!(contract:
    null_handles,
    null_outputs,
    nothing_found,
    option_sizes,
    unknown_flags,
    paths,
    imitated_procfs,
    forbidden_paths,
    errors_are_explained,
    versions,
    out_of_memory,
    out_of_descriptors,
    out_of_descriptors_elsewhere,
    descriptors_are_private,
    no_kernel_support,
    an_older_kernel,
    an_older_kernel_elsewhere,
    unsupported_user_namespaces,
    deterministic,
    many_scans,
);

situations!(threads: eight_scanners, fork_while_scanning, cancel_while_scanning, signals, no_state_changes);

situations!(pins:
    descriptor,
    thread_private_descriptor,
    descriptor_of_exited_leader,
    chain,
    several_roots,
    mount_here,
    mount_elsewhere,
    mount_under_mount,
    mount_under_directory,
    mount_with_chrooted_process,
    escaped_path,
    owned_network_namespace,
    thread_network_namespace,
    owned_mount_namespace_by_descriptor,
    socket_network_namespace,
    shared_socket,
    for_children,
    owner_above,
    in_flight,
    owned,
    names,
);

situations!(pins_safety:
    all_chrooted,
    covered_elsewhere,
    false_files,
    not_a_namespace,
    dangerous_descriptors,
    swapped_descriptor,
    hanging_path,
    hanging_root,
    hanging_cover,
    hanging_swap,
    many_scans_leave_nothing,
    state_unchanged,
    unprivileged,
    flags_do_not_mix,
    null_handles,
);

situations!(bpf:
    same_answer,
    same_answer_by_tasks,
    same_pins,
    on_the_host,
    pins_on_the_host,
    deeper_pid_namespace,
    threads_count_once,
    same_answer_among_many,
    more_than_expected,
    more_descriptors_than_expected,
    unprivileged,
    nested,
    foreign_procfs,
    without_bpf,
    without_types,
    hidepid,
    few_descriptors,
    not_asked_for,
    nothing_is_left,
);

situations!(by_bpf tree_by_bpf, tree:
    siblings,
    deepest_nesting,
    empty_in_the_middle,
    zombie,
    exited_leader,
    more_namespaces_than_descriptors,
    generated_trees,
);

situations!(by_bpf storm_by_bpf, storm: executions, forks_and_unshares, inodes_used_again);

situations!(by_bpf threads_by_bpf, threads: eight_scanners, fork_while_scanning, cancel_while_scanning, signals);

situations!(by_bpf pins_by_bpf, pins:
    descriptor,
    thread_private_descriptor,
    descriptor_of_exited_leader,
    chain,
    mount_here,
    mount_elsewhere,
    mount_under_mount,
    owned_network_namespace,
    thread_network_namespace,
    owned_mount_namespace_by_descriptor,
    socket_network_namespace,
    shared_socket,
    for_children,
    in_flight,
    owned,
    names,
);

situations!(by_bpf pins_safety_by_bpf, pins_safety:
    dangerous_descriptors,
    swapped_descriptor,
    state_unchanged,
);
