//! The machine: what the figures depend on, and the limits that it sets.

use std::{fs, thread};

/// Kernel, processors and memory.
pub fn description() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU model", |(_, model)| model);
    let cpus = thread::available_parallelism().unwrap();
    let memory =
        number_in("/proc/meminfo", "MemTotal:").map_or(String::new(), |kib| format!(", {} MiB memory", kib / 1024));
    format!("Linux {}; {model}, {cpus} CPUs{memory}", kernel.trim())
}

/// The number after a word in a file of procfs.
pub fn number_in(path: &str, word: &str) -> Option<usize> {
    let text = fs::read_to_string(path).ok()?;
    text.split_once(word)?.1.split_whitespace().next()?.parse().ok()
}
