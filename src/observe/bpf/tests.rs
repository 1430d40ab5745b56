//! The verifier of the running kernel accepts all programs.

use super::*;
use std::io::Write;

/// Unlike `eprintln!`, shows the text of a test that passes.
fn tell(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap();
}

/// Shows a summary of the verifier's log, and all of it if the verifier refuses.
fn verify(name: &str, program: Result<Program, Error>, trigger: Trigger) {
    let code = program.unwrap().instructions;
    let mut log = vec![0; 1 << 20];
    let loaded = bpf::load(&code, trigger, &mut log);
    let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]);
    if loaded.as_ref().err() == Some(&Errno(ENOTSUPP)) {
        return tell(&format!("skipped: {name}: {}", log.lines().next_back().unwrap_or_default()));
    }
    assert!(loaded.is_ok(), "{name}: {loaded:?}\n{log}");
    tell(&format!("{name}: {} instructions; {}", code.len(), log.lines().last().unwrap_or_default()));
}

#[test]
#[cfg_attr(miri, ignore = "makes system calls")]
fn the_verifier_accepts_all_programs() {
    let [layout, with_credentials] = [false, true].map(|has| {
        let of = OfProcess { has_names: true, has_credentials: has, has_cgroups: has, has_maps: has };
        Layout::for_threads(1000, Threads::All, of)
    });
    let of_descriptors = Layout { namespaces: 100, nonusers: 100, descriptors: 1000, ..Layout::default() };
    let with_maps = Layout { extents: 1000, ..of_descriptors };
    let of_leaders = Layout { leaders: 1000, ..Layout::default() };
    let sizes = [with_credentials, with_maps, of_leaders].map(Layout::size);
    let made = bpf::make_array(sizes.into_iter().fold(0, usize::max));
    let ((map, _memory), kernel) = match (made, running_kernel()) {
        (Ok(made), Ok(kernel)) => (made, kernel),
        (made, kernel) => {
            let errors = (made.err(), kernel.err());
            return tell(&format!("skipped: the_verifier_accepts_all_programs: {errors:?}"));
        }
    };
    let without_ids = kernel.with_old_structs();
    let mut old = without_ids.clone();
    old.functions[Function::bpf_iter_task_new as usize] = None;
    let oldest = old.without_functions();
    let variants = || {
        let all = [Threads::None, Threads::Leaders, Threads::All];
        all.into_iter().flat_map(|threads| [layout, with_credentials].map(|layout| (threads, layout)))
    };
    let functions = [Function::bpf_iter_task, Function::bpf_iter_task_file].map(|function| kernel.function(function));
    for (level, ancestors) in
        [0, 1, 32].into_iter().flat_map(|level| [Ancestors::Few, Ancestors::All].map(|ancestors| (level, ancestors)))
    {
        let target = Target { kernel, level, array: map.number(), layout, threads: Threads::None, ancestors };
        let name = |what: &str| format!("{what}, PID namespace on level {level}, {ancestors:?} ancestors");
        if kernel.has_task_iterator() {
            for (threads, layout) in variants() {
                let target = Target { threads, layout, ..target };
                let name = format!("{}, {threads:?}, {}", name("processes"), layout.has_credentials);
                verify(&name, processes::program(target), Trigger::Call);
            }
            verify(&name("opened"), opened::program(Target { layout: opened::LAYOUT, ..target }), Trigger::Call);
            let target = Target { layout: of_leaders, ..target };
            verify(&name("leaders"), leaders::program(target), Trigger::Call);
            for kernel in [kernel, &without_ids] {
                for (sockets, layout) in [(false, of_descriptors), (true, of_descriptors), (true, with_maps)] {
                    let target = Target { kernel, layout, ..target };
                    verify(&name("tables"), walk::program(target, sockets), Trigger::Call);
                }
            }
        } else {
            tell("skipped: the program that visits processes: this kernel has no iterator over them");
        }
        let [Some(tasks), Some(files)] = functions else {
            tell("skipped: the programs that visit threads: this kernel has no iterators over them");
            continue;
        };
        let target = Target { kernel: &oldest, layout: with_credentials, ..target };
        verify(&name("tasks, without kernel functions"), tasks::program(target), Trigger::Visit(tasks));
        let target = Target { kernel: &oldest, layout: of_descriptors, ..target };
        verify(&name("candidates, without kernel functions"), candidates::program(target, true), Trigger::Visit(files));
        for (kernel, age) in [(kernel, ""), (&old, ", as on older kernels")] {
            let target = Target { kernel, ..target };
            let name = |what: &str| name(what) + age;
            for (threads, layout) in variants() {
                let target = Target { threads, layout, ..target };
                let name = format!("{}, {threads:?}, {}", name("tasks"), layout.has_credentials);
                verify(&name, tasks::program(target), Trigger::Visit(tasks));
            }
            let target = Target { layout: of_leaders, ..target };
            verify(&name("leaders by visits"), leaders::program_by_visits(target), Trigger::Visit(tasks));
            let target = Target { layout: of_descriptors, ..target };
            verify(&name("candidates"), candidates::program(target, true), Trigger::Visit(files));
            for (layout, sockets, what) in [
                (of_descriptors, false, "descriptors"),
                (of_descriptors, true, "descriptors and sockets"),
                (with_maps, true, "descriptors and maps"),
            ] {
                if kernel.has_number_iterator() {
                    let target = Target { layout, ..target };
                    verify(&name(what), descriptors::program(target, sockets), Trigger::Visit(files));
                }
            }
        }
    }
}
