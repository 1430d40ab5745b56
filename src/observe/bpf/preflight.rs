//! What a walk asks procfs before it runs a program.

use super::layout::MAX_CAPACITY;
use crate::observe::Procfs;
use crate::sys::file;
use crate::util::parse;

/// The initial capacity for threads, if the kernel gives no estimate.
const DEFAULT_THREADS: u32 = 30_000;

/// The number of threads, which is at least that of processes; see proc_loadavg(5): `0.20 0.18 0.12 1/80 11206`.
pub fn count_threads(procfs: &Procfs) -> u32 {
    let mut text = [0; 64];
    let read = procfs.open_file(procfs.root(), c"loadavg").and_then(|file| file::read_start(&file, &mut text));
    let threads = read.ok().and_then(|text| {
        let numbers = text.split(|&byte| byte == b' ').nth(3)?;
        u32::try_from(parse::number(numbers.split(|&byte| byte == b'/').nth(1)?)?).ok()
    });
    threads.unwrap_or(DEFAULT_THREADS).min(MAX_CAPACITY / 2)
}
